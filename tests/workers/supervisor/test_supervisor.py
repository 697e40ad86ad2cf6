"""Supervisors with stand-ins for workers: real processes, a real broker, real signals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from workers.bus.broker import broker_address, socket_path
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import Role, StatusBoard
from workers.site.reading import read_site

STANDIN = Path(__file__).with_name("standin.py")
DEADLINE_S = 30.0
HOST = re.sub("[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")
DECODER_1, DECODER_2, DECODER_3 = (f"{HOST}-decoder-{number}" for number in (1, 2, 3))
SCORER, ALERTER = f"{HOST}-scorer-1", f"{HOST}-alerter-1"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


class Supervised:
    """A supervisor in a process of its own, and what its workers noted."""

    def __init__(self, folder: Path, telemetry: str = "false", source: str = "rtsp://127.0.0.1:9/none") -> None:
        self.folder, self.storage = folder, folder / "store"
        self.storage.mkdir()
        self.site = folder / "site.yaml"
        cameras = "\n".join(f"  {name}: {{source: '{source}'}}" for name in ("gate", "dock", "yard"))
        self.site.write_text(
            f"storage: store\ncameras_per_process: 2\ntelemetry: {telemetry}\ncameras:\n{cameras}\n", "utf-8"
        )
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Supervised:
        with open(self.folder / "stderr", "w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(STANDIN), "supervise", str(self.site)],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        return self

    @property
    def diary(self) -> list[dict[str, Any]]:
        path = self.storage / "diary"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def starts(self, name: str) -> list[dict[str, Any]]:
        return [entry for entry in self.diary if entry["what"] == "start" and entry["name"] == name]

    def pid(self, name: str) -> int:
        pid: int = self.starts(name)[-1]["pid"]
        return pid

    def wait_for_all(self) -> None:
        assert self.process is not None
        process, names = self.process, (DECODER_1, DECODER_2, SCORER, ALERTER)
        wait_until(lambda: all(self.starts(name) for name in names) or process.poll() is not None)
        assert process.poll() is None, self.stderr

    def broker(self) -> psutil.Process:
        assert self.process is not None
        (server,) = (one for one in psutil.Process(self.process.pid).children() if "valkey" in one.name())
        return server

    def processes(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def ended(self) -> tuple[int, str]:
        """Exit code and standard output."""
        assert self.process is not None
        out, _ = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sw-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def site(folder: Path) -> Iterator[Supervised]:
    one = Supervised(folder)
    yield one
    if one.process is not None:
        workers = one.processes() if one.process.poll() is None else []
        one.process.kill()
        one.process.communicate()
        wait_until(lambda: gone(workers))  # they note their end in the folder that is removed next


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_a_drain_ends_decoders_then_scorers_then_the_alerter_and_leaves_nothing(site: Supervised) -> None:
    site.start().wait_for_all()
    running = site.processes()
    assert len(running) == 5
    assert site.process is not None
    site.process.send_signal(signal.SIGTERM)
    code, out = site.ended()
    assert (code, json.loads(out)) == (0, {"by": "SIGTERM", "cut_off": False, "totals": {}})
    ends = [entry["name"] for entry in site.diary if entry["what"] == "end"]
    assert (set(ends[:2]), ends[2:]) == ({DECODER_1, DECODER_2}, [SCORER, ALERTER])
    assert gone(running)
    assert not socket_path(site.storage).exists()


def test_each_worker_gets_its_cameras(site: Supervised) -> None:
    site.start().wait_for_all()
    told = {entry["name"]: (entry["role"], entry["cameras"]) for entry in site.diary}
    assert told == {
        DECODER_1: ("decoder", ["gate", "dock"]),
        DECODER_2: ("decoder", ["yard"]),
        SCORER: ("scorer", ["gate", "dock", "yard"]),
        ALERTER: ("alerter", ["gate", "dock", "yard"]),
    }


def test_a_worker_that_is_killed_is_started_again_at_once(site: Supervised) -> None:
    site.start().wait_for_all()
    for name in (DECODER_1, SCORER, ALERTER):
        os.kill(site.pid(name), signal.SIGKILL)
        wait_until(lambda name=name: len(site.starts(name)) == 2)  # type: ignore[misc]
        assert site.starts(name)[0]["cameras"] == site.starts(name)[1]["cameras"]
    assert f"worker died, starting it again name={SCORER} ended=SIGKILL" in site.stderr


def test_what_dies_five_times_within_a_minute_stops_the_whole_and_says_why(site: Supervised) -> None:
    (site.storage / f"fail-{SCORER}").touch()
    code, out = site.start().ended()
    assert (code, out, len(site.starts(SCORER))) == (1, "", 5)
    assert site.stderr.splitlines()[-1] == (
        f"Error: {SCORER} died 5 times within 60 s, at last with exit code 3; "
        "correct what it said last: Error: it broke."
    )


def test_a_broker_that_is_killed_is_started_again_on_its_socket(site: Supervised) -> None:
    site.start().wait_for_all()
    before = site.broker()
    before.kill()
    wait_until(lambda: not before.is_running() and len(site.processes()) == 5)
    assert site.broker().pid != before.pid
    wait_until(socket_path(site.storage).exists)
    assert all(len(site.starts(name)) == 1 for name in (DECODER_1, DECODER_2, SCORER, ALERTER))


def test_a_camera_that_hangs_gets_a_process_of_its_own(site: Supervised) -> None:
    site.start().wait_for_all()
    (site.storage / "hang-dock").touch()
    wait_until(lambda: len(site.starts(DECODER_1)) == 2 and len(site.starts(DECODER_3)) == 1)
    assert site.starts(DECODER_1)[-1]["cameras"] == ["gate"]
    assert site.starts(DECODER_3)[-1]["cameras"] == ["dock"]
    assert len(site.starts(DECODER_2)) == 1


def test_a_camera_that_hangs_for_ever_is_no_reason_to_stop(site: Supervised) -> None:
    site.start().wait_for_all()
    for times in range(2, 9):
        (site.storage / "hang-yard").touch()
        wait_until(lambda times=times: len(site.starts(DECODER_2)) == times)  # type: ignore[misc]
    assert site.process is not None
    assert site.process.poll() is None
    assert not site.starts(DECODER_3)


def test_ctrl_c_reaches_the_supervisor_alone(site: Supervised) -> None:
    site.start().wait_for_all()
    assert site.process is not None
    ours = os.getpgid(site.process.pid)
    assert all(os.getpgid(one.pid) != ours for one in site.processes())
    site.process.send_signal(signal.SIGINT)
    code, out = site.ended()
    assert (code, json.loads(out)) == (0, {"by": "SIGINT", "cut_off": False, "totals": {}})


def test_a_second_signal_ends_all_at_once(site: Supervised) -> None:
    (site.storage / f"deaf-{DECODER_1}").touch()
    site.start().wait_for_all()
    running = site.processes()
    assert site.process is not None
    site.process.send_signal(signal.SIGTERM)
    wait_until(lambda: {"what": "end", "name": DECODER_2} in site.diary)
    asked_s = time.monotonic()
    site.process.send_signal(signal.SIGTERM)
    code, out = site.ended()
    assert time.monotonic() - asked_s < 5
    assert (code, json.loads(out)) == (0, {"by": "SIGTERM", "cut_off": True, "totals": {}})
    assert gone(running)


def test_workers_and_broker_die_with_a_supervisor_that_is_killed(site: Supervised) -> None:
    site.start().wait_for_all()
    running = site.processes()
    assert site.process is not None
    site.process.kill()
    wait_until(lambda: gone(running))


def test_lines_of_workers_go_to_stderr_as_they_are(site: Supervised) -> None:
    (site.storage / f"fail-{ALERTER}").touch()
    site.start().ended()
    assert site.stderr.splitlines().count("Error: it broke.") == 5


def test_one_exporter_tells_of_the_whole_run(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = Supervised(folder, f"{{port: {port}}}").start()
    assert site.process is not None
    try:
        site.wait_for_all()
        assert page(port, "livez") == (200, "[]\n")
        wait_until(lambda: page(port, "readyz") == (200, "[]\n"))
        os.kill(site.pid(SCORER), signal.SIGKILL)
        (site.storage / "hang-dock").touch()
        wait_until(lambda: bool(site.starts(DECODER_3)) and len(site.starts(SCORER)) == 2)
        numbers = page(port, "metrics")[1]
        assert f'stillwatch_worker_restarts_total{{worker="{SCORER}"}} 1.0' in numbers
        assert 'stillwatch_hung_decoders_replaced_total{camera="dock"} 1.0' in numbers
        os.kill(site.broker().pid, signal.SIGSTOP)
        wait_until(lambda: page(port, "readyz")[0] == 503)
        assert "the broker is out of reach" in page(port, "readyz")[1]
        os.kill(site.broker().pid, signal.SIGCONT)
        wait_until(lambda: page(port, "readyz") == (200, "[]\n"))
    finally:
        site.process.kill()
        site.process.communicate()


def test_metrics_ask_for_the_token_of_the_site_file(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "token").write_text("open sesame\n")
    site = Supervised(folder, f"{{host: 0.0.0.0, port: {port}, token_file: token}}").start()
    assert site.process is not None
    try:
        site.wait_for_all()
        assert page(port, "metrics")[0] == 401
        code, numbers = page(port, "metrics", {"Authorization": "Bearer open sesame"})
        assert (code, "stillwatch_" in numbers) == (200, True)
    finally:
        site.process.kill()
        site.process.communicate()


def page(port: int, name: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{name}", headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def recordings(folder: Path) -> Iterator[Supervised]:
    one = Supervised(folder, source="dock.mp4")
    yield one
    if one.process is not None:
        workers = one.processes() if one.process.poll() is None else []
        one.process.kill()
        one.process.communicate()
        wait_until(lambda: gone(workers))  # they note their end in the folder that is removed next


def end(site: Supervised, *cameras: str) -> None:
    for camera in cameras:
        (site.storage / f"end-{camera}").touch()


def supervisor_seen(board: StatusBoard) -> float:
    return max(note.seen_at for note in board.workers(1) if note.role is Role.SUPERVISOR)


def test_a_run_of_recordings_ends_when_all_is_dealt_with(recordings: Supervised) -> None:
    for still in ("pending-dock", "behind-yard"):
        (recordings.storage / still).touch()
    recordings.start().wait_for_all()
    end(recordings, "gate", "dock", "yard")
    assert recordings.process is not None
    process = recordings.process
    for still in ("pending-dock", "behind-yard"):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        (recordings.storage / still).unlink()
    code, out = recordings.ended()
    totals = {"gate": [1200, 0], "dock": [1200, 0], "yard": [1200, 0]}
    assert (code, json.loads(out)) == (0, {"by": None, "cut_off": False, "totals": totals})


def test_a_recording_that_has_ended_is_not_read_again(recordings: Supervised) -> None:
    recordings.start().wait_for_all()
    end(recordings, "gate")
    with Connection(broker_address(read_site(recordings.site))) as connection:
        board = StatusBoard(connection, Keys())
        wait_until(lambda: board.read(["gate"])["gate"].get("state") == "ended")
        for _ in range(2):  # the first look may have begun before
            seen_s = supervisor_seen(board)
            wait_until(lambda seen_s=seen_s: supervisor_seen(board) > seen_s)  # type: ignore[misc]
    os.kill(recordings.pid(DECODER_1), signal.SIGKILL)
    wait_until(lambda: len(recordings.starts(DECODER_1)) == 2)
    assert recordings.starts(DECODER_1)[-1]["cameras"] == ["dock"]
