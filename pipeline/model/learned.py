"""What a fit has learned of a camera: moments of its positions and of what moves there; and what scoring needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.model.gaussians import Gaussians, Moments
from pipeline.model.motion import MotionGaussians
from pipeline.model.movers import Movers
from pipeline.model.moving import Moving
from pipeline.model.settings import Settings
from pipeline.types import Size

__all__ = ["Known", "Learned"]


@dataclass(frozen=True, slots=True)
class Known:
    """What scoring needs of what was learned.

    Attributes:
        epsilon: what was added to the covariances' diagonals.
        gaussians: of the positions.
        movers: how what moves looks; None without motion, and where too little moved.
        motion: how it moves; None without motion.
    """

    epsilon: float
    gaussians: Gaussians
    movers: Movers | None
    motion: MotionGaussians | None


@dataclass(slots=True)
class Learned:
    """Moments of the same frames.

    Attributes:
        moments: of the positions' embeddings.
        moving: of what moves; None where motion is not looked at.
    """

    moments: Moments
    moving: Moving | None

    @classmethod
    def nothing(
        cls, size: Size, grid: Size, dims: int, device: torch.device | str = "cpu", *, motion: bool = False
    ) -> Self:
        """Of no frames, for model pictures of (H, W) and (h, w) positions."""
        moments = Moments.empty(grid[0] * grid[1], dims, device)
        return cls(moments, Moving.empty(size, grid, dims, device) if motion else None)

    def emptied(self) -> Self:
        """Of no frames, of the same shapes."""
        positions, dims = self.moments.mean.shape
        moments = Moments.empty(positions, dims, self.moments.mean.device)
        return type(self)(moments, None if self.moving is None else self.moving.emptied())

    def add(self, embeddings: Tensor, planes: NDArray[np.uint8], step_s: float) -> None:
        """Take in B frames; see `Moving.add`."""
        self.moments.add(embeddings)
        if self.moving is not None:
            self.moving.add(embeddings, planes, step_s)

    def merge(self, other: Learned) -> None:
        """Take in the frames of another."""
        self.moments.merge(other.moments)
        if self.moving is not None and other.moving is not None:
            self.moving.merge(other.moving)

    def remove(self, other: Learned) -> None:
        """Take out the frames of another, which were merged in; see `Moments.remove`."""
        self.moments.remove(other.moments)
        if self.moving is not None and other.moving is not None:
            self.moving.remove(other.moving)

    def known(self, settings: Settings) -> Known:
        """What scoring needs of it."""
        assert settings.shrinkage is not None
        epsilon = settings.epsilon.absolute(self.moments.mean_variance())
        gaussians = self.moments.gaussians(epsilon, settings.shrinkage)
        movers, motion = (None, None) if self.moving is None else self.moving.learned(settings.grid)
        return Known(epsilon, gaussians, movers, motion)
