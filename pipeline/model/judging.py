"""Kinds of evidence, each judged by itself, and one score of them.

Each is divided by its own threshold, and raised to a power at which it rises to it as appearance does; both are what it
does on held-out normal footage of this camera. The larger one counts, pixel by pixel. So either alone can raise the
alarm, and neither drowns the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.model.engine import Engine
from pipeline.model.gaussians import Gaussians
from pipeline.model.motion import MotionGaussians
from pipeline.model.movers import Movers
from pipeline.model.padim import Model, Scores
from pipeline.model.scorer import Scorer
from pipeline.model.smoothing import Smoothing
from pipeline.velocities import Velocities

__all__ = ["Judge", "joined"]


class Judge:
    """Scores frames by each kind of evidence: appearance, and with a model of motion speed and direction.

    Args:
        engine: of the model's network and size.
        smoothing: how distances of positions become anomaly maps.
        mask: (H, W) true where scores are ignored.
    """

    def __init__(
        self,
        engine: Engine,
        gaussians: Gaussians,
        smoothing: Smoothing,
        mask: NDArray[np.bool_] | None,
        movers: Movers | None = None,
        motion: MotionGaussians | None = None,
    ) -> None:
        self.scorer: Scorer = engine.scorer(gaussians, smoothing, mask, movers)
        self._motion, self._device = motion, engine.device
        if motion is not None:
            self._smoothing = Smoothing(motion.mean.shape[:2], smoothing.size, smoothing.sigma_px)

    @classmethod
    def of(cls, model: Model, engine: Engine) -> Judge:
        """The judge of a fitted model."""
        return cls(engine, model.gaussians, model.smoothing, model.mask, model.movers, model.motion)

    def moving(self, seen: Velocities) -> list[Scores]:
        """Scores of B frames by speed and by direction, in standard deviations; none for a model without motion."""
        if self._motion is None:
            return []
        grids = torch.from_numpy(np.ascontiguousarray(self._motion.distances(seen))).to(self._device)
        return [self.scorer.scores(distances, self._smoothing) for distances in grids]


def joined(appearance: Scores, moving: Sequence[Scores], model: Model) -> tuple[Scores, Scores]:
    """One score of all evidence, and that of motion alone, both in the units of appearance.

    Args:
        moving: scores by speed and by direction.
    """
    threshold = model.threshold
    scales = zip(moving, threshold.motion, threshold.powers, strict=True)
    motion = _larger([_scaled(scores, threshold.value, level, power) for scores, level, power in scales])
    both = _larger([appearance, motion])
    parts = np.maximum(appearance.cells + motion.cells, np.float32(1e-9))
    return Scores(both.maps, both.raw_scores, both.peaks, both.cells, motion.cells / parts, appearance.staying), motion


def _scaled(scores: Scores, unit: float, level: float, power: float) -> Scores:
    """Scores whose `level` becomes `unit`, raised to a power about it."""

    def scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.float32(unit) * (values / np.float32(level)) ** np.float32(power)

    maps = scores.maps.div(level).pow_(power).mul_(unit)
    return Scores(maps, scaled(scores.raw_scores), scores.peaks, scaled(scores.cells))


def _larger(kinds: Sequence[Scores]) -> Scores:
    """What is larger in each place."""
    first, second = kinds
    peaks = np.where((first.raw_scores >= second.raw_scores)[:, np.newaxis], first.peaks, second.peaks)
    return Scores(
        torch.maximum(first.maps, second.maps),
        np.maximum(first.raw_scores, second.raw_scores),
        peaks,
        np.maximum(first.cells, second.cells),
    )
