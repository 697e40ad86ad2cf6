"""Gaussians of what moves: sums that any split gives, and distances as linear algebra has them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ModelError, ShapeError
from pipeline.model.motion import EPSILON, MOVES, PRIOR, SPECK, MotionGaussians, MotionMoments
from pipeline.types import Size
from pipeline.velocities import LEAST_PX_S, Velocities
from tests.pipeline.model.plain import moments_of

CELLS: Size = (5, 7)

Doubles = NDArray[np.float64]


def some(frames: int, seed: int, *, cells: Size = CELLS, moving: float = 0.7) -> Velocities:
    """People who walk to the right, faster in some cells than in others, in some share of the frames."""
    source = np.random.RandomState(seed)
    shape = (frames, *cells)
    pace = 15 + 20 * np.arange(cells[1]) / cells[1]
    across, down = source.normal(pace, 6, shape), source.normal(2, 4, shape) + 0.3 * source.normal(pace, 6, shape)
    speed = np.hypot(across, down) * source.uniform(1, 1.3, shape)
    share = source.uniform(0, 1, shape) * (source.uniform(0, 1, shape) < moving)
    return Velocities(*(part.astype(np.float32) for part in (across, down, speed, share)))


def part_of(seen: Velocities, frames: slice) -> Velocities:
    return Velocities(seen.across[frames], seen.down[frames], seen.speed[frames], seen.share[frames])


def moments(*parts: Velocities, cells: Size = CELLS) -> MotionMoments:
    found = MotionMoments.empty(cells)
    for part in parts:
        found.add(part)
    return found


def same(found: MotionMoments, expected: MotionMoments, rel: float = 1e-12) -> None:
    for name in ("weight", "first", "second"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=rel, atol=1e-7, err_msg=name)


def reference(seen: Velocities) -> tuple[Doubles, Doubles]:
    """(h, w, 3) means and (h, w, 3, 3) covariances of a cell's surroundings, cell by cell; float64.

    Speed and velocity are judged apart, so what they have in common is left out.
    """
    rows, columns = CELLS
    scene_weight, scene_mean, scene_covariance = moments_of(seen, slice(0, rows), slice(0, columns), SPECK)
    assert scene_weight > 0
    means, covariances = np.empty((*CELLS, 3)), np.empty((*CELLS, 3, 3))
    added = np.diag(EPSILON * scene_covariance.diagonal() + LEAST_PX_S**2 * SPECK)
    for row in range(rows):
        for column in range(columns):
            around = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
            weight, mean, covariance = moments_of(seen, *around, SPECK)
            own = weight / (weight + PRIOR)
            means[row, column] = own * mean + (1 - own) * scene_mean
            covariances[row, column] = own * covariance + (1 - own) * scene_covariance + added
    return means, covariances


def expected_distances(of: Velocities, learned: Velocities) -> Doubles:
    """(2, B, h, w) by numpy.linalg."""
    means, covariances = reference(learned)
    found = np.zeros((2, *of.share.shape))
    for row, column in np.ndindex(*CELLS):
        mean, covariance = means[row, column], covariances[row, column]
        inverse = np.linalg.inv(covariance[:2, :2])
        for frame in range(len(of.share)):
            share = float(of.share[frame, row, column])
            velocity = np.array([of.across[frame, row, column], of.down[frame, row, column]], float) - mean[:2]
            counts = min(share / MOVES, 1.0) if share > SPECK else 0.0
            speed = float(of.speed[frame, row, column]) - mean[2]
            found[0, frame, row, column] = counts * abs(speed) / np.sqrt(covariance[2, 2])
            found[1, frame, row, column] = counts * np.sqrt(velocity @ inverse @ velocity)
    return found


@pytest.mark.parametrize(("frames", "moving"), [(200, 0.7), (8, 0.2)])
def test_distances_are_those_of_linear_algebra_with_much_seen_and_with_little(frames: int, moving: float) -> None:
    learned, later = some(frames, 1, moving=moving), some(6, 2)
    found = moments(learned).gaussians().distances(later)
    assert (found.shape, str(found.dtype)) == ((2, 6, *CELLS), "float32")
    np.testing.assert_allclose(found, expected_distances(later, learned), rtol=2e-4, atol=1e-4)


def test_any_split_of_the_frames_gives_the_same_moments() -> None:
    seen = some(60, 3)
    whole = moments(seen)
    for edges in ([0, 1, 60], [0, 20, 40, 60], [0, 59, 60]):
        parts = [part_of(seen, slice(begin, end)) for begin, end in itertools.pairwise(edges)]
        same(moments(*parts), whole)
        merged = MotionMoments.empty(CELLS)
        for part in reversed(parts):
            merged.merge(moments(part))
        same(merged, whole)


def test_what_was_merged_and_is_removed_was_never_there() -> None:
    kept, strange = some(40, 4), some(10, 5)
    found, before = moments(kept), moments(kept)
    found.merge(moments(strange))
    assert not np.allclose(found.first, before.first)
    found.remove(moments(strange))
    same(found, before, rel=1e-9)
    later = some(5, 6)
    np.testing.assert_allclose(found.gaussians().distances(later), before.gaussians().distances(later), rtol=1e-5)


def test_a_copy_stays_as_it_was() -> None:
    first = moments(some(10, 7))
    copied = first.copy()
    first.add(some(10, 8))
    same(copied, moments(some(10, 7)))
    assert (first.weight > copied.weight).any()


def test_what_does_not_move_is_at_no_distance_whatever_its_velocity_is_said_to_be() -> None:
    gaussians = moments(some(100, 9)).gaussians()
    later = some(4, 10)
    still = Velocities(later.across * 50, later.down * 50, later.speed * 50, np.zeros_like(later.share))
    assert not gaussians.distances(still).any()
    specks = Velocities(later.across, later.down, later.speed, np.full_like(later.share, SPECK))
    assert not gaussians.distances(specks).any()


def test_of_a_cell_that_moves_in_part_the_distance_counts_in_part() -> None:
    gaussians, later = moments(some(100, 11)).gaussians(), some(3, 12)

    def with_share(share: float) -> NDArray[np.float32]:
        shares = np.full_like(later.share, share)
        return gaussians.distances(Velocities(later.across, later.down, later.speed, shares))

    np.testing.assert_allclose(with_share(MOVES / 2), with_share(1.0) / 2, rtol=1e-5)
    np.testing.assert_allclose(with_share(MOVES), with_share(1.0), rtol=1e-5)


def test_a_cell_that_saw_little_takes_after_all_cells_and_one_that_saw_much_after_itself() -> None:
    frames = 400
    seen = some(frames, 13, moving=1.0)
    # The last column saw somebody once only, who ran.
    seen.share[..., -3:] = 0
    seen.share[0, :, -1] = 1
    seen.speed[0, :, -1] = 300
    means = moments(seen).gaussians().mean[..., 2]
    moved = seen.share > SPECK
    everywhere = float((seen.speed * seen.share)[moved].sum() / seen.share[moved].sum())
    # Two or three frames of neighbours against PRIOR.
    assert means[2, -1] == pytest.approx(everywhere + (300 - everywhere) * 3 / (3 + PRIOR), rel=1e-3)
    assert means[2, -2] == means[2, -1]
    own = slice(1, 4), slice(0, 3)
    weights = np.where(seen.share > SPECK, seen.share, 0)[:, *own].astype(float)
    here = float((seen.speed[:, *own] * weights).sum() / weights.sum())
    assert abs(here - everywhere) > 1
    assert abs(means[2, 1] - here) < 0.1 * abs(here - everywhere)


def test_where_nothing_ever_moved_what_moves_is_measured_by_the_least_speed_there_is() -> None:
    gaussians = MotionMoments.empty(CELLS).gaussians()
    assert not gaussians.mean.any()
    later = some(2, 14, moving=1.0)
    found = gaussians.distances(Velocities(later.across, later.down, later.speed, np.ones_like(later.share)))
    np.testing.assert_allclose(found[0], later.speed / (LEAST_PX_S * SPECK**0.5), rtol=1e-5)
    assert np.isfinite(found).all()


def test_one_that_always_moves_alike_is_no_division_by_zero() -> None:
    shape = (50, *CELLS)
    alike = Velocities(*(np.full(shape, value, np.float32) for value in (20.0, 0.0, 20.0, 1.0)))
    found = moments(alike).gaussians().distances(alike)
    assert found.max() < 1e-3


def test_motion_of_another_shape_is_refused() -> None:
    other = some(2, 15, cells=(5, 6))
    with pytest.raises(ShapeError) as caught:
        MotionMoments.empty(CELLS).add(other)
    assert str(caught.value) == "the shape of motion is (5, 6), expected (5, 7)."
    with pytest.raises(ShapeError) as caught:
        moments(some(20, 1)).gaussians().distances(other)
    assert str(caught.value) == "the shape of motion is (5, 6), expected (5, 7)."
    with pytest.raises(ShapeError) as caught:
        MotionGaussians(np.zeros((5, 7, 3), np.float32), np.zeros((5, 7, 3), np.float32))
    assert str(caught.value) == "the shape of the whitening of motion is (5, 7, 3), expected (5, 7, 4)."


def test_damaged_moments_are_refused() -> None:
    found = moments(some(30, 16))
    found.second -= 1e9
    with pytest.raises(ModelError) as caught:
        found.gaussians()
    assert str(caught.value) == "the moments of motion are damaged; fit the model again."
