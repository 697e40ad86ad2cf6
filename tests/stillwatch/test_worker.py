"""`stillwatch worker`: one part of a site, against a broker that runs elsewhere."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.stillwatch.running import DEADLINE_S, on_terminal_until, run, run_process, started, wait_until
from tests.stillwatch.sites import foreign_broker, free_port, short_folder, write_site
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Address, Connection
from workers.bus.keys import Keys
from workers.bus.status import Role, StatusBoard

RECORDING = "source: gate.mp4, pace: realtime"
LIVE = "source: 'rtsp://127.0.0.1:9/none'"


@pytest.fixture
def folder(clip: Path) -> Iterator[Path]:
    with short_folder() as made:
        shutil.copy(clip, made / "gate.mp4")
        yield made


@pytest.mark.parametrize("role", ["decoder", "scorer", "alerter"])
def test_an_embedded_broker_that_does_not_run_here_is_refused(role: str, folder: Path) -> None:
    write_site(folder, {"gate": LIVE})
    done = run("worker", role, "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"Error: {folder}/site.yaml: the broker is embedded and does not run on this machine; start 'stillwatch run "
        f"-c {folder}/site.yaml' here, or name a broker for all machines in broker.\n"
    )


@pytest.mark.parametrize("command", [("worker", "decoder"), ("run",)])
def test_a_broker_out_of_reach_is_said_at_once(command: tuple[str, ...], folder: Path) -> None:
    port = free_port()
    write_site(folder, {"gate": LIVE}, f"broker: 'redis://127.0.0.1:{port}'")
    done = run(*command, "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out, done.err) == (
        1,
        "",
        f"Error: 127.0.0.1:{port}: the broker is out of reach (connection refused); check that it runs.\n",
    )


@pytest.mark.parametrize("command", [("worker", "decoder"), ("run",)])
def test_a_wrong_password_is_said_at_once(command: tuple[str, ...], folder: Path) -> None:
    (folder / "secret").write_text("wrong")
    (folder / "secret").chmod(0o600)
    with foreign_broker(folder, "--requirepass", "right") as port:
        broker = f"broker: {{url: 'redis://127.0.0.1:{port}', password_file: secret}}"
        write_site(folder, {"gate": LIVE}, broker)
        done = run(*command, "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out, done.err) == (
        1,
        "",
        f"Error: 127.0.0.1:{port}: the broker refuses user name or password; check broker.password_file.\n",
    )


def test_cameras_that_do_not_exist_are_wrong_use(folder: Path) -> None:
    write_site(folder, {"gate": LIVE, "yard": LIVE})
    done = run("worker", "decoder", "-c", "site.yaml", "--cameras", "north-*", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"Error: {folder}/site.yaml: no camera matches 'north-*'; there are gate, yard.\n"


def test_decoders_of_recordings_end_with_them(folder: Path) -> None:
    write_site(folder, {"gate": RECORDING, "yard": LIVE})
    with EmbeddedBroker(folder / "store", 64) as broker:
        done = run_process("worker", "decoder", "-c", "site.yaml", "--cameras", "g*", cwd=folder)
        with Connection(broker.address) as connection:
            said = StatusBoard(connection, Keys()).read(["gate", "yard"])
    assert (done.code, done.out) == (0, "gate: 60 frames\n")
    assert (said["gate"]["state"], said["gate"]["captured"], said["yard"]) == ("ended", "60", {})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_decoders_end_when_asked_and_leave_nothing(number: signal.Signals, code: int, folder: Path) -> None:
    with foreign_broker(folder, "--requirepass", "hunter2") as port:
        (folder / "secret").write_text("hunter2")
        (folder / "secret").chmod(0o600)
        broker = f"broker: {{url: 'redis://127.0.0.1:{port}', password_file: secret}}"
        write_site(folder, {"gate": LIVE, "yard": LIVE}, broker, "cameras_per_process: 1")
        process = started("worker", "decoder", "-c", "site.yaml", cwd=folder)
        try:
            with Connection(Address(f"redis://127.0.0.1:{port}", "hunter2")) as connection:
                board = StatusBoard(connection, Keys())
                wait_until(lambda: sum(note.role is Role.DECODER for note in board.workers(1)) == 2)
                children = psutil.Process(process.pid).children(recursive=True)
                for one in (psutil.Process(process.pid), *children):
                    assert "hunter2" not in " ".join([*one.cmdline(), *one.environ().values()])
                process.send_signal(number)
                _, err = process.communicate(timeout=DEADLINE_S)
                assert [note for note in board.workers(1) if note.role is Role.DECODER] == []
        finally:
            process.kill()
    assert process.returncode == code, err
    assert not any(one.is_running() for one in children)
    assert "hunter2" not in err


def test_decoders_never_load_torch(folder: Path) -> None:
    write_site(folder, {"gate": LIVE})
    with EmbeddedBroker(folder / "store", 64) as broker, Connection(broker.address) as connection:
        process = started("worker", "decoder", "-c", "site.yaml", cwd=folder)
        try:
            board = StatusBoard(connection, Keys())
            wait_until(lambda: any(note.role is Role.DECODER for note in board.workers(1)))
            (decoder,) = psutil.Process(process.pid).children()
            for one in (psutil.Process(process.pid), decoder):
                assert not any("libtorch" in mapped.path for mapped in one.memory_maps())
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
            process.communicate()


def test_a_worker_by_itself_says_in_one_sentence_what_is_wrong(folder: Path) -> None:
    write_site(folder, {"gate": f"{LIVE}, fpss: 3"})
    command = [sys.executable, "-P", "-m", "workers", "decoder", "site.yaml", "--name", "here-decoder-1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: site.yaml:5: cameras.gate.fpss is an unknown key; write fps, or remove it.\n"


def test_on_a_terminal_there_is_a_table_and_ctrl_c_ends_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    write_site(folder, {"gate": LIVE})
    with EmbeddedBroker(folder / "store", 64):
        code, shown = on_terminal_until(
            "gate: [^ ]*nothing answers", "worker", "decoder", "-c", "site.yaml", cwd=folder
        )
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert code == 130
    assert re.search(r"camera +state +for +in/s +scored/s", text)
    assert "gate: nothing answers there (connection refused); check" in text
    assert "camera offline camera=gate" in text  # lines of workers stand above the table
    assert "Traceback" not in text
