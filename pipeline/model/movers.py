"""How things look that move: Gaussians of the embeddings in which something moves, one for each row of the grid.

People come to every place of a walkway, but not within the minutes that a camera was watched: where few were seen, the
next one is far from the position's own Gaussian, and as far as anything that does not belong there. So at a moment an
embedding is judged by the nearer of two: the position's own Gaussian, and that of all that moved in rows like its own.
It is no nearer for that where hours of footage saw nobody: who comes there is news; and movers excuse nothing that
stays (docs/decisions/0009-motion.md).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.model.gaussians import Gaussians, pack_triangle
from pipeline.model.motion import MOVES
from pipeline.types import Size

__all__ = ["MoverMoments", "Movers"]

# Rows within so many pixels of the model picture look alike; so many embeddings weigh as much as those of all rows.
ROW_PX, PRIOR = 16, 2000.0
# So many embeddings it takes, for each number of one, before movers are known at all.
LEAST_EACH = 10
# Added to each variance, as a share of the mean variance of what moves.
EPSILON = 0.1
# A mover's distance counts so many times, since its Gaussian is wider than a position's.
WIDER = 1.6
# Where nobody moved for so much footage, a mover's distance counts twice; a second of presence takes half of that back.
NEWS_S, PRESENT_S = 7200.0, 1.0


@dataclass(slots=True)
class MoverMoments:
    """Sums over what moved; they add up in any order.

    Attributes:
        count: (h,) float64 embeddings of each row.
        first: (h, D) float64 their sums.
        second: (h, D, D) float64 the sums of their products.
        present_s: (h, w) float64 seconds in which something moved at each position.
        seconds: of all footage.
    """

    count: Tensor
    first: Tensor
    second: Tensor
    present_s: Tensor
    seconds: Tensor

    @classmethod
    def empty(cls, grid: Size, dims: int, device: torch.device | str = "cpu") -> Self:
        """Moments of no frames."""
        shapes = ((grid[0],), (grid[0], dims), (grid[0], dims, dims), grid, ())
        return cls(*(torch.zeros(shape, dtype=torch.float64, device=device) for shape in shapes))

    def add(self, embeddings: Tensor, shares: Tensor, step_s: float) -> None:
        """Take in B frames.

        Args:
            embeddings: (B, P, D).
            shares: (B, h, w) how much of each position moves, 0 to 1.
            step_s: seconds from frame to frame.
        """
        rows = embeddings.reshape(*shares.shape, -1)
        moves = shares > MOVES
        for row in moves.any(dim=(0, 2)).nonzero().flatten().tolist():
            seen = rows[:, row][moves[:, row]]
            self.count[row] += len(seen)
            self.first[row] += seen.sum(dim=0)
            self.second[row] += seen.T @ seen
        self.present_s += step_s * shares.sum(dim=0)
        self.seconds += step_s * len(embeddings)

    def merge(self, other: MoverMoments) -> None:
        """Take in the frames of other moments."""
        for field in fields(self):
            getattr(self, field.name).add_(getattr(other, field.name))

    def remove(self, other: MoverMoments) -> None:
        """Take out the frames of other moments, which are among those taken in here."""
        for field in fields(self):
            getattr(self, field.name).sub_(getattr(other, field.name))

    def to(self, device: torch.device | str) -> Self:
        """A copy on a device."""
        return type(self)(*(getattr(self, field.name).to(device, copy=True) for field in fields(self)))

    def movers(self, grid_px: int) -> Movers | None:
        """Movers of the scene; None where too few were seen to tell how they look.

        Args:
            grid_px: stride of the grid of positions.
        """
        rows, dims = self.first.shape
        total = self.count.sum()
        if total < LEAST_EACH * dims:
            return None
        mean, covariance = _gaussian(total, self.first.sum(dim=0), self.second.sum(dim=0))
        band = _band(rows, max(1, ROW_PX // grid_px)).to(self.count)
        counts = band @ self.count
        own_mean, own = _gaussian(counts, band @ self.first, torch.einsum("rs,sij->rij", band, self.second))
        weight = (counts / (counts + PRIOR)).unsqueeze(1)
        means = torch.lerp(mean.expand_as(own_mean), own_mean, weight)
        identity = torch.eye(dims, dtype=torch.float64, device=self.count.device)
        wider = EPSILON * covariance.diagonal().mean() * identity
        factor = torch.linalg.cholesky(torch.lerp(covariance.expand_as(own), own, weight.unsqueeze(2)) + wider)
        inverse = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
        return Movers(Gaussians(means.float(), pack_triangle(inverse).float()), self._factors().float())

    def _factors(self) -> Tensor:
        near = F.avg_pool2d(self.present_s[None, None], 3, 1, 1, divisor_override=1)[0, 0].clamp_(min=0)
        news = self.seconds / NEWS_S * PRESENT_S / (near + PRESENT_S)
        return WIDER * (1 + news).flatten()


@dataclass(frozen=True, slots=True)
class Movers:
    """What scoring needs of what moves.

    Attributes:
        gaussians: of the h rows.
        factors: (P,) float32 how many times a distance to them counts at each position.
    """

    gaussians: Gaussians
    factors: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds in memory."""
        return [self.gaussians.mean, self.gaussians.whitening, self.factors]

    def to(self, device: torch.device | str) -> Movers:
        """The same on a device."""
        return Movers(self.gaussians.to(device), self.factors.to(device))

    def by_rows(self, embeddings: Tensor) -> Tensor:
        """(B·w, h, D) of (B, P, D) embeddings: what the rows' Gaussians take."""
        batch, positions, dims = embeddings.shape
        rows = self.gaussians.mean.shape[0]
        return embeddings.reshape(batch, rows, positions // rows, dims).transpose(1, 2).reshape(-1, rows, dims)

    def nearer(self, own: Tensor, by_rows: Tensor) -> Tensor:
        """(B, P) the nearer of a position's own distance and that to what moves.

        Args:
            own: (B, P) distances to the positions' own Gaussians.
            by_rows: (B·w, h) distances of `by_rows` to the rows' Gaussians.
        """
        batch, positions = own.shape
        rows = by_rows.shape[1]
        moving = by_rows.reshape(batch, positions // rows, rows).transpose(1, 2).reshape(batch, positions)
        return torch.minimum(own, moving * self.factors)


def _gaussian(count: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Means and covariances of sums; zeros where nothing was counted."""
    seen = count.clamp(min=1.0).unsqueeze(-1)
    mean = first / seen
    return mean, second / seen.unsqueeze(-1) - mean.unsqueeze(-1) * mean.unsqueeze(-2)


def _band(rows: int, half: int) -> Tensor:
    """(h, h) 1 where two rows are within so many of each other."""
    places = torch.arange(rows)
    return ((places.unsqueeze(0) - places.unsqueeze(1)).abs() <= half).double()
