"""Learning a camera's normality: frames in, a model out, in one pass and in memory that does not grow.

Every frame is also scored by a model that has not seen it, for the threshold. The first ones are held and
cross-validated: a model of a few frames would say little about that of all. From then on each block of time is scored
by the model of the blocks before it, and then learned.
Frames are taken in parts that end where blocks end, so that any split of the footage gives the same blocks.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.model.blocks import Block
from pipeline.model.calibration import LEAST, MIN_FRAMES, calibrated
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.engine import Engine
from pipeline.model.gaussians import Gaussians, Moments
from pipeline.model.held_out import HeldOut
from pipeline.model.judging import Judge
from pipeline.model.memory import check_memory, held_frames
from pipeline.model.motion import MotionGaussians
from pipeline.model.movers import Movers
from pipeline.model.moving import Moving, seen_in, shares_at
from pipeline.model.padim import Model
from pipeline.model.settings import Precision, Settings
from pipeline.model.smoothing import Smoothing
from pipeline.policy import Policy
from pipeline.types import Geometry, Image, Motion, Size
from pipeline.velocities import Velocities, velocities_of

__all__ = ["Fitter"]

# Moments are rewritten once a batch; a larger one saves little and holds more frames.
BATCH = 64
# Blocks grow with what was seen: a day at 5 frames/s needs 17 factorisations, not 13,500.
GROWTH, SHORTEST = 1.5, 32
# Parts of the held frames; each is scored by a model of the others.
FOLDS = 8
# Frames that other precisions are tried on, and the share by which their scores may differ to be offered.
TRIED, PRECISION_TOLERANCE = 32, 0.01


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
        a_day: false events a day that the threshold aims at.
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
        a_day: float = 1.0,
        resumed: Model | None = None,
    ) -> None:
        self._network, self._engine, self._others = network, engine, others
        self._settings = settings.for_footage(clocked=fps is not None)
        self._geometry, self._source_size = geometry, source_size
        self._fps, self._mask, self._a_day = fps, mask, a_day
        self._grid = network.positions(geometry.size)
        self._smoothing = Smoothing(self._grid, geometry.size, self._settings.sigma, settings.upsampling)
        self._pending: list[tuple[float, Image, Motion | None]] = []
        self._held_out = HeldOut(Policy(), clocked=fps is not None, evidences=3 if self._settings.has_motion else 1)
        self._deviations: dict[Precision, float] = {}
        self._judge: Judge | None = None
        self._held: _Held | None = None
        self._blocks: list[Block] = []
        self._footage_s, self._merged = 0.0, False
        check_memory(network, geometry.size, engine.device)
        if resumed is not None:
            self._resume(resumed)
            return
        positions, dims = self._grid[0] * self._grid[1], len(network.channels)
        self._moments = Moments.empty(positions, dims, engine.device)
        self._moving = self._no_moving()
        self._held = _Held(positions, dims, engine.device)
        self._block_ends = self._held.most

    @property
    def frames(self) -> int:
        """Frames taken in so far."""
        return self._learned + len(self._pending)

    def add(self, pixels: Image, time_s: float, motion: Motion | None = None) -> None:
        """Take in one (H, W, 3) uint8 RGB frame at model size; a time that falls begins another recording.

        Args:
            motion: what moved up to it; None where that is not known.
        """
        self._pending.append((time_s, pixels, motion))
        if len(self._pending) == min(BATCH, self._block_ends - self._learned):
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
        if self._held is not None:
            self._cross_validate(self._held)
        elif len(self._held_out):
            self._blocks.append(self._held_out.block(self._block_began))
        gaussians = self._gaussians()
        movers, motion = self._learned_moving()
        dims = len(self._network.channels)
        return Model(
            settings=self._settings,
            geometry=self._geometry,
            source_size=self._source_size,
            weights_digest=self._network.backbone.digest,
            channels=self._network.channels,
            gaussians=gaussians.to("cpu"),
            epsilon=self._epsilon(),
            threshold=calibrated(self._blocks, dims, gaussians.foreign(), self._a_day, provisional=self._merged),
            blocks=tuple(self._blocks),
            precision=self._engine.precision,
            precisions=self._precisions(),
            frames=self._moments.count,
            footage_s=self._footage_s + footage_s,
            fps=self._fps,
            mask=self._mask,
            merged=self._merged,
            moments=self._moments.to("cpu") if resumable else None,
            movers=None if movers is None else movers.to("cpu"),
            motion=motion,
            moving=self._moving.to("cpu") if resumable and self._moving is not None else None,
        )

    @property
    def _learned(self) -> int:
        return self._moments.count if self._held is None else self._held.count

    def _learn(self) -> None:
        times_s, pixels, motions = zip(*self._pending, strict=True)
        self._pending.clear()
        frames, planes = np.stack(pixels), seen_in(motions, self._geometry.size)
        embeddings = self._engine.embed(frames)
        if self._held is not None:
            self._held.add(times_s, frames, embeddings, planes)
        elif self._judge is not None:
            seen = velocities_of(planes)
            shares = self._shares(seen)
            scores = self._judge.scorer(embeddings, shares)
            if not len(self._held_out):
                self._try_precisions(frames, shares, scores.raw_scores, *self._trial)
            self._held_out.add(times_s, [scores, *self._judge.moving(seen)])
            self._moments.add(embeddings)
            if self._moving is not None:
                self._moving.add(embeddings, planes, self._step_s)
        if self._learned == self._block_ends:
            if self._held is not None:
                self._cross_validate(self._held)
                self._held = None
            else:
                self._blocks.append(self._held_out.block(self._block_began))
            self._begin_block()

    def _cross_validate(self, held: _Held) -> None:
        """Learn the held frames part by part, and score each part by a model of the others.

        What is taken out has to be what was put in, to float64's last digits: where the others hardly differ, what
        float32 rounds off a part that does would be all that is left of them.
        """
        folds = min(FOLDS, held.count)
        edges = [held.count * fold // folds for fold in range(folds + 1)]
        for begin, end in itertools.pairwise(edges):
            self._merge(*self._moments_of(held, begin, end))
        for begin, end in itertools.pairwise(edges):
            part, moving = self._moments_of(held, begin, end)
            self._moments.remove(part)
            if self._moving is not None and moving is not None:
                self._moving.remove(moving)
            gaussians, movers, judge = self._ready()
            self._merge(part, moving)
            seen = velocities_of(np.stack(held.planes[begin:end]))
            shares = self._shares(seen)
            scores = judge.scorer(held.embeddings[begin:end], shares)
            self._held_out.add(held.times_s[begin:end], [scores, *judge.moving(seen)])
            if end == held.count:
                frames = np.stack(list(held.last)[begin - end :])
                last = slice(-len(frames), None)
                self._try_precisions(frames, shares[last], scores.raw_scores[last], gaussians, movers)
        self._blocks.append(self._held_out.block(held.count - edges[1]))

    def _moments_of(self, held: _Held, begin: int, end: int) -> tuple[Moments, Moving | None]:
        embeddings = held.embeddings[begin:end]
        positions, dims = embeddings.shape[1:]
        moments, moving = Moments.empty(positions, dims, self._engine.device), self._no_moving()
        moments.add(embeddings)
        if moving is not None:
            moving.add(embeddings, np.stack(held.planes[begin:end]), self._step_s)
        return moments, moving

    def _merge(self, moments: Moments, moving: Moving | None) -> None:
        self._moments.merge(moments)
        if self._moving is not None and moving is not None:
            self._moving.merge(moving)

    def _ready(self) -> tuple[Gaussians, Movers | None, Judge]:
        """Gaussians and movers of what was learned so far, and the judge that knows all of it."""
        gaussians, (movers, motion) = self._gaussians(), self._learned_moving()
        return gaussians, movers, Judge(self._engine, gaussians, self._smoothing, self._mask, movers, motion)

    def _begin_block(self) -> None:
        seen = self._block_began = self._moments.count
        self._block_ends = max(math.floor(seen * GROWTH), seen + SHORTEST)
        gaussians, movers, self._judge = self._ready()
        self._trial = gaussians, movers

    def _try_precisions(
        self,
        frames: Image,
        shares: torch.Tensor,
        raw_scores: NDArray[np.float32],
        gaussians: Gaussians,
        movers: Movers | None,
    ) -> None:
        """Score frames that Gaussians and movers have not seen in each other precision."""
        for other in self._others:
            scorer = other.scorer(gaussians, self._smoothing, self._mask, movers)
            difference = np.abs(scorer(other.embed(frames), shares).raw_scores - raw_scores)
            # Both are 0 on a frozen picture.
            self._deviations[other.precision] = float((difference / np.maximum(raw_scores, LEAST)).max())

    def _precisions(self) -> tuple[Precision, ...]:
        close = (other for other, deviation in self._deviations.items() if deviation <= PRECISION_TOLERANCE)
        return (self._engine.precision, *close)

    def _gaussians(self) -> Gaussians:
        assert self._settings.shrinkage is not None
        return self._moments.gaussians(self._epsilon(), self._settings.shrinkage)

    def _learned_moving(self) -> tuple[Movers | None, MotionGaussians | None]:
        return (None, None) if self._moving is None else self._moving.learned(self._network.grid)

    def _shares(self, seen: Velocities) -> torch.Tensor:
        return shares_at(seen, self._grid, self._engine.device)

    def _no_moving(self) -> Moving | None:
        """Moments of nothing that moved; None where motion is not looked at."""
        if not self._settings.has_motion:
            return None
        return Moving.empty(self._geometry.size, self._grid, len(self._network.channels), self._engine.device)

    @property
    def _step_s(self) -> float:
        assert self._fps is not None
        return 1 / self._fps

    def _epsilon(self) -> float:
        return self._settings.epsilon.absolute(self._moments.mean_variance())

    def _resume(self, model: Model) -> None:
        if model.moments is None:
            raise ModelError(
                "the model to resume was saved without its moments; fit it again with --resumable to go on later."
            )
        self._moments = model.moments.to(self._engine.device)
        self._moving = None if model.moving is None else model.moving.to(self._engine.device)
        self._blocks = list(model.blocks)
        self._footage_s, self._merged = model.footage_s, model.merged
        self._begin_block()


class _Held:
    """The first frames of a fit, until they are cross-validated."""

    def __init__(self, positions: int, dims: int, device: torch.device) -> None:
        self.most = held_frames(positions, dims)
        # Memory is taken as it is filled.
        self._space = torch.empty(self.most, positions, dims, device=device)
        self.times_s: list[float] = []
        self.planes: list[Image] = []
        self.last: deque[Image] = deque(maxlen=TRIED)

    @property
    def count(self) -> int:
        return len(self.times_s)

    @property
    def embeddings(self) -> torch.Tensor:
        return self._space[: self.count]

    def add(self, times_s: Sequence[float], frames: Image, embeddings: torch.Tensor, planes: Image) -> None:
        self._space[self.count : self.count + len(times_s)] = embeddings
        self.times_s.extend(times_s)
        self.planes.extend(planes)
        self.last.extend(frames)
