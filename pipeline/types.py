"""Values that cross rooms: the geometry of pictures, frames, motion, coarse maps, events.

Sizes are (H, W); points are (x, y) in pixels, x to the right and y down, counted from the centre of the
top-left pixel; boxes are (x, y, w, h) in whole pixels of the source; times are seconds from the first frame of the
recording; scores are in units of the threshold: 1 is the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, ShapeError

__all__ = [
    "CELL_PX",
    "HIGHEST",
    "PLANES",
    "SHARE_STEPS",
    "STEPS_A_DOUBLING",
    "Box",
    "CoarseMap",
    "EndReason",
    "Event",
    "EventKind",
    "Frame",
    "Geometry",
    "Image",
    "Motion",
    "Size",
    "Spot",
    "display_size",
    "model_size",
    "same_view",
]

Size = tuple[int, int]
Box = tuple[int, int, int, int]
Image = NDArray[np.uint8]

# Every backbone reaches stride 16, so both sides are whole numbers of its coarsest cells.
SIDE_MULTIPLE = 16

# How far two aspect ratios of one view may be from each other; a camera's sub-stream is rounded.
ASPECT_TOLERANCE = 0.02


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


def same_view(one: Size, other: Size) -> bool:
    """Whether pictures of two sizes, (H, W), can show the same view: their aspect ratios differ by at most 2 %.

    >>> same_view((576, 704), (288, 352)), same_view((480, 640), (432, 768))
    (True, False)
    """
    (height, width), (other_height, other_width) = one, other
    return abs((width / height) / (other_width / other_height) - 1) <= ASPECT_TOLERANCE


def display_size(source: Size, short_side: int) -> Size:
    """Size at which people see a picture: never larger than it is, and both sides even, as H.264 wants them.

    >>> display_size((1080, 1920), 720), display_size((241, 361), 720)
    ((720, 1280), (240, 360))
    """
    scale = min(1.0, short_side / min(source))
    height, width = (max(2, int(side * scale / 2 + 1e-9) * 2) for side in source)
    return height, width


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

    def box_to_source(self, cells: Box, grid: Size, source: Size) -> Box:
        """Box around cells, (x, y, w, h) on a grid of (h, w) that covers the model picture, in a picture of (H, W)."""
        x, y, width, height = cells
        left, top = self.to_source((x * self.size[1] / grid[1] - 0.5, y * self.size[0] / grid[0] - 0.5), source)
        right, bottom = self.to_source(
            ((x + width) * self.size[1] / grid[1] - 0.5, (y + height) * self.size[0] / grid[0] - 0.5), source
        )
        column, row = math.floor(left + 0.5), math.floor(top + 0.5)
        return column, row, max(1, math.ceil(right + 0.5) - column), max(1, math.ceil(bottom + 0.5) - row)


# Features of each cell's motion: `pipeline.video.flow` says what they are. It stands here because messages and the
# broker's memory are counted with it by processes that load no OpenCV.
PLANES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What moved up to a frame, as a model of motion takes it.

    Attributes:
        planes: (PLANES, H / 8, W / 8) uint8, features of each cell of 8×8 pixels of the model picture.
        frames: how many pairs of frames stand in them; 0 for the first frame of a recording or connection: no motion
            is known.
    """

    planes: NDArray[np.uint8]
    frames: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture of a source.

    Attributes:
        index: 0, 1, 2 … over the sampled frames of one recording.
        time_s: presentation time in seconds; the recording's first decoded frame is 0.
        pixels: (H, W, 3) uint8 RGB at model size.
        source_size: (H, W) of the picture before resizing, upright.
        display: (h, w, 3) uint8 RGB at display size, uncropped and with even sides, where it was asked for.
        motion: what moved up to it, where it was asked for and the source has a clock.
    """

    index: int
    time_s: float
    pixels: Image
    source_size: Size
    display: Image | None = None
    motion: Motion | None = None


# Side of a cell of a coarse map, in pixels of the model picture: both of its sides are whole numbers of them.
CELL_PX = 8
# 28 steps to each doubling, nine doublings from 1/8 to 64: 253 levels, 2.5 % apart, and 1 lies on one of them.
STEPS_A_DOUBLING, LEAST, HIGHEST = 28, 1 / 8, 9 * 28
# A share of 1 in the bytes of a coarse map.
SHARE_STEPS = 255


@dataclass(frozen=True, slots=True, eq=False)
class CoarseMap:
    """An anomaly map as it travels: the maximum of each cell of a small grid, on a fixed logarithmic scale.

    Level n stands for scores up to 2^(n / 28) / 8, above those of level n − 1; 0 for all up to 1/8, 252 for all
    above. So a level above `CoarseMap.level(1)` is a score above 1, exactly. `MASKED` marks cells without a score.

    Attributes:
        levels: (h, w) uint8, 0 to 252 or 255, a cell for each 8×8 pixels of the model picture.
        shares: (h, w) uint8, how much of each cell's score is motion, in 255ths; the rest is appearance. None for a
            model of appearance alone.
        still: (h, w) uint8 levels of what counts where it stays, 0 under a mask. None where those are the levels.
    Raises:
        ShapeError: the planes are of two sizes.
    """

    levels: NDArray[np.uint8]
    shares: NDArray[np.uint8] | None = None
    still: NDArray[np.uint8] | None = None

    MASKED: ClassVar[int] = 255

    def __post_init__(self) -> None:
        for plane in (self.shares, self.still):
            if plane is not None and plane.shape != self.levels.shape:
                raise ShapeError("the size of a plane of a coarse map", self.levels.shape, plane.shape)

    @classmethod
    def of(
        cls,
        scores: NDArray[np.float32],
        masked: NDArray[np.bool_] | None = None,
        shares: NDArray[np.float32] | None = None,
        still: NDArray[np.float32] | None = None,
    ) -> CoarseMap:
        """Coarse map of (h, w) scores, not negative.

        Args:
            masked: (h, w), true in cells that are ignored.
            shares: (h, w), 0 to 1, how much of each score is motion.
            still: (h, w) scores of what counts where it stays.
        """
        levels, staying = _levels(scores), None if still is None else _levels(still)
        moving = None if shares is None else np.rint(np.clip(shares, 0, 1) * SHARE_STEPS).astype(np.uint8)
        if masked is not None:
            levels = np.where(masked, np.uint8(cls.MASKED), levels)
            moving, staying = (
                None if plane is None else np.where(masked, np.uint8(0), plane) for plane in (moving, staying)
            )
        return cls(levels, moving, staying)

    def motion_at(self, row: int, column: int) -> float | None:
        """How much of a cell's score is motion, 0 to 1; None for a model of appearance alone."""
        return None if self.shares is None else int(self.shares[row, column]) / SHARE_STEPS

    def scores(self) -> NDArray[np.float32]:
        """(h, w) the highest score that each level stands for; 0 for level 0 and where a mask lies."""
        return _SCORES[self.levels]

    @staticmethod
    def level(score: float) -> int:
        """The highest level whose scores are all up to `score`, which is at least 1/8."""
        return min(int(math.log2(score / LEAST) * STEPS_A_DOUBLING + 1e-4), HIGHEST)


