"""The packed kernel against float64 SciPy and against the reference path."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
import torch
from numpy.typing import NDArray

from pipeline.model.distances import _kernel, packed_distances
from pipeline.model.gaussians import Gaussians, Moments

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


def fitted(positions: int, dims: int) -> tuple[Floats, Gaussians]:
    """(40, P, D) embeddings and their Gaussians, epsilon 0.02."""
    source = np.random.RandomState(3)
    mixing = source.normal(0, 1, (positions, dims, dims)) / math.sqrt(dims)
    values = np.einsum("pde,npe->npd", mixing, source.normal(0, 1, (40, positions, dims))).astype(np.float32) + 5
    moments = Moments.empty(positions, dims)
    moments.add(torch.from_numpy(values))
    return values, moments.gaussians(0.02)


def packed(gaussians: Gaussians, embeddings: Floats, pool: ThreadPoolExecutor | None, threads: int) -> Floats:
    return packed_distances(embeddings, gaussians.mean.numpy(), gaussians.whitening.numpy(), pool, threads)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", range(1, 10))
def test_distances_are_scipys_for_every_batch_and_number_of_threads(
    pool: ThreadPoolExecutor, batch: int, threads: int
) -> None:
    seen, gaussians = fitted(7, 17)
    embeddings = seen[:batch] + np.random.RandomState(4).normal(0, 1, (batch, 7, 17)).astype(np.float32)
    found = packed(gaussians, embeddings, pool if threads > 1 else None, threads)
    for position in range(7):
        inverse = scipy.linalg.inv(np.cov(seen[:, position].astype(float), rowvar=False) + 0.02 * np.eye(17))
        mean = seen[:, position].astype(float).mean(axis=0, keepdims=True)
        expected = scipy.spatial.distance.cdist(embeddings[:, position], mean, "mahalanobis", VI=inverse)[:, 0]
        assert found[:, position] == pytest.approx(expected, rel=1e-4)
    reference = gaussians.distances(torch.from_numpy(embeddings)).numpy()
    assert found == pytest.approx(reference, rel=1e-5)


def test_the_default_length_of_100_numbers_is_exact_enough(pool: ThreadPoolExecutor) -> None:
    seen, gaussians = fitted(3, 100)
    reference = gaussians.distances(torch.from_numpy(seen)).numpy()
    assert packed(gaussians, seen, pool, 2) == pytest.approx(reference, rel=1e-4)


def test_threads_beyond_the_positions_have_nothing_to_do(pool: ThreadPoolExecutor) -> None:
    seen, gaussians = fitted(1, 4)
    assert np.array_equal(packed(gaussians, seen[:5], pool, 3), packed(gaussians, seen[:5], None, 1))


def test_a_batch_of_none_gives_none() -> None:
    seen, gaussians = fitted(2, 4)
    assert packed(gaussians, seen[:0], None, 1).shape == (0, 2)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_never_looks_normal(bad: float, batch: int) -> None:
    seen, gaussians = fitted(2, 4)
    embeddings = seen[:batch].copy()
    embeddings[0, 1, 2] = bad
    found = packed(gaussians, embeddings, None, 1)
    assert not np.isfinite(found[0, 1])
    assert np.isfinite(np.delete(found.ravel(), 1)).all()


def test_two_callers_at_once_get_each_their_own_distances(pool: ThreadPoolExecutor) -> None:
    seen, gaussians = fitted(60, 30)
    expected = packed(gaussians, seen, None, 1)
    with ThreadPoolExecutor(2) as callers:
        jobs = [callers.submit(packed, gaussians, seen[first:], pool, 2) for first in range(20)]
        for first, job in enumerate(jobs):
            assert job.result() == pytest.approx(expected[first:], rel=1e-6)


def test_without_a_cache_folder_the_kernel_compiles_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "a file"
    occupied.touch()
    monkeypatch.setenv("STILLWATCH_CACHE", str(occupied))
    seen, gaussians = fitted(2, 4)
    _kernel.cache_clear()
    try:
        found = packed(gaussians, seen, None, 1)
    finally:
        _kernel.cache_clear()
    assert found == pytest.approx(gaussians.distances(torch.from_numpy(seen)).numpy(), rel=1e-5)
    assert occupied.read_bytes() == b""
