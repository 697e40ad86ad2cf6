"""What a fit learns of what moves: how it moves, and how it looks. Kept together, since frames enter and leave both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pipeline.model.motion import MotionGaussians, MotionMoments
from pipeline.model.movers import MoverMoments, Movers
from pipeline.types import CELL_PX, PLANES, Motion, Size
from pipeline.velocities import Velocities, velocities_of

__all__ = ["Moving", "cells_of", "seen_in", "shares_at"]


@dataclass(slots=True)
class Moving:
    """Moments of motion and of movers, of the same frames."""

    motion: MotionMoments
    movers: MoverMoments

    @classmethod
    def empty(cls, size: Size, grid: Size, dims: int, device: torch.device | str = "cpu") -> Self:
        """Moments of no frames, for model pictures of (H, W) and (h, w) positions."""
        return cls(MotionMoments.empty(cells_of(size)), MoverMoments.empty(grid, dims, device))

    def emptied(self) -> Self:
        """Moments of no frames, of the same shapes and in the same places."""
        (rows, columns), (row_cells, column_cells) = self.movers.present_s.shape, self.motion.weight.shape
        movers = MoverMoments.empty((rows, columns), self.movers.first.shape[1], self.movers.first.device)
        return type(self)(MotionMoments.empty((row_cells, column_cells)), movers)

    def add(self, embeddings: Tensor, planes: NDArray[np.uint8], step_s: float) -> None:
        """Take in B frames.

        Args:
            embeddings: (B, P, D).
            planes: (B, PLANES, H / 8, W / 8) uint8, as `seen_in` gives them.
            step_s: seconds from frame to frame.
        """
        seen = velocities_of(planes)
        self.motion.add(seen)
        rows, columns = self.movers.present_s.shape
        self.movers.add(embeddings, shares_at(seen, (rows, columns), embeddings.device), step_s)

    def merge(self, other: Moving) -> None:
        """Take in the frames of other moments."""
        self.motion.merge(other.motion)
        self.movers.merge(other.movers)

    def remove(self, other: Moving) -> None:
        """Take out the frames of other moments, which are among those taken in here."""
        self.motion.remove(other.motion)
        self.movers.remove(other.movers)

    def to(self, device: torch.device | str) -> Self:
        """A copy, with what is computed with embeddings on a device."""
        return type(self)(self.motion.copy(), self.movers.to(device))

    def learned(self, grid_px: int) -> tuple[Movers | None, MotionGaussians]:
        """What scoring needs of them."""
        return self.movers.movers(grid_px), self.motion.gaussians()


def cells_of(size: Size) -> Size:
    """(h, w) of the cells of a model picture of (H, W)."""
    return size[0] // CELL_PX, size[1] // CELL_PX


def seen_in(motions: Sequence[Motion | None], size: Size) -> NDArray[np.uint8]:
    """(B, PLANES, H / 8, W / 8) planes of frames; where no motion is known nothing moves."""
    nothing = np.zeros((PLANES, *cells_of(size)), np.uint8)
    return np.stack([nothing if motion is None else motion.planes for motion in motions])


def shares_at(seen: Velocities, grid: Size, device: torch.device | str = "cpu") -> Tensor:
    """(B, h, w) how much of each position moves."""
    shares = torch.from_numpy(seen.share).unsqueeze(1)
    return F.interpolate(shares, size=grid, mode="area").squeeze(1).to(device)
