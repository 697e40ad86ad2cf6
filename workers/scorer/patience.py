"""Waiting for a broker that is away."""

from __future__ import annotations

import random
import threading

__all__ = ["Patience"]

FIRST_S, LONGEST_S = 0.1, 1.0


class Patience:
    """Waits between attempts: 0.1 s at first, twice as long each time up to 1 s, and never in step with others.

    Args:
        stop: ends a wait when set.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._next_s = stop, FIRST_S

    def wait(self) -> None:
        """Wait for the next attempt."""
        self._stop.wait(self._next_s * random.uniform(0.5, 1.0))
        self._next_s = min(2 * self._next_s, LONGEST_S)

    def reset(self) -> None:
        """An attempt went well."""
        self._next_s = FIRST_S
