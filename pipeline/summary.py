"""What a replay came to, as commands print it and `summary.json` keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Peak", "ReplaySummary"]


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest score, how much of it was appearance and how much motion, and where it was.

    The parts are None for a model of appearance alone.
    """

    file: str
    index: int
    time_s: float
    score: float
    appearance: float | None
    motion: float | None
    x: float
    y: float


@dataclass(slots=True)
class ReplaySummary:
    """What a replay came to; written as `summary.json`.

    Attributes:
        complete: whether all footage was seen.
        frames: frames scored.
        anomalous: frames whose score is above 1.
        events: how many.
        footage_s: seconds of footage seen; pictures without a clock take none.
        elapsed_s: seconds it took.
        damaged: packets and pictures skipped.
        thresholds: of each camera, the raw score that counts as 1.
        peak: the highest score; None without frames.
        problems: sentences on what went wrong without ending it.
    """

    files: list[str] = field(default_factory=list)
    complete: bool = True
    frames: int = 0
    anomalous: int = 0
    events: int = 0
    footage_s: float = 0.0
    elapsed_s: float = 0.0
    damaged: int = 0
    thresholds: dict[str, float] = field(default_factory=dict)
    peak: Peak | None = None
    problems: list[str] = field(default_factory=list)
