"""Blocks: what held-out footage leaves behind of its raw scores, for thresholds to be made of.

Of all scores the highest alone are kept: a day of footage leaves a few kilobytes, and they travel with the model, so
that a fit that is resumed or merged has its threshold made anew (see `pipeline.model.calibration`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.model.peaks import peaks_of
from pipeline.policy import Policy

__all__ = ["TAIL", "Block", "Tails"]

# Peaks, or highest scores of pictures, that a block leaves behind.
TAIL = 64
# Share of the frames that score no more than is usual.
USUAL = 0.9


@dataclass(frozen=True, slots=True)
class Tails:
    """What a held-out block leaves behind of one evidence.

    Attributes:
        tail: the highest raw scores that lasted, some seconds apart, falling, at most 64; without a clock the highest
            raw scores of its pictures.
        lingering: the same of what stayed in one place.
        usual: the raw score that a tenth of the frames is above.
    """

    tail: tuple[float, ...]
    lingering: tuple[float, ...] = ()
    usual: float = 0.0

    @classmethod
    def of_footage(
        cls, times_s: Sequence[float], scores: Sequence[float], lingering: Sequence[float | None], policy: Policy
    ) -> Tails:
        """Tails of frames, from their times, their raw scores, and the raw scores of what lingers in them."""
        stays = [(time_s, score) for time_s, score in zip(times_s, lingering, strict=True) if score is not None]
        stayed = peaks_of([time_s for time_s, _ in stays], [score for _, score in stays], policy, TAIL)
        usual = float(np.quantile(np.array(scores, np.float64), USUAL)) if len(scores) else 0.0
        return cls(peaks_of(times_s, scores, policy, TAIL), stayed, usual)


@dataclass(frozen=True, slots=True)
class Block:
    """What a held-out block leaves behind.

    Attributes:
        model_frames: frames the scoring model had seen.
        frames: frames of the block.
        seconds: its length; 0 for pictures without a clock.
        tail, lingering, usual: its tails of appearance.
        motion: its tails of speed and of direction; empty for a model of appearance alone.
    """

    model_frames: int
    frames: int
    seconds: float
    tail: tuple[float, ...]
    lingering: tuple[float, ...] = ()
    motion: tuple[Tails, ...] = ()
    usual: float = 0.0

    @classmethod
    def of_pictures(cls, model_frames: int, scores: Sequence[float]) -> Block:
        """Block of pictures without a clock, from their raw scores."""
        return cls(model_frames, len(scores), 0.0, tuple(sorted(scores, reverse=True)[:TAIL]))

    @classmethod
    def of_footage(cls, model_frames: int, times_s: Sequence[float], tails: Sequence[Tails], policy: Policy) -> Block:
        """Block of frames, from their times and the tails of all evidence, that of appearance first."""
        steps = [later - earlier for earlier, later in itertools.pairwise(times_s)]
        seconds = math.fsum(step for step in steps if 0 < step <= policy.gap_s)
        appearance, *motion = tails
        return cls(
            model_frames=model_frames,
            frames=len(times_s),
            seconds=round(seconds, 3),
            tail=appearance.tail,
            lingering=appearance.lingering,
            motion=tuple(motion),
            usual=appearance.usual,
        )

    @property
    def tails(self) -> tuple[Tails, ...]:
        """Of all evidence, that of appearance first."""
        return (Tails(self.tail, self.lingering, self.usual), *self.motion)
