"""Velocities as bytes: what goes in comes out within a step, in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.velocities import planes_of, velocities_of

Floats = NDArray[np.float32]

# Half a step on the logarithmic scale, as a share of SLOW + speed: ln(201) / 255 / 2 and ln(201) / 127 / 2.
HALF_OF_SPEEDS, HALF_OF_PARTS = 0.0105, 0.0212


def cells(*values: float) -> Floats:
    """(1, n) cells."""
    return np.array([values], np.float32)


@given(st.floats(-1000, 1000), st.floats(-1000, 1000), st.floats(0, 1000), st.floats(0, 1))
def test_what_goes_in_comes_out_within_half_a_step(across: float, down: float, speed: float, share: float) -> None:
    planes = planes_of(cells(across), cells(down), cells(speed), cells(share))
    assert (planes.shape, str(planes.dtype)) == ((4, 1, 1), "uint8")
    seen = velocities_of(planes[np.newaxis])
    assert {part.shape for part in (seen.across, seen.down, seen.speed, seen.share)} == {(1, 1, 1)}
    assert {str(part.dtype) for part in (seen.across, seen.down, seen.speed, seen.share)} == {"float32"}
    for found, value in ((seen.across, across), (seen.down, down)):
        assert found.item() == pytest.approx(value, abs=1.02 * HALF_OF_PARTS * (5 + abs(value)))
    assert seen.speed.item() == pytest.approx(speed, abs=1.02 * HALF_OF_SPEEDS * (5 + speed))
    assert seen.share.item() == pytest.approx(share, abs=0.5001 / 255)


def test_where_people_walk_a_step_is_a_third_of_a_pixel_a_second_of_speed_and_two_thirds_of_its_parts() -> None:
    every = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis], (256, 4, 1, 1))
    seen = velocities_of(every)
    for part, at_ten, far in ((seen.speed, 0.32, 0.022), (seen.across, 0.64, 0.044), (seen.down, 0.64, 0.044)):
        levels = part.ravel().astype(np.float64)
        steps = np.diff(levels)
        assert (steps > 0).all()
        assert steps[np.searchsorted(levels, 10) - 1] == pytest.approx(at_ten, rel=0.1)
        assert steps[-1] / levels[-1] == pytest.approx(far, rel=0.1)
    assert seen.share.ravel().tolist() == pytest.approx([level / 255 for level in range(256)])


def test_what_is_faster_is_never_coded_as_slower_and_what_leaves_the_scale_stays_at_its_end() -> None:
    speeds = np.concatenate([np.linspace(0, 1500, 4001), [1e5]]).astype(np.float32)[np.newaxis]
    planes = planes_of(speeds, -speeds, speeds, np.clip(speeds / 1000, 0, 1)).astype(int)
    for number, sign in ((0, 1), (1, -1), (2, 1), (3, 1)):
        assert (np.diff(sign * planes[number, 0]) >= 0).all()
    assert planes[:, 0, -1].tolist() == [255, 0, 255, 255]


def test_left_and_right_up_and_down_are_mirrored_and_nothing_is_128() -> None:
    both = cells(-300, -20, 0, 20, 300)
    planes = planes_of(both, both, np.abs(both), np.zeros_like(both))
    assert planes[:, 0, 2].tolist() == [128, 128, 0, 0]
    seen = velocities_of(planes[np.newaxis])
    for part in (seen.across, seen.down):
        assert part.ravel().tolist() == (-part.ravel()[::-1]).tolist()
        assert part[0, 0, 2] == 0
