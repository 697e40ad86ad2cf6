"""Gaussians of how what moves looks: sums that any split gives, distances as linear algebra has them, and news."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.model.movers import EPSILON, LEAST_EACH, NEWS_S, PRIOR, ROW_PX, WIDER, MoverMoments, Movers
from pipeline.types import Size

GRID: Size = (6, 9)
DIMS, STEP_S, GRID_PX = 5, 0.2, 8
# Rows on each side that look like one's own.
BAND = ROW_PX // GRID_PX

Doubles = NDArray[np.float64]


def some(frames: int, seed: int, *, moving: float = 0.5) -> tuple[Tensor, Tensor]:
    """Embeddings (B, P, D), other in each row, and shares (B, h, w): either clearly moving or clearly not."""
    source = np.random.RandomState(seed)
    mixing = np.random.RandomState(0).normal(0, 1, (DIMS, DIMS))
    values = source.normal(0, 1, (frames, *GRID, DIMS)) @ mixing + np.arange(GRID[0])[:, np.newaxis, np.newaxis]
    shares = np.where(source.uniform(0, 1, (frames, *GRID)) < moving, 0.9, 0.1)
    return (
        torch.from_numpy(values.astype(np.float32)).reshape(frames, -1, DIMS),
        torch.from_numpy(shares.astype(np.float32)),
    )


def moments(*parts: tuple[Tensor, Tensor]) -> MoverMoments:
    found = MoverMoments.empty(GRID, DIMS)
    for embeddings, shares in parts:
        found.add(embeddings, shares, STEP_S)
    return found


def same(found: MoverMoments, expected: MoverMoments) -> None:
    """But for what float32 products round off."""
    for name in ("count", "first", "second", "present_s", "seconds"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-3)


def movers_of(found: MoverMoments) -> Movers:
    movers = found.movers(GRID_PX)
    assert movers is not None
    return movers


def distances_to(movers: Movers, embeddings: Tensor, own: Tensor) -> Tensor:
    return movers.nearer(own, movers.gaussians.distances(movers.by_rows(embeddings)))


def expected_distances(embeddings: Tensor, learned: tuple[Tensor, Tensor]) -> Doubles:
    """(B, h, w) to the rows' Gaussians alone, by numpy.linalg, without factors."""
    seen = learned[0].double().numpy().reshape(-1, *GRID, DIMS)
    moves = learned[1].numpy() > 0.3
    of_all = seen[moves]
    scene = np.cov(of_all, rowvar=False, ddof=0)
    added = EPSILON * scene.diagonal().mean() * np.eye(DIMS)
    values = embeddings.double().numpy().reshape(-1, *GRID, DIMS)
    found = np.empty(values.shape[:3])
    for row in range(GRID[0]):
        band = slice(max(0, row - BAND), row + BAND + 1)
        near = seen[:, band][moves[:, band]]
        weight = len(near) / (len(near) + PRIOR)
        mean = weight * near.mean(axis=0) + (1 - weight) * of_all.mean(axis=0)
        covariance = weight * np.cov(near, rowvar=False, ddof=0) + (1 - weight) * scene + added
        delta = values[:, row] - mean
        found[:, row] = np.sqrt(np.einsum("bwd,de,bwe->bw", delta, np.linalg.inv(covariance), delta))
    return found


@pytest.mark.parametrize("frames", [20, 200])
def test_distances_are_those_of_linear_algebra_times_a_factor(frames: int) -> None:
    learned, (later, _) = some(frames, 1), some(7, 2)
    movers = movers_of(moments(learned))
    assert movers.gaussians.mean.shape == (GRID[0], DIMS)
    far = torch.full((7, GRID[0] * GRID[1]), 1e6)
    found = distances_to(movers, later, far).numpy().reshape(-1, *GRID)
    factors = movers.factors.numpy().reshape(GRID)
    np.testing.assert_allclose(found / factors, expected_distances(later, learned), rtol=1e-3)


def test_any_split_of_the_frames_gives_the_same_moments() -> None:
    embeddings, shares = some(40, 3)
    whole = moments((embeddings, shares))
    assert whole.seconds.item() == pytest.approx(40 * STEP_S)
    for edges in ([0, 1, 40], [0, 13, 26, 40]):
        parts = [(embeddings[begin:end], shares[begin:end]) for begin, end in itertools.pairwise(edges)]
        same(moments(*parts), whole)
        merged = MoverMoments.empty(GRID, DIMS)
        for part in reversed(parts):
            merged.merge(moments(part))
        same(merged, whole)


