"""Time stamps of a container, which may be missing, stand still or jump, turned into seconds that strictly rise."""

from __future__ import annotations

__all__ = ["Clock"]

# A stamp that goes back further than this is a new beginning (joined files, a camera that restarted), not disorder.
JUMP_BACK_S = 0.5


class Clock:
    """Seconds since the first frame.

    Args:
        interval_s: distance of frames to assume where stamps are missing.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._origin_s: float | None = None
        self._last_s: float | None = None

    def time_s(self, stamp_s: float | None) -> float:
        """Time of the next frame in order of presentation; `stamp_s` is its stamp in seconds, or None."""
        next_s = 0.0 if self._last_s is None else self._last_s + self._interval_s
        if stamp_s is None:
            self._last_s = next_s
            return next_s
        if self._origin_s is None or stamp_s - self._origin_s < next_s - self._interval_s - JUMP_BACK_S:
            self._origin_s = stamp_s - next_s
        time_s = stamp_s - self._origin_s
        if self._last_s is not None and time_s <= self._last_s:
            # Half an interval, so that the true stamps overtake after one that was repeated.
            time_s = self._last_s + self._interval_s / 2
        self._last_s = time_s
        return time_s

    def rewind(self) -> None:
        """Let the next frame be an earlier one; the first frame stays at 0."""
        self._last_s = None
