"""What a frame shows and what has stayed in one place, on one scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lingering import Lingering
from pipeline.types import HIGHEST, SHARE_STEPS, STEPS_A_DOUBLING, CoarseMap

__all__ = ["Combined", "Combiner"]

MASKED = np.uint8(CoarseMap.MASKED)


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """A frame with what lingers in it.

    Attributes:
        score: the higher of the moment's score and the highest of what lingers.
        levels: (h, w), the higher of both; 0 where a mask lies.
        still: (h, w), what lingers alone.
        counted: cells without a mask.
        motion: how much of the score is motion, 0 to 1; None for a model of appearance alone, as are the shares.
        shares: (h, w), how much of each cell is motion, in 255ths; nothing of what lingers is.
    """

    score: float
    levels: NDArray[np.uint8]
    still: NDArray[np.uint8]
    counted: int
    motion: float | None = None
    shares: NDArray[np.uint8] | None = None

    @property
    def peak_cell(self) -> tuple[int, int]:
        """(x, y) of the highest cell."""
        row, column = divmod(int(self.levels.argmax()), self.levels.shape[1])
        return column, row

    def score_of(self, level: int) -> float:
        """Score of a region with such a highest level: exact where that is the frame's own."""
        top = int(self.levels.max())
        return self.score if level == top else float(CoarseMap(np.array([[level]], np.uint8)).scores()[0, 0])

    def motion_of(self, cells: NDArray[np.bool_], level: int) -> float | None:
        """How much motion is in the score of a region with such cells and such a highest level.

        Of several cells with that level it is the frame's own, if that is one of them, else the first.
        """
        if self.shares is None or self.motion is None:
            return None
        highest = self.shares[cells & (self.levels == level)].tolist()
        if not highest:  # it lingers beneath what is higher now
            return 0.0
        own = level == int(self.levels.max()) and round(self.motion * SHARE_STEPS) in highest
        return self.motion if own else highest[0] / SHARE_STEPS


class Combiner:
    """Adds what lingers to the frames of one recording.

    What lies there looks strange for as long, and does not move: so only appearance lingers, as `still` of the coarse
    maps has it.

    Args:
        lingering: its threshold, in units of the threshold of a moment.
        gap_s: longer gaps between frames begin anew.
    """

    def __init__(self, lingering: float, gap_s: float) -> None:
        # On a logarithmic scale a division is a shift.
        self._lift = round(math.log2(1 / lingering) * STEPS_A_DOUBLING)
        self._lingering = Lingering(gap_s)

    def add(self, time_s: float, score: float, coarse: CoarseMap, motion: float | None = None) -> Combined:
        """Combine the next frame, of whose score a share is motion."""
        seen = coarse.levels != MASKED
        moment = np.where(seen, coarse.levels, np.uint8(0))
        stays = moment if coarse.still is None else np.where(seen, coarse.still, np.uint8(0))
        # What is no lower than a moment is seen at once.
        looked_for = self._lift > 0 or coarse.still is not None
        least = self._lingering.add(time_s, stays) if looked_for else None
        if least is None:
            return Combined(score, moment, np.zeros_like(moment), int(seen.sum()), motion, coarse.shares)
        lifted = np.clip(least.astype(np.int16) + self._lift, 0, HIGHEST).astype(np.uint8)
        still = np.where(least > 0, lifted, np.uint8(0))
        levels = np.maximum(moment, still)
        shares = None if coarse.shares is None else np.where(still > moment, np.uint8(0), coarse.shares)
        # The coarse map rounds up: only a step that the moment does not reach is due to what lingers.
        if int(levels.max()) > int(moment.max()):
            score = max(score, float(CoarseMap(levels).scores().max()))
            motion = None if shares is None else 0.0
        return Combined(score, levels, still, int(seen.sum()), motion, shares)

    def state(self) -> list[tuple[float, NDArray[np.uint8]]]:
        """What it remembers: the frames of the last seconds."""
        return self._lingering.state()

    def resume(self, state: Iterable[tuple[float, NDArray[np.uint8]]]) -> None:
        """Go on where another was."""
        self._lingering.resume(state)
