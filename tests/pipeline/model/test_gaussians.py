"""Gaussians against float64 NumPy and SciPy, and the same whatever the way the frames came in."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ModelError, ShapeError
from pipeline.model.gaussians import Gaussians, Moments, pack_triangle, unpack_triangle
from pipeline.model.movers import foreign

FRAMES, POSITIONS, DIMS, EPSILON = 60, 5, 8, 0.05


def embeddings_of(count: int, positions: int, dims: int, *, seed: int = 0, offset: float = 0.0) -> Tensor:
    """(count, P, D): correlated numbers with a mean and a spread of their own at each position."""
    source = np.random.RandomState(seed)
    scene = np.random.RandomState(7)
    mixing = scene.normal(0, 1, (positions, dims, dims)) / math.sqrt(dims)
    mean = offset + scene.normal(0, 3, (positions, dims))
    values = np.einsum("pde,npe->npd", mixing, source.normal(0, 1, (count, positions, dims))) + mean
    return torch.from_numpy(values.astype(np.float32))


def reference(fitted: Tensor, scored: Tensor, epsilon: float, shrinkage: float = 0.0) -> NDArray[np.float64]:
    """(B, P) distances by the inverse of the covariance, all in float64."""
    seen, asked = fitted.double().numpy(), scored.double().numpy()
    positions, dims = seen.shape[1:]
    own = [np.atleast_2d(np.cov(seen[:, position], rowvar=False)) for position in range(positions)]
    shared = np.mean(own, axis=0)
    distances = np.empty(asked.shape[:2])
    for position in range(positions):
        covariance = (1 - shrinkage) * own[position] + shrinkage * shared + epsilon * np.eye(dims)
        mean = seen[:, position].mean(axis=0, keepdims=True)
        inverse = scipy.linalg.inv(covariance)
        distances[:, [position]] = scipy.spatial.distance.cdist(asked[:, position], mean, "mahalanobis", VI=inverse)
    return distances


def fitted_in(*batches: Tensor) -> Moments:
    moments = Moments.empty(*batches[0].shape[1:])
    for batch in batches:
        moments.add(batch)
    return moments


def relative_error(found: Tensor, expected: Tensor | NDArray[np.float64]) -> float:
    wanted = torch.as_tensor(expected, dtype=torch.float64)
    return float(((found.double() - wanted).abs() / wanted.abs().clamp(min=1e-9)).max())


@pytest.mark.parametrize(
    ("frames", "positions", "dims", "epsilon", "offset"),
    [
        (60, 5, 8, 0.05, 0.0),
        (60, 5, 8, 0.05, 100.0),  # as after a ReLU: far from zero for its spread
        (40, 130, 20, 0.01, 0.0),  # more positions than are worked on at a time
        (250, 3, 100, 1e-3, 0.0),  # the default D, little regularisation
        (4, 3, 8, 0.1, 0.0),  # fewer frames than numbers
        (60, 2, 1, 0.05, 0.0),
    ],
)
def test_distances_are_those_of_the_inverse_covariance_in_float64(
    frames: int, positions: int, dims: int, epsilon: float, offset: float
) -> None:
    fitted = embeddings_of(frames, positions, dims, offset=offset)
    scored = embeddings_of(9, positions, dims, seed=1, offset=offset)
    found = fitted_in(*torch.split(fitted, 13)).gaussians(epsilon).distances(scored)
    assert found.shape == (9, positions)
    assert found.dtype == torch.float32
    assert relative_error(found, reference(fitted, scored, epsilon)) <= 1e-4


@pytest.mark.parametrize("shrinkage", [0.1, 0.5, 1.0])
def test_shrinking_mixes_in_the_mean_covariance_of_all_positions(shrinkage: float) -> None:
    fitted, scored = embeddings_of(60, 130, 8), embeddings_of(5, 130, 8, seed=1)
    fitted[:, 3] = fitted[0, 3]  # a position that never changed
    found = fitted_in(*torch.split(fitted, 13)).gaussians(0.01, shrinkage).distances(scored)
    assert relative_error(found, reference(fitted, scored, 0.01, shrinkage)) <= 1e-4


def test_distances_to_a_scene_that_drifted_far_are_those_of_all_frames_at_once() -> None:
    night, day = embeddings_of(300, 3, 8), embeddings_of(20, 3, 8, seed=1) + 50
    scored = embeddings_of(4, 3, 8, seed=2)
    found = fitted_in(*torch.split(night, 32), day).gaussians(EPSILON).distances(scored)
    assert relative_error(found, reference(torch.cat([night, day]), scored, EPSILON)) <= 1e-4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, FRAMES), max_size=8), st.randoms(use_true_random=False))
def test_any_split_in_any_order_gives_the_same_distances(cuts: list[int], random: object) -> None:
    frames = embeddings_of(FRAMES, POSITIONS, DIMS)
    scored = embeddings_of(5, POSITIONS, DIMS, seed=1)
    at_once = fitted_in(frames).gaussians(EPSILON).distances(scored)
    order = list(range(FRAMES))
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis' own Random
    edges = [0, *sorted(cuts), FRAMES]
    batches = [frames[order][begin:end] for begin, end in itertools.pairwise(edges)]  # some of them empty
    moments = fitted_in(*batches)
    assert moments.count == FRAMES
    assert relative_error(moments.gaussians(EPSILON).distances(scored), at_once) <= 1e-4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, FRAMES), min_size=1, max_size=5), st.permutations(range(6)))
def test_parts_merged_in_any_order_give_the_same_distances(cuts: list[int], order: list[int]) -> None:
    frames = embeddings_of(FRAMES, POSITIONS, DIMS)
    frames[: FRAMES // 2] += 2  # parts that differ
    scored = embeddings_of(5, POSITIONS, DIMS, seed=1)
    edges = [0, *sorted(cuts), FRAMES]
    parts = [fitted_in(frames[begin:end]) for begin, end in itertools.pairwise(edges)]
    merged = Moments.empty(POSITIONS, DIMS)
    for number in order:
        if number < len(parts):
            merged.merge(parts[number])
    at_once = fitted_in(frames)
    assert merged.count == FRAMES
    assert (
        relative_error(merged.gaussians(EPSILON).distances(scored), at_once.gaussians(EPSILON).distances(scored))
        <= 1e-4
    )
    assert merged.mean_variance() == pytest.approx(at_once.mean_variance(), rel=1e-5)


def test_a_merge_leaves_the_part_it_takes_in_as_it_was() -> None:
    part = fitted_in(embeddings_of(20, POSITIONS, DIMS))
    mean, scatter = part.mean.clone(), part.scatter.clone()
    merged = Moments.empty(POSITIONS, DIMS)
    merged.merge(part)
    merged.add(embeddings_of(20, POSITIONS, DIMS, seed=1))
    assert part.count == 20
    assert torch.equal(part.mean, mean)
    assert torch.equal(part.scatter, scatter)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, FRAMES - 1), st.integers(0, FRAMES // 2), st.booleans(), st.sampled_from([0.0, 2.0, 30.0, 1000.0])
)
def test_what_is_left_when_frames_are_taken_out_is_what_there_was_without_them(
    begin: int, count: int, apart: bool, shift: float
) -> None:
    # Frames that were added in batches with others leave float32's rounding of how far they were from those.
    shift = shift if apart else min(shift, 2.0)
    frames = embeddings_of(FRAMES, POSITIONS, DIMS)
    frames[begin : begin + count] += shift
    rest = torch.cat([frames[:begin], frames[begin + count :]])
    scored = embeddings_of(5, POSITIONS, DIMS, seed=1)
    part = fitted_in(frames[begin : begin + count])
    left = fitted_in(rest) if apart else fitted_in(*torch.split(frames, 13))
    if apart:
        left.merge(part)
    left.remove(part)
    assert left.count == len(rest)
    assert torch.allclose(left.mean, rest.double().mean(dim=0), rtol=0, atol=1e-5)
    assert left.mean_variance() == pytest.approx(fitted_in(rest).mean_variance(), rel=1e-4)
    assert relative_error(left.gaussians(EPSILON).distances(scored), reference(rest, scored, EPSILON)) <= 1e-4


def test_frames_taken_out_and_back_in_leave_no_trace() -> None:
    frames, scored = embeddings_of(FRAMES, POSITIONS, DIMS), embeddings_of(5, POSITIONS, DIMS, seed=1)
    moments, expected = fitted_in(frames), fitted_in(frames)
    for part in torch.split(frames, 8):
        taken = fitted_in(part)
        mean, scatter = taken.mean.clone(), taken.scatter.clone()
        moments.remove(taken)
        moments.merge(taken)
        assert torch.equal(taken.mean, mean)
        assert torch.equal(taken.scatter, scatter)
    assert moments.count == FRAMES
    assert torch.allclose(moments.mean, expected.mean, rtol=1e-12, atol=1e-12)
    assert torch.allclose(moments.scatter, expected.scatter, rtol=1e-10, atol=1e-10)
    distances = expected.gaussians(EPSILON).distances(scored)
    assert relative_error(moments.gaussians(EPSILON).distances(scored), distances) <= 1e-6


def test_the_distance_of_another_place_is_the_median_over_four_turns_of_the_grid() -> None:
    frames = embeddings_of(FRAMES, 11, DIMS)
    found = foreign(fitted_in(frames).gaussians(EPSILON), None)
    means = frames.double().mean(dim=0)
    turned = torch.stack([means[[(place - turn) % 11 for place in range(11)]] for turn in (2, 4, 6, 8)])
    # Of an even number torch takes the lower of the two in the middle.
    expected = np.quantile(reference(frames, turned, EPSILON), 0.5, method="lower")
    assert found == pytest.approx(expected, rel=1e-4)


def test_where_all_places_look_alike_no_other_place_is_far() -> None:
    frames = embeddings_of(FRAMES, 1, DIMS).expand(-1, 7, -1)
    assert foreign(fitted_in(frames).gaussians(EPSILON), None) == 0


def test_the_mean_scores_0_and_nothing_scores_below() -> None:
    gaussians = fitted_in(embeddings_of(FRAMES, POSITIONS, DIMS)).gaussians(EPSILON)
    assert torch.equal(gaussians.distances(gaussians.mean.unsqueeze(0)), torch.zeros(1, POSITIONS))
    assert bool((gaussians.distances(embeddings_of(50, POSITIONS, DIMS, seed=1)) > 0).all())


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=DIMS, max_size=DIMS).filter(lambda values: max(map(abs, values)) > 0.1),
    st.floats(0.1, 100),
    st.floats(1.01, 10),
)
def test_further_along_one_direction_never_scores_less(direction: list[float], near: float, factor: float) -> None:
    gaussians = fitted_in(embeddings_of(FRAMES, POSITIONS, DIMS)).gaussians(EPSILON)
    way = torch.tensor(direction)
    scored = torch.stack([gaussians.mean + near * way, gaussians.mean + near * factor * way])
    close, far = gaussians.distances(scored)
    assert bool((far > close).all())


def test_the_mean_variance_is_numpys() -> None:
    frames = embeddings_of(FRAMES, POSITIONS, DIMS)
    expected = frames.double().numpy().var(axis=0, ddof=1).mean()
    assert fitted_in(*torch.split(frames, 7)).mean_variance() == pytest.approx(expected, rel=1e-5)


def test_where_nothing_varies_the_variance_is_taken_as_one() -> None:
    moments = Moments.empty(POSITIONS, DIMS)
    assert moments.mean_variance() == 1
    moments.add(embeddings_of(1, POSITIONS, DIMS).expand(5, -1, -1))
    assert moments.mean_variance() == 1


def test_packing_keeps_the_lower_triangle_row_by_row() -> None:
    matrix = torch.tensor([[[1.0, 9.0, 9.0], [2.0, 3.0, 9.0], [4.0, 5.0, 6.0]]])
    packed = pack_triangle(matrix)
    assert packed.tolist() == [[1, 2, 3, 4, 5, 6]]
    assert torch.equal(unpack_triangle(packed, 3), matrix.tril())


def test_whitening_gives_numbers_of_variance_one_that_do_not_correlate() -> None:
    frames = embeddings_of(2000, 1, DIMS)
    gaussians = fitted_in(frames).gaussians(1e-6)
    matrix = unpack_triangle(gaussians.whitening, DIMS)[0]
    white = (frames[:, 0] - gaussians.mean[0]) @ matrix.T
    assert np.cov(white.numpy(), rowvar=False) == pytest.approx(np.eye(DIMS), abs=1e-3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_embedding_that_is_not_finite_is_refused_and_changes_nothing(bad: float) -> None:
    moments = fitted_in(embeddings_of(20, POSITIONS, DIMS))
    mean, scatter = moments.mean.clone(), moments.scatter.clone()
    frames = embeddings_of(3, POSITIONS, DIMS)
    frames[1, 2, 3] = bad
    with pytest.raises(ModelError) as caught:
        moments.add(frames)
    assert str(caught.value) == (
        "an embedding is not finite: the weights of the backbone are damaged; fetch them again."
    )
    assert moments.count == 20
    assert torch.equal(moments.mean, mean)
    assert torch.equal(moments.scatter, scatter)


def test_other_shapes_are_refused() -> None:
    moments = fitted_in(embeddings_of(20, POSITIONS, DIMS))
    other = embeddings_of(2, POSITIONS, DIMS - 1)
    with pytest.raises(ShapeError) as added:
        moments.add(other)
    assert str(added.value) == "the shape of an embedding is (5, 7), expected (5, 8)."
    assert (added.value.expected, added.value.actual) == ((5, 8), (5, 7))
    with pytest.raises(ShapeError) as merged:
        moments.merge(Moments.empty(POSITIONS + 1, DIMS))
    assert str(merged.value) == "the shape of the moments is (6, 8), expected (5, 8)."
    with pytest.raises(ShapeError) as scored:
        moments.gaussians(EPSILON).distances(other)
    assert str(scored.value) == "the shape of an embedding is (5, 7), expected (5, 8)."
    with pytest.raises(ShapeError) as made:
        Gaussians(torch.zeros(5, 8), torch.zeros(5, 35))
    assert str(made.value) == "the shape of the whitening is (5, 35), expected (5, 36)."


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_frames_have_no_covariance(count: int) -> None:
    moments = fitted_in(embeddings_of(count, POSITIONS, DIMS))
    with pytest.raises(ModelError) as caught:
        moments.gaussians(EPSILON)
    assert str(caught.value) == f"{count} frames were seen, a covariance needs 2; fit on more footage."


def test_too_few_frames_without_an_epsilon_are_refused() -> None:
    moments = fitted_in(torch.zeros(4, POSITIONS, DIMS))
    with pytest.raises(ModelError) as caught:
        moments.gaussians(0.0)
    assert str(caught.value) == "4 frames do not determine 8 numbers a position; choose an epsilon above 0."
