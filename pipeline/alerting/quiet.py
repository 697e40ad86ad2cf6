"""Places that raise no event for now: muted after an event that was too long, cooling down after any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerting.regions import Cells, grown

__all__ = ["Quiet"]


@dataclass(slots=True, eq=False)
class _Mute:
    cells: Cells
    below_since_s: float | None = None


class Quiet:
    """Muted and cooling cells.

    Args:
        alarm: the level above which a cell is anomalous.
        gap_s: a muted region must have been below for so long to be heard again.
    """

    def __init__(self, alarm: int, gap_s: float) -> None:
        self._alarm, self._gap_s = alarm, gap_s
        self._mutes: list[_Mute] = []
        self._cooling: list[tuple[Cells, float]] = []

    def mute(self, cells: Cells) -> None:
        """Mute cells and their neighbours until all of them are below."""
        self._mutes.append(_Mute(grown(cells, 1)))

    def cool(self, cells: Cells, until_s: float) -> None:
        """Let cells and their neighbours raise nothing until a time."""
        self._cooling.append((grown(cells, 1), until_s))

    def heard(self, levels: NDArray[np.uint8], time_s: float) -> NDArray[np.uint8]:
        """Levels of a frame, 0 in what is muted; mutes end here."""
        heard = levels
        for mute in list(self._mutes):
            if levels[mute.cells].max() > self._alarm:
                mute.below_since_s = None
            elif mute.below_since_s is None:
                mute.below_since_s = time_s
            elif time_s - mute.below_since_s > self._gap_s:
                self._mutes.remove(mute)
                continue
            heard = np.where(mute.cells, np.uint8(0), heard)
        return heard

    def cools(self, cells: Cells, time_s: float) -> bool:
        """Whether any of the cells cools down at a time."""
        self._cooling = [(place, until_s) for place, until_s in self._cooling if until_s > time_s]
        return any(bool((place & cells).any()) for place, _ in self._cooling)

    def state(self) -> dict[str, Any]:
        """What it remembers, as JSON and arrays hold it."""
        return {"mutes": [(mute.cells, mute.below_since_s) for mute in self._mutes], "cooling": self._cooling}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where another was."""
        self._mutes = [_Mute(cells, below_since_s) for cells, below_since_s in state["mutes"]]
        self._cooling = [(cells, until_s) for cells, until_s in state["cooling"]]
