"""What fits and calibration do, written as plainly as it is said: slow, and without the code it is held against."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray

from pipeline.lingering import LINGERING_S
from pipeline.model.smoothing import Smoothing
from pipeline.velocities import Velocities
from tests.pipeline.model.conftest import SIZE

Floats = NDArray[np.float64]

# Stamps are not quite even, so durations are met a twentieth of a second early.
EARLY_S, APART_S = 0.05, 5.0


def stretches(times_s: Sequence[float], gap_s: float) -> list[list[int]]:
    """Places of frames that follow one another without a gap, a falling time or a repeated one."""
    found: list[list[int]] = []
    for place, time_s in enumerate(times_s):
        if place and times_s[place - 1] < time_s <= times_s[place - 1] + gap_s:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def lingering(times_s: Sequence[float], cells: Sequence[Floats], gap_s: float) -> list[Floats | None]:
    """Least of each cell since the last frame that is `LINGERING_S` old, where there is one."""
    least: list[Floats | None] = []
    for stretch in stretches(times_s, gap_s):
        for number, place in enumerate(stretch):
            old = [then for then in stretch[: number + 1] if times_s[then] <= times_s[place] - LINGERING_S + EARLY_S]
            seen = stretch[stretch.index(old[-1]) : number + 1] if old else []
            least.append(np.min([cells[then] for then in seen], axis=0) if seen else None)
    return least


def lasting(times_s: Sequence[float], scores: Sequence[float], gap_s: float, duration_s: float) -> list[list[Floats]]:
    """For each stretch, (time, least score over the duration before it) of the frames that look back so far."""
    found = []
    for stretch in stretches(times_s, gap_s):
        rows = []
        for place in stretch:
            if times_s[place] - times_s[stretch[0]] < duration_s - EARLY_S:
                continue
            since_s = times_s[place] - duration_s - EARLY_S
            least = min(scores[then] for then in stretch if then <= place and times_s[then] >= since_s)
            rows.append(np.array([times_s[place], least]))
        found.append(rows)
    return found


def peaks(
    times_s: Sequence[float], scores: Sequence[float], gap_s: float, duration_s: float, most: int = 64
) -> list[float]:
    """The highest that lasted, then the highest more than five seconds from it or in another stretch, and so on."""
    rows = [
        (least, stretch, time_s)
        for stretch, lasted in enumerate(lasting(times_s, scores, gap_s, duration_s))
        for time_s, least in lasted
    ]
    if not rows:
        return [max(scores)] if len(scores) else []
    kept: list[tuple[float, int, float]] = []
    for row in sorted(rows, key=lambda row: -row[0]):
        if all(row[1] != other[1] or abs(row[2] - other[2]) > APART_S for other in kept):
            kept.append(row)
    return [least for least, _, _ in kept[:most]]


def clusters(places: NDArray[np.int64], apart: int) -> int:
    """How many groups of places there are, more than so far from each other."""
    far = [later for earlier, later in itertools.pairwise(places.tolist()) if later - earlier > apart]
    return len(far) + (1 if len(places) else 0)


def moments_of(seen: Velocities, rows: slice, columns: slice, least: float) -> tuple[float, Floats, Floats]:
    """Weight, (3,) mean and (3, 3) covariance of velocities and speeds in some cells, weighted by what moves there."""
    weights, values = [], []
    for place in itertools.product(
        range(len(seen.share)), range(*rows.indices(seen.share.shape[1])), range(*columns.indices(seen.share.shape[2]))
    ):
        if seen.share[place] > least:
            weights.append(float(seen.share[place]))
            values.append([float(part[place]) for part in (seen.across, seen.down, seen.speed)])
    if not weights:
        return 0.0, np.zeros(3), np.zeros((3, 3))
    mean = np.average(values, axis=0, weights=weights)
    covariance = np.cov(np.array(values).T, aweights=weights, ddof=0)
    return sum(weights), mean, covariance


@dataclass(frozen=True)
class HeldOut:
    """Frames that are scored by a model of others.

    Attributes:
        scored, seen: their places in the footage, and those that the model learned from.
    """

    scored: NDArray[np.int64]
    seen: NDArray[np.int64]


def folds_of(frames: int) -> list[HeldOut]:
    """Eight runs of the first frames, as even as can be, each with all the others."""
    every = np.arange(frames)
    bounds = [frames * fold // 8 for fold in range(9)]
    parts = [every[begin:end] for begin, end in itertools.pairwise(bounds)]
    return [HeldOut(part, np.setdiff1d(every, part)) for part in parts]


def later_blocks(edges: Sequence[int]) -> list[HeldOut]:
    """Each block with all that came before it."""
    return [HeldOut(np.arange(begin, end), np.arange(begin)) for begin, end in itertools.pairwise(edges)]


def maps_of(embeddings: Floats, held_out: HeldOut, shrinkage: float, sigma_px: float = 4.0) -> Floats:
    """(B, H, W) anomaly maps of the scored frames; every covariance from the seen ones, inverted, in float64."""
    seen, scored = embeddings[held_out.seen], embeddings[held_out.scored]
    own = np.stack([np.cov(seen[:, position], rowvar=False) for position in range(seen.shape[1])])
    variance = float(np.einsum("pdd->pd", own).mean())
    # Of equal pictures, which differ by rounding, it is taken as 1.
    epsilon = 0.1 * (variance if variance > 1e-9 * np.square(seen).mean() else 1)
    covariance = (1 - shrinkage) * own + shrinkage * own.mean(axis=0) + epsilon * np.eye(own.shape[1])
    delta = scored - seen.mean(axis=0)
    inverse = np.stack([scipy.linalg.inv(one) for one in covariance])
    distances = np.sqrt(np.einsum("npd,pde,npe->np", delta, inverse, delta))
    grid = torch.from_numpy(distances.reshape(-1, 6, 8).astype(np.float32))
    return Smoothing((6, 8), SIZE, sigma_px).reference(grid).double().numpy()


def scores_in(maps: Floats) -> list[float]:
    scores: list[float] = maps.max(axis=(1, 2)).tolist()
    return scores


def cells_in(maps: Floats) -> Floats:
    """(B, H / 8, W / 8) the highest of each 8 × 8 pixels."""
    cells: Floats = maps.reshape(len(maps), SIZE[0] // 8, 8, SIZE[1] // 8, 8).max(axis=(2, 4))
    return cells
