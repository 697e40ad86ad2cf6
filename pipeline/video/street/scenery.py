"""What stands still, drawn once: paving, house fronts and furniture, in the light of the sky and in that of the sun.

The picture of a moment is the light of the sky plus as much of the sun's as the clouds let through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np

from pipeline.types import Image, Size
from pipeline.video.street.camera import Camera, Floats
from pipeline.video.street.furniture import furniture
from pipeline.video.street.shapes import FINER, Part, Sprite, Thing, cast_shadow, placed, render
from pipeline.video.street.surfaces import FRONT_HEIGHT_M, FRONT_Y_M, LEFT_M, Texture, ground_texture, house_fronts

__all__ = ["SKY_LIGHT", "SUN_LIGHT", "Scenery", "build_scenery", "foot"]

# What white reflects of each, RGB: the sky's light is bluish, the sun's is warm.
SKY_LIGHT = np.array([0.51, 0.53, 0.56], np.float32)
SUN_LIGHT = np.array([0.52, 0.49, 0.43], np.float32)
# Pixels a metre of the textures for each pixel of the picture's width; more than the limit shows no more.
DENSITY, DENSITY_LIMIT = 0.1, 96
# A house behind the camera stands in the sun: the shadow it throws on the near walkway.
_SHADE = np.array([(-10.0, 9.4, 0), (-1.5, 8.1, 0), (8.5, 4.2, 0), (8.5, 4.0, 0), (-10.0, 4.0, 0)])
SHADE_OF_A_HOUSE = Part(_SHADE, np.full(len(_SHADE), 0.02), (0, 0, 0))


@dataclass(frozen=True, slots=True)
class Scenery:
    """A street without anybody.

    Attributes:
        sky, sun: (H, W, 3) uint8 RGB, the same street in each of the two lights.
        sunlit: (H, W) float32, how much of the sun arrives, 0 to 1.
        ground: (H, W) uint8, 255 where ground is seen, on which shadows can fall.
        depths_m: how far away each thing that stands on the street is, nearest first.
        seen_past: one more than depths; the n-th, (H, W) uint8, is 255 where the n nearest cover nothing.
    """

    sky: Image
    sun: Image
    sunlit: Texture
    ground: Image
    depths_m: Sequence[float]
    seen_past: Sequence[Image]


@lru_cache(maxsize=4)
def build_scenery(seed: int, size: Size) -> Scenery:
    """The street of a seed, the same for all its days and therefore kept; it takes about half a second."""
    camera, things = Camera(size), furniture(np.random.RandomState([seed, 0]))
    colours, sunlit, ground = _planes(seed, size, things)
    sprites = [(foot(thing, camera)[1], sprite) for thing in things if (sprite := render(thing, camera))]
    sprites.sort(key=lambda one: one[0])
    for _, sprite in reversed(sprites):
        window = sprite.rows, sprite.columns
        colours[window] = colours[window] * (1 - sprite.opacity) + sprite.colour
        sunlit[window] = np.maximum(sunlit[window], sprite.opacity[..., 0])
        ground[window] *= 1 - sprite.opacity[..., 0]
    return Scenery(
        _bytes(colours * SKY_LIGHT),
        _bytes(colours * SUN_LIGHT * sunlit[..., None]),
        sunlit,
        _bytes(ground * 255),
        [depth_m for depth_m, _ in sprites],
        _seen_past([sprite for _, sprite in sprites], size),
    )


def foot(thing: Thing, camera: Camera) -> tuple[Floats, float]:
    """Where the ground under a thing is seen, (n, 2) in pixels, and how far away it is on average, in metres."""
    pixels, depths = camera.project(thing.points * (1, 1, 0))
    return pixels, float(depths.mean())


def _planes(seed: int, size: Size, things: Sequence[Thing]) -> tuple[Texture, Texture, Texture]:
    """Ground and house fronts in the picture: colours, (H, W, 3), sun that arrives and share of ground, (H, W)."""
    # Seen by a camera with more pixels and averaged, so that distant paving does not turn into stripes.
    fine = Camera((size[0] * FINER, size[1] * FINER))
    density = min(DENSITY_LIMIT, max(8, round(DENSITY * size[1])))
    floor = fine.matrix[:, [0, 1, 3]]
    wall = np.column_stack([fine.matrix[:, [0, 2]], fine.matrix @ (0, FRONT_Y_M, 0, 1)])
    paving = _seen(ground_texture(np.random.RandomState([seed, 1]), density), floor, FRONT_Y_M, density, fine)
    colours, sunlit = house_fronts(np.random.RandomState([seed, 2]), density)
    fronts, sunlit, share = (
        _seen(texture, wall, FRONT_HEIGHT_M, density, fine) for texture in (colours, sunlit, np.ones_like(sunlit))
    )
    shadow = np.zeros(fine.size, np.uint8)
    for thing in (*things, placed([SHADE_OF_A_HOUSE], (0, 0), 0)):
        cast_shadow(shadow, thing, fine)
    in_sun = 1 - cv2.GaussianBlur(shadow, (0, 0), size[1] / 320) / np.float32(255)
    return (
        _shrunk(fronts + paving * (1 - share[..., None]), size),
        _shrunk(sunlit + in_sun * (1 - share), size),
        _shrunk(1 - share, size),
    )


def _seen(texture: Texture, plane: Floats, top_m: float, density: int, camera: Camera) -> Texture:
    """A texture, its top row at `top_m`, in the picture; `plane` takes metres on its plane to pixels. 0 outside."""
    pixel_m = 1 / density
    metres = np.array([[pixel_m, 0, LEFT_M + pixel_m / 2], [0, -pixel_m, top_m - pixel_m / 2], [0, 0, 1]])
    return cast("Texture", cv2.warpPerspective(texture, plane @ metres, camera.size[::-1]))


def _shrunk(picture: Texture, size: Size) -> Texture:
    return cast("Texture", cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA))


def _seen_past(sprites: Sequence[Sprite], size: Size) -> list[Image]:
    """What the nearest none, one, two … of some sprites leave uncovered."""
    seen = np.ones(size, np.float32)
    views = [_bytes(seen * 255)]
    for sprite in sprites:
        seen[sprite.rows, sprite.columns] *= 1 - sprite.opacity[..., 0]
        views.append(_bytes(seen * 255))
    return views


def _bytes(values: Texture) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
