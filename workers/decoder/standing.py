"""How a camera does: written by its thread, told to the broker by another; times are unix seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from pipeline.types import Size
from workers.bus.messages import Drop
from workers.bus.status import CameraState
from workers.decoder.link import Link
from workers.telemetry.logs import Fact, say
from workers.telemetry.metrics import Metrics

__all__ = ["Standing"]

log = logging.getLogger(__name__)

RATE_S = 5.0


class Standing:
    """State and counts of one camera.

    Attributes:
        epoch: the latest; 0 before the first.
        played: what recording it is of; empty for cameras.
        reconnects: how often its source was opened again, by this decoder and those before it.
    """

    def __init__(self, camera: str, worker: str, link: Link, metrics: Metrics) -> None:
        self._camera, self._worker, self._link, self._metrics = camera, worker, link, metrics
        self._lock = threading.Lock()
        self._moments: deque[float] = deque()
        self._opened_s = 0.0
        self._state, self._since, self._error = CameraState.CONNECTING, link.now_s(), ""
        self._last_frame_at, self._picture = 0.0, ""
        self._captured = self._dropped = 0
        self._told = False
        self.epoch, self.played, self.reconnects = 0, "", 0

    @property
    def state(self) -> CameraState:
        """What it is now."""
        return self._state

    @property
    def told(self) -> bool:
        """Whether this process speaks for the camera."""
        return self._told

    def speak(self, told: bool) -> None:
        """Begin to tell the broker of it, once what was told before is read; or leave that to another decoder."""
        self._told = told

    def resume(self, epoch: int, played: str, reconnects: int) -> None:
        """Go on where the decoder before this one stopped."""
        self.epoch, self.played, self.reconnects = epoch, played, reconnects

    def turn(self, state: CameraState, error: str = "") -> None:
        """Take a state; `since` stays where it is the same, whatever the error says by now."""
        with self._lock:
            changed, self._error = state is not self._state, error
            if changed:
                self._state, self._since = state, self._link.now_s()
        if changed:
            good = state in (CameraState.ONLINE, CameraState.ENDED, CameraState.CONNECTING)
            facts: dict[str, Fact] = {"camera": self._camera, "epoch": self.epoch}
            facts |= {"error": error} if error else {}
            say(log, logging.INFO if good else logging.WARNING, f"camera {state}", **facts)
            self._metrics.camera_up(self._camera, state is CameraState.ONLINE)

    def complain(self, error: str) -> None:
        """Say what is wrong although it gives frames; an empty text takes that back."""
        with self._lock:
            changed, self._error = error != self._error, error
        if changed and error:
            say(log, logging.WARNING, "camera is not well", camera=self._camera, epoch=self.epoch, error=error)
        elif changed:
            say(log, logging.INFO, "camera is well again", camera=self._camera, epoch=self.epoch)

    def opened(self, epoch: int, size: Size, played: str, *, again: bool) -> None:
        """Its source gives frames, as a new epoch or, a recording, as one that goes on."""
        with self._lock:
            self.epoch, self.played, self._picture = epoch, played, f"{size[0]}x{size[1]}"
            self.reconnects += again
            self._moments.clear()
            self._opened_s = time.monotonic()
        if again:
            self._metrics.reconnected(self._camera)
        self.turn(CameraState.ONLINE)

    def captured(self, at: float) -> None:
        """A frame was taken."""
        now_s = time.monotonic()
        with self._lock:
            self._captured += 1
            self._last_frame_at = at
            self._moments.append(now_s)
            self._forget(now_s)
        self._metrics.frame_captured(self._camera)

    def published(self) -> None:
        """A frame is on the bus."""
        self._metrics.frame_published(self._camera)

    def dropped(self, reason: Drop, count: int = 1) -> None:
        """Frames will have no score."""
        if count:
            with self._lock:
                self._dropped += count
            self._metrics.frames_dropped(self._camera, reason, count)

    def fields(self) -> dict[str, object]:
        """What the broker is told; nothing while this process does not speak for the camera."""
        if not self._told:
            return {}
        with self._lock:
            now_s = time.monotonic()
            self._forget(now_s)
            rate = len(self._moments) / min(RATE_S, max(1.0, now_s - self._opened_s))
            return {
                "state": self._state,
                "since": f"{self._since:.3f}",
                "epoch": self.epoch,
                "played": self.played,
                "last_frame_at": f"{self._last_frame_at:.3f}",
                "fps_in": f"{rate:.1f}",
                "captured": self._captured,
                "dropped": self._dropped,
                "reconnects": self.reconnects,
                "error": self._error,
                "picture": self._picture,
                "decoder": self._worker,
                "decoder_at": f"{self._link.now_s():.3f}",
            }

    def _forget(self, now_s: float) -> None:
        while self._moments and now_s - self._moments[0] > RATE_S:
            self._moments.popleft()
