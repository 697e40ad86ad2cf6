"""The torch engine: the reference on a CPU, and what runs on a GPU."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.gaussians import Gaussians, unpack_triangle
from pipeline.model.movers import Movers
from pipeline.model.padim import Scores, scores_of
from pipeline.model.scorer import ScoredPart, Scorer
from pipeline.model.settings import Precision
from pipeline.model.smoothing import Smoothing
from pipeline.types import Image

__all__ = ["TorchEngine"]

DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT16: torch.float16,
}


class TorchEngine:
    """See `pipeline.model.engine.Engine`."""

    def __init__(self, network: EmbeddingNetwork, device: torch.device, precision: Precision) -> None:
        self.device, self.precision = device, precision
        # The network may serve several engines, and `to` changes a module in place.
        network = copy.deepcopy(network).to(device).to(memory_format=torch.channels_last)
        network.backbone.layers.to(DTYPES[precision])
        self._network = network

    def embed(self, frames: Image) -> Tensor:
        """(B, P, D) float32 embeddings of (B, H, W, 3) uint8 RGB frames."""
        # cuDNN would round float32 products to TF32, ten bits, unless told not to.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            embeddings: Tensor = self._network(self._uploaded(frames)).float()
        return embeddings

    def scorer(
        self,
        gaussians: Gaussians,
        smoothing: Smoothing,
        mask: NDArray[np.bool_] | None,
        movers: Movers | None = None,
    ) -> TorchScorer:
        """Make Gaussians ready for scoring."""
        return TorchScorer(gaussians, smoothing, mask, movers, self.device, DTYPES[self.precision])

    def score(self, embeddings: Tensor, parts: Sequence[ScoredPart]) -> list[Scores]:
        """Scores of several cameras' embeddings.

        Telling a GPU what to do takes longer here than doing it: what is the same for all cameras is done once for
        all, and the results come back in one piece.
        """
        split = torch.split(embeddings, [count for _, count in parts])
        own = [scorer.distances(part) for (scorer, _), part in zip(parts, split, strict=True)]
        nearer = [scorer.nearer(part, far) for (scorer, _), part, far in zip(parts, split, own, strict=True)]
        moments = [far if near is None else near for far, near in zip(own, nearer, strict=True)]
        scores = _scores_of_all(moments, parts)
        excused = [place for place, near in enumerate(nearer) if near is not None]
        still = _scores_of_all([own[place] for place in excused], [parts[place] for place in excused])
        for place, one in zip(excused, still, strict=True):
            scores[place] = replace(scores[place], still=one.cells)
        return scores

    def _uploaded(self, frames: Image) -> Tensor:
        """Frames on the device; a GPU takes them from page-locked memory, while the processor goes on."""
        pixels = torch.from_numpy(frames)
        return (pixels.pin_memory() if self.device.type == "cuda" else pixels).to(self.device, non_blocking=True)


class TorchScorer(Scorer):
    """Distances as one matrix product for each position, maps by kornia."""

    def __init__(
        self,
        gaussians: Gaussians,
        smoothing: Smoothing,
        mask: NDArray[np.bool_] | None,
        movers: Movers | None,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._mean, self._whitening = _matrices(gaussians, device, dtype)
        self._movers = None if movers is None else movers.to(device)
        self._rows = None if movers is None else _matrices(movers.gaussians, device, dtype)
        self.smoothing = smoothing
        self.visible = None if mask is None else torch.from_numpy(~mask).to(device)

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds in memory."""
        held = [self._mean, self._whitening, *([] if self._rows is None else self._rows)]
        held += [] if self._movers is None else [self._movers.factors]
        return held if self.visible is None else [*held, self.visible]

    def distances(self, embeddings: Tensor) -> Tensor:
        """(B, P) float32 distances of (B, P, D) float32 embeddings to the positions' own Gaussians."""
        with torch.inference_mode():
            return _distances(embeddings, self._mean, self._whitening)

    def nearer(self, embeddings: Tensor, own: Tensor) -> Tensor | None:
        """(B, P) the nearer of those and the distances to what moves; None without movers."""
        if self._movers is None or self._rows is None:
            return None
        with torch.inference_mode():
            return self._movers.nearer(own, _distances(self._movers.by_rows(embeddings), *self._rows))

    def scores(self, distances: Tensor, smoothing: Smoothing) -> Scores:
        """Scores of (B, h, w) distances of any kind."""
        return _scores(distances, smoothing, self.visible)


def _matrices(gaussians: Gaussians, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Means, and whole matrices of the packed triangles."""
    whole = unpack_triangle(gaussians.whitening.to(device), gaussians.mean.shape[1])
    return gaussians.mean.to(device), whole.to(dtype)


def _distances(embeddings: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    delta = (embeddings - mean).permute(1, 2, 0).to(whitening.dtype)  # (P, D, B)
    white = torch.bmm(whitening, delta)
    distances: Tensor = torch.linalg.vector_norm(white, dim=1, dtype=torch.float32)
    return distances.T


def _scores(grids: Tensor, smoothing: Smoothing, visible: Tensor | None) -> Scores:
    with torch.inference_mode():
        return scores_of(smoothing.reference(grids), visible)


def _scores_of_all(distances: Sequence[Tensor], parts: Sequence[ScoredPart]) -> list[Scores]:
    """Scores of several cameras' (B, P) distances; those that are smoothed alike go together."""
    scores: dict[int, Scores] = {}
    for smoothing in {scorer.smoothing for scorer, _ in parts}:
        alike = [place for place, (scorer, _) in enumerate(parts) if scorer.smoothing == smoothing]
        grids = torch.cat([distances[place] for place in alike]).reshape(-1, *smoothing.grid)
        joined = _scores(grids, smoothing, _visible([parts[place] for place in alike]))
        scores.update(zip(alike, joined.split([parts[place][1] for place in alike]), strict=True))
    return [scores[place] for place in range(len(parts))]


def _visible(parts: Sequence[ScoredPart]) -> Tensor | None:
    """What the masks of several cameras leave, a picture for each of their frames; None where there is no mask."""
    known = next((scorer.visible for scorer, _ in parts if scorer.visible is not None), None)
    if known is None:
        return None
    everything = torch.ones_like(known)
    return torch.cat(
        [
            (everything if scorer.visible is None else scorer.visible).expand(count, *known.shape)
            for scorer, count in parts
        ]
    )
