"""The torch engine: the reference on a CPU, and what runs on a GPU."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.gaussians import Gaussians, unpack_triangle
from pipeline.model.padim import Scores, scores_of
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
            embeddings: Tensor = self._network(torch.from_numpy(frames).to(self.device)).float()
        return embeddings

    def scorer(self, gaussians: Gaussians, smoothing: Smoothing, mask: NDArray[np.bool_] | None) -> TorchScorer:
        """Make Gaussians ready for scoring."""
        return TorchScorer(gaussians, smoothing, mask, self.device, DTYPES[self.precision])


class TorchScorer:
    """Distances as one matrix product for each position, maps by kornia."""

    def __init__(
        self,
        gaussians: Gaussians,
        smoothing: Smoothing,
        mask: NDArray[np.bool_] | None,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._mean = gaussians.mean.to(device)
        dims = gaussians.mean.shape[1]
        self._whitening = unpack_triangle(gaussians.whitening.to(device), dims).to(dtype)
        self._smoothing = smoothing
        self._visible = None if mask is None else torch.from_numpy(~mask).to(device)

    def __call__(self, embeddings: Tensor) -> Scores:
        """Scores of (B, P, D) float32 embeddings."""
        with torch.inference_mode():
            delta = (embeddings - self._mean).permute(1, 2, 0).to(self._whitening.dtype)  # (P, D, B)
            white = torch.bmm(self._whitening, delta)
            distances = torch.linalg.vector_norm(white, dim=1, dtype=torch.float32).T
            maps = self._smoothing.reference(distances.reshape(-1, *self._smoothing.grid))
            return scores_of(maps, self._visible)
