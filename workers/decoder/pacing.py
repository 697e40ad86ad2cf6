"""When frames go out: of a recording by its own times, or as fast as they are scored; a camera is kept in bounds."""

from __future__ import annotations

import threading
import time

from pipeline.errors import BusError
from workers.bus.frames import FrameWriter
from workers.bus.status import StatusBoard
from workers.decoder.link import Link
from workers.site.values import Camera

__all__ = ["Gate", "Pacer", "Throttle"]

# How often a recording that waits looks again; a scorer's batch takes longer.
LOOK_S = 0.02
# Previews that are still there when the alerter comes to the frame before them.
PREVIEWS_SPARED = 32
# If the broker lost its data nobody will ever deal with what was in it: after so long without a change, with nothing
# left to score, one frame more goes out.
PATIENCE_S = 10.0
# A camera whose stamps run faster than the clock on the wall may send so many times the frames that are asked for, and
# at once what piled up in so many seconds.
MOST_TIMES, BURST_S = 2.0, 4.0


class Pacer:
    """Gives the frames of a recording when their time has come, counted from the first."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._start_s: float | None = None

    def wait(self, time_s: float) -> None:
        """Wait for the time of a frame; less when the process is to stop."""
        now_s = time.monotonic()
        if self._start_s is None:
            self._start_s = now_s - time_s
        self._stop.wait(max(0.0, self._start_s + time_s - now_s))


class Throttle:
    """Holds back a camera that sends faster than time passes, so that it takes no more than its share."""

    def __init__(self, fps: float, stop: threading.Event) -> None:
        self._most_fps, self._burst, self._stop = MOST_TIMES * fps, max(2.0, BURST_S * fps), stop
        self._credit, self._counted_s = self._burst, time.monotonic()

    def wait(self) -> None:
        """Wait until one more frame may be taken; the camera waits at the other end of its connection."""
        now_s = time.monotonic()
        self._credit = min(self._burst, self._credit + (now_s - self._counted_s) * self._most_fps) - 1
        self._counted_s = now_s
        if self._credit < 0:
            self._stop.wait(-self._credit / self._most_fps)


class Gate:
    """Holds a recording that loses nothing back until scorers and alerter have come far enough."""

    def __init__(
        self, camera: Camera, writer: FrameWriter, board: StatusBoard, link: Link, stop: threading.Event
    ) -> None:
        self._camera, self._writer, self._board, self._link, self._stop = camera, writer, board, link, stop
        self._alerted = -1
        self._waiting = 0

    def sent(self, waiting: int) -> None:
        """A frame went out; so many of the camera wait now."""
        self._waiting = waiting

    def wait(self, epoch: int, index: int) -> None:
        """Wait until a frame may go out, or the process is to stop."""
        since_s, before = time.monotonic(), self._alerted
        while not self._open(index) and not self._stop.is_set():
            self._stop.wait(LOOK_S)
            self._look(epoch)
            if self._alerted != before or self._waiting:
                since_s, before = time.monotonic(), self._alerted
            elif time.monotonic() - since_s > PATIENCE_S:
                return

    def _open(self, index: int) -> bool:
        camera = self._camera
        ahead = index - self._alerted
        return self._link.up and self._waiting < camera.frames_kept and ahead <= camera.previews_kept - PREVIEWS_SPARED

    def _look(self, epoch: int) -> None:
        if not self._link.up:
            return
        try:
            self._waiting = self._writer.waiting(self._camera.name)
            said = self._board.read([self._camera.name])[self._camera.name].get("alerted", "")
        except BusError:
            self._link.lost()
            return
        of, _, index = said.partition("-")
        self._alerted = int(index) if of == str(epoch) and index.isdigit() else -1
