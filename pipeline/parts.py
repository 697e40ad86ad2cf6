"""A score in its two parts: how much of it is appearance and how much is motion, in numbers and in words.

A share, 0 to 1, says how much of a score is motion; the rest is appearance. It is None where a model knows appearance
alone: nothing is told apart then. The parts are in units of the threshold and add up to the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pipeline.types import SHARE_STEPS

__all__ = ["WHOLE", "Parts", "both", "mainly"]

# Where a share is so near to the half, naming one of the two would mislead.
NEAR_HALF = 0.1


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a score is appearance and what is motion; both None for a model of appearance alone."""

    appearance: float | None = None
    motion: float | None = None

    @classmethod
    def of(cls, score: float, share: float | None) -> Self:
        """The parts of a score of which a share is motion."""
        if share is None:
            return cls()
        motion = score * share
        return cls(score - motion, motion)

    @property
    def share(self) -> float | None:
        """The share that they were made of: exactly, where that came out of a coarse map."""
        if self.appearance is None or self.motion is None:
            return None
        score = self.appearance + self.motion
        # What is written rounds; the steps that shares travel in are far wider apart.
        return round(SHARE_STEPS * self.motion / score) / SHARE_STEPS if score else 0.0


# A score of a model of appearance alone.
WHOLE = Parts()


def mainly(share: float | None) -> str:
    """The larger part in words, or both where they are nearly the same; empty where nothing is told apart.

    >>> mainly(0.72), mainly(0.19), mainly(0.55), mainly(None)
    ('motion 72%', 'appearance 81%', 'motion 55%, appearance 45%', '')
    """
    if share is None:
        return ""
    if abs(share - 0.5) <= NEAR_HALF:
        return both(share)
    return f"motion {_percent(share)}%" if share > 0.5 else f"appearance {100 - _percent(share)}%"


def both(share: float | None) -> str:
    """Both parts in words, which add up to 100; empty where nothing is told apart.

    >>> both(0.72), both(1.0)
    ('motion 72%, appearance 28%', 'motion 100%, appearance 0%')
    """
    return "" if share is None else f"motion {_percent(share)}%, appearance {100 - _percent(share)}%"


def _percent(share: float) -> int:
    return round(share * 100)
