"""The fitted model of one camera, and what it says about pictures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pipeline.model.blocks import Block
from pipeline.model.gaussians import Gaussians, Moments
from pipeline.model.masks import read_mask
from pipeline.model.motion import MotionGaussians
from pipeline.model.movers import Movers
from pipeline.model.moving import Moving
from pipeline.model.settings import Precision, Settings
from pipeline.model.smoothing import Smoothing
from pipeline.model.threshold import Threshold
from pipeline.types import CELL_PX, Geometry, Size

__all__ = ["Evidence", "Model", "Scores", "scores_of"]


class Evidence(StrEnum):
    """What a score may be of."""

    COMBINED = "combined"
    APPEARANCE = "appearance"
    MOTION = "motion"


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that scoring a camera needs, and where it came from.

    Attributes:
        settings: choices that change a score, taps resolved.
        geometry: how source pictures become model pictures.
        source_size: (H, W) of the pictures it was fitted on.
        weights_digest: digest of the backbone's weights.
        channels: channels of the joined taps that make an embedding, rising.
        gaussians: on the CPU.
        epsilon: what was added to the covariances' diagonals.
        threshold: from held-out blocks.
        blocks: tails of the held-out blocks.
        precision: what it was fitted in.
        precisions: those whose scores stayed within 1 % of it on held-out frames, itself included.
        footage_s: seconds of footage seen.
        fps: sampling rate it was fitted at; None for pictures without a clock.
        mask: (H, W) bool at model size, true where scores are ignored; None for no mask.
        merged: made of separate fits, so that no block was scored by all that was seen before it.
        moments: what a fit needs to go on; None where it was not kept.
        movers: how what moves looks; None for a model of appearance alone, and where too little moved.
        motion: how it moves; None for a model of appearance alone.
        moving: of movers and motion, what a fit needs to go on.
    """

    settings: Settings
    geometry: Geometry
    source_size: Size
    weights_digest: str
    channels: tuple[int, ...]
    gaussians: Gaussians
    epsilon: float
    threshold: Threshold
    blocks: tuple[Block, ...]
    precision: Precision
    precisions: tuple[Precision, ...]
    frames: int
    footage_s: float
    fps: float | None
    mask: NDArray[np.bool_] | None = None
    merged: bool = False
    moments: Moments | None = field(default=None, repr=False)
    movers: Movers | None = None
    motion: MotionGaussians | None = None
    moving: Moving | None = field(default=None, repr=False)

    def with_mask(self, path: Path) -> Model:
        """The same model with another mask, a file as `read_mask` takes it."""
        return replace(self, mask=read_mask(path, self.geometry, self.source_size))

    @property
    def has_motion(self) -> bool:
        """Whether it scores what moves, too, and frames are to be given with their motion."""
        return self.motion is not None

    @property
    def grid(self) -> Size:
        """(h, w) of the positions."""
        height, width = self.geometry.size
        return height // self.settings.grid, width // self.settings.grid

    @property
    def masked_cells(self) -> NDArray[np.bool_] | None:
        """(H / 8, W / 8) true where the mask leaves nothing of a cell; None for no mask."""
        if self.mask is None:
            return None
        height, width = self.geometry.size
        cells = self.mask.reshape(height // CELL_PX, CELL_PX, width // CELL_PX, CELL_PX)
        return np.asarray(cells.all(axis=(1, 3)))

    @property
    def smoothing(self) -> Smoothing:
        """How this model's distance maps become anomaly maps."""
        return Smoothing(self.grid, self.geometry.size, self.settings.sigma, self.settings.upsampling)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says about a batch of B pictures.

    Attributes:
        maps: (B, H, W) float32 anomaly maps at model size, in standard deviations, never negative, 0 under the mask.
        raw_scores: (B,) the maximum of each map.
        peaks: (B, 2) where that maximum is, (x, y) in pixels of the model picture.
        cells: (B, H / 8, W / 8) the maximum of each cell of the maps, in standard deviations.
        shares: (B, H / 8, W / 8) how much of each cell is motion, 0 to 1; None for a model of appearance alone.
        still: (B, H / 8, W / 8) as cells, of what counts where it stays: appearance alone, of which movers excuse
            nothing. None where that is the cells.
    """

    maps: Tensor
    raw_scores: NDArray[np.float32]
    peaks: NDArray[np.int64]
    cells: NDArray[np.float32]
    shares: NDArray[np.float32] | None = None
    still: NDArray[np.float32] | None = None

    @property
    def staying(self) -> NDArray[np.float32]:
        """(B, H / 8, W / 8) what counts where it stays."""
        return self.cells if self.still is None else self.still

    def split(self, counts: Sequence[int]) -> list[Scores]:
        """Scores of the first so many pictures, of the next, and so on."""
        edges = itertools.pairwise(itertools.accumulate(counts, initial=0))
        return [self._of(slice(begin, end)) for begin, end in edges]

    def _of(self, part: slice) -> Scores:
        shares, still = (None if cells is None else cells[part] for cells in (self.shares, self.still))
        return Scores(self.maps[part], self.raw_scores[part], self.peaks[part], self.cells[part], shares, still)


def scores_of(maps: Tensor, visible: Tensor | None) -> Scores:
    """Scores of (B, H, W) anomaly maps.

    Args:
        visible: (H, W), or (B, H, W) with one for each, 1 where scores count and 0 where a mask lies; None for no mask.
    """
    width = maps.shape[2]
    seen = maps if visible is None else maps * visible
    highest, position = seen.flatten(1).max(dim=1)
    place = position.cpu().numpy()
    cells: NDArray[np.float32] = F.max_pool2d(seen.unsqueeze(1), CELL_PX, ceil_mode=True).squeeze(1).cpu().numpy()
    return Scores(seen, highest.cpu().numpy(), np.stack([place % width, place // width], axis=1), cells)
