"""Calls into FFmpeg that do not come back: noted by the threads that make them, noticed by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

__all__ = ["HANG_S", "Calls", "watch_calls"]

# Opening takes 5 s at the most, twice; a read of a camera 1 s, of a recording on a server 10.
HANG_S = 12.0
LOOK_S = 0.5
# A process that was stopped, or got no core, for so long finds every call late; they come back now.
LATE_S = 2.0


class Calls:
    """Whether the thread of a camera is in the library, and since when; monotonic seconds.

    Attributes:
        took_s: how long the longest step of the latest call took.
    """

    __slots__ = ("since_s", "took_s")

    def __init__(self) -> None:
        self.since_s: float | None = None
        self.took_s = 0.0

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Around a call."""
        self.took_s, self.since_s = 0.0, time.monotonic()
        try:
            yield
        finally:
            self.beat()
            self.since_s = None

    def beat(self) -> None:
        """The call came back to Python, and goes on."""
        self.took_s = max(self.took_s, self.lasting_s)
        self.since_s = time.monotonic()

    def restart(self) -> None:
        """Count a call that is under way from now on."""
        if self.since_s is not None:
            self.since_s = time.monotonic()

    @property
    def lasting_s(self) -> float:
        """For how long the library has not come back; 0 outside of it."""
        since_s = self.since_s
        return 0.0 if since_s is None else time.monotonic() - since_s


def watch_calls(calls: Mapping[str, Calls], hung: Callable[[list[str]], None], stop: threading.Event) -> None:
    """Look after the calls of cameras until `stop`; `hung` is told, once, of those that do not come back."""
    looked_s = time.monotonic()
    while not stop.wait(LOOK_S):
        late, looked_s = time.monotonic() - looked_s > LOOK_S + LATE_S, time.monotonic()
        if late:
            for one in calls.values():
                one.restart()
        cameras = [camera for camera, one in calls.items() if one.lasting_s > HANG_S]
        if cameras:
            hung(cameras)
            return
