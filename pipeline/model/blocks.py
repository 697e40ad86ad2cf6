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

__all__ = ["TAIL", "Block", "Peaks"]

# Peaks, or highest scores of pictures, that a block leaves behind.
TAIL = 64
# Share of the frames that score no more than is usual.
USUAL = 0.97


@dataclass(frozen=True, slots=True)
class Peaks:
    """What a held-out block leaves behind of one evidence.

    Attributes:
        tail: the highest raw scores that lasted, some seconds apart, falling, at most 64; without a clock the highest
            raw scores of its pictures.
        usual: the raw score that three of a hundred frames are above.
    """

    tail: tuple[float, ...]
    usual: float = 0.0

    @classmethod
    def of_footage(cls, times_s: Sequence[float], scores: Sequence[float], policy: Policy) -> Peaks:
        """Of frames, from their times and their raw scores."""
        usual = float(np.quantile(np.array(scores, np.float64), USUAL)) if len(scores) else 0.0
        return cls(peaks_of(times_s, scores, policy, TAIL), usual)


@dataclass(frozen=True, slots=True)
class Block:
    """What a held-out block leaves behind.

    Attributes:
        model_frames: frames the scoring model had seen.
        frames: frames of the block.
        seconds: its length; 0 for pictures without a clock.
        tail, usual: the peaks of appearance.
        lingering: the tail of what stayed in one place. What moves does not stay: of that there is none.
        motion: the peaks of speed and of direction; empty for a model of appearance alone.
    """

    model_frames: int
    frames: int
    seconds: float
    tail: tuple[float, ...]
    lingering: tuple[float, ...] = ()
    motion: tuple[Peaks, ...] = ()
    usual: float = 0.0

    @classmethod
    def of_pictures(cls, model_frames: int, scores: Sequence[float]) -> Block:
        """Block of pictures without a clock, from their raw scores."""
        return cls(model_frames, len(scores), 0.0, tuple(sorted(scores, reverse=True)[:TAIL]))

    @classmethod
    def of_footage(
        cls,
        model_frames: int,
        times_s: Sequence[float],
        scores: Sequence[Sequence[float]],
        lingering: Sequence[float | None],
        policy: Policy,
    ) -> Block:
        """Block of frames.

        Args:
            times_s: of the frames.
            scores: their raw scores, of each kind of evidence, that of appearance first.
            lingering: those of what lingers in them; None where nothing can have.
        """
        steps = [later - earlier for earlier, later in itertools.pairwise(times_s)]
        seconds = math.fsum(step for step in steps if 0 < step <= policy.gap_s)
        stays = [(time_s, score) for time_s, score in zip(times_s, lingering, strict=True) if score is not None]
        appearance, *motion = (Peaks.of_footage(times_s, kind, policy) for kind in scores)
        return cls(
            model_frames=model_frames,
            frames=len(times_s),
            seconds=round(seconds, 3),
            tail=appearance.tail,
            lingering=peaks_of([time_s for time_s, _ in stays], [score for _, score in stays], policy, TAIL),
            motion=tuple(motion),
            usual=appearance.usual,
        )

    @property
    def peaks(self) -> tuple[Peaks, ...]:
        """Of each kind of evidence, that of appearance first."""
        return (Peaks(self.tail, self.usual), *self.motion)
