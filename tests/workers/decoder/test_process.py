"""A decoder's process: what it loads, how it ends, and what becomes of a source that holds it up in C code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.pipeline.video.clips import write_clip
from tests.workers.decoder.running import Bus, Process, decoder_process, site_file, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import StatusBoard
from workers.exits import EXIT_HUNG

# The same process, which waits less long than people do.
HASTY = """
import sys
from workers.decoder import calls, worker
calls.HANG_S, worker.LEAVE_S = float(sys.argv.pop(1)), 0.5
from workers.__main__ import main
sys.exit(main())
"""


def hasty_process(site: Path, hang_s: float) -> AbstractContextManager[Process]:
    return decoder_process(site, program=("-c", HASTY, str(hang_s)))


@pytest.fixture
def hanging(server: EmbeddedBroker, connection: Connection, tmp_path: Path) -> Path:
    """A site with a recording, and with a pipe that nobody writes to: opening it never comes back."""
    write_clip(tmp_path / "gate.mp4", 200)
    os.mkfifo(tmp_path / "dock.mp4")
    sources = {"gate": {"source": tmp_path / "gate.mp4"}, "dock": {"source": tmp_path / "dock.mp4"}}
    return site_file(server, tmp_path, sources)


def test_a_source_that_hangs_ends_the_process_which_says_so(hanging: Path, connection: Connection) -> None:
    dock, gate = Bus(connection, "dock"), Bus(connection, "gate")
    with hasty_process(hanging, 2.0) as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (EXIT_HUNG, "hung dock\n"), err
    assert dock.state() == "offline"
    assert dock.status()["error"] == (
        f"{hanging.parent}/dock.mp4: the source hangs: no answer for 12 s; its decoder is replaced."
    )
    assert gate.state() == "online"
    # In a process of its own its neighbour goes on, and says that it had to.
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "workers", "decoder", str(hanging), "--name", "decoder-1", "--cameras", "gate"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    ) as again:
        until(lambda: gate.status()["reconnects"] == "1" and gate.state() == "online")
        again.terminate()
    assert again.returncode == 0


def test_a_source_that_hangs_does_not_hold_the_end(hanging: Path, connection: Connection) -> None:
    gate = Bus(connection, "gate")
    with hasty_process(hanging, 60.0) as process:
        until(lambda: len(gate.ids()) >= 3)
        process.terminate()
        began_s = time.monotonic()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, ""), err
    assert time.monotonic() - began_s < 3
    (ended,) = gate.ended()
    assert gate.accounted(ended.epoch) == list(range(ended.index))


def test_a_decoder_signs_in_and_out_and_says_what_it_does(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    write_clip(tmp_path / "gate.mp4", 200)
    site = site_file(server, tmp_path, {"gate": {"source": tmp_path / "gate.mp4"}})
    board = StatusBoard(connection, Keys())
    with decoder_process(site) as process:
        until(lambda: board.workers(1))
        (note,) = board.workers(1)
        assert (note.name, note.role, note.pid, list(note.cameras)) == ("decoder-1", "decoder", process.pid, ["gate"])
        until(lambda: Bus(connection).state() == "online")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert board.workers(1) == []
    (line,) = err.splitlines()
    assert " decoder-1 camera online camera=gate epoch=" in line
