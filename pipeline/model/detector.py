"""A model made ready to score pictures."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import ModelError, ShapeError
from pipeline.model.embedding import network_of
from pipeline.model.engine import Engine, Hardware, build_engine
from pipeline.model.judging import Judge, joined
from pipeline.model.moving import seen_in
from pipeline.model.moving_tensors import moving_tensors
from pipeline.model.padim import Evidence, Model, Scores
from pipeline.model.settings import Precision
from pipeline.model.weights import Progress
from pipeline.types import Image, Motion
from pipeline.velocities import Velocities, velocities_of

__all__ = ["Detector", "engine_for", "load_detector", "precision_for"]


class Detector:
    """Scores pictures with one model.

    Args:
        model: the fitted model.
        engine: an engine for the model's network and size.
    """

    def __init__(self, model: Model, engine: Engine) -> None:
        self.model = model
        self.engine = engine
        self._judge = Judge.of(model, engine)
        self.scorer = self._judge.scorer

    @property
    def bytes(self) -> int:
        """Memory that the model takes, here and on the engine's device, without the engine that others may share."""
        moments = self.model.moments
        held = [self.model.gaussians.mean, self.model.gaussians.whitening, *self.scorer.tensors]
        held += [] if moments is None else [moments.mean, moments.scatter]
        held += moving_tensors(self.model).values()
        # On a CPU the scorer takes the model's tensors as they are.
        sizes = {tensor.data_ptr(): tensor.nbytes for tensor in held}
        return sum(sizes.values()) + (0 if self.model.mask is None else self.model.mask.nbytes)

    def score(self, frames: Image, motions: Sequence[Motion | None] | None = None) -> Scores:
        """Scores of (B, H, W, 3) uint8 RGB frames at model size.

        Args:
            motions: what moved up to each frame, None where that is not known; a model without motion ignores them.
        Raises:
            ShapeError: the frames are not of the model's size.
        """
        seen = self.seen(motions, len(frames))
        return self.joined(self._appearance(frames), seen)

    def evidence(self, frames: Image, motions: Sequence[Motion | None] | None = None) -> dict[Evidence, Scores]:
        """As `score`, and what appearance and motion alone would say; all in the same units.

        Without a model of motion there is appearance alone.
        """
        seen = self.seen(motions, len(frames))
        appearance = self._appearance(frames)
        if seen is None:
            return {Evidence.APPEARANCE: appearance}
        both, motion = joined(appearance, self._judge.moving(seen), self.model)
        return {Evidence.COMBINED: both, Evidence.APPEARANCE: appearance, Evidence.MOTION: motion}

    def kinds(self, frames: Image, motions: Sequence[Motion | None] | None = None) -> list[Scores]:
        """What each kind of evidence says, in standard deviations: appearance, and with motion speed and direction."""
        seen = self.seen(motions, len(frames))
        appearance = self._appearance(frames)
        return [appearance] if seen is None else [appearance, *self._judge.moving(seen)]

    def joined(self, appearance: Scores, seen: Velocities | None) -> Scores:
        """Scores of frames of which appearance has been judged."""
        return appearance if seen is None else joined(appearance, self._judge.moving(seen), self.model)[0]

    def seen(self, motions: Sequence[Motion | None] | None, count: int) -> Velocities | None:
        """What moves in so many frames; None for a model without motion."""
        if not self.model.has_motion:
            return None
        known = [None] * count if motions is None else motions
        return velocities_of(seen_in(known, self.model.geometry.size))

    def _appearance(self, frames: Image) -> Scores:
        self.check_shape(frames)
        return self.scorer(self.engine.embed(frames))

    def check_shape(self, frames: Image) -> None:
        """Refuse frames that are not (B, H, W, 3) at model size.

        Raises:
            ShapeError: they are not.
        """
        expected = (*self.model.geometry.size, 3)
        if frames.shape[1:] != expected:
            raise ShapeError("the shape of a frame", expected, frames.shape[1:])


def load_detector(
    model: Model,
    hardware: Hardware,
    precision: Precision | None = None,
    progress: Progress | None = None,
) -> Detector:
    """Build the model's backbone and engine.

    Args:
        precision: None for the one it was fitted in where the hardware has it, else the closest it was tried in.
        progress: of a download of weights.
    Raises:
        ModelError: the weights are not those it was fitted with, or the hardware has no precision it was tried in.
    """
    return Detector(model, engine_for(model, hardware, precision_for(model, hardware, precision), progress))


def engine_for(model: Model, hardware: Hardware, precision: Precision, progress: Progress | None = None) -> Engine:
    """An engine of the model's backbone and picture size.

    Raises:
        ModelError: the weights are not those it was fitted with.
    """
    network, _ = network_of(model.settings, model.channels, progress)
    if network.backbone.digest != model.weights_digest:
        raise ModelError(
            f"the weights of {model.settings.backbone} ({model.settings.weights}) are not those the model was "
            "fitted with; restore them, or fit the model again."
        )
    return build_engine(network, model.geometry.size, hardware, precision)


def precision_for(model: Model, hardware: Hardware, asked: Precision | None = None) -> Precision:
    """The precision to score a model in: as asked, else its own, else the closest it was tried in.

    Raises:
        ModelError: the hardware has none that it was tried in.
    """
    if asked is not None:
        return asked
    for precision in model.precisions:
        if precision in hardware.offered:
            return precision
    raise ModelError(
        f"the model was fitted in {model.precision}, which does not run on {hardware.device.type}; "
        "fit it again with --precision float32."
    )
