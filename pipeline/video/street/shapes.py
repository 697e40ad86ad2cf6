"""Things as lists of parts, each the hull of a few balls: how they look to the camera, and their shadows.

A thing's own axes are (ahead, left, up), the world's are the camera's; metres both. Colours are RGB, 0 to 255, in
full light.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image
from pipeline.video.street.camera import Camera, Floats

__all__ = [
    "Colour",
    "Part",
    "Sprite",
    "Thing",
    "box",
    "cast_shadow",
    "darker",
    "hull",
    "limb",
    "offset",
    "placed",
    "render",
]

Colour = tuple[float, float, float]

# Where shadows fall: metres along x and along y for each metre of height.
SHADOW = np.array([0.62, 0.35])
# Things are drawn three times as large and averaged: their edges are soft and slow movement is smooth.
FINER = 3
# OpenCV is given corners in sixteenths of a pixel.
SHIFT = 4
_ANGLES = np.linspace(0, 2 * np.pi, 12, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1).astype(np.float32)
# How much brighter and darker the sides turned to the light and away from it are, and how broad these are.
MODELLING = 0.34
MODELLING_M = 0.16


@dataclass(frozen=True, slots=True)
class Part:
    """The hull of balls in one colour: one ball is a ball, two a limb, with radius 0 three or more a polygon.

    Attributes:
        points: (n, 3), metres.
        radii: (n,), metres.
        colour: RGB in full light.
        nearer_m: drawn as if it were so much nearer to the camera, to settle what covers what.
        stroke_m: above 0, only the outline is drawn, so broad.
        one_sided: a flat part that is seen only from where its points run clockwise.
    """

    points: Floats
    radii: Floats
    colour: Colour
    nearer_m: float = 0.0
    stroke_m: float = 0.0
    one_sided: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """Parts in the world, their balls in one array.

    Attributes:
        points, radii: (n, 3) and (n,), metres, all balls in the order of the parts.
        begins: (parts,) where each part's balls begin.
        parts: the same parts as they were made, for their colours and strokes.
    """

    points: Floats
    radii: Floats
    begins: NDArray[np.intp]
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn thing: a piece of the picture.

    Attributes:
        rows, columns: the part of the picture it covers.
        colour: (h, w, 3) float32, multiplied by the opacity.
        opacity: (h, w, 1) float32, 0 to 1.
    """

    rows: slice
    columns: slice
    colour: NDArray[np.float32]
    opacity: NDArray[np.float32]


def offset(origin: Floats, ahead: float, left: float, up: float) -> Floats:
    """The point so many metres from another."""
    return np.add(origin, (ahead, left, up))


def hull(points: Sequence[Floats], radii: Sequence[float], colour: Colour, nearer_m: float = 0.0) -> Part:
    """The part around a ball at each point."""
    return Part(np.stack(points), np.array(radii), colour, nearer_m)


def limb(begin: Floats, end: Floats, begin_radius: float, end_radius: float, colour: Colour) -> Part:
    """A tapering part between two points."""
    return hull([begin, end], [begin_radius, end_radius], colour)


def box(centre: Floats, half: tuple[float, float, float], colour: Colour) -> Part:
    """A box with rounded edges, from half its length, breadth and height."""
    corners = [offset(centre, a * half[0], b * half[1], c * half[2]) for a, b, c in product((1, -1), repeat=3)]
    return hull(corners, [0.03] * 8, colour)


