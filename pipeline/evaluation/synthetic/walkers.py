"""Who walks in normal footage: cut out of the background and followed from frame to frame.

For artificial anomalies alone, which need some walkers and not all: whoever is cut off at the border, joins another or
is lost for a frame is given up. Points are (x, y) in pixels; paces are pixels a frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image

__all__ = ["Sighting", "Walker", "background_of", "find_walkers"]

# Frames of which the background is the median: beyond, it changes little and takes long.
MOST_FRAMES = 150
# Levels of grey by which a walker stands out, and the share of the picture that one takes.
CONTRAST, SMALLEST, LARGEST = 18, 0.0006, 0.04
# A walker seen for fewer frames is no use, and what moves less a frame only sways.
LEAST_FRAMES, LEAST_PACE = 12, 0.25
# People are higher than they are wide, or nearly: others are groups and shadows.
WIDEST = 1 / 0.7
# From one frame to the next the area of a walker changes by less; else two have met, or parted.
AREA_RATIO = 1.33


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A walker in one frame.

    Attributes:
        x, y: of its top-left pixel.
        cover: (h, w) bool, its pixels.
        pixels: (h, w, 3) uint8 RGB.
    """

    x: int
    y: int
    cover: NDArray[np.bool_]
    pixels: Image

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of its box."""
        height, width = self.cover.shape
        return height, width

    def overlap(self, other: Sighting) -> int:
        """Pixels that the boxes of both share."""
        (height, width), (other_height, other_width) = self.size, other.size
        across = min(self.x + width, other.x + other_width) - max(self.x, other.x)
        down = min(self.y + height, other.y + other_height) - max(self.y, other.y)
        return max(0, across) * max(0, down)

    def follows(self, other: Sighting) -> bool:
        """Whether it may be what the other was a frame ago."""
        ratio = float(self.cover.sum() / other.cover.sum())
        return 1 / AREA_RATIO < ratio < AREA_RATIO and self.overlap(other) > 0


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody who walks, in frames that follow each other."""

    sightings: tuple[Sighting, ...]

    @property
    def moved(self) -> tuple[float, float]:
        """From the first frame to the last, (x, y)."""
        first, last = self.sightings[0], self.sightings[-1]
        return float(last.x - first.x), float(last.y - first.y)

    @property
    def pace(self) -> float:
        """Mean pace."""
        return math.hypot(*self.moved) / (len(self.sightings) - 1)


def background_of(stretches: Sequence[Image]) -> Image:
    """(H, W, 3) median of frames that are evenly spread over (T, H, W, 3) stretches of one view."""
    total = sum(map(len, stretches))
    step = math.ceil(total / MOST_FRAMES)
    spread = np.concatenate([frames[::step] for frames in stretches])
    return np.asarray(np.median(spread, axis=0), np.uint8)


def find_walkers(frames: Image, background: Image) -> list[Walker]:
    """Who walks in (T, H, W, 3) frames that follow each other, in the order in which they are lost sight of."""
    done: list[list[Sighting]] = []
    followed: list[list[Sighting]] = []
    for frame in frames:
        seen = _standing_out(frame, background)
        going_on = []
        for track in followed:
            candidates = [sighting for sighting in seen if sighting.follows(track[-1])]
            if not candidates:
                done.append(track)
                continue
            best = max(candidates, key=track[-1].overlap)
            seen.remove(best)
            going_on.append([*track, best])
        followed = going_on + [[sighting] for sighting in seen]
    walkers = [Walker(tuple(track)) for track in [*done, *followed] if len(track) >= LEAST_FRAMES]
    return [walker for walker in walkers if walker.pace >= LEAST_PACE]


def _standing_out(frame: Image, background: Image) -> list[Sighting]:
    """What may be walkers in a frame, wholly inside the picture."""
    height, width = frame.shape[:2]
    difference = cv2.GaussianBlur(cv2.absdiff(frame, background).max(axis=2), (5, 5), 0)
    found = (difference > CONTRAST).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    sightings = []
    for label, (x, y, wide, high, area) in enumerate(boxes[1:].tolist(), start=1):
        inside = x > 1 and y > 1 and x + wide < width - 1 and y + high < height - 1
        if inside and wide <= high * WIDEST and SMALLEST <= area / (height * width) <= LARGEST:
            window = slice(y, y + high), slice(x, x + wide)
            sightings.append(Sighting(x, y, labels[window] == label, frame[window].copy()))
    return sightings
