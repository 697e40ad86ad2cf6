"""Learning a camera's normality: frames in, a model out, in one pass and in memory that does not grow.

Frames are taken in parts that end where blocks end, so that any split of the footage gives the same blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.engine import Engine, Scorer
from pipeline.model.gaussians import Gaussians, Moments
from pipeline.model.padim import Model
from pipeline.model.settings import Precision, Settings
from pipeline.model.smoothing import Smoothing
from pipeline.model.threshold import LEAST, MIN_FRAMES, Block, block_end, provisional_threshold
from pipeline.types import Geometry, Image, Size

__all__ = ["Fitter", "check_memory", "merge_models", "needed_bytes"]

# Moments are rewritten once a batch; a larger one saves little and holds more frames.
BATCH = 64
# Scores of another precision may differ by this share and still be offered.
PRECISION_TOLERANCE = 0.01


class Fitter:
    """Takes in frames of one camera and makes its model.

    Args:
        network: backbone, join and channels.
        engine: the network made ready for the geometry's size.
        others: engines in other precisions, tried on held-out frames; the model says which may score it.
        settings: as resolved by the network.
        geometry: how source pictures become model pictures.
        source_size: (H, W) of the source's pictures.
        fps: sampling rate; None for pictures without a clock.
        mask: (H, W) bool, true where scores are ignored.
        resumed: a model with moments to go on from.
    Raises:
        ModelError: as `check_memory`; or `resumed` cannot be resumed.
    """

    def __init__(
        self,
        network: EmbeddingNetwork,
        engine: Engine,
        settings: Settings,
        geometry: Geometry,
        source_size: Size,
        *,
        others: Sequence[Engine] = (),
        fps: float | None = None,
        mask: NDArray[np.bool_] | None = None,
        resumed: Model | None = None,
    ) -> None:
        self._network, self._engine, self._others = network, engine, others
        self._settings, self._geometry, self._source_size = settings, geometry, source_size
        self._fps, self._mask = fps, mask
        grid = network.positions(geometry.size)
        self._smoothing = Smoothing(grid, geometry.size, settings.sigma_px, settings.upsampling)
        self._pending: list[Image] = []
        self._block_scores: list[float] = []
        self._block_start = 0
        self._deviations: dict[Precision, float] = {}
        self._scorer: Scorer | None = None
        self._gaussians: Gaussians | None = None
        check_memory(network, geometry.size, engine.device)
        if resumed is None:
            self._moments = Moments.empty(grid[0] * grid[1], len(network.channels), engine.device)
            self._blocks: list[Block] = []
            self._footage_s = 0.0
            self._merged = False
        else:
            self._resume(resumed)

    @property
    def frames(self) -> int:
        """Frames taken in so far."""
        return self._moments.count + len(self._pending)

    def add(self, pixels: Image) -> None:
        """Take in one (H, W, 3) uint8 RGB frame at model size."""
        self._pending.append(pixels)
        if len(self._pending) == min(BATCH, block_end(self._moments.count) - self._moments.count):
            self._learn()

    def finish(self, footage_s: float, *, resumable: bool = False) -> Model:
        """The model of everything taken in.

        Args:
            footage_s: seconds of footage that were added here.
            resumable: keep the moments with the model.
        Raises:
            ModelError: too few frames.
        """
        if self.frames < MIN_FRAMES:
            seen = "1 frame was" if self.frames == 1 else f"{self.frames} frames were"
            raise ModelError(f"{seen} seen, a model needs {MIN_FRAMES}; fit on more footage.")
        if self._pending:
            self._learn()
        if self._block_scores:
            self._close_block()
        epsilon = self._epsilon()
        dims = len(self._network.channels)
        return Model(
            settings=self._settings,
            geometry=self._geometry,
            source_size=self._source_size,
            weights_digest=self._network.backbone.digest,
            channels=self._network.channels,
            gaussians=self._moments.gaussians(epsilon, self._settings.shrinkage).to("cpu"),
            epsilon=epsilon,
            threshold=provisional_threshold(self._blocks, dims),
            blocks=tuple(self._blocks),
            precision=self._engine.precision,
            precisions=self._precisions(),
            frames=self._moments.count,
            footage_s=self._footage_s + footage_s,
            fps=self._fps,
            mask=self._mask,
            merged=self._merged,
            moments=self._moments.to("cpu") if resumable else None,
        )

    def _learn(self) -> None:
        frames = np.stack(self._pending)
        self._pending.clear()
        embeddings = self._engine.embed(frames)
        if self._scorer is not None:
            raw_scores = self._scorer(embeddings).raw_scores
            if not self._block_scores:
                self._measure_precisions(frames, raw_scores)
            self._block_scores.extend(raw_scores.tolist())
        self._moments.add(embeddings)
        if block_end(self._moments.count - 1) == self._moments.count:
            if self._block_scores:
                self._close_block()
            self._begin_block()

    def _begin_block(self) -> None:
        self._block_start = self._moments.count
        self._gaussians = self._moments.gaussians(self._epsilon(), self._settings.shrinkage)
        self._scorer = self._engine.scorer(self._gaussians, self._smoothing, self._mask)

    def _close_block(self) -> None:
        self._blocks.append(Block.of(self._block_start, self._block_scores))
        self._block_scores = []

    def _measure_precisions(self, frames: Image, raw_scores: NDArray[np.float32]) -> None:
        """Score the first frames of a block, which no model has seen, in each other precision."""
        assert self._gaussians is not None
        for other in self._others:
            scorer = other.scorer(self._gaussians, self._smoothing, self._mask)
            difference = np.abs(scorer(other.embed(frames)).raw_scores - raw_scores)
            # Both are 0 on a frozen picture.
            self._deviations[other.precision] = float((difference / np.maximum(raw_scores, LEAST)).max())

    def _precisions(self) -> tuple[Precision, ...]:
        close = (other for other, deviation in self._deviations.items() if deviation <= PRECISION_TOLERANCE)
        return (self._engine.precision, *close)

    def _epsilon(self) -> float:
        return self._settings.epsilon.absolute(self._moments.mean_variance())

    def _resume(self, model: Model) -> None:
        if model.moments is None:
            raise ModelError(
                "the model to resume was saved without its moments; fit it again with --resumable to go on later."
            )
        self._moments = model.moments.to(self._engine.device)
        self._blocks = list(model.blocks)
        self._footage_s, self._merged = model.footage_s, model.merged
        self._begin_block()


def merge_models(models: Sequence[Model]) -> Model:
    """One model of what several fits saw.

    Its threshold is provisional in another way too: no block was scored by a model of everything before it.

    Raises:
        ModelError: fewer than two models, or they differ in anything but footage, or lack their moments.
    """
    if len(models) < 2:
        raise ModelError("a merge needs two models or more.")
    first = models[0]
    moments = Moments.empty(*first.gaussians.mean.shape)
    for model in models:
        _check_mergeable(first, model)
        assert model.moments is not None
        moments.merge(model.moments)
    epsilon = first.settings.epsilon.absolute(moments.mean_variance())
    blocks = tuple(block for model in models for block in model.blocks)
    return replace(
        first,
        gaussians=moments.gaussians(epsilon, first.settings.shrinkage),
        epsilon=epsilon,
        threshold=provisional_threshold(blocks, len(first.channels)),
        blocks=blocks,
        precisions=tuple(p for p in first.precisions if all(p in model.precisions for model in models)),
        frames=moments.count,
        footage_s=math.fsum(model.footage_s for model in models),
        merged=True,
        moments=moments,
    )


def needed_bytes(positions: int, dims: int) -> int:
    """Memory that a fit takes at most: the moments, and the Gaussians of two blocks as the torch engine holds them."""
    moments = positions * dims * (dims + 1) * 8
    packed, whole = positions * dims * (dims + 3) // 2 * 4, positions * dims * dims * 4
    return moments + 2 * (packed + whole)


def check_memory(network: EmbeddingNetwork, size: Size, device: torch.device) -> None:
    """Refuse a fit that memory will not hold, before anything is made for it.

    Args:
        size: (H, W) of the model pictures.
        device: where the moments will be.
    Raises:
        ModelError: less is free than the fit needs.
    """
    rows, columns = network.positions(size)
    positions, dims = rows * columns, len(network.channels)
    needed, free = needed_bytes(positions, dims), _free_bytes(device)
    if needed > free:
        raise ModelError(
            f"a fit of {positions} positions with {dims} numbers each needs {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free; choose fewer --dims, --grid 8 or a smaller --size."
        )


def _free_bytes(device: torch.device) -> int:
    """Memory that may still be taken, on a CPU within the limit of the control group where there is one."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free: int = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        free = min(free, limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # no control groups, or "max": no limit of its own
        pass
    return free


def _check_mergeable(first: Model, model: Model) -> None:
    if model.moments is None:
        raise ModelError("a model to merge was saved without its moments; fit it again with --resumable.")
    for name in ("settings", "geometry", "weights_digest", "channels", "precision", "fps"):
        if getattr(model, name) != getattr(first, name):
            raise ModelError(
                f"the models to merge differ in {name}: {getattr(first, name)} and {getattr(model, name)}; "
                "fit them with the same options."
            )
    mask, other = model.mask, first.mask
    same = mask is other if mask is None or other is None else np.array_equal(mask, other)
    if not same:
        raise ModelError("the models to merge differ in their masks; fit them with the same mask.")
