"""Embeddings to scores, for one camera: what engines have in common, whatever computes their distances."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from pipeline.model.padim import Scores
from pipeline.model.smoothing import Smoothing

__all__ = ["ScoredPart", "Scorer"]


class Scorer(ABC):
    """Embeddings to scores, for one camera's Gaussians. Tensors are on the engine's device.

    Attributes:
        smoothing: how its distances become anomaly maps.
        visible: (H, W) false where a mask lies; None for no mask.
    """

    smoothing: Smoothing
    visible: Tensor | None

    @property
    @abstractmethod
    def tensors(self) -> Sequence[Tensor]:
        """What it holds in memory."""

    @abstractmethod
    def distances(self, embeddings: Tensor) -> Tensor:
        """(B, P) float32 distances of (B, P, D) float32 embeddings to the positions' own Gaussians."""

    @abstractmethod
    def nearer(self, embeddings: Tensor, own: Tensor) -> Tensor | None:
        """(B, P) the nearer of those distances and those to what moves; None for a camera without movers."""

    @abstractmethod
    def scores(self, distances: Tensor, smoothing: Smoothing) -> Scores:
        """Scores of (B, h, w) float32 distances of any kind, smoothed as this engine does, under this camera's mask.

        Args:
            smoothing: for their grid.
        """

    def __call__(self, embeddings: Tensor) -> Scores:
        """Scores of (B, P, D) float32 embeddings: at a moment by the nearer distance, where it stays by the own one."""
        own = self.distances(embeddings)
        nearer = self.nearer(embeddings, own)
        return self._scores(own) if nearer is None else replace(self._scores(nearer), still=self._scores(own).cells)

    def _scores(self, distances: Tensor) -> Scores:
        return self.scores(distances.reshape(-1, *self.smoothing.grid), self.smoothing)


# A camera's scorer, and how many embeddings are its own.
ScoredPart = tuple[Scorer, int]
