"""What is wrong with footage, noticed while it is learned from: a camera that moves, darkness.

Looks at one small grey picture a second, (H, W) of about 90 lines.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Frame, Image

__all__ = ["FootageCheck"]

LINES = 90
INTERVAL_S = 1.0
# Limited-range black is 16; a street at night with one lamp is above 20 on average.
BLACK_LEVEL = 20.0
# A fixed camera's background holds the picture in place; what a pole sways in the wind is below this.
SHIFT_SHARE = 0.01
# Below this the two pictures have too little in common to speak of a shift.
MIN_RESPONSE = 0.05
# Blocks as high as a sixth of the picture vote, and so many of them must be for a movement.
BLOCK_ROWS, BETTER_SHARE = 6, 0.75
# Some seconds out of many may be a lorry passing, or the lights going out.
MIN_LOOKS, TOO_MANY = 5, 0.2


class FootageCheck:
    """Takes frames in order; says in `warnings` what will disappoint."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._last_s = -np.inf
        self._looks = self._dark = self._pairs = self._shifts = 0

    def add(self, frame: Frame) -> None:
        """Look at a frame, at most one a second; a time that falls begins another recording."""
        if frame.time_s < self._last_s:
            self._last = None
        elif frame.time_s - self._last_s < INTERVAL_S:
            return
        small = _small(frame.pixels)
        self._looks += 1
        dark = bool(small.mean() < BLACK_LEVEL)
        self._dark += dark
        if self._last is not None and not dark:
            self._pairs += 1
            self._shifts += _shifted(self._last, small)
        self._last, self._last_s = small, frame.time_s

    @property
    def warnings(self) -> list[str]:
        """One sentence for each thing that was wrong too often."""
        found = []
        if self._dark > TOO_MANY * self._looks:
            found.append(
                f"the picture is nearly black in {self._dark / self._looks:.0%} of the footage: "
                "little can be learned from it."
            )
        if self._pairs >= MIN_LOOKS and self._shifts > TOO_MANY * self._pairs:
            found.append(
                f"the camera moves in {self._shifts / self._pairs:.0%} of the footage: "
                "a model needs a fixed view, every turn will look like an anomaly."
            )
        return found


def _small(pixels: Image) -> NDArray[np.float32]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    width = max(LINES, round(grey.shape[1] * LINES / grey.shape[0]))
    return cv2.resize(grey, (width, LINES), interpolation=cv2.INTER_AREA).astype(np.float32)


def _shifted(before: NDArray[np.float32], after: NDArray[np.float32]) -> bool:
    """Whether the picture as a whole moved.

    A crowd that walks one way gives a shift too, but leaves the background where it was. So most blocks of the picture
    must fit better once the shift is undone.
    """
    height, width = before.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # OpenCV 5 multiplies the window into the very pictures it is given.
    (x, y), response = cv2.phaseCorrelate(before.copy(), after.copy(), window)
    if response < MIN_RESPONSE or not SHIFT_SHARE < float(np.hypot(x / width, y / width)) < 0.5:
        return False
    shift = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]])
    undone = cv2.warpAffine(after, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    blocks = (round(BLOCK_ROWS * width / height), BLOCK_ROWS)
    as_is, moved = (
        cv2.resize(np.abs(picture - before), blocks, interpolation=cv2.INTER_AREA) for picture in (after, undone)
    )
    return float(np.mean(moved < as_is)) > BETTER_SHARE
