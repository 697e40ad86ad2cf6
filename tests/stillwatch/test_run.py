"""`stillwatch run`: the whole site in processes of its own."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from pipeline.errors import BusError
from tests.stillwatch.running import DEADLINE_S, run, run_process, started, wait_until
from tests.stillwatch.sites import short_folder, write_site
from workers.bus.broker import EmbeddedBroker, socket_path
from workers.bus.connection import Address, Connection
from workers.bus.keys import Keys
from workers.bus.status import StatusBoard

with_alerter = pytest.mark.skipif(find_spec("workers.alerter") is None, reason="needs the alerter, workers/alerter")
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


@with_alerter
def test_a_recording_is_watched_to_its_end(folder: Path) -> None:
    write_site(folder, {"gate": "source: visit.mp4, pace: fast"})
    done = run_process("run", "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (0, "gate: 80 frames, 1 event\n"), done.err
    assert (folder / "store" / "events.sqlite").exists()
    assert not socket_path(folder / "store").exists()


@with_alerter
def test_workers_that_are_killed_lose_nothing_of_a_recording(folder: Path) -> None:
    write_site(folder, {"gate": "source: visit.mp4, pace: fast"})
    process = started("run", "-c", "site.yaml", cwd=folder)
    try:
        for role in ("scorer", "alerter"):
            wait_until(lambda role=role: bool(workers(process.pid, role)))  # type: ignore[misc]
            workers(process.pid, role)[0].kill()
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (0, "gate: 80 frames, 1 event\n"), err
    assert err.count("worker died, starting it again") == 2


@with_alerter
def test_sigterm_drains_and_leaves_nothing(folder: Path) -> None:
    write_site(folder, {"gate": "source: visit.mp4, pace: realtime", "yard": LIVE})
    process = started("run", "-c", "site.yaml", cwd=folder)
    try:
        with Connection(Address.of_socket(socket_path(folder / "store"))) as connection:
            wait_until(lambda: scored(connection))
            running = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert len(running) == 4
    assert not any(one.is_running() for one in running)


def workers(pid: int, role: str) -> list[psutil.Process]:
    return [one for one in psutil.Process(pid).children() if command_line(one)[3:5] == ["workers", role]]


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # dead, and not yet taken note of
        return []


def scored(connection: Connection) -> bool:
    try:
        return "last_score" in StatusBoard(connection, Keys()).read(["gate"])["gate"]
    except BusError:
        return False  # not started yet
