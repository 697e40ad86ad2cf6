"""One Gaussian for each position, learned in one pass, in any order and in any parts.

Shapes: P positions (the h × w grid, row by row), D numbers an embedding, N fitting frames, B frames of one batch.
Triangles are packed row by row: (0,0), (1,0), (1,1), (2,0) … D(D+1)/2 numbers a position.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.errors import ModelError, ShapeError

__all__ = ["Gaussians", "Moments", "pack_triangle", "unpack_triangle"]

# Positions worked on at a time: a chunk of (D, D) products in float64 stays within the cores' caches.
CHUNK = 64
# Share of the mean square below which a variance is float32's rounding.
ROUNDING = 1e-9


@dataclass(slots=True)
class Moments:
    """Count, mean and centred second moments of each position (Chan, Golub, LeVeque 1979).

    Sums are float64: in float32, 200 frames merged in parts would differ by up to 3.8e-4 in distance. Memory is
    P·D·(D + 1)·8 bytes, whatever the number of frames.

    Attributes:
        count: N.
        mean: (P, D) float64.
        scatter: (P, D, D) float64, the sum of (x − mean)(x − mean)ᵀ.
    """

    count: int
    mean: Tensor
    scatter: Tensor

    @classmethod
    def empty(cls, positions: int, dims: int, device: torch.device | str = "cpu") -> Moments:
        """Moments of no frames."""
        mean = torch.zeros(positions, dims, dtype=torch.float64, device=device)
        scatter = torch.zeros(positions, dims, dims, dtype=torch.float64, device=device)
        return cls(0, mean, scatter)

    def to(self, device: torch.device | str) -> Moments:
        """A copy on a device."""
        return Moments(self.count, self.mean.to(device, copy=True), self.scatter.to(device, copy=True))

    def add(self, embeddings: Tensor) -> None:
        """Take in the frames of (B, P, D) embeddings.

        Raises:
            ShapeError: P or D differ from what was taken in before.
            ModelError: an embedding is not finite.
        """
        if embeddings.shape[1:] != self.mean.shape:
            raise ShapeError("the shape of an embedding", tuple(self.mean.shape), tuple(embeddings.shape[1:]))
        # A sum is finite only if all of it is, and costs a twentieth of asking each.
        if not bool(torch.isfinite(embeddings.sum())):
            raise ModelError("an embedding is not finite: the weights of the backbone are damaged; fetch them again.")
        batch = embeddings.shape[0]
        if batch == 0:
            return
        batch_mean = embeddings.mean(dim=0)
        shift = batch_mean - self.mean
        total = self.count + batch
        # The step between the two means enters as one more row, so that one product does the whole merge.
        step = (shift * (self.count * batch / total) ** 0.5).float()
        for begin in range(0, self.mean.shape[0], CHUNK):
            part = slice(begin, begin + CHUNK)
            rows = torch.cat([embeddings[:, part] - batch_mean[part], step[part].unsqueeze(0)]).transpose(0, 1)
            self.scatter[part] += torch.bmm(rows.transpose(1, 2), rows)
        self.mean += shift * (batch / total)
        self.count = total

    def merge(self, other: Moments) -> None:
        """Take in the frames of other moments, as if they had been added here."""
        if other.mean.shape != self.mean.shape:
            raise ShapeError("the shape of the moments", tuple(self.mean.shape), tuple(other.mean.shape))
        if other.count == 0:
            return
        total = self.count + other.count
        shift = other.mean - self.mean
        step = shift * (self.count * other.count / total) ** 0.5
        for begin in range(0, self.mean.shape[0], CHUNK):
            part = slice(begin, begin + CHUNK)
            self.scatter[part] += other.scatter[part] + step[part].unsqueeze(2) * step[part].unsqueeze(1)
        self.mean += shift * (other.count / total)
        self.count = total

    def remove(self, other: Moments) -> None:
        """Take out the frames of other moments, which are among those taken in here.

        What differs much from the rest has to have come in by `merge`: `add` rounds how far it is from the others.
        """
        rest = self.count - other.count
        shift = (self.mean - other.mean) * (self.count / rest)  # from the mean of those frames to that of the rest
        step = shift * (rest * other.count / self.count) ** 0.5
        for begin in range(0, self.mean.shape[0], CHUNK):
            part = slice(begin, begin + CHUNK)
            self.scatter[part] -= other.scatter[part] + step[part].unsqueeze(2) * step[part].unsqueeze(1)
        self.mean = other.mean + shift
        self.count = rest

    def mean_variance(self) -> float:
        """Feature variance, averaged over positions and numbers; 1 where all frames are the same picture.

        Equal pictures differ by rounding alone, which is no measure of anything.
        """
        variance = float(self.scatter.diagonal(dim1=1, dim2=2).mean()) / max(1, self.count - 1)
        return variance if variance > ROUNDING * float(self.mean.square().mean()) else 1.0

    def gaussians(self, epsilon: float, shrinkage: float = 0.0) -> Gaussians:
        """Gaussians with covariance (1 − shrinkage)·own + shrinkage·mean + epsilon·I.

        Own is scatter / (N − 1), the sample covariance; mean is the mean of it over all positions, which tells a
        position that saw little how features vary elsewhere in the scene.

        Args:
            epsilon: absolute.
            shrinkage: 0 (the paper) to 1.
        Raises:
            ModelError: fewer than two frames, or a covariance that is not positive definite (epsilon 0).
        """
        if self.count < 2:
            raise ModelError(f"{self.count} frames were seen, a covariance needs 2; fit on more footage.")
        positions, dims = self.mean.shape
        whitening = torch.empty(positions, dims * (dims + 1) // 2, dtype=torch.float32, device=self.mean.device)
        identity = torch.eye(dims, dtype=torch.float64, device=self.mean.device)
        mean = self.scatter.mean(dim=0)
        for begin in range(0, positions, CHUNK):
            part = slice(begin, begin + CHUNK)
            covariance = torch.lerp(self.scatter[part], mean, shrinkage) / (self.count - 1) + epsilon * identity
            factor, failed = torch.linalg.cholesky_ex(covariance)
            if bool(failed.any()):
                raise ModelError(
                    f"{self.count} frames do not determine {dims} numbers a position; choose an epsilon above 0."
                )
            inverse = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
            whitening[part] = pack_triangle(inverse).float()
        return Gaussians(self.mean.float(), whitening)


@dataclass(frozen=True, slots=True)
class Gaussians:
    """What scoring needs of the Gaussians.

    Attributes:
        mean: (P, D) float32.
        whitening: (P, D(D+1)/2) float32, the packed inverse of the covariance's lower Cholesky factor.
    """

    mean: Tensor
    whitening: Tensor

    def __post_init__(self) -> None:
        positions, dims = self.mean.shape
        expected = (positions, dims * (dims + 1) // 2)
        if tuple(self.whitening.shape) != expected:
            raise ShapeError("the shape of the whitening", expected, tuple(self.whitening.shape))

    def to(self, device: torch.device | str) -> Gaussians:
        """The same on a device."""
        return Gaussians(self.mean.to(device), self.whitening.to(device))

    @property
    def others(self) -> Tensor:
        """(4, P, D) what is usual at four other positions, for each position."""
        positions = self.mean.shape[0]
        return torch.stack([self.mean.roll(positions * part // 5, dims=0) for part in range(1, 5)])

    def distances(self, embeddings: Tensor) -> Tensor:
        """Mahalanobis distance of each position to its own Gaussian (PaDiM, eq. 2); the reference path.

        Args:
            embeddings: (B, P, D), on the device of the Gaussians.
        Returns:
            (B, P) float32, in standard deviations, never negative.
        """
        if embeddings.shape[1:] != self.mean.shape:
            raise ShapeError("the shape of an embedding", tuple(self.mean.shape), tuple(embeddings.shape[1:]))
        result = torch.empty(embeddings.shape[:2], dtype=torch.float32, device=embeddings.device)
        for begin in range(0, self.mean.shape[0], CHUNK):
            part = slice(begin, begin + CHUNK)
            matrices = unpack_triangle(self.whitening[part], self.mean.shape[1])
            delta = (embeddings[:, part] - self.mean[part]).permute(1, 2, 0)  # (P, D, B)
            result[:, part] = torch.bmm(matrices, delta).norm(dim=1).T
        return result


def pack_triangle(matrices: Tensor) -> Tensor:
    """Lower triangles of (P, D, D) as (P, D(D+1)/2)."""
    row, column = torch.tril_indices(matrices.shape[1], matrices.shape[1], device=matrices.device)
    return matrices[:, row, column]


def unpack_triangle(packed: Tensor, dims: int) -> Tensor:
    """Lower triangular (P, D, D) of packed triangles (P, D(D+1)/2)."""
    row, column = torch.tril_indices(dims, dims, device=packed.device)
    full = packed.new_zeros(packed.shape[0], dims, dims)
    full[:, row, column] = packed
    return full
