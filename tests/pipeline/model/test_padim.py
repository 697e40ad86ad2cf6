"""Maps to scores, and what a model says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.model.padim import Model, scores_of
from pipeline.types import Geometry


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 8)), min_size=1, max_size=4))
def test_the_score_is_the_maximum_and_the_peak_its_x_and_y(places: list[tuple[int, int]]) -> None:
    maps = torch.rand(len(places), 5, 9, generator=torch.Generator().manual_seed(0))
    for number, (row, column) in enumerate(places):
        maps[number, row, column] = 2 + number
    scores = scores_of(maps, None)
    assert scores.raw_scores.tolist() == [2 + number for number in range(len(places))]
    assert scores.peaks.tolist() == [[column, row] for row, column in places]
    assert torch.equal(scores.maps, maps)
    assert scores.raw_scores.dtype == np.float32


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
def test_what_a_mask_hides_is_0_and_never_the_peak(dtype: torch.dtype) -> None:
    maps = torch.ones(2, 5, 9)
    maps[:, 1, 2] = 7
    maps[:, 3, 8] = 4
    visible = torch.ones(5, 9, dtype=dtype)
    visible[0:3, 0:4] = 0
    scores = scores_of(maps, visible)
    assert scores.raw_scores.tolist() == [4, 4]
    assert scores.peaks.tolist() == [[8, 3], [8, 3]]
    assert not scores.maps[:, 0:3, 0:4].any()
    assert torch.equal(scores.maps[:, 3:], maps[:, 3:])


def test_a_model_knows_its_grid_and_its_smoothing(model: Model) -> None:
    assert model.grid == (6, 8)
    smoothing = model.smoothing
    assert (smoothing.grid, smoothing.size) == ((6, 8), (48, 64))
    assert (smoothing.sigma_px, smoothing.upsampling) == (1.0, "bilinear")
    cropped = replace(model, geometry=Geometry((48, 64), crop=32))
    assert cropped.grid == (4, 4)


def test_coarse_scores_are_the_highest_of_each_8_by_8_pixels() -> None:
    maps = torch.rand(3, 24, 40, generator=torch.Generator().manual_seed(0)) * 9
    coarse = scores_of(maps, None).cells
    assert coarse.shape == (3, 3, 5)
    assert coarse.dtype == np.float32
    for number, row, column in np.ndindex(3, 3, 5):
        pixels = maps[number, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        assert coarse[number, row, column] == pixels.max().item()


def test_coarse_scores_know_nothing_of_what_a_mask_hides() -> None:
    maps = torch.full((1, 16, 16), 3.0)
    maps[0, 2, 3] = 9
    visible = torch.ones(16, 16)
    visible[:8, :5] = 0
    visible[8:] = 0
    assert scores_of(maps, visible).cells.tolist() == [[[3.0, 3.0], [0.0, 0.0]]]


def test_a_cell_is_masked_where_the_mask_leaves_nothing_of_it(model: Model) -> None:
    assert model.masked_cells is None
    mask = np.zeros((48, 64), bool)
    mask[:16, :20] = True  # two and a half cells wide
    mask[47, :] = True
    expected = np.zeros((6, 8), bool)
    expected[:2, :2] = True
    masked = replace(model, mask=mask).masked_cells
    assert masked is not None
    assert np.array_equal(masked, expected)


def test_a_model_takes_another_mask_counted_in_pixels_of_the_source(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "mask.yaml"
    path.write_text("polygons:\n  - [[0, 0], [63, 0], [63, 95], [0, 95]]\n")
    masked = model.with_mask(path)
    assert masked.mask is not None
    assert masked.mask[:, :32].all()
    assert not masked.mask[:, 32:].any()
    assert model.mask is None
    with pytest.raises(ConfigError):
        model.with_mask(tmp_path / "missing.yaml")


def test_the_text_of_a_model_leaves_its_moments_out(model: Model) -> None:
    assert "moments" not in repr(model)
