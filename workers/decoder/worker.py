"""A decoder: a thread for each of its cameras, one that tells the broker how they do, one that looks after them all."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from pipeline.errors import BusError
from workers.bus.broker import broker_address
from workers.bus.connection import Connection
from workers.bus.status import CameraState, Role, StatusBoard, WorkerNote
from workers.decoder.calls import HANG_S, watch_calls
from workers.decoder.camera import CameraThread
from workers.decoder.link import Link
from workers.decoder.tools import Tools
from workers.exits import EXIT_HUNG
from workers.site.values import Site
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics
from workers.timing import Due

__all__ = ["run_decoder"]

log = logging.getLogger(__name__)
again = Repeated(log)

TELL_S = 1.0
LOOK_S = 0.25
# A read takes 1 s at the most; opening takes longer, and nobody waits for it.
LEAVE_S = 5.0


def run_decoder(site: Site, cameras: Sequence[str], name: str, stop: threading.Event) -> int:
    """Read cameras until `stop` is set; the exit code.

    It does not return when a source hangs: the process then ends with `EXIT_HUNG` after a line `hung CAMERA` on stdout;
    nor when a thread does not come back at the end: nothing can be done for it but to end the process.

    Args:
        cameras: names of those it reads.
        name: the worker's, unlike any other's.
    """
    gc.collect()
    gc.freeze()  # what is loaded by now stays; see `CameraThread.run`
    tools = Tools(site, name, broker_address(site), Link(), Metrics(name), stop)
    loops = {camera: CameraThread(site.cameras[camera], tools) for camera in cameras}
    threads = [threading.Thread(target=one.run, name=camera, daemon=True) for camera, one in loops.items()]
    calls = {camera: one.calls for camera, one in loops.items()}
    watching = (calls, lambda hung: _replace_process(tools, loops, hung), stop)
    threading.Thread(target=watch_calls, args=watching, name="watchdog", daemon=True).start()
    for thread in threads:
        thread.start()
    note = WorkerNote.of_this_process(name, Role.DECODER, cameras)
    with Connection(tools.address) as connection:
        board = StatusBoard(connection, tools.keys)
        _report(tools, connection, board, loops, note)
        back = _all_back(threads)
        _say_goodbye(board, loops, note)
    if not back:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _report(
    tools: Tools, connection: Connection, board: StatusBoard, loops: Mapping[str, CameraThread], note: WorkerNote
) -> None:
    """Tell how the cameras do, each second and when a state changes, and look for the broker where it is lost."""
    tell, told = Due(TELL_S), dict[str, CameraState]()
    while not tools.stop.is_set():
        states = {camera: one.standing.state for camera, one in loops.items()}
        try:
            tools.link.look(connection)
            if tools.link.up and (tell or states != told):
                tell.done()
                told = states
                tools.metrics.broker_memory(tools.link.memory_share)
                board.write({camera: one.standing.fields() for camera, one in loops.items()})
                board.sign_in(note)
        except BusError as error:
            tools.link.lost()
            again.say(logging.WARNING, "the broker is away, frames are dropped meanwhile", error=str(error))
        tools.stop.wait(LOOK_S)


def _all_back(threads: Sequence[threading.Thread]) -> bool:
    deadline_s = time.monotonic() + LEAVE_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _say_goodbye(board: StatusBoard, loops: Mapping[str, CameraThread], note: WorkerNote) -> None:
    try:
        board.write({camera: one.standing.fields() for camera, one in loops.items()})
        board.sign_out(note)
    except BusError as error:
        say(log, logging.INFO, "left without a word to the broker", error=str(error))


def _replace_process(tools: Tools, loops: Mapping[str, CameraThread], hung: Sequence[str]) -> None:
    """End this process: a thread that is in C code can be ended in no other way."""
    for camera in hung:
        where = tools.site.cameras[camera].where
        text = f"{where}: the source hangs: no answer for {HANG_S:.0f} s; its decoder is replaced."
        loops[camera].standing.turn(CameraState.OFFLINE, text)
    try:
        with Connection(tools.address) as connection:
            StatusBoard(connection, tools.keys).write({camera: loops[camera].standing.fields() for camera in hung})
    except BusError:
        pass  # the supervisor says it too
    for camera in hung:
        sys.stdout.write(f"hung {camera}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_HUNG)
