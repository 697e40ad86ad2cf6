"""Whether a camera is in reach, as its status says: when it was lost, and when that is worth an alert.

Times are unix seconds by the broker's clock, which the caller reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.bus.status import DEAD_S, CameraState, number_in

__all__ = ["GRACE_S", "Presence"]

# Whoever has just begun, or has just found the broker again, has not heard from everybody yet.
GRACE_S = 10.0
NO_DECODER = "no decoder reads it"


class Presence:
    """Follows one camera.

    Attributes:
        lost_at: since when it is away; None while it is in reach.
        error: why, as its decoder says.
    """

    def __init__(self, offline_s: float, now_s: float) -> None:
        self._offline_s = offline_s
        self._from_s = now_s + GRACE_S
        self.lost_at: float | None = None
        self.error = ""

    def excuse(self, now_s: float) -> None:
        """The broker was away: what is heard now may be old."""
        self._from_s = now_s + GRACE_S

    def look(self, status: Mapping[str, str], now_s: float) -> bool | None:
        """True where it is away for too long, False where it is in reach, None where nobody knows yet."""
        state, silent = status.get("state", ""), now_s - (number_in(status, "decoder_at") or 0.0) > DEAD_S
        if state == CameraState.ENDED:
            self.lost_at = None
            return False
        if state == CameraState.ONLINE and not silent:
            self.lost_at = None
            return False
        if self.lost_at is None:
            self.lost_at = self._lost_at(status, now_s, silent=silent)
        self.error = NO_DECODER if silent else status.get("error", "")[:300]
        return True if now_s >= self._from_s and now_s - self.lost_at > self._offline_s else None

    def _lost_at(self, status: Mapping[str, str], now_s: float, *, silent: bool) -> float:
        """When it was lost; where nobody ever saw it, now."""
        said = number_in(status, "decoder_at" if silent else "since") or 0.0
        return min(said, now_s) if said > 0 else now_s
