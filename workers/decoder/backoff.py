"""How long to wait before a source is opened again; seconds."""

from __future__ import annotations

from workers.timing import backoff_s

__all__ = ["Backoff"]

FIRST_S = 0.5
# A camera out of reach is back the moment it is back: what it takes then (an attempt under way that fails, this wait,
# opening, the hold-off) stays below ten seconds, however long it was away.
LOST_CAP_S = 3.0
# What answers and refuses (a wrong password, another path) is for people to put right, and some cameras lock out who
# asks too often.
REFUSED_CAP_S = 30.0
# Who was online for so long has earned a quick first try again.
STEADY_S = 60.0


class Backoff:
    """Doubles from half a second, for one source."""

    def __init__(self) -> None:
        self._times, self._lost = 0, False

    def online_for(self, seconds: float) -> None:
        """The source gave frames for so long, before it failed."""
        if seconds >= STEADY_S:
            self._times = 0

    def next_s(self, *, lost: bool) -> float:
        """The wait after one more failure.

        Args:
            lost: whether it is out of reach; else it refuses. A camera that answers after a long time away, if only
                with an error while it starts, is asked again quickly.
        """
        if lost != self._lost:
            self._times, self._lost = 0, lost
        self._times += 1
        return backoff_s(self._times, FIRST_S, LOST_CAP_S if lost else REFUSED_CAP_S)
