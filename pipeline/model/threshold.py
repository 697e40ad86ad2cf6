"""A provisional threshold from blocks of footage that the model had not seen when it scored them.

Each block of time is scored by the model of the blocks before it, then learned. In-sample distances are no guide:
with 200 frames and D = 100 they are about 12 where the next normal seconds of the same scene give 154.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import ModelError

__all__ = ["FIRST_BLOCK", "MIN_FRAMES", "Block", "Threshold", "block_end", "provisional_threshold"]

# Frames that the first model is learned from; as many again, and there is a block to set a threshold by.
FIRST_BLOCK = 8
MIN_FRAMES = 2 * FIRST_BLOCK
# Blocks grow with what was seen: a day at 5 frames/s needs 25 factorisations, not 13,500.
GROWTH, SHORTEST = 1.5, 32
# Enough for the quantile of 6,400 frames; on longer footage the threshold is a higher quantile, and says which.
TAIL = 64
QUANTILE = 0.99
# A frozen picture repeats itself exactly and scores 0. Under one standard deviation nothing is unusual.
LEAST = 1.0


@dataclass(frozen=True, slots=True)
class Block:
    """What a held-out block leaves behind.

    Attributes:
        model_frames: frames the scoring model had seen.
        frames: frames of the block.
        tail: the highest raw scores, falling, at most 64.
    """

    model_frames: int
    frames: int
    tail: tuple[float, ...]

    @classmethod
    def of(cls, model_frames: int, scores: Sequence[float]) -> Block:
        """Block of its frames' raw scores."""
        return cls(model_frames, len(scores), tuple(sorted(scores, reverse=True)[:TAIL]))


@dataclass(frozen=True, slots=True)
class Threshold:
    """A raw score that normal footage rarely exceeds.

    Attributes:
        value: the raw score that people see as 1.
        frames: held-out frames behind it.
        quantile: share of those frames at or below it.
    """

    value: float
    frames: int
    quantile: float


def block_end(seen: int) -> int:
    """Count of frames at which the block that begins after `seen` frames ends; the same for any split of footage.

    >>> [block_end(0), block_end(8), block_end(12), block_end(200)]
    [8, 40, 40, 243]
    """
    end = FIRST_BLOCK
    while end <= seen:
        end = max(math.floor(end * GROWTH), end + SHORTEST)
    return end


def provisional_threshold(blocks: Iterable[Block], dims: int) -> Threshold:
    """Quantile of the held-out raw scores, over the blocks whose model had seen 2·D frames or more.

    Blocks with less stand in only where there are no others: they err on the high side, and the last of them least.

    Raises:
        ModelError: there are no blocks.
    """
    every = list(blocks)
    if not every:
        raise ModelError(f"a threshold needs {MIN_FRAMES} frames; fit on more footage.")
    used = [block for block in every if block.model_frames >= 2 * dims] or every[-1:]
    frames = sum(block.frames for block in used)
    ranked = sorted((score for block in used for score in block.tail), reverse=True)
    # Below the lowest score that a cut tail has kept, frames of its block are missing: no rank counts there.
    complete_from = max((block.tail[-1] for block in used if block.frames > len(block.tail)), default=0.0)
    rank = min(math.floor(frames * (1 - QUANTILE)), len(ranked) - 1)
    value = max(ranked[rank], complete_from, LEAST)
    return Threshold(value, frames, 1 - sum(score > value for score in ranked) / frames)
