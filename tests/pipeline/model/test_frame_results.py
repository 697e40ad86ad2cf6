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


def test_a_frame_has_the_share_of_the_cell_with_its_highest_score(model: Model, engine: Engine) -> None:
    frames = pictures(3, seed=6)
    frames[:, 24:40, 40:56] = (250, 10, 10)
    plain = Detector(replace(model, motion=None), engine).score(frames)
    shares = np.random.default_rng(1).random(plain.cells.shape, np.float32)
    sizes = [(96, 128)] * 3
    results = results_of(model, replace(plain, shares=shares), sizes)
    for number, (result, without) in enumerate(zip(results, results_of(model, plain, sizes), strict=True)):
        row, column = np.unravel_index(plain.cells[number].argmax(), plain.cells[number].shape)
        assert result.coarse.levels.tolist() == without.coarse.levels.tolist()
        assert result.motion == result.coarse.motion_at(int(row), int(column))
        assert result.motion == pytest.approx(shares[number, row, column], abs=0.5 / 255 + 1e-6)
        assert (without.motion, without.coarse.shares) == (None, None)


def test_what_counts_where_it_stays_is_in_units_of_the_threshold_too(model: Model, engine: Engine) -> None:
    mask: NDArray[np.bool_] = np.zeros(SIZE, bool)
    mask[:, :20] = True
    masked = replace(model, motion=None, mask=mask)
    plain = Detector(masked, engine).score(pictures(2, seed=6))
    still = 3 * plain.cells + np.float32(masked.threshold.value)
    for number, result in enumerate(results_of(masked, replace(plain, still=still), [(96, 128)] * 2)):
        assert result.coarse.still is not None
        expected = CoarseMap.of(still[number] / np.float32(masked.threshold.value)).levels
        assert not result.coarse.still[:, :2].any()
        assert result.coarse.still[:, 2:].tolist() == expected[:, 2:].tolist()
        assert expected.min() > 0
    assert [result.coarse.still for result in results_of(masked, plain, [(96, 128)] * 2)] == [None, None]


@pytest.mark.parametrize("name", ["shares", "still"])
def test_scores_are_split_with_all_that_is_of_their_cells(model: Model, engine: Engine, name: str) -> None:
    plain = Detector(replace(model, motion=None), engine).score(pictures(3, seed=6))
    cells = np.random.default_rng(1).random(plain.cells.shape, np.float32)
    both = replace(plain, shares=cells) if name == "shares" else replace(plain, still=cells)
    first, rest = (getattr(part, name) for part in both.split([1, 2]))
    assert (first.tolist(), rest.tolist()) == (cells[:1].tolist(), cells[1:].tolist())
    assert [getattr(part, name) for part in plain.split([1, 2])] == [None, None]
