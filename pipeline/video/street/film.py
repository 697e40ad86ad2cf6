"""The street filmed: scenery, people, light and noise put together into frames with their labels."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.types import Image, Size
from pipeline.video.street.actors import Actor, actors_of
from pipeline.video.street.camera import Camera
from pipeline.video.street.crowd import Crowd
from pipeline.video.street.scenery import SKY_LIGHT, SUN_LIGHT, build_scenery, foot
from pipeline.video.street.script import ANOMALY_KINDS, StreetAnomaly
from pipeline.video.street.shapes import Thing, cast_shadow, render

__all__ = ["Street", "StreetFrame"]

# Taller pictures would show what was never built, above the houses and behind the camera.
TALLEST = 0.75
SHORTEST_SIDE_PX = 48
# Waves of the light: period in seconds, how far the sun's share and the exposure move. A few minutes of footage
# see most of it, so that what is learned from them holds for the next ones.
WAVES = ((173.0, 0.16, 0.02), (97.0, 0.09, 0.012), (41.0, 0.04, 0.006))
SUN_MEAN, EXPOSURE_MEAN = 0.7, 1.1
# The sensor's noise in grey levels: what the three colours share, and what each has for itself.
NOISE, NOISE_OF_COLOUR = 1.8, 1.0
# Noise is drawn once, a little larger than the picture, and laid over each frame in another place.
NOISE_SPARE_PX = 61


@dataclass(frozen=True, slots=True)
class StreetFrame:
    """One picture of the street.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        time_s: its time on its day.
        mask: (H, W) bool, the pixels in which an anomaly is seen; its shadow does not count.
        kinds: the kinds of anomaly that are seen.
    """

    pixels: Image
    time_s: float
    mask: NDArray[np.bool_]
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Light:
    """The light of a moment: the share of the sun's that the clouds let through, and the exposure."""

    sun: float
    exposure: float


