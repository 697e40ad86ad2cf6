"""`stillwatch check`."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline.model.card import file_digest
from tests.stillwatch.conftest import scene, write_clip
from tests.stillwatch.running import run
from tests.stillwatch.sites import foreign_broker, free_port, short_folder, write_site
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import Role, StatusBoard, WorkerNote

FINE = ("maxmemory", "1gb", "maxmemory-policy", "noeviction")
OPTIONS = tuple(part for name, value in zip(FINE[::2], FINE[1::2], strict=True) for part in (f"--{name}", value))


@pytest.fixture
def folder(clip: Path, model: Path) -> Iterator[Path]:
    """A folder with a recording and its model, where a site looks for it."""
    with short_folder() as made:
        (made / "store" / "models").mkdir(parents=True)
        shutil.copy(clip, made / "gate.mp4")
        shutil.copy(model, made / "store" / "models" / "gate.stillwatch")
        yield made


def check(folder: Path) -> tuple[int, dict[str, str], list[str]]:
    """Exit code, what was found by what it is of, and what to run next."""
    done = run("check", "-c", "site.yaml", "--json", cwd=folder)
    facts = json.loads(done.out)
    found = {one["what"]: f"{one['level']} {one['text']}" for one in facts["findings"]}
    assert len(found) == len(facts["findings"])
    assert facts["passed"] == (done.code == 0)
    return done.code, found, facts["next"]


def test_a_site_where_all_is_well(folder: Path) -> None:
    port = free_port()
    write_site(
        folder, {"gate": "source: gate.mp4"}, "retention: {size_gb: 0.001, floor_gb: 0}", telemetry=f"{{port: {port}}}"
    )
    done = run("check", "-c", "site.yaml", cwd=folder)
    model = folder / "store" / "models" / "gate.stillwatch"
    lines = done.out.splitlines()
    assert lines[:2] == [
        "ok    gate source  144x96, 10 frames/s",
        f"ok    gate model   {file_digest(model)}, {model.stat().st_size / 1e6:.1f} MB",
    ]
    assert lines[2].startswith(f"ok    storage      {folder}/store: ")
    assert lines[3].startswith("ok    broker       embedded: 'stillwatch run' starts it, with ")
    assert lines[4:] == [f"ok    telemetry    port {port} is free"]
    assert (done.code, done.err) == (0, "\nnext:\n  stillwatch run -c site.yaml\n")


def test_a_camera_without_a_model_is_told_how_to_get_one(folder: Path) -> None:
    (folder / "store" / "models" / "gate.stillwatch").unlink()
    write_site(folder, {"gate": "source: gate.mp4", "yard": "source: 'rtsp://127.0.0.1:9/none'"})
    code, found, following = check(folder)
    learn = ["stillwatch fit -c site.yaml --camera gate", "stillwatch fit -c site.yaml --camera yard --for 24h"]
    assert (code, following) == (1, learn)
    where = folder / "store" / "models"
    assert found["gate model"] == f"FAIL there is none at {where}/gate.stillwatch; learn one: {learn[0]}"
    assert found["yard model"] == f"FAIL there is none at {where}/yard.stillwatch; learn one: {learn[1]}"
    assert found["yard source"] == (
        "FAIL rtsp://127.0.0.1:9/none: nothing answers there (connection refused); "
        "check that the camera or server runs."
    )


def test_a_source_that_hangs_holds_nothing_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.checking.cameras.probe_sources", hasty)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        write_site(folder, {"gate": "source: gate.mp4", "yard": f"source: 'rtsp://127.0.0.1:{port}/cam'"})
        begun_s = time.monotonic()
        code, found, _ = check(folder)
    assert time.monotonic() - begun_s < 15
    assert (code, found["gate source"]) == (1, "ok 144x96, 10 frames/s")
    assert found["yard source"] == (
        f"FAIL rtsp://127.0.0.1:{port}/cam: it shows no picture within 2 s; look at it with a player, and check its "
        "address."
    )


def hasty(site: Path, cameras: list[str]) -> object:
    from workers.checking.probe import probe_sources

    return probe_sources(site, cameras, 2.0)


def test_a_model_of_another_rate_or_with_a_guessed_threshold(folder: Path, merged: Path) -> None:
    models = folder / "store" / "models"
    shutil.copy(merged, models / "dock.stillwatch")
    write_site(folder, {"gate": "source: gate.mp4, fps: 10", "dock": "source: gate.mp4"})
    code, found, _ = check(folder)
    assert code == 0
    assert found["gate model"] == (
        "warn was fitted at 5 frames/s, fps is 10; set fps so, or fit it anew: "
        "stillwatch fit -c site.yaml --camera gate"
    )
    assert found["dock model"] == (
        f"warn its threshold is a guess; set it: stillwatch calibrate FOOTAGE -m {models}/dock.stillwatch"
    )


def test_a_damaged_model_and_a_missing_mask(folder: Path) -> None:
    model = folder / "store" / "models" / "gate.stillwatch"
    model.write_bytes(model.read_bytes()[:1000])
    write_site(folder, {"gate": "source: gate.mp4, mask: none.yaml"})
    code, found, _ = check(folder)
    assert code == 1
    assert found["gate model"] == (
        f"FAIL {model}: is not a stillwatch model, or is cut off; copy it again or make one with 'stillwatch fit'."
    )
    assert found["gate mask"] == (f"FAIL {folder}/none.yaml: no such mask; give a YAML file of polygons or a picture.")


def test_a_broker_of_somebody_else_that_is_well(folder: Path) -> None:
    with foreign_broker(folder, *OPTIONS) as port:
        write_site(folder, {"gate": "source: gate.mp4"}, f"broker: 'redis://127.0.0.1:{port}'")
        code, found, _ = check(folder)
    assert code == 0
    assert found["broker"].startswith("ok Valkey ")
    assert ", 1,024 MB of memory, " in found["broker"]


def test_a_broker_that_is_not_there(folder: Path) -> None:
    port = free_port()
    write_site(folder, {"gate": "source: gate.mp4"}, f"broker: 'redis://127.0.0.1:{port}'")
    code, found, _ = check(folder)
    assert (code, found["broker"]) == (
        1,
        f"FAIL 127.0.0.1:{port}: the broker is out of reach (connection refused); check that it runs.",
    )


@pytest.mark.parametrize("secret", ["", "wrong"])
def test_a_broker_that_refuses_the_password(secret: str, folder: Path) -> None:
    (folder / "secret").write_text(secret)
    (folder / "secret").chmod(0o600)
    with foreign_broker(folder, *OPTIONS, "--requirepass", "right") as port:
        password = ", password_file: secret" if secret else ""
        write_site(folder, {"gate": "source: gate.mp4"}, f"broker: {{url: 'redis://127.0.0.1:{port}'{password}}}")
        code, found, _ = check(folder)
    assert (code, found["broker"]) == (
        1,
        f"FAIL 127.0.0.1:{port}: the broker refuses user name or password; check broker.password_file.",
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--maxmemory", "20mb", "--maxmemory-policy", "noeviction"), "has 20 MB of memory, these cameras need {} MB"),
        (("--maxmemory-policy", "noeviction"), "has no memory limit, so a full machine would be its end"),
    ],
)
def test_a_broker_whose_memory_does_not_do(options: tuple[str, ...], said: str, folder: Path) -> None:
    from workers.site.memory import broker_memory
    from workers.site.reading import read_site

    with foreign_broker(folder, *options) as port:
        site = write_site(folder, {"gate": "source: gate.mp4"}, f"broker: 'redis://127.0.0.1:{port}'")
        code, found, _ = check(folder)
    sizes = {"gate": ((96, 144), (96, 144))}
    needed = broker_memory(read_site(site), sizes).max_memory_mb
    assert (code, found["broker"]) == (1, f"FAIL {said.format(needed)}; set maxmemory {needed}mb.")


def test_a_broker_that_forgets(folder: Path) -> None:
    with foreign_broker(folder, "--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru") as port:
        write_site(folder, {"gate": "source: gate.mp4"}, f"broker: 'redis://127.0.0.1:{port}'")
        code, found, _ = check(folder)
    assert (code, found["broker"]) == (
        1,
        "FAIL forgets what it likes when it is full (allkeys-lru); set maxmemory-policy noeviction.",
    )


def test_an_embedded_broker_that_is_given_too_little(folder: Path) -> None:
    write_site(folder, {"gate": "source: gate.mp4"}, "broker: {max_memory_mb: 32}")
    code, found, _ = check(folder)
    assert code == 1
    assert found["broker"].startswith("FAIL broker.max_memory_mb is 32, these cameras need ")


def test_a_storage_that_may_not_be_written(folder: Path) -> None:
    write_site(folder, {"gate": "source: gate.mp4, model: store/models/gate.stillwatch"})
    text = (folder / "site.yaml").read_text().replace("storage: store", "storage: /proc/store")
    (folder / "site.yaml").write_text(text)
    code, found, _ = check(folder)
    assert (code, found["storage"]) == (
        1,
        "FAIL /proc/store: may not be written (/proc); change its owner, or choose another storage.",
    )


def test_a_disk_with_too_little_room(folder: Path) -> None:
    write_site(folder, {"gate": "source: gate.mp4"}, "retention: {floor_gb: 1000000}")
    code, found, _ = check(folder)
    assert code == 1
    assert found["storage"].startswith(f"FAIL {folder}/store: ")
    assert found["storage"].endswith(" GB are free, under floor_gb 1e+06: alerts would have no clips; free some space.")


def test_a_port_that_another_program_has(folder: Path) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        write_site(folder, {"gate": "source: gate.mp4"}, telemetry=f"{{port: {port}}}")
        code, found, _ = check(folder)
        server.shutdown()
    assert (code, found["telemetry"]) == (
        1,
        f"FAIL port {port} on 127.0.0.1 cannot be opened (address already in use); set telemetry.port to another.",
    )


def test_scorers_that_hold_different_models(folder: Path) -> None:
    write_site(folder, {"gate": "source: gate.mp4"})
    with EmbeddedBroker(folder / "store", 1024) as broker, Connection(broker.address) as connection:
        board = StatusBoard(connection, Keys())
        here = file_digest(folder / "store" / "models" / "gate.stillwatch")
        board.sign_in(WorkerNote("a-scorer-1", Role.SCORER, "a", 1, ["gate"], {"gate": here}))
        assert "gate model" in check(folder)[1]
        board.sign_in(WorkerNote("b-scorer-1", Role.SCORER, "b", 1, ["gate"], {"gate": "0123456789abcdef"}))
        done = run("check", "-c", "site.yaml", cwd=folder)
    assert done.code == 1
    said = (
        f"scorers hold different ones (a-scorer-1 {here}, b-scorer-1 0123456789abcdef); copy one file to all of them."
    )
    assert f"FAIL  gate model   {said}" in done.out.splitlines()


def test_warnings_of_the_site_file_are_among_the_findings(folder: Path) -> None:
    write_site(folder, {"gate": "source: gate.mp4"}, "webhooks: [{url: 'http://ops.lan/hook'}]")
    code, found, _ = check(folder)
    assert (code, found["site file"]) == (
        0,
        "warn site.yaml:4: webhooks[0].url is http://ops.lan: alerts leave this machine without encryption; use https.",
    )


def test_a_wrong_site_file_is_one_sentence(folder: Path) -> None:
    write_site(folder, {"gate": "source: gate.mp4, fpss: 3"})
    done = run("check", "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: site.yaml:5: cameras.gate.fpss is an unknown key; write fps, or remove it.\n"


def test_a_model_of_another_view(folder: Path) -> None:
    write_clip(folder / "wide.mp4", (picture[:48] for picture in scene(1)))
    write_site(folder, {"gate": "source: wide.mp4"})
    code, found, _ = check(folder)
    assert (code, found["gate model"]) == (
        1,
        "FAIL was fitted on pictures of 144x96, the source sends 144x48; fit it anew: "
        "stillwatch fit -c site.yaml --camera gate",
    )


def test_no_password_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_PASSWORD", "hunter2")
    said = "source: 'rtsp://127.0.0.1:9/none', username: u, password: '${GATE_PASSWORD}'"
    write_site(folder, {"gate": said})
    done = run("check", "-c", "site.yaml", cwd=folder)
    assert "FAIL  gate source" in done.out
    assert "hunter2" not in done.out + done.err


def test_a_host_that_nobody_knows_is_named(folder: Path) -> None:
    write_site(folder, {"gate": f"source: 'rtsp://gate.invalid/cam', model: {folder}/store/models/gate.stillwatch"})
    code, found, following = check(folder)
    assert code == 1
    assert found["gate source"] == (
        "FAIL rtsp://gate.invalid/cam: the host gate.invalid is not found; "
        "check its name, the name server and the network."
    )
    # With nothing to fit, what failed is to be put right first.
    assert following == ["stillwatch check -c site.yaml"]
