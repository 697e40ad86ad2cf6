"""Mahalanobis distances on a CPU: packed triangles read once for several frames, positions split over threads.

The triangles are what costs: 27 MB for the default model, more than the caches hold, against 0.5 MB for a frame's
embeddings. So each triangle serves four frames at a time while it is in the nearest cache. numba compiles the loop
to vector instructions; it holds no lock, and the threads are ours (numba's own abort when two callers meet).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import cast

import numba
import numpy as np
from numpy.typing import NDArray

from pipeline.files import cache_folder

__all__ = ["packed_distances"]

Floats = NDArray[np.float32]
Kernel = Callable[[Floats, Floats, Floats, Floats, int, int], None]

# Sums may be taken in any order, which is what lets them be vectors; nothing is assumed about NaN and infinity.
FASTMATH = {"reassoc", "contract", "nsz"}


def packed_distances(
    embeddings: Floats, mean: Floats, whitening: Floats, pool: ThreadPoolExecutor | None, threads: int
) -> Floats:
    """(B, P) distances, equal to `Gaussians.distances` to rounding.

    Args:
        embeddings: (B, P, D), C-contiguous.
        mean: (P, D).
        whitening: (P, D(D+1)/2).
        pool: runs the parts; None with one thread.
        threads: parts the positions are split into.
    """
    batch, positions, _ = embeddings.shape
    distances = np.empty((batch, positions), np.float32)
    kernel = _kernel()
    if pool is None:
        kernel(embeddings, mean, whitening, distances, 0, positions)
        return distances
    edges = [positions * part // threads for part in range(threads + 1)]
    parts = itertools.pairwise(edges)
    for done in [pool.submit(kernel, embeddings, mean, whitening, distances, *part) for part in parts]:
        done.result()
    return distances


@cache
def _kernel() -> Kernel:
    """The compiled loop; the machine code is kept on disk where the cache folder can be written."""
    try:
        folder = cache_folder() / "numba"
        folder.mkdir(parents=True, exist_ok=True)
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # settings are set on the module at run time
        return _compiled(cached=True)
    except (OSError, RuntimeError):  # a read-only home costs some seconds at each start, nothing else
        return _compiled(cached=False)


def _compiled(*, cached: bool) -> Kernel:
    return cast("Kernel", numba.njit(_distances, cache=cached, nogil=True, fastmath=FASTMATH))


def _distances(
    embeddings: Floats, mean: Floats, whitening: Floats, distances: Floats, begin: int, end: int
) -> None:  # pragma: no cover  (compiled)
    """Fill distances[:, begin:end]."""
    batch, _, dims = embeddings.shape
    fours = batch - batch % 4
    delta = np.empty((4, dims), np.float32)
    for position in range(begin, end):
        for frame in range(0, fours, 4):
            for number in range(dims):
                for lane in range(4):
                    delta[lane, number] = embeddings[frame + lane, position, number] - mean[position, number]
            total0 = total1 = total2 = total3 = np.float32(0)
            first = 0
            for row in range(dims):
                sum0 = sum1 = sum2 = sum3 = np.float32(0)
                for column in range(row + 1):
                    weight = whitening[position, first + column]
                    sum0 += weight * delta[0, column]
                    sum1 += weight * delta[1, column]
                    sum2 += weight * delta[2, column]
                    sum3 += weight * delta[3, column]
                first += row + 1
                total0 += sum0 * sum0
                total1 += sum1 * sum1
                total2 += sum2 * sum2
                total3 += sum3 * sum3
            distances[frame, position] = np.sqrt(total0)
            distances[frame + 1, position] = np.sqrt(total1)
            distances[frame + 2, position] = np.sqrt(total2)
            distances[frame + 3, position] = np.sqrt(total3)
        for frame in range(fours, batch):
            for number in range(dims):
                delta[0, number] = embeddings[frame, position, number] - mean[position, number]
            total = np.float32(0)
            first = 0
            for row in range(dims):
                single = np.float32(0)
                for column in range(row + 1):
                    single += whitening[position, first + column] * delta[0, column]
                first += row + 1
                total += single * single
            distances[frame, position] = np.sqrt(total)
