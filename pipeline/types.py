"""Values that cross rooms: the geometry of pictures, frames.

Sizes are (H, W); points are (x, y) in pixels, x to the right and y down, counted from the centre of the
top-left pixel; times are seconds from the first frame of the recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError

__all__ = ["Frame", "Geometry", "Image", "Size", "model_size"]

Size = tuple[int, int]
Image = NDArray[np.uint8]

# Every backbone reaches stride 16, so both sides are whole numbers of its coarsest cells.
SIDE_MULTIPLE = 16


def model_size(source: Size, short_side: int) -> Size:
    """Size at which a model looks at pictures of a size: the short side as asked, both rounded to multiples of 16.

    Ties go down: fewer pixels. The aspect ratio changes by at most half a cell.

    >>> model_size((432, 768), 240)
    (240, 432)
    >>> model_size((240, 360), 240)
    (240, 352)
    """
    height, width = source
    scale = short_side / min(height, width)

    def whole_cells(side: int) -> int:
        return max(1, math.ceil(side * scale / SIDE_MULTIPLE - 0.5)) * SIDE_MULTIPLE

    return whole_cells(height), whole_cells(width)


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a source picture becomes a model picture: resized, then cut from the centre.

    Attributes:
        resize: (H, W) the whole picture is resized to.
        crop: side of the square cut from the centre afterwards, or None for no cut.
    Raises:
        ConfigError: the crop does not fit, or a side of the result is not a positive multiple of 16.
    """

    resize: Size
    crop: int | None = None

    def __post_init__(self) -> None:
        height, width = self.resize
        if self.crop is not None and not 0 < self.crop <= min(height, width):
            raise ConfigError(
                f"a crop of {self.crop} does not fit into {height}x{width}; choose one up to {min(height, width)}."
            )
        if any(side <= 0 or side % SIDE_MULTIPLE for side in self.size):
            raise ConfigError(
                f"model pictures of {self.size[0]}x{self.size[1]} have a side that is not a multiple of "
                f"{SIDE_MULTIPLE}; choose sides that are."
            )

    @property
    def size(self) -> Size:
        """(H, W) of the model picture."""
        return self.resize if self.crop is None else (self.crop, self.crop)

    @property
    def offset(self) -> tuple[int, int]:
        """(x, y) of the model picture's top-left pixel within the resized picture."""
        height, width = self.resize
        return (width - self.size[1]) // 2, (height - self.size[0]) // 2

    def to_source(self, point: tuple[float, float], source: Size) -> tuple[float, float]:
        """Point of a model picture, (x, y), in pixels of a source picture of size (H, W); never outside it."""
        (x, y), (left, top), (height, width) = point, self.offset, self.resize
        across, down = (x + left + 0.5) * source[1] / width - 0.5, (y + top + 0.5) * source[0] / height - 0.5
        return min(max(0.0, across), source[1] - 1.0), min(max(0.0, down), source[0] - 1.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture of a source.

    Attributes:
        index: 0, 1, 2 … over the sampled frames of one recording.
        time_s: presentation time in seconds; the recording's first decoded frame is 0.
        pixels: (H, W, 3) uint8 RGB at model size.
        source_size: (H, W) of the picture before resizing, upright.
        display: (h, w, 3) uint8 RGB at display size, uncropped and with even sides, where it was asked for.
    """

    index: int
    time_s: float
    pixels: Image
    source_size: Size
    display: Image | None = None
