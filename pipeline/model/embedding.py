"""From pictures to embeddings: a backbone's taps brought to one grid, and D of their channels.

Joining as in the paper: taps coarser than the grid repeat their nearest value; finer ones (grid 8) are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.model.backbones import Backbone, build_backbone
from pipeline.model.settings import Settings
from pipeline.model.weights import Progress
from pipeline.types import Size

__all__ = ["EmbeddingNetwork", "network_of", "pick_channels"]


def network_of(
    settings: Settings, channels: Sequence[int] | None = None, progress: Progress | None = None
) -> tuple[EmbeddingNetwork, Settings]:
    """The network that settings describe, and the settings with taps and grid resolved.

    Args:
        settings: backbone, weights, taps, dims, seed and grid are used.
        channels: those of a fitted model; None to pick them.
        progress: of a download of weights.
    """
    backbone = build_backbone(
        settings.backbone, weights=settings.weights, taps=settings.taps, seed=settings.seed, progress=progress
    )
    if channels is None:
        channels = pick_channels(sum(tap.channels for tap in backbone.taps), settings.dims, settings.seed)
    # A grid finer than the finest tap would only repeat positions.
    grid = max(settings.grid, min(tap.stride for tap in backbone.taps))
    taps = tuple(tap.name for tap in backbone.taps)
    return EmbeddingNetwork(backbone, channels, grid), settings.with_changes(taps=taps, grid=grid)


def pick_channels(total: int, dims: int | None, seed: int) -> tuple[int, ...]:
    """`dims` of `total` channels at random, in rising order; all of them for None.

    RandomState's stream never changes, so a seed picks the same channels on every machine and in every version.

    >>> pick_channels(176, 5, seed=0)
    (54, 55, 63, 122, 149)

    Raises:
        ConfigError: more channels are asked for than there are.
    """
    if dims is None:
        return tuple(range(total))
    if not 0 < dims <= total:
        raise ConfigError(f"--dims is {dims}, the chosen taps have {total} channels; choose 1 to {total}, or all.")
    return tuple(int(channel) for channel in np.sort(np.random.RandomState(seed).permutation(total)[:dims]))


class EmbeddingNetwork(nn.Module):
    """Backbone, join and choice of channels as one module, so that an engine compiles them together.

    Args:
        backbone: frozen network with taps.
        channels: chosen channels, counted over the joined taps, rising.
        grid: stride of the grid of positions, in pixels of the model picture.
    """

    def __init__(self, backbone: Backbone, channels: Sequence[int], grid: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.channels = tuple(channels)
        self.grid = grid
        self._picks: list[tuple[int, str]] = []
        first = 0
        for number, tap in enumerate(backbone.taps):
            chosen = [channel - first for channel in channels if first <= channel < first + tap.channels]
            first += tap.channels
            if chosen:
                self.register_buffer(f"chosen_{number}", torch.tensor(chosen), persistent=False)
                self._picks.append((number, f"chosen_{number}"))
        self.eval().requires_grad_(False)

    def positions(self, size: Size) -> Size:
        """(h, w) of the grid for pictures of (H, W)."""
        return size[0] // self.grid, size[1] // self.grid

    def forward(self, frames: Tensor) -> Tensor:
        """(B, P, D) embeddings of (B, H, W, 3) uint8 RGB frames."""
        features = self.backbone(frames.permute(0, 3, 1, 2).float().div(255))
        parts = [self._on_grid(features[number][:, self.get_buffer(name)], number) for number, name in self._picks]
        return torch.cat(parts, dim=1).flatten(2).transpose(1, 2)

    def _on_grid(self, feature: Tensor, number: int) -> Tensor:
        stride = self.backbone.taps[number].stride
        if stride < self.grid:
            return F.avg_pool2d(feature, self.grid // stride)
        if stride > self.grid:
            return F.interpolate(feature, scale_factor=float(stride // self.grid), mode="nearest")
        return feature