def test_what_was_merged_and_is_removed_was_never_there() -> None:
    kept, strange = some(40, 4), some(10, 5)
    found, (later, _) = moments(kept), some(3, 6)
    found.merge(moments(strange))
    found.remove(moments(strange))
    same(found, moments(kept))
    own = torch.full((3, GRID[0] * GRID[1]), 1e6)
    expected = distances_to(movers_of(moments(kept)), later, own)
    torch.testing.assert_close(distances_to(movers_of(found), later, own), expected, rtol=1e-4, atol=1e-4)


def test_a_copy_stays_as_it_was() -> None:
    first = moments(some(10, 7))
    copied = first.to("cpu")
    first.add(*some(10, 8), STEP_S)
    same(copied, moments(some(10, 7)))


def test_what_hardly_moves_is_not_learned_from() -> None:
    embeddings, shares = some(40, 9)
    strange = embeddings.clone()
    strange.reshape(40, *GRID, DIMS)[shares <= 0.3] += 1000
    assert torch.equal(moments((strange, shares)).second, moments((embeddings, shares)).second)


def test_below_the_least_that_tells_how_movers_look_there_are_none() -> None:
    embeddings, _ = some(1, 10)
    shares = torch.zeros(1, *GRID)
    shares.flatten()[: LEAST_EACH * DIMS - 1] = 1
    few = moments((embeddings, shares))
    assert few.count.sum() == LEAST_EACH * DIMS - 1
    assert few.movers(GRID_PX) is None
    shares.flatten()[LEAST_EACH * DIMS - 1] = 1
    assert moments((embeddings, shares)).movers(GRID_PX) is not None
    assert MoverMoments.empty(GRID, DIMS).movers(GRID_PX) is None


def test_the_nearer_of_both_distances_counts_everywhere() -> None:
    movers, (later, _) = movers_of(moments(some(60, 11))), some(9, 12)
    own = torch.from_numpy(np.random.RandomState(1).gamma(2, 2, (9, GRID[0] * GRID[1])).astype(np.float32))
    alone = distances_to(movers, later, torch.full_like(own, 1e6))
    found = distances_to(movers, later, own)
    assert torch.equal(found, torch.minimum(own, alone))
    assert bool((found < own).any())
    assert bool((found == own).any())


def test_each_row_is_judged_by_its_own_gaussian() -> None:
    # Embeddings of row r lie about r in every number: another row's Gaussian is far away.
    movers = movers_of(moments(some(400, 13)))
    means = movers.gaussians.mean
    at_means = means.unsqueeze(1).expand(GRID[0], GRID[1], DIMS).reshape(1, -1, DIMS)
    own = torch.full((1, GRID[0] * GRID[1]), 1e6)
    assert float(distances_to(movers, at_means, own).max()) < 1e-4
    upside_down = means.flip(0).unsqueeze(1).expand(GRID[0], GRID[1], DIMS).reshape(1, -1, DIMS)
    assert float(distances_to(movers, upside_down, own).min()) > 0.1


def factors(footage_s: float, present_s: float) -> NDArray[np.float32]:
    """(h, w) of footage in which somebody was in the first column for so long, after enough was seen to know movers."""
    found = moments(some(20, 14))
    found.present_s.zero_()
    found.present_s[:, 0] = present_s
    found.seconds.fill_(footage_s)
    return movers_of(found).factors.numpy().reshape(GRID)


def test_where_nobody_was_news_grows_with_the_footage() -> None:
    several = [factors(footage_s, 600.0) for footage_s in (60.0, NEWS_S, 10 * NEWS_S)]
    nowhere = [found[3, -1] for found in several]
    assert nowhere == pytest.approx([WIDER * (1 + 60 / NEWS_S), WIDER * 2, WIDER * 11])
    # Neighbours of where people walk hardly make news.
    for found in several[:2]:
        assert found[:, :2].max() < WIDER * 1.001


def test_a_second_of_presence_takes_half_of_the_news() -> None:
    # In the corner two positions of the column are near, elsewhere three.
    found = factors(NEWS_S, 1 / 3)
    assert found[3, 0] == pytest.approx(WIDER * 1.5)
    assert found[3, 1] == pytest.approx(WIDER * 1.5)
    assert found[0, 0] == pytest.approx(WIDER * (1 + 1 / (2 / 3 + 1)))
    assert found[3, 2] == pytest.approx(WIDER * 2)


def test_movers_are_the_same_on_another_device() -> None:
    movers = movers_of(moments(some(20, 15)))
    for tensor, expected in zip(movers.to("cpu").tensors, movers.tensors, strict=True):
        assert torch.equal(tensor, expected)
