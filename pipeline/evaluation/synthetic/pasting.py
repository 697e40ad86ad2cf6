"""What artificial anomalies are pasted from, and how: cut-outs of walkers, and patches of another place.

Patches come from the drawn street, which needs no files. Frames are (H, W, 3) uint8 RGB; points are (x, y) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.synthetic.walkers import Sighting
from pipeline.types import Image, Size
from pipeline.video.street import Street

__all__ = ["Cutout", "cutout_of", "foreign_patch", "foreign_pictures", "paste"]

# Streets that the demo and its footage do not show, at moments when people are about.
STREETS, MOMENT_S = (101, 102, 103, 104), 40.0
DRAWN: Size = (360, 640)
# Median distance in levels of grey from what lies beneath: less cannot be seen, more is no art to find.
LEAST_CONTRAST, MOST_CONTRAST, TRIES = 12, 70, 20
# Mean distance of the three colours from their grey, below which a camera sees no colour.
COLOURLESS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """Something to be pasted.

    Attributes:
        pixels: (h, w, 3) uint8 RGB.
        cover: (h, w) float32, 1 where it covers.
    """

    pixels: Image
    cover: NDArray[np.float32]


def cutout_of(sighting: Sighting) -> Cutout:
    """A walker, cut out."""
    return Cutout(sighting.pixels, sighting.cover.astype(np.float32))


def foreign_pictures(background: Image) -> list[Image]:
    """Pictures of other places, as large as a background, and grey where that has no colour."""
    height, width = background.shape[:2]
    pictures = [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in _drawn()]
    levels = background.astype(np.float32)
    if np.abs(levels - levels.mean(axis=2, keepdims=True)).mean() < COLOURLESS:
        pictures = [cv2.cvtColor(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for one in pictures]
    return [np.asarray(picture, np.uint8) for picture in pictures]


@cache
def _drawn() -> tuple[Image, ...]:
    """Drawn once, which takes a second."""
    return tuple(Street(seed, DRAWN).frame(MOMENT_S).pixels for seed in STREETS)


def foreign_patch(rng: np.random.RandomState, pictures: Sequence[Image], beneath: Image) -> Cutout:
    """A patch, a rectangle or an ellipse, that stands out from what lies beneath it and is as large."""
    height, width = beneath.shape[:2]
    for _ in range(TRIES):
        picture = pictures[rng.randint(len(pictures))]
        y, x = rng.randint(picture.shape[0] - height + 1), rng.randint(picture.shape[1] - width + 1)
        patch = picture[y : y + height, x : x + width].copy()
        if LEAST_CONTRAST <= np.median(cv2.absdiff(patch, beneath)) <= MOST_CONTRAST:
            break
    cover = np.zeros((height, width), np.float32)
    if rng.rand() < 0.5:
        radii = max(2, width // 2 - 1), max(2, height // 2 - 1)
        cv2.ellipse(cover, (width // 2, height // 2), radii, 0, 0, 360, 1.0, -1)
    else:
        cover[1:-1, 1:-1] = 1
    return Cutout(patch, cover)


def paste(frame: Image, cutout: Cutout, x: float, y: float) -> NDArray[np.bool_]:
    """Paste a cut-out with its top-left pixel at a point, between pixels too; where it covers the (H, W) frame."""
    height, width = frame.shape[:2]
    shift = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    cover = cv2.warpAffine(cutout.cover, shift, (width, height))
    cover = cv2.GaussianBlur(cover, (3, 3), 0)[..., None]  # a sharp border would be an anomaly of its own
    pixels = cv2.warpAffine(cutout.pixels, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    frame[:] = np.rint(cover * pixels + (1 - cover) * frame)
    return np.asarray(cover[..., 0] > 0.5)
