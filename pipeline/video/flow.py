"""What moves in a picture: dense optical flow between the sampled frames of one run of a source, as small planes.

Causal, and of nothing but the frames: whoever reads the same frames gets the same bytes. Speeds are pixels of the model
picture a second, so that they do not change with the rate. Plane 0 is the mean speed of a cell over the last frames.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import CELL_PX, PLANES, Image, Motion, Size

__all__ = ["PLANES", "MotionReader"]

# Half of each side costs a quarter; DIS needs one side above its patch of 8.
LEAST_SIDE = 16
# Pairs of frames in the mean, and the time between two frames beyond which they are no pair.
WINDOW, GAP_S = 9, 2.0
LEVELS_A_PX_S = 2.0


class MotionReader:
    """Of one recording or connection, given all its sampled frames in order; a gap in time begins anew.

    Args:
        size: (H, W) of the model pictures.
    """

    def __init__(self, size: Size) -> None:
        small = tuple(max(side // 2, LEAST_SIDE) for side in size)
        self._small = small[1], small[0]
        self._cells = size[1] // CELL_PX, size[0] // CELL_PX
        self._scale = np.array([size[1] / small[1], size[0] / small[0]], np.float32)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._last: Image | None = None
        self._last_s = 0.0
        self._speed = np.zeros(self._cells[::-1], np.float32)
        self._pairs = 0

    def add(self, pixels: Image, time_s: float) -> Motion:
        """What moved up to a (H, W, 3) uint8 RGB frame at a time in seconds."""
        last, step_s = self._last, time_s - self._last_s
        grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), self._small, interpolation=cv2.INTER_AREA)
        self._last, self._last_s = np.asarray(grey, np.uint8), time_s
        if last is None or not 0 < step_s <= GAP_S:
            self._speed, self._pairs = np.zeros_like(self._speed), 0
        else:
            flow = self._flow.calc(last, self._last, None)  # type: ignore[call-overload]  # None: nothing to begin with
            moved = flow * self._scale / np.float32(step_s)
            speed = cv2.resize(np.hypot(moved[..., 0], moved[..., 1]), self._cells, interpolation=cv2.INTER_AREA)
            self._pairs = min(self._pairs + 1, WINDOW)
            self._speed += (speed - self._speed) / self._pairs
        levels = np.clip(np.rint(self._speed * LEVELS_A_PX_S), 0, 255).astype(np.uint8)
        return Motion(levels[None], self._pairs)