def _levels(scores: NDArray[np.float32]) -> NDArray[np.uint8]:
    doublings = np.log2(np.maximum(scores, np.float32(LEAST)) / np.float32(LEAST))
    # A score of exactly 1 has rounding of its own: half a millionth of a step keeps it at its level.
    levels = np.ceil(doublings * STEPS_A_DOUBLING - 1e-4)
    return np.clip(levels, 0, HIGHEST).astype(np.uint8)


_SCORES = (np.exp2(np.arange(256) / STEPS_A_DOUBLING) * LEAST).astype(np.float32)
_SCORES[[0, CoarseMap.MASKED]] = 0


class EventKind(StrEnum):
    """What kind of thing happened."""

    ANOMALY = "anomaly"  # something in a part of the picture
    VIEW = "view"  # most of the picture changed: the light, the camera's place, a cover
    CAMERA = "camera"  # the camera was out of reach for longer than it may be; a recording never is


class EndReason(StrEnum):
    """Why an event ended."""

    GONE = "gone"  # its region fell back to normal
    LONG = "long"  # it lasted longer than an event may; its region is muted until it is normal
    VIEW = "view"  # the whole view changed while it lasted
    FOOTAGE = "footage"  # the recording or the connection ended
    BACK = "back"  # the camera is in reach again


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one frame shows something that is followed.

    Attributes:
        score: the highest in it.
        opened: whether it is an event by now, and not a candidate.
    """

    box: Box
    score: float
    opened: bool


@dataclass(frozen=True, slots=True)
class Event:
    """Begin, peak and end of one anomaly.

    Attributes:
        id: CAMERA-EPOCH-INDEX of the frame it began with; the same frames give the same id again.
        camera: name of the camera.
        begin_s, peak_s, end_s: the first frame above 1, the frame of the highest score, the last frame of it so far.
        score: the highest score in its region.
        box: around its region at the peak.
        reason: why it ended; None while it lasts.
        motion: how much of the score is motion, 0 to 1: the share at the cell of the highest score in the frame of the
            peak. None for a model of appearance alone.
    """

    id: str
    camera: str
    kind: EventKind
    begin_s: float
    peak_s: float
    end_s: float
    score: float
    box: Box
    reason: EndReason | None = None
    motion: float | None = None
