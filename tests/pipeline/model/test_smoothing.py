"""Upsampling and smoothing against loops of NumPy and SciPy's Gaussian, folded and not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.model.smoothing import Smoothing, Upsampling
from pipeline.types import Size

CASES: list[tuple[Size, Size, float]] = [
    ((6, 8), (48, 64), 4.0),
    ((12, 16), (48, 64), 4.0),
    ((3, 5), (48, 80), 4.0),
    ((16, 9), (256, 144), 4.0),
    ((6, 8), (48, 64), 1.5),
    ((6, 8), (48, 64), 0.0),
    ((24, 16), (48, 64), 4.0),
    ((1, 2), (17, 34), 4.0),
]


def distances_of(grid: Size, count: int = 2) -> Tensor:
    """(count, h, w) like real ones: mostly low, a few high, one at a corner."""
    values = np.random.RandomState(5).gamma(2, 5, (count, *grid)).astype(np.float32)
    values[:, 0, 0] = 80
    return torch.from_numpy(values)


def upsampling_matrix(length: int, target: int, upsampling: Upsampling) -> NDArray[np.float64]:
    """(target, length) weights; pixel centres lie at halves, what lies outside repeats the border.

    Bicubic is Keys' kernel with a = −0.75.
    """
    matrix = np.zeros((target, length))
    for row in range(target):
        place = (row + 0.5) * length / target - 0.5
        if upsampling == "bilinear":
            place = max(place, 0)
        left = int(np.floor(place))
        for cell in range(left - 1, left + 3):
            distance = abs(place - cell)
            if upsampling == "bilinear":
                weight = max(0.0, 1 - distance)
            elif distance <= 1:
                weight = 1.25 * distance**3 - 2.25 * distance**2 + 1
            else:
                weight = -0.75 * (distance**3 - 5 * distance**2 + 8 * distance - 4)
            matrix[row, min(max(cell, 0), length - 1)] += weight
    return matrix


@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("grid", "size", "sigma_px"), CASES)
def test_maps_are_scipys_gaussian_of_what_numpy_upsamples(
    grid: Size, size: Size, sigma_px: float, upsampling: Upsampling
) -> None:
    distances = distances_of(grid)
    maps = Smoothing(grid, size, sigma_px, upsampling).reference(distances)
    rows, columns = (upsampling_matrix(*pair, upsampling) for pair in zip(grid, size, strict=True))
    for found, distance in zip(maps, distances, strict=True):
        upsampled = rows @ distance.double().numpy() @ columns.T
        expected = gaussian_filter(upsampled, sigma_px, mode="mirror", truncate=4).clip(min=0)
        assert np.abs(found.numpy() - expected).max() <= 1e-5 * expected.max()


@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("grid", "size", "sigma_px"), CASES)
def test_folded_maps_are_the_reference(grid: Size, size: Size, sigma_px: float, upsampling: Upsampling) -> None:
    smoothing = Smoothing(grid, size, sigma_px, upsampling)
    distances = distances_of(grid, 5)
    reference = smoothing.reference(distances)
    assert reference.shape == (5, *size)
    assert float((smoothing.folded(distances) - reference).abs().max()) <= 1e-5 * float(reference.max())


@settings(max_examples=12, deadline=None)
@given(
    st.floats(0, 1e4, width=32, allow_subnormal=False),  # threads may be set to flush those to 0
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from([8, 16]),
    st.sampled_from(["bilinear", "bicubic"]),
)
def test_a_constant_map_stays_constant(value: float, grid: Size, stride: int, upsampling: Upsampling) -> None:
    size = (max(32, grid[0] * stride), max(32, grid[1] * stride))
    smoothing = Smoothing(grid, size, 4.0, upsampling)
    distances = torch.full((1, *grid), value)
    for maps in (smoothing.reference(distances), smoothing.folded(distances)):
        assert maps.shape == (1, *size)
        assert float((maps - value).abs().max()) <= 1e-5 * value


@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
def test_no_map_goes_below_zero(upsampling: Upsampling) -> None:
    distances = torch.zeros(1, 6, 8)
    distances[0, 3, 4] = 100
    smoothing = Smoothing((6, 8), (48, 64), 0.5, upsampling)
    for maps in (smoothing.reference(distances), smoothing.folded(distances)):
        assert float(maps.min()) == 0


def test_the_peak_lies_over_the_position_it_comes_from() -> None:
    distances = torch.zeros(1, 6, 8)
    distances[0, 2, 5] = 100
    maps = Smoothing((6, 8), (48, 64)).folded(distances)
    row, column = divmod(int(maps.argmax()), 64)
    assert 16 <= row < 24
    assert 40 <= column < 48


@pytest.mark.parametrize(
    ("size", "sigma_px", "radius"), [((16, 64), 4.0, 16), ((64, 16), 4.0, 16), ((32, 48), 8.0, 32)]
)
def test_a_picture_smaller_than_half_the_kernel_is_refused(size: Size, sigma_px: float, radius: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Smoothing((2, 8), size, sigma_px)
    assert str(caught.value) == (
        f"pictures of {size[0]}x{size[1]} are too small for smoothing with sigma {sigma_px:g} px; "
        f"choose sides above {radius}."
    )