def darker(colour: Colour, factor: float) -> Colour:
    """A colour in less light."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def placed(parts: Sequence[Part], at: tuple[float, float], heading: float) -> Thing:
    """A thing put on the ground at (x, y), its front turned by so many radians from the direction of x."""
    cos, sin = np.cos(heading), np.sin(heading)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    counts = [len(part.points) for part in parts]
    points = np.concatenate([part.points for part in parts]) @ turn + (*at, 0.0)
    return Thing(points, np.concatenate([part.radii for part in parts]), np.cumsum([0, *counts[:-1]]), parts)


def render(thing: Thing, camera: Camera) -> Sprite | None:
    """A thing as the camera sees it, lit from the upper left; None when it is outside the picture."""
    pixels, depths = camera.project(thing.points)
    outlines = _around(pixels, thing.radii * camera.focal_px / depths)
    window = _window(outlines, camera)
    if window is None:
        return None
    left, top, width, height = window
    canvas = np.zeros((height * FINER, width * FINER, 4), np.uint8)
    # From the centre of the picture's pixel to that of its first of the finer pixels it is a third of a pixel.
    outlines = (outlines - np.array([left, top], np.float32) + (0.5 - 0.5 / FINER)) * FINER
    mean_depths = np.add.reduceat(depths, thing.begins) / np.diff(thing.begins, append=len(depths))
    order = np.argsort([part.nearer_m for part in thing.parts] - mean_depths, kind="stable")
    for index, corners in _hulls(outlines, thing, order):
        part = thing.parts[index]
        if part.one_sided and _seen_from_behind(pixels[thing.begins[index] :][: len(part.points)]):
            continue
        stroke_px = part.stroke_m * camera.focal_px / mean_depths[index] * FINER
        _draw(canvas, corners, (*part.colour, 255.0), stroke_px)
    small = cast("Image", cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA))
    return _modelled(left, top, small, max(2, round(MODELLING_M * camera.focal_px / float(np.mean(depths)))))


def cast_shadow(shadow: Image, thing: Thing, camera: Camera) -> None:
    """Draw the shadow of a thing on flat ground into a (H, W) uint8 picture, as 255."""
    ground = np.zeros_like(thing.points)
    ground[:, :2] = thing.points[:, :2] + thing.points[:, 2:] * SHADOW
    pixels, depths = camera.project(ground)
    outlines = _around(pixels, thing.radii * camera.focal_px / depths)
    for index, corners in _hulls(outlines, thing, range(len(thing.parts))):
        stroke_px = thing.parts[index].stroke_m * camera.focal_px / depths[thing.begins[index]]
        _draw(shadow, corners, (255.0,), stroke_px)


def _around(pixels: Floats, radii_px: Floats) -> NDArray[np.float32]:
    """Points around every ball in the picture: (n, points of a circle, 2)."""
    return pixels.astype(np.float32)[:, None] + radii_px.astype(np.float32)[:, None, None] * _CIRCLE


def _window(outlines: NDArray[np.float32], camera: Camera) -> tuple[int, int, int, int] | None:
    """Left, top, width and height of what the outlines touch of the picture, one pixel wider on every side."""
    left, top = np.maximum(np.floor(outlines.min(axis=(0, 1))).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(outlines.max(axis=(0, 1))).astype(int) + 2, camera.size[::-1])
    return (left, top, right - left, bottom - top) if left < right and top < bottom else None


def _hulls(
    outlines: NDArray[np.float32], thing: Thing, order: Iterable[int]
) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Each part's index and the corners of its hull, in sixteenths of a pixel."""
    fine = (outlines * (1 << SHIFT)).astype(np.int32)
    ends = [*thing.begins[1:], len(fine)]
    for index in order:
        around = fine[thing.begins[index] : ends[index]].reshape(-1, 2)
        yield index, cast("NDArray[np.int32]", cv2.convexHull(around))


def _seen_from_behind(corners: Floats) -> bool:
    """Whether a flat part's points run anticlockwise in the picture, by the sign of its area."""
    x, y = corners.T
    return bool(x @ np.roll(y, -1) <= y @ np.roll(x, -1))


def _draw(canvas: Image, corners: NDArray[np.int32], colour: tuple[float, ...], stroke_px: float) -> None:
    if stroke_px:
        cv2.polylines(canvas, [corners], True, colour, max(1, round(stroke_px)), cv2.LINE_8, SHIFT)
    else:
        cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_8, SHIFT)


def _modelled(left: int, top: int, small: Image, turn_px: int) -> Sprite:
    """Give a flat drawing body: brighter where it turns to the upper left, darker where it turns away."""
    opacity, last = small[..., 3], turn_px - 1
    towards, away = (
        cv2.boxFilter(opacity, cv2.CV_32F, (turn_px, turn_px), anchor=anchor, borderType=cv2.BORDER_CONSTANT)
        for anchor in ((0, 0), (last, last))
    )
    light = 1 + (towards - away) * np.float32(MODELLING / 255)
    colour = np.minimum(small[..., :3] * light[..., None], 255)
    rows, columns = slice(top, top + len(small)), slice(left, left + small.shape[1])
    return Sprite(rows, columns, colour, np.divide(opacity[..., None], 255, dtype=np.float32))
