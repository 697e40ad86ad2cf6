"""What a model says of single frames, as it is shown and judged: in units of the threshold and pixels of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.model.padim import Model, Scores
from pipeline.types import CELL_PX, CoarseMap, Size

__all__ = ["FrameResult", "results_of"]


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What a model says of one frame.

    Attributes:
        score: raw score divided by the threshold: above 1 is anomalous.
        peak: (x, y) of the anomaly map's maximum, in pixels of the source picture.
        coarse: the anomaly map as alerting takes it.
        motion: how much of the score is motion, 0 to 1: the share of the cell that the maximum is in, as the coarse
            map has it. None for a model of appearance alone.
    """

    score: float
    raw_score: float
    peak: tuple[float, float]
    coarse: CoarseMap
    motion: float | None = None


def results_of(model: Model, scores: Scores, source_sizes: Sequence[Size]) -> list[FrameResult]:
    """What a model says of each frame of a batch.

    Args:
        source_sizes: (H, W) of each frame's picture before it was resized.
    """
    threshold, masked = model.threshold.value, model.masked_cells
    cells = scores.cells / np.float32(threshold)
    staying = None if scores.still is None else scores.still / np.float32(threshold)
    results = []
    for number, source_size in enumerate(source_sizes):
        raw_score = float(scores.raw_scores[number])
        x, y = scores.peaks[number].tolist()
        peak = model.geometry.to_source((x, y), source_size)
        shares, still = (None if plane is None else plane[number] for plane in (scores.shares, staying))
        coarse = CoarseMap.of(cells[number], masked, shares, still)
        motion = coarse.motion_at(y // CELL_PX, x // CELL_PX)
        results.append(FrameResult(raw_score / threshold, raw_score, peak, coarse, motion))
    return results