class Street:
    """One day of a street before a fixed camera.

    A frame depends on the arguments and its time alone: days have no end, stretches of them may begin anywhere
    and be looked at in any order.

    Args:
        seed: which street: its houses, paving and trees.
        size: (H, W) of the pictures, at least 48 and at most three quarters as high as wide.
        day: which day: who walks when, the light, the noise.
        anomalies: what happens besides people walking.
    Raises:
        ConfigError: the size cannot be drawn.
    """

    def __init__(
        self, seed: int = 0, size: Size = (360, 640), *, day: int = 0, anomalies: Sequence[StreetAnomaly] = ()
    ) -> None:
        if min(size) < SHORTEST_SIDE_PX or size[0] > TALLEST * size[1]:
            raise ConfigError(
                f"the street cannot be drawn in {size[0]}x{size[1]}; choose sides of at least {SHORTEST_SIDE_PX} "
                "and a height of at most three quarters of the width."
            )
        self._camera = Camera(size)
        self._scenery = build_scenery(seed, size)
        self._key = (seed, day)
        self._cast = [actor for one in anomalies for actor in actors_of(one, self._camera, (*self._key, 2))]
        self._crowd = Crowd(self._camera, (*self._key, 1), self._cast)
        rng = np.random.RandomState([*self._key, 3])
        self._phases = rng.uniform(0, 2 * math.pi, len(WAVES))
        self._noise = _noise(size, rng)

    def frames(self, duration_s: float, fps: float = 10.0, *, begin_s: float = 0.0) -> Iterator[StreetFrame]:
        """The frames of a stretch of the day, evenly spaced; memory does not grow with its length."""
        # A hair of tolerance: 0.7 s at 10 frames/s are 7 frames, although 0.7 * 10 is a little less.
        for index in range(math.floor(duration_s * fps + 1e-6)):
            yield self.frame(begin_s + index / fps)

    def frame(self, time_s: float) -> StreetFrame:
        """The frame of a moment."""
        light = self._light(time_s)
        present = [(actor, actor.at(time_s)) for actor in self._present(time_s)]
        picture = self._empty_street([thing for _, thing in present], light)
        labels = np.zeros(self._camera.size, np.uint8)
        for actor, thing in sorted(present, key=lambda one: -foot(one[1], self._camera)[1]):
            self._draw(actor, thing, picture, labels, light)
        present_kinds = {actor.kind for actor, _ in present if actor.kind}
        kinds = frozenset(kind for kind in present_kinds if (labels == _label(kind)).any())
        return StreetFrame(self._with_noise(picture, time_s), time_s, labels > 0, kinds)

    def _present(self, time_s: float) -> Iterator[Actor]:
        yield from self._crowd.present(time_s)
        yield from (actor for actor in self._cast if actor.way.begin_s <= time_s < actor.way.end_s)

    def _light(self, time_s: float) -> _Light:
        sun, exposure = SUN_MEAN, EXPOSURE_MEAN
        for (period_s, of_sun, of_exposure), phase in zip(WAVES, self._phases, strict=True):
            turn = time_s / period_s * 2 * math.pi + phase
            sun += of_sun * math.sin(turn)
            exposure += of_exposure * math.cos(turn)
        return _Light(sun, exposure)

    def _empty_street(self, things: Sequence[Thing], light: _Light) -> Image:
        """The scenery with the shadows of things: where they fall, the sky's light stays and the sun's does not."""
        shadow = np.zeros(self._camera.size, np.uint8)
        for thing in things:
            cast_shadow(shadow, thing, self._camera)
        shadow = cast("Image", cv2.GaussianBlur(shadow, (0, 0), self._camera.size[1] / 500))
        kept = 255 - cast("Image", cv2.multiply(shadow, self._scenery.ground, scale=1 / 255))
        sunshine = cv2.multiply(self._scenery.sun, cv2.merge([kept] * 3), scale=1 / 255)
        shares = light.exposure, light.exposure * light.sun
        return cast("Image", cv2.addWeighted(self._scenery.sky, shares[0], sunshine, shares[1], 0))

    def _draw(self, actor: Actor, thing: Thing, picture: Image, labels: Image, light: _Light) -> None:
        """Draw a thing over the picture and its label, 0 for people who belong there, over the labels."""
        sprite = render(thing, self._camera)
        if sprite is None:
            return
        ground, depth_m = foot(thing, self._camera)
        window = sprite.rows, sprite.columns
        nearer = bisect_left(self._scenery.depths_m, depth_m)
        seen = self._scenery.seen_past[nearer][window][..., None] * np.float32(1 / 255)
        colour = (SKY_LIGHT + SUN_LIGHT * np.float32(light.sun * self._sunlit(ground))) * np.float32(light.exposure)
        lit = np.minimum(sprite.colour * colour, 255 * sprite.opacity)
        opacity = sprite.opacity * seen
        picture[window] = np.rint(picture[window] * (1 - opacity) + lit * seen)
        labels[window][opacity[..., 0] > 0.5] = _label(actor.kind)

    def _sunlit(self, ground: NDArray[np.float64]) -> float:
        """How much of the sun arrives at pixels on average; for those outside the picture, at its border."""
        height, width = self._camera.size
        columns, rows = np.clip(np.rint(ground).astype(int), 0, (width - 1, height - 1)).T
        return float(self._scenery.sunlit[rows, columns].mean())

    def _with_noise(self, picture: Image, time_s: float) -> Image:
        rng = np.random.RandomState([*self._key, 4, round(time_s * 1000) % 2**32])
        (top, left), (height, width) = rng.randint(NOISE_SPARE_PX, size=2), self._camera.size
        noise = self._noise[top : top + height, left : left + width]
        return cast("Image", cv2.addWeighted(picture, 1, noise, 1, -128))


def _label(kind: str) -> int:
    return ANOMALY_KINDS.index(kind) + 1 if kind else 0


def _noise(size: Size, rng: np.random.RandomState) -> Image:
    """Noise about 128, as large as a picture and the spare."""
    height, width = size[0] + NOISE_SPARE_PX, size[1] + NOISE_SPARE_PX
    shared, own = rng.normal(0, NOISE, (height, width, 1)), rng.normal(0, NOISE_OF_COLOUR, (height, width, 3))
    return np.rint(128 + shared + own).astype(np.uint8)
