"""What a report shows: the curve of each recording, the events with their pictures, and how they came about.

Times are seconds in the recording, as everywhere; scores are in units of the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ShapeError
from pipeline.types import Event

__all__ = ["Clip", "Curve", "Facts", "Report", "Shown"]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The scores of one recording.

    Attributes:
        file: the name people know the recording by.
        times_s: (n,) float64, rising; n may be 0.
        scores: (n,) float32; one that is not finite is a gap in the curve.
        video_s: where its first frame lies in `heatmap.mp4`, in seconds; None where that was not written.
        motion: (n,) float32, how much of each score is motion, 0 to 1; None for a model of appearance alone.
    Raises:
        ShapeError: there is not one score, or one share, for each time, or the times do not rise.
    """

    file: str
    times_s: NDArray[np.float64]
    scores: NDArray[np.float32]
    video_s: float | None = None
    motion: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.times_s.ndim != 1 or self.times_s.shape != self.scores.shape:
            raise ShapeError(f"{self.file}: the shape of its scores", self.times_s.shape, self.scores.shape)
        if self.motion is not None and self.motion.shape != self.times_s.shape:
            raise ShapeError(f"{self.file}: the shape of its motion", self.times_s.shape, self.motion.shape)
        if not np.all(np.diff(self.times_s) > 0):
            raise ShapeError(f"{self.file}: the order of its times", "rising", "another")

    @property
    def step_s(self) -> float:
        """Usual distance of two frames; 0 where there are not two."""
        return float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.0

    @property
    def above(self) -> NDArray[np.bool_]:
        """(n,) which scores are above the threshold; what is no score is not."""
        return np.isfinite(self.scores) & (self.scores > 1)

    @property
    def length_s(self) -> float:
        """From the first frame to the end of the last, which is shown for the usual distance."""
        return float(self.times_s[-1] - self.times_s[0]) + self.step_s if len(self.times_s) else 0.0


@dataclass(frozen=True, slots=True)
class Clip:
    """The video of an event.

    Attributes:
        path: relative to the folder of the report, as "events/gate-1-35.mp4".
        begin_s, end_s: times in the recording of its first and its last picture; it runs as fast as the recording.
    """

    path: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as it is shown.

    Attributes:
        recording: which of the report's curves it happened in.
        thumbnail: a JPEG relative to the folder of the report; None where there is none.
    """

    event: Event
    recording: int
    thumbnail: str | None = None
    clip: Clip | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A titled group of facts, each a label and what it says."""

    title: str
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page says.

    Attributes:
        title: the camera, or what else the footage is of.
        curves: one for each recording, in the order they were replayed.
        events: in any order; the page numbers them by time.
        facts: what the report was made with: the model, the settings.
        sentences: what the scores promise, below the headline figures.
        warnings: what makes them doubtful; they stand out.
        complete: False when the replay was stopped before the end of the footage.
        clocked: False for pictures that have no clock: the n-th then counts as n seconds, and is called picture n.
    """

    title: str
    curves: Sequence[Curve]
    events: Sequence[Shown]
    facts: Sequence[Facts] = ()
    sentences: Sequence[str] = ()
    warnings: Sequence[str] = ()
    complete: bool = True
    clocked: bool = True
