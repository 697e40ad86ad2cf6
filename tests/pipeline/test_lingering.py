"""The least of each cell over the last seconds, against a slow reading of the same words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.lingering import LINGERING_S, TOLERANCE_S, Lingering

GAP_S = 2.0
STEPS = st.lists(st.sampled_from([0.04, 0.2, 0.21, 0.5, 1.0, 2.0, 2.01, 30.0, -5.0]), min_size=1, max_size=60)


def cells_of(number: int) -> NDArray[np.uint8]:
    return np.random.RandomState(number).randint(0, 256, (2, 3)).astype(np.uint8)


def plain_least(times_s: list[float]) -> NDArray[np.uint8] | None:
    """Least of what was seen since the last break, if that is so long ago, over the window and the frame before."""
    now_s = times_s[-1]
    breaks = [n + 1 for n, (a, b) in enumerate(itertools.pairwise(times_s)) if not 0 < b - a <= GAP_S]
    numbers = range(max(breaks, default=0), len(times_s))
    before = [number for number in numbers if times_s[number] <= now_s - LINGERING_S + TOLERANCE_S]
    if not before:
        return None
    least: NDArray[np.uint8] = np.stack([cells_of(number) for number in numbers if number >= before[-1]]).min(axis=0)
    return least


@given(STEPS)
def test_it_is_the_least_since_a_window_ago(steps: list[float]) -> None:
    lingering, times_s = Lingering(GAP_S), []
    for number, time_s in enumerate(itertools.accumulate(steps)):
        times_s.append(time_s)
        found, expected = lingering.add(time_s, cells_of(number)), plain_least(times_s)
        assert (found is None) == (expected is None)
        if found is not None:
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("fps", [1, 5, 25])
def test_it_is_known_after_the_window_at_any_rate(fps: int) -> None:
    lingering = Lingering(GAP_S)
    known = [number / fps for number in range(8 * fps) if lingering.add(number / fps, cells_of(number)) is not None]
    assert known[0] == pytest.approx(LINGERING_S, abs=TOLERANCE_S)
    assert len(known) == round((8 - known[0]) * fps)


def test_it_keeps_the_type_of_the_cells_and_leaves_them_as_they_are() -> None:
    lingering = Lingering(GAP_S)
    cells = [np.full((2, 2), 10 - number, np.float64) for number in range(7)]
    for number, one in enumerate(cells):
        least = lingering.add(float(number), one)
    assert least is not None
    assert least.dtype == np.float64
    assert least.tolist() == [[4.0, 4.0], [4.0, 4.0]]
    assert [one[0, 0] for one in cells] == [10, 9, 8, 7, 6, 5, 4]
