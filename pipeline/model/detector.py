"""A model made ready to score pictures."""

from __future__ import annotations

from pipeline.errors import ModelError, ShapeError
from pipeline.model.embedding import network_of
from pipeline.model.engine import Engine, Hardware, build_engine
from pipeline.model.padim import Model, Scores
from pipeline.model.settings import Precision
from pipeline.model.weights import Progress
from pipeline.types import Image

__all__ = ["Detector", "load_detector"]


class Detector:
    """Scores pictures with one model.

    Args:
        model: the fitted model.
        engine: an engine for the model's network and size.
    """

    def __init__(self, model: Model, engine: Engine) -> None:
        self.model = model
        self._engine = engine
        self._scorer = engine.scorer(model.gaussians, model.smoothing, model.mask)

    def score(self, frames: Image) -> Scores:
        """Scores of (B, H, W, 3) uint8 RGB frames at model size.

        Raises:
            ShapeError: the frames are not of the model's size.
        """
        expected = (*self.model.geometry.size, 3)
        if frames.shape[1:] != expected:
            raise ShapeError("the shape of a frame", expected, frames.shape[1:])
        return self._scorer(self._engine.embed(frames))


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
    network, _ = network_of(model.settings, model.channels, progress)
    if network.backbone.digest != model.weights_digest:
        raise ModelError(
            f"the weights of {model.settings.backbone} ({model.settings.weights}) are not those the model was "
            "fitted with; restore them, or fit the model again."
        )
    chosen = precision or _precision_for(model, hardware)
    return Detector(model, build_engine(network, model.geometry.size, hardware, chosen))


def _precision_for(model: Model, hardware: Hardware) -> Precision:
    for precision in model.precisions:
        if precision in hardware.offered:
            return precision
    raise ModelError(
        f"the model was fitted in {model.precision}, which does not run on {hardware.device.type}; "
        "fit it again with --precision float32."
    )
