"""The fixed camera: metres of the street to pixels of the picture.

The world is in metres: x to the right along the street, y away from the camera, z up from the ground; the camera
hangs over x = 0, y = 0. Pixels are (x, y), counted from the centre of the top-left one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Size

__all__ = ["Camera", "Floats"]

Floats = NDArray[np.float64]

HEIGHT_M = 6.0
PITCH = math.radians(24)
YAW = math.radians(13)
# In widths of the picture: 61 degrees from side to side.
FOCAL_WIDTHS = 0.85


class Camera:
    """A pinhole camera that looks down on the street and a little along it.

    Attributes:
        size: (H, W) of its pictures.
        focal_px: pixels of one metre, one metre away.
        matrix: (3, 4), homogeneous points of the world to pixels times the depth in metres.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.focal_px = FOCAL_WIDTHS * size[1]
        right = (math.cos(YAW), -math.sin(YAW), 0.0)
        ahead = (math.sin(YAW) * math.cos(PITCH), math.cos(YAW) * math.cos(PITCH), -math.sin(PITCH))
        turn = np.array([right, np.cross(ahead, right), ahead])
        centre = (size[1] - 1) / 2, (size[0] - 1) / 2
        lens = np.array([[self.focal_px, 0, centre[0]], [0, self.focal_px, centre[1]], [0, 0, 1]])
        self.matrix: Floats = lens @ np.column_stack([turn, turn @ (0, 0, -HEIGHT_M)])

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Pixels (n, 2) and depths in metres (n,) of points (n, 3) in front of the camera."""
        image = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        return image[:, :2] / image[:, 2:], image[:, 2]

    def border_x(self, y: float, side: int) -> float:
        """Where the line of the ground at a distance y leaves the picture, to its left (side −1) or right (1)."""
        column = -0.5 if side < 0 else self.size[1] - 0.5
        # On the border the row that gives columns, less this column times the depth, is 0.
        a, b, _, d = self.matrix[0] - column * self.matrix[2]
        return float(-(b * y + d) / a)
