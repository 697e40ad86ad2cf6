"""Many cameras, few backbones: models that look at pictures in the same way share one engine, and one pass of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

import numpy as np

from pipeline.model.detector import Detector, engine_for, precision_for
from pipeline.model.engine import Engine, Hardware
from pipeline.model.padim import Model, Scores
from pipeline.model.settings import Precision
from pipeline.types import Image, Motion, Size

__all__ = ["DetectorPool", "Part", "score_together"]

# Frames to score with a detector: (B, H, W, 3) uint8 RGB, and what moved up to each, as `Detector.score` takes them.
Part = tuple[Detector, Image, Sequence[Motion | None] | None]

# What makes an engine: weights, backbone, taps, grid, channels, picture size, precision.
_Key = tuple[str, str, tuple[str, ...] | None, int, tuple[int, ...], Size, Precision]


class DetectorPool:
    """Makes models ready, on as few engines as they need. An engine goes with the last detector that uses it.

    Args:
        hardware: where all of them are scored.
        precision: None for the one each was fitted in where the hardware has it, else the closest it was tried in.
    """

    def __init__(self, hardware: Hardware, precision: Precision | None = None) -> None:
        self._hardware, self._precision = hardware, precision
        self._engines: WeakValueDictionary[_Key, Engine] = WeakValueDictionary()

    def __len__(self) -> int:
        """Engines in use."""
        return len(self._engines)

    def ready(self, model: Model) -> Detector:
        """A detector of the model, without the moments that only a fit needs.

        Raises:
            ModelError: the weights are not those it was fitted with, or the hardware has no precision it was tried in.
        """
        precision = precision_for(model, self._hardware, self._precision)
        key = _key(model, precision)
        engine = self._engines.get(key)
        if engine is None:
            engine = self._engines[key] = engine_for(model, self._hardware, precision)
        return Detector(replace(model, moments=None, moving=None), engine)


def score_together(parts: Sequence[Part]) -> list[Scores]:
    """Scores of each part's frames, as `Detector.score` gives them for it alone.

    The frames of all parts that share an engine go through it at once. On OpenVINO the scores are the same to the last
    bit; torch sums in another order in batches of another size, which changes them by a few millionths.

    Raises:
        ShapeError: frames are not of their model's size.
    """
    engines: dict[int, list[int]] = {}
    for place, (detector, frames, _) in enumerate(parts):
        detector.check_shape(frames)
        engines.setdefault(id(detector.engine), []).append(place)
    scores: dict[int, Scores] = {}
    for places in engines.values():
        scores.update(zip(places, _by_one_engine([parts[place] for place in places]), strict=True))
    return [scores[place] for place in range(len(parts))]


def _by_one_engine(parts: Sequence[Part]) -> list[Scores]:
    engine = parts[0][0].engine
    pictures = [frames for _, frames, _ in parts]
    embeddings = engine.embed(pictures[0] if len(pictures) == 1 else np.concatenate(pictures))
    seen = [detector.seen(motions, len(frames)) for detector, frames, motions in parts]
    own = [(detector.scorer, len(frames)) for detector, frames, _ in parts]
    return [
        detector.joined(appearance, velocities)
        for (detector, _, _), appearance, velocities in zip(parts, engine.score(embeddings, own), seen, strict=True)
    ]


def _key(model: Model, precision: Precision) -> _Key:
    settings = model.settings
    return (
        model.weights_digest,
        settings.backbone,
        settings.taps,
        settings.grid,
        model.channels,
        model.geometry.size,
        precision,
    )
