"""When things are done again: every so often, or after a failure, and then never in step with others."""

from __future__ import annotations

import random
import threading
import time

__all__ = ["Due", "Patience", "backoff_s"]

# Many that failed together must not come back together.
JITTER = (0.5, 1.0)


def backoff_s(failures: int, first_s: float, most_s: float) -> float:
    """How long to wait after so many failures in a row: twice as long each time, up to a limit; half by chance."""
    return min(most_s, first_s * 2.0 ** min(failures - 1, 20)) * random.uniform(*JITTER)


class Due:
    """Something that is done every so often; true when it is due, at once in the beginning."""

    def __init__(self, every_s: float) -> None:
        self._every_s, self._last_s = every_s, -every_s

    def __bool__(self) -> bool:
        return time.monotonic() - self._last_s >= self._every_s

    def done(self) -> None:
        """It has just been done."""
        self._last_s = time.monotonic()


class Patience:
    """Waits between attempts to reach a broker that is away: 0.1 s at first, up to 1 s.

    Args:
        stop: ends a wait when set.
    """

    FIRST_S, MOST_S = 0.1, 1.0

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._failures = stop, 0

    def wait(self) -> None:
        """An attempt has failed: wait for the next."""
        self._failures += 1
        self._stop.wait(backoff_s(self._failures, self.FIRST_S, self.MOST_S))

    def reset(self) -> None:
        """An attempt went well."""
        self._failures = 0
