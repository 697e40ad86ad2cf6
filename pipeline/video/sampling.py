"""Which frames of a source are taken, in which window, and what is made of them. Times are seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.types import Geometry

__all__ = ["ROUNDING_S", "Sampler", "Sampling"]

# Times are sums and differences of floats; a microsecond, or a millionth of a period, is below what stamps resolve.
ROUNDING = ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is taken of a source.

    Attributes:
        geometry: how its pictures become model pictures.
        fps: frames per second to take; None takes every frame, as does a rate above the source's own.
        from_s: frames before this time are left out.
        until_s: frames at this time or later are left out; None for no end.
        display_short_side: also give each frame's `display`, its short side at most so many pixels.
        quick_display: make it at a fraction of the cost, a little less smooth; for previews of live cameras.
        motion: also give each frame's `motion`, from the first frame taken on.
    Raises:
        ConfigError: a number is out of range, or the window holds no time.
    """

    geometry: Geometry
    fps: float | None = None
    from_s: float = 0.0
    until_s: float | None = None
    display_short_side: int | None = None
    quick_display: bool = False
    motion: bool = False

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ConfigError(f"a rate of {self.fps:g} frames per second cannot be taken; choose one above 0.")
        if not 0 <= self.from_s < math.inf:
            raise ConfigError(f"a recording cannot be read from {self.from_s:g} s on; choose 0 or more.")
        if self.until_s is not None and not self.until_s > self.from_s:
            raise ConfigError(
                f"there is no time from {self.from_s:g} s until {self.until_s:g} s; choose an end after the beginning."
            )
        if self.display_short_side is not None and self.display_short_side < 2:
            raise ConfigError(f"a display of {self.display_short_side} pixels cannot be drawn; choose 2 or more.")

    def is_before(self, time_s: float) -> bool:
        """Whether a time lies before the window."""
        return time_s < self.from_s - ROUNDING_S

    def is_after(self, time_s: float) -> bool:
        """Whether a time lies after the window, whose end is not part of it."""
        return self.until_s is not None and time_s >= self.until_s - ROUNDING_S


class Sampler:
    """Picks frames by their times: one for each k / fps, the nearest to it, so 10 to 5 per second is every second.

    Near is half the mean distance of the frames so far, so that stamps which jitter by a third of their distance
    neither drop nor double a frame, whatever rate the container claims. The points are counted from the recording's
    first frame, wherever the reading begins; where frames are further apart than the points, every frame is taken.
    In no time T more than fps · T + 2.5 are.
    """

    def __init__(self, fps: float | None) -> None:
        self._period_s = 1 / fps if fps else 0.0
        self._seen = 0
        self._start_s = 0.0
        self._due_s = 0.0

    def takes(self, time_s: float) -> bool:
        """Whether the frame is taken; to be asked once for each frame, in their order (times strictly rise)."""
        if not self._period_s:
            return True
        if self._seen == 0:
            self._start_s = time_s
            self._due_s = math.ceil(time_s / self._period_s - ROUNDING) * self._period_s
        mean_s = (time_s - self._start_s) / max(self._seen, 1)
        self._seen += 1
        if time_s + min(mean_s, self._period_s) / 2 < self._due_s - ROUNDING * self._period_s:
            return False
        # The next point keeps its place unless this frame is late by more than a period: a pause, or a source slower
        # than asked for, gives no credit to be spent in a burst.
        self._due_s = max(self._due_s, time_s - self._period_s) + self._period_s
        return True
