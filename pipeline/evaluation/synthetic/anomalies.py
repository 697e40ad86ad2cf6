"""Artificial clips: held-out frames into which something is pasted that should, or should not, be noticed.

A clip has frames before the object, with it, and after it. Paces are pixels a frame, and follow from those of the
walkers; where nobody walks, what needs no walker is made as for people of a sixth of the picture's height.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.synthetic.folds import CLIP_FRAMES, Stretch
from pipeline.evaluation.synthetic.pasting import Cutout, cutout_of, foreign_patch, foreign_pictures, paste
from pipeline.evaluation.synthetic.walkers import background_of, find_walkers
from pipeline.types import Box, Image

__all__ = ["CONTROL", "MOVING", "STILL", "Clip", "Kind", "Maker"]

T = TypeVar("T")


class Kind(StrEnum):
    """What is pasted."""

    FAST = "fast"  # a walker on his own way, two to three times as fast
    GLIDE = "glide"  # a walker's cut-out along his way, at 1.5 to 3 times the usual pace
    ODD = "odd"  # a walker's cut-out across his way, at about the usual pace
    THROWN = "thrown"  # a foreign patch, at two to four times the usual pace
    BOX = "box"  # a foreign patch that lies
    SLOW = "slow"  # a foreign patch, at 0.3 to 1 times the usual pace
    WALK = "walk"  # a walker on his own way, at his own pace: the control, which is normal


MOVING = (Kind.FAST, Kind.GLIDE, Kind.ODD, Kind.THROWN)
STILL = (Kind.BOX, Kind.SLOW)
CONTROL = Kind.WALK
OF_WALKERS = frozenset({Kind.FAST, Kind.GLIDE, Kind.ODD, Kind.WALK})

# Frames of a clip before the object is there, as many as motion looks back and more, and with it.
BEGIN, SHOWN = 22, 24
# A walker who is played fast is still there for so many frames.
LEAST_SHOWN = 10
# A smaller patch has too few pixels to be counted.
LEAST_SIDE = 10
# Of people where nobody walks: their height as a share of the picture's, heights a second that they walk.
NOMINAL_HEIGHT, NOMINAL_PACE = 1 / 6, 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """An artificial clip of T frames.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB.
        masks: (T, H, W) bool, where the object is.
        times_s: (T,) times of the frames.
    """

    kind: Kind
    frames: Image
    masks: NDArray[np.bool_]
    times_s: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Pasted:
    """What is pasted into one frame; x, y of its top-left pixel."""

    cutout: Cutout
    x: float
    y: float


class Maker:
    """Makes clips of one fold; the same number of a kind is the same clip, whatever else was made.

    Args:
        stretches: of the fold, at least one.
        fps: rate of the frames.
        seed: with the kind and the number of a clip, says all that is drawn by chance.
    Attributes:
        walkers: who walks in the stretches.
    """

    def __init__(self, stretches: Sequence[Stretch], fps: float, seed: Sequence[int]) -> None:
        self._stretches, self._seed = stretches, seed
        self._background = background_of([stretch.frames for stretch in stretches])
        self._pictures = foreign_pictures(self._background)
        self.walkers = [walker for one in stretches for walker in find_walkers(one.frames, self._background)]
        nominal = NOMINAL_PACE * NOMINAL_HEIGHT * self._background.shape[0] / fps
        self._pace = float(np.median([walker.pace for walker in self.walkers])) if self.walkers else nominal

    @property
    def kinds(self) -> list[Kind]:
        """Those that can be made: without walkers, what is not cut out of them."""
        return [kind for kind in Kind if self.walkers or kind not in OF_WALKERS]

    def clip(self, kind: Kind, number: int) -> Clip:
        """One of the clips of a kind."""
        rng = np.random.RandomState([*self._seed, list(Kind).index(kind), number])
        stretch = self._stretches[rng.randint(len(self._stretches))]
        begin = rng.randint(len(stretch.frames) - CLIP_FRAMES + 1)
        frames = stretch.frames[begin : begin + CLIP_FRAMES].copy()
        masks = np.zeros(frames.shape[:3], bool)
        for index, one in enumerate(self._shown(kind, rng), start=BEGIN):
            masks[index] = paste(frames[index], one.cutout, one.x, one.y)
        return Clip(kind, frames, masks, stretch.times_s[begin : begin + CLIP_FRAMES])

    def _shown(self, kind: Kind, rng: np.random.RandomState) -> Iterator[_Pasted]:
        match kind:
            case Kind.WALK:
                return self._walked(rng, 1.0)
            case Kind.FAST:
                return self._walked(rng, rng.uniform(2, 3))
            case Kind.GLIDE:
                turn = math.pi if rng.rand() < 0.5 else 0.0
                return self._glided(rng, rng.uniform(1.5, 3), turn)
            case Kind.ODD:
                turn = rng.choice([-1, 1]) * rng.uniform(math.pi / 3, math.pi / 2)
                return self._glided(rng, rng.uniform(0.8, 1.5), turn)
            case Kind.THROWN:
                return self._carried(rng, rng.uniform(2, 4))
            case Kind.SLOW:
                return self._carried(rng, rng.uniform(0.3, 1))
            case Kind.BOX:
                return self._carried(rng, 0.0)

    def _walked(self, rng: np.random.RandomState, times: float) -> Iterator[_Pasted]:
        """A walker on his own way, so many times as fast: places between his own, pictures the nearest."""
        lasting = [walker for walker in self.walkers if len(walker.sightings) >= times * LEAST_SHOWN]
        if not lasting:
            lasting = [max(self.walkers, key=lambda walker: len(walker.sightings))]
        sightings = _one_of(rng, lasting).sightings
        own = np.arange(len(sightings))
        for step in range(min(SHOWN, int(len(sightings) / times))):
            at = min(step * times, len(sightings) - 1.0)
            x = float(np.interp(at, own, [sighting.x for sighting in sightings]))
            y = float(np.interp(at, own, [sighting.y for sighting in sightings]))
            yield _Pasted(cutout_of(sightings[round(at)]), x, y)

    def _glided(self, rng: np.random.RandomState, times: float, turn: float) -> Iterator[_Pasted]:
        """A walker's cut-out through his own place, at so many times the usual pace, turned from his direction."""
        walker = _one_of(rng, self.walkers)
        sighting = _one_of(rng, walker.sightings)
        angle = math.atan2(walker.moved[1], walker.moved[0]) + turn
        return self._straight(cutout_of(sighting), sighting.x, sighting.y, times, angle)

    def _carried(self, rng: np.random.RandomState, times: float) -> Iterator[_Pasted]:
        """A foreign patch that stands where a walker's feet are, moving about level at so many times the usual pace."""
        height, width = self._background.shape[:2]
        x, y, _, walker_height = self._place(rng)
        high = int(np.clip(walker_height * rng.uniform(0.3, 0.9), LEAST_SIDE, height // 3))
        wide = int(np.clip(high * rng.uniform(0.5, 1.6), LEAST_SIDE, width // 3))
        if times == 0:  # things lie beside the way, too
            x, y = x + rng.randint(-30, 31), y + rng.randint(-20, 21)
        left = int(np.clip(x, 1, width - wide - 1))
        top = int(np.clip(y + walker_height - high, 1, height - high - 1))
        beneath = self._background[top : top + high, left : left + wide]
        cutout = foreign_patch(rng, self._pictures, beneath)
        angle = rng.uniform(-0.4, 0.4) + (math.pi if rng.rand() < 0.5 else 0.0)
        return self._straight(cutout, left, top, times, angle)

    def _straight(self, cutout: Cutout, x: float, y: float, times: float, angle: float) -> Iterator[_Pasted]:
        """Along a line that it is in the middle of when half its time is over."""
        across, down = math.cos(angle) * times * self._pace, math.sin(angle) * times * self._pace
        for step in range(SHOWN):
            yield _Pasted(cutout, x + across * (step - SHOWN / 2), y + down * (step - SHOWN / 2))

    def _place(self, rng: np.random.RandomState) -> Box:
        """Where somebody walks, or could."""
        height, width = self._background.shape[:2]
        if self.walkers:
            sighting = _one_of(rng, _one_of(rng, self.walkers).sightings)
            return sighting.x, sighting.y, sighting.size[1], sighting.size[0]
        high = round(height * NOMINAL_HEIGHT)
        return rng.randint(width), rng.randint(height), high // 2, high


def _one_of(rng: np.random.RandomState, items: Sequence[T]) -> T:
    return items[rng.randint(len(items))]
