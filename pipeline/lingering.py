"""What stays in one place: shared by alerting, which raises it, and calibration, which sets its threshold.

Whoever walks past lifts a cell for a moment; what was left behind lifts it for as long as it lies there. So the least
that a cell has shown for some seconds tells far fainter things from normality than its value at one moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINGERING_S", "Lingering"]

# Long enough that nobody who walks fills a cell for so long, short enough to report what was left within ten seconds.
LINGERING_S = 6.0
# Stamps of 5 frames/s are 0.2 s apart, more or less.
TOLERANCE_S = 0.05


class Lingering:
    """The least of each cell over the last seconds.

    Args:
        gap_s: where frames are further apart, what was seen before does not count.
    """

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._window: deque[tuple[float, NDArray[Any]]] = deque()

    def add(self, time_s: float, cells: NDArray[Any]) -> NDArray[Any] | None:
        """Least of each cell over the last `LINGERING_S`, of the type of `cells`; None until so much was seen.

        Args:
            time_s: rising; a time that falls begins another recording.
            cells: (h, w).
        """
        window = self._window
        if window and not 0 < time_s - window[-1][0] <= self._gap_s:
            window.clear()
        window.append((time_s, cells))
        begin_s = time_s - LINGERING_S + TOLERANCE_S
        while len(window) > 1 and window[1][0] <= begin_s:
            window.popleft()
        if window[0][0] > begin_s:
            return None
        least: NDArray[Any] = np.minimum.reduce([cells for _, cells in window])
        return least

    def state(self) -> list[tuple[float, NDArray[Any]]]:
        """What it remembers, the oldest first."""
        return list(self._window)

    def resume(self, state: Iterable[tuple[float, NDArray[Any]]]) -> None:
        """Go on where another was."""
        self._window = deque((time_s, cells) for time_s, cells in state)
