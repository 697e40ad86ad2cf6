"""What is said of single frames: units, places, cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.model.detector import Detector
from pipeline.model.engine import Engine
from pipeline.model.frame_results import results_of
from pipeline.model.padim import Model
from pipeline.types import CoarseMap
from tests.pipeline.model.conftest import SIZE, pictures


def test_results_are_in_units_of_the_threshold_and_pixels_of_each_source(model: Model, engine: Engine) -> None:
    frames = pictures(2, seed=6)
    frames[:, 24:40, 40:56] = (250, 10, 10)
    scores = Detector(model, engine).score(frames)
    small, large = results_of(model, scores, [(96, 128), (480, 640)])
    for number, (result, times) in enumerate([(small, 2), (large, 10)]):
        x, y = scores.peaks[number]
        assert result.raw_score == scores.raw_scores[number]
        assert result.score == result.raw_score / model.threshold.value > 1
        assert result.peak == pytest.approx(((x + 0.5) * times - 0.5, (y + 0.5) * times - 0.5))
        assert result.coarse.levels.shape == (6, 8)
        assert result.coarse.levels.max() > CoarseMap.level(1)


def test_cells_under_a_mask_are_marked(model: Model, engine: Engine) -> None:
    mask: NDArray[np.bool_] = np.zeros(SIZE, bool)
    mask[:, :20] = True
    masked = replace(model, mask=mask)
    (result,) = results_of(masked, Detector(masked, engine).score(pictures(1, seed=6)), [(96, 128)])
    assert (result.coarse.levels == CoarseMap.MASKED).sum(axis=0).tolist() == [6, 6, 0, 0, 0, 0, 0, 0]
