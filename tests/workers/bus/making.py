"""Messages as decoders and scorers make them."""

from __future__ import annotations

import numpy as np

from pipeline.types import PLANES, CoarseMap, Geometry, Motion
from workers.bus.messages import FrameMessage, PreviewMessage, ScoreMessage

__all__ = ["CAMERA", "EPOCH", "frame", "preview", "score"]

CAMERA, EPOCH = "gate", 1_795_000_000_000
SOURCE, SIZE = (432, 768), (96, 160)


def frame(index: int, epoch: int = EPOCH, *, motion: bool = False) -> FrameMessage:
    """A frame whose pixels, and planes, tell its index."""
    chance = np.random.RandomState(index)
    pixels = chance.randint(0, 256, (*SIZE, 3)).astype(np.uint8)
    planes = chance.randint(0, 256, (PLANES, SIZE[0] // 8, SIZE[1] // 8)).astype(np.uint8)
    moved = Motion(planes, min(index, 9)) if motion else None
    return FrameMessage(epoch, index, index / 5, epoch / 1000 + index / 5, SOURCE, pixels, moved)


def preview(index: int, epoch: int = EPOCH) -> PreviewMessage:
    """A preview whose bytes tell its index; no picture."""
    return PreviewMessage(epoch, index, index / 5, epoch / 1000 + index / 5, b"jpeg %d" % index)


def score(index: int, value: float = 0.5, epoch: int = EPOCH) -> ScoreMessage:
    """A score of a frame."""
    levels = np.random.RandomState(index).randint(0, 200, (12, 20)).astype(np.uint8)
    return ScoreMessage(
        epoch=epoch,
        index=index,
        time_s=index / 5,
        captured_at=epoch / 1000 + index / 5,
        source=SOURCE,
        scored_at=epoch / 1000 + index / 5 + 0.05,
        score=value,
        raw_score=value * 40,
        peak=(12.5, 31.0),
        coarse=CoarseMap(levels),
        geometry=Geometry(SIZE),
        model="0123456789abcdef",
        lingering=0.6,
        scoring_ms=9.25,
    )
