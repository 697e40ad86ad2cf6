"""Learning a camera's normality: frames in, a model out, in one pass and in memory that does not grow.

Every frame is also scored by a model that has not seen it, for the threshold. The first ones are held and
cross-validated: a model of a few frames would say little about that of all. From then on each block of time is scored
by the model of the blocks before it, and then learned.
Frames are taken in parts that end where blocks end, so that any split of the footage gives the same blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.model.blocks import Block
from pipeline.model.calibration import LEAST, MIN_FRAMES, calibrated
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.engine import Engine
from pipeline.model.first_frames import FirstFrames, Part
from pipeline.model.held_out import HeldOut
from pipeline.model.judging import Judge
from pipeline.model.learned import Known, Learned
from pipeline.model.memory import check_memory
from pipeline.model.moving import seen_in
from pipeline.model.padim import Model
from pipeline.model.settings import Precision, Settings
from pipeline.model.smoothing import Smoothing
from pipeline.policy import Policy
from pipeline.types import Geometry, Image, Motion, Size
from pipeline.velocities import velocities_of

__all__ = ["Fitter"]

# Moments are rewritten once a batch; a larger one saves little and holds more frames.
BATCH = 64
# Blocks grow with what was seen: a day at 5 frames/s needs 17 factorisations, not 13,500.
GROWTH, SHORTEST = 1.5, 32
# Share by which the scores of another precision may differ for it to be offered.
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
        self._first: FirstFrames | None = None
        self._blocks: list[Block] = []
        self._footage_s, self._merged = 0.0, False
        check_memory(network, geometry.size, engine.device)
        if resumed is not None:
            self._resume(resumed)
            return
        self._learned = Learned.nothing(
            geometry.size, self._grid, len(network.channels), engine.device, motion=self._settings.has_motion
        )
        self._first = FirstFrames(self._learned, self._step_s)
        self._block_ends = self._first.most

    @property
    def frames(self) -> int:
        """Frames taken in so far."""
        return self._taken + len(self._pending)

    def add(self, pixels: Image, time_s: float, motion: Motion | None = None) -> None:
        """Take in one (H, W, 3) uint8 RGB frame at model size; a time that falls begins another recording.

        Args:
            motion: what moved up to it; None where that is not known.
        """
        self._pending.append((time_s, pixels, motion))
        if len(self._pending) == min(BATCH, self._block_ends - self._taken):
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
        if self._first is not None or len(self._held_out):
            self._end_block()
        learned, known = self._learned, self._learned.known(self._settings)
        foreign = known.gaussians.foreign()
        return Model(
            settings=self._settings,
            geometry=self._geometry,
            source_size=self._source_size,
            weights_digest=self._network.backbone.digest,
            channels=self._network.channels,
            gaussians=known.gaussians.to("cpu"),
            epsilon=known.epsilon,
            threshold=calibrated(
                self._blocks, len(self._network.channels), foreign, self._a_day, provisional=self._merged
            ),
            blocks=tuple(self._blocks),
            precision=self._engine.precision,
            precisions=self._precisions(),
            frames=learned.moments.count,
            footage_s=self._footage_s + footage_s,
            fps=self._fps,
            mask=self._mask,
            merged=self._merged,
            moments=learned.moments.to("cpu") if resumable else None,
            movers=None if known.movers is None else known.movers.to("cpu"),
            motion=known.motion,
            moving=learned.moving.to("cpu") if resumable and learned.moving is not None else None,
        )

    @property
    def _taken(self) -> int:
        """Frames that were looked at."""
        return self._learned.moments.count if self._first is None else len(self._first)

    @property
    def _step_s(self) -> float:
        """Seconds from frame to frame; 0 for pictures without a clock, in which nothing moves."""
        return 1 / self._fps if self._fps else 0.0

    def _learn(self) -> None:
        times_s, pixels, motions = zip(*self._pending, strict=True)
        self._pending.clear()
        pictures = np.stack(pixels)
        part = Part(times_s, self._engine.embed(pictures), seen_in(motions, self._geometry.size), pictures)
        if self._first is not None:
            self._first.add(part)
        else:
            self._score(part, self._known, self._judge, tries=not len(self._held_out))
            self._learned.add(part.embeddings, part.planes, self._step_s)
        if self._taken == self._block_ends:
            self._end_block()
            self._begin_block()

    def _begin_block(self) -> None:
        seen = self._block_began = self._learned.moments.count
        self._block_ends = max(math.floor(seen * GROWTH), seen + SHORTEST)
        self._known = self._learned.known(self._settings)
        self._judge = self._judge_of(self._known)

    def _end_block(self) -> None:
        if self._first is None:
            self._blocks.append(self._held_out.block(self._block_began))
            return
        for part, known in self._first.cross_validated(self._settings):
            self._score(part, known, self._judge_of(known), tries=len(part.pictures) > 0)
        self._blocks.append(self._held_out.block(self._first.model_frames))
        self._first = None

    def _judge_of(self, known: Known) -> Judge:
        return Judge(self._engine, known.gaussians, self._smoothing, self._mask, known.movers, known.motion)

    def _score(self, part: Part, known: Known, judge: Judge, *, tries: bool) -> None:
        """Score frames that the judge has not seen, and their pictures in each other precision where it is tried."""
        seen = velocities_of(part.planes)
        scores = judge.scorer(part.embeddings)
        self._held_out.add(part.times_s, [scores, *judge.moving(seen)])
        for other in self._others if tries else ():
            scorer = other.scorer(known.gaussians, self._smoothing, self._mask, known.movers)
            last = slice(len(part.times_s) - len(part.pictures), None)
            raw_scores = scores.raw_scores[last]
            difference = np.abs(scorer(other.embed(part.pictures)).raw_scores - raw_scores)
            # Both are 0 on a frozen picture.
            self._deviations[other.precision] = float((difference / np.maximum(raw_scores, LEAST)).max())

    def _precisions(self) -> tuple[Precision, ...]:
        close = (other for other, deviation in self._deviations.items() if deviation <= PRECISION_TOLERANCE)
        return (self._engine.precision, *close)

    def _resume(self, model: Model) -> None:
        if model.moments is None:
            raise ModelError(
                "the model to resume was saved without its moments; fit it again with --resumable to go on later."
            )
        device = self._engine.device
        moving = None if model.moving is None else model.moving.to(device)
        self._learned = Learned(model.moments.to(device), moving)
        self._blocks = list(model.blocks)
        self._footage_s, self._merged = model.footage_s, model.merged
        self._begin_block()
