"""What a process knows of the broker: whether it answers, whether it is nearly full, what time it is there.

One thread looks, with its own connection; the threads of the cameras read, and say when theirs is lost. So a broker
that is frozen costs each of them one time-out, and none for each frame.
"""

from __future__ import annotations

import threading
import time

from workers.bus.bounds import FULL_SHARE
from workers.bus.connection import Connection
from workers.timing import Due

__all__ = ["Link"]

LOOK_S = 1.0


class Link:
    """Shared by all threads of a process."""

    def __init__(self) -> None:
        self._up = threading.Event()
        self._offset_s = time.time() - time.monotonic()
        self._look = Due(LOOK_S)
        self.memory_share = 0.0

    @property
    def up(self) -> bool:
        """Whether the broker answered when it was last asked."""
        return self._up.is_set()

    @property
    def full(self) -> bool:
        """Whether it has too little memory left for frames."""
        return self.memory_share > FULL_SHARE

    def lost(self) -> None:
        """It does not answer; nobody asks it anything before it does."""
        self._up.clear()

    def now_s(self) -> float:
        """Unix time in seconds by the broker's clock as it was last seen; asks nobody."""
        return time.monotonic() + self._offset_s

    def look(self, connection: Connection) -> None:
        """Ask the broker: at once where it was lost, else once a second.

        Raises:
            BusError: it does not answer, or refuses.
        """
        if self.up and not self._look:
            return
        self._look.done()
        self.memory_share = connection.memory_share()
        self._offset_s = connection.now_s() - time.monotonic()
        self._up.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it answers; whether it does."""
        return self._up.wait(seconds)
