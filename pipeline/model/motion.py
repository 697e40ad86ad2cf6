"""What moves normally where: Gaussians of the speeds and velocities of each cell, and how far others are from them.

Shapes: cells are (h, w), one for each 8×8 pixels of the model picture; B frames. Velocities are pixels of the model
picture a second. What counts is what moves: a cell's moments are weighted by the share of it that does, and a cell in
which nothing moves is at no distance. Speed and velocity are judged apart, by two distances: legs and crowds make
directions uncertain, and together the one would drown the other (docs/decisions/0009-motion.md).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError, ShapeError
from pipeline.types import Size
from pipeline.velocities import LEAST_PX_S, Velocities

__all__ = ["MOVES", "MotionGaussians", "MotionMoments"]

Floats = NDArray[np.float32]
Sums = NDArray[np.float64]

# Shares below it are specks; from the other on a cell is taken for moving altogether.
SPECK, MOVES = 0.05, 0.3
# So many frames in which a cell moved weigh as much as what all cells together say.
PRIOR = 30.0
# Added to each variance, as a share of the variance over all cells.
EPSILON = 0.1


@dataclass(slots=True)
class MotionMoments:
    """Weighted sums of what moved, for each cell; they add up in any order.

    Attributes:
        weight: (h, w) shares of the cell that moved, summed over frames.
        first: (h, w, 3) sums of velocity across and down, and of speed.
        second: (h, w, 4) sums of across², down², across·down and speed².
    """

    weight: Sums
    first: Sums
    second: Sums

    @classmethod
    def empty(cls, cells: Size) -> Self:
        """Moments of no frames."""
        return cls(np.zeros(cells), np.zeros((*cells, 3)), np.zeros((*cells, 4)))

    def add(self, seen: Velocities) -> None:
        """Take in B frames."""
        if seen.share.shape[1:] != self.weight.shape:
            raise ShapeError("the shape of motion", self.weight.shape, seen.share.shape[1:])
        weight = np.where(seen.share > SPECK, seen.share, 0).astype(np.float64)
        across, down, speed = (part.astype(np.float64) for part in (seen.across, seen.down, seen.speed))
        self.weight += weight.sum(axis=0)
        for sums, parts in (
            (self.first, (across, down, speed)),
            (self.second, (across * across, down * down, across * down, speed * speed)),
        ):
            for number, part in enumerate(parts):
                sums[..., number] += (part * weight).sum(axis=0)

    def merge(self, other: MotionMoments) -> None:
        """Take in the frames of other moments."""
        for field in fields(self):
            getattr(self, field.name)[:] += getattr(other, field.name)

    def remove(self, other: MotionMoments) -> None:
        """Take out the frames of other moments, which are among those taken in here."""
        for field in fields(self):
            getattr(self, field.name)[:] -= getattr(other, field.name)

    def copy(self) -> Self:
        """Moments of the same frames."""
        return type(self)(self.weight.copy(), self.first.copy(), self.second.copy())

    def gaussians(self) -> MotionGaussians:
        """Gaussians of each cell's surroundings, drawn towards those of all cells where a cell saw little."""
        everywhere = (
            np.maximum(self.weight.sum(), 0.0),
            self.first.sum(axis=(0, 1)),
            self.second.sum(axis=(0, 1)),
        )
        scene_mean, scene_covariance = _moments_of(everywhere[0], everywhere[1], everywhere[2])
        weight, first, second = (_around(sums) for sums in (self.weight, self.first, self.second))
        mean, covariance = _moments_of(weight, first, second)
        own = (weight / (weight + PRIOR))[..., np.newaxis]
        mean = own * mean + (1 - own) * scene_mean
        covariance = own * covariance + (1 - own) * scene_covariance
        covariance[..., [0, 1, 3]] += EPSILON * scene_covariance[[0, 1, 3]] + LEAST_PX_S**2 * SPECK
        return MotionGaussians(mean.astype(np.float32), _whitening(covariance).astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class MotionGaussians:
    """What scoring needs of the Gaussians of motion.

    Attributes:
        mean: (h, w, 3) float32 velocity across and down, and speed.
        whitening: (h, w, 4) float32: the three numbers of the lower triangle that whitens velocities, row by row, and
            the one that whitens speeds.
    """

    mean: Floats
    whitening: Floats

    def __post_init__(self) -> None:
        if self.mean.shape[2:] != (3,) or self.whitening.shape != (*self.mean.shape[:2], 4):
            raise ShapeError("the shape of the whitening of motion", (*self.mean.shape[:2], 4), self.whitening.shape)

    def distances(self, seen: Velocities) -> Floats:
        """(2, B, h, w) distances of speeds and of velocities, in standard deviations; 0 where nothing moves."""
        if seen.share.shape[1:] != self.mean.shape[:2]:
            raise ShapeError("the shape of motion", self.mean.shape[:2], seen.share.shape[1:])
        moves = np.minimum(np.where(seen.share > SPECK, seen.share, np.float32(0)) / np.float32(MOVES), np.float32(1))
        across, down, speed = (
            seen.across - self.mean[..., 0],
            seen.down - self.mean[..., 1],
            seen.speed - self.mean[..., 2],
        )
        first = self.whitening[..., 0] * across
        second = self.whitening[..., 1] * across + self.whitening[..., 2] * down
        return np.stack([np.abs(self.whitening[..., 3] * speed), np.sqrt(first * first + second * second)]) * moves


def _moments_of(weight: Sums, first: Sums, second: Sums) -> tuple[Sums, Sums]:
    """Means, and across², down², across·down and speed² about them; 0 where nothing moved."""
    seen = np.maximum(weight, 1e-9)[..., np.newaxis]
    mean = np.asarray(first / seen)
    across, down, speed = np.moveaxis(mean, -1, 0)
    return mean, second / seen - np.stack([across * across, down * down, across * down, speed * speed], axis=-1)


def _whitening(covariance: Sums) -> Sums:
    """(h, w, 4): inverse Cholesky factors of 2×2 covariances, and the inverse deviation of speeds."""
    across, down, both, speed = np.moveaxis(covariance, -1, 0)
    if not (across > 0).all():
        raise ModelError("the moments of motion are damaged; fit the model again.")
    first = np.sqrt(across)
    lower = both / first
    second = np.sqrt(np.maximum(down - lower * lower, 1e-9))
    return np.stack([1 / first, -lower / (first * second), 1 / second, 1 / np.sqrt(speed)], axis=-1)


def _around(sums: Sums) -> Sums:
    """Sums over each cell and its eight neighbours."""
    return np.asarray(cv2.boxFilter(sums, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT))
