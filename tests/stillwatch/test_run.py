"""`stillwatch run`: the whole site in processes of its own."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stillwatch.running import run, run_process
from tests.stillwatch.sites import short_folder, write_site
from workers.bus.broker import EmbeddedBroker

LIVE = "source: 'rtsp://127.0.0.1:9/none'"


@pytest.fixture
def folder(visit_clip: Path, model: Path) -> Iterator[Path]:
    with short_folder() as made:
        (made / "store" / "models").mkdir(parents=True)
        shutil.copy(visit_clip, made / "visit.mp4")
        shutil.copy(model, made / "store" / "models" / "gate.stillwatch")
        yield made


def test_a_wrong_site_file_is_wrong_use(folder: Path) -> None:
    write_site(folder, {"gate": f"{LIVE}, fpss: 3"})
    done = run("run", "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: site.yaml:5: cameras.gate.fpss is an unknown key; write fps, or remove it.\n"


def test_a_missing_site_file_is_wrong_use(folder: Path) -> None:
    done = run("run", "-c", "none.yaml", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: none.yaml: ")


def test_a_storage_that_may_not_be_written_is_said_at_once(folder: Path) -> None:
    path = write_site(folder, {"gate": LIVE})
    path.write_text(path.read_text().replace("storage: store", "storage: /proc/store"))
    done = run_process("run", "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "Error: /proc/store/broker: cannot be written, no such file or directory; "
        "free some space or choose another place.\n"
    )


def test_a_second_run_of_the_same_storage_is_refused(folder: Path) -> None:
    write_site(folder, {"gate": LIVE})
    with EmbeddedBroker(folder / "store", 64):
        done = run_process("run", "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"Error: {folder}/store/broker/valkey.sock: a broker runs there already; "
        "stop the other 'stillwatch run' first.\n"
    )


def test_a_port_that_is_taken_is_wrong_use(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_site(folder, {"gate": LIVE}, telemetry=f"{{port: {port}}}")
        done = run_process("run", "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"Error: telemetry.port {port} on 127.0.0.1 is taken by another program; stop it, or set another port.\n"
    )
