"""Scores made visible: the heatmap over the footage, time and score beneath it, boxes, a sheet of pictures.

Pictures are (H, W, 3) uint8 RGB; scores are in units of the threshold: 1 is the threshold, everywhere.
What is called draw_… changes the picture it is given. Text needs OpenCV 5, which brings its own font.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ShapeError
from pipeline.parts import mainly
from pipeline.types import CoarseMap, Geometry, Image

__all__ = ["blend_heatmap", "contact_sheet", "draw_box", "draw_caption", "heat_of"]

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]

# The heatmap begins half way to the threshold, so that something coming up can be seen coming.
TINT_FROM = 0.5
TINT_FULL = 3.5
# What is wrong has to be recognised under the fullest tint.
TINT_OPACITY = 0.7
# The part of OpenCV's inferno that stands out from dark footage. It grows brighter all the way, so it reads
# without colour vision too.
INFERNO_FROM, INFERNO_TO = 124, 250

INK: Colour = (240, 240, 236)
PAPER: Colour = (22, 24, 28)
TRACK: Colour = (92, 96, 102)
NORMAL: Colour = (112, 196, 222)
ALARM: Colour = (255, 132, 56)
# The threshold stands in the middle of the score bar: how far a score is beyond twice of it needs no bar.
BAR_FULL = 2.0
# The height of a line as a share of the picture's short side, and the least that is still legible.
LINE_SHARE = 0.05
LINE_LEAST_PX = 18
SHEET_GAP_PX = 8


def blend_heatmap(picture: Image, scores: NDArray[np.float32]) -> Image:
    """A new picture with the map of scores blended in: clear up to 0.5, plain to see at 1, full from 3.5 on.

    Args:
        picture: (H, W, 3) uint8 RGB.
        scores: (h, w), finite; it covers the whole picture and is brought to its size.
    """
    scale = 255 / (TINT_FULL - TINT_FROM)
    levels = np.clip((scores - TINT_FROM) * scale, 0, 255).astype(np.uint8)
    if not levels.any():
        return picture.copy()
    # Bytes from here on: at full size the rest is table look-ups, 1 ms for 432x768.
    levels = cast("Image", cv2.resize(levels, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC))
    tint, rest = _tint_tables()
    kept = cv2.multiply(picture, cv2.applyColorMap(levels, rest), scale=1 / 255)
    return cast("Image", cv2.add(kept, cv2.applyColorMap(levels, tint)))


def heat_of(levels: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.float32]:
    """Scores that cover the whole picture, of the (h, w) levels of a coarse map: what a crop left out has none."""
    scores = CoarseMap(levels).scores()
    if geometry.crop is None:
        return scores
    whole = np.zeros(geometry.resize, np.float32)
    (left, top), (height, width) = geometry.offset, geometry.size
    whole[top : top + height, left : left + width] = cv2.resize(
        scores, (width, height), interpolation=cv2.INTER_NEAREST
    )
    return whole


def draw_caption(
    picture: Image, time_s: float, score: float, at: datetime | None = None, motion: float | None = None
) -> None:
    """Shade the foot of a picture and write on it the time, the score, and its bar with the threshold marked.

    Args:
        at: date and time of day, to be written instead of seconds.
        motion: how much of the score is motion, 0 to 1, to be said where there is room.
    """
    line = _line_px(picture)
    foot = picture[-line:]
    foot >>= 2
    pad, size, baseline = line // 2, round(line * 0.62), round(line * 0.73)
    shown = _clock(time_s) if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
    _text(foot, shown, (pad, baseline), size, INK)
    colour = ALARM if score > 1 else NORMAL
    # The widest usual score keeps its place free, so that the bar stands still from picture to picture.
    left = foot.shape[1] - pad - _text_width("score 88.88", size)
    _text(foot, f"score {score:.2f}", (left, baseline), size, colour)
    _draw_bar(foot, left - pad, score, colour)
    mark = mainly(motion)
    begin = left - pad - _bar_px(foot) - pad - _text_width(mark, size)
    if mark and begin >= pad + _text_width(shown, size) + pad:
        _text(foot, mark, (begin, baseline), size, INK)


def _draw_bar(foot: Image, right: int, score: float, colour: Colour) -> None:
    line, width = foot.shape[0], _bar_px(foot)
    left, top, bottom = right - width, round(line * 0.4), round(line * 0.6)
    filled = round(width * min(max(score, 0.0), BAR_FULL) / BAR_FULL)
    cv2.rectangle(foot, (left, top), (right, bottom), TRACK, cv2.FILLED)
    cv2.rectangle(foot, (left, top), (left + filled, bottom), colour, cv2.FILLED)
    threshold = left + round(width / BAR_FULL)
    cv2.line(foot, (threshold, line // 4), (threshold, line - 1 - line // 4), INK, max(1, line // 16))


def _bar_px(foot: Image) -> int:
    return int(foot.shape[1]) // 5


def draw_box(picture: Image, box: Box, label: str) -> None:
    """Frame a box, [x, y, w, h] in pixels, and write its label above it, or inside where there is no room."""
    x, y, width, height = box
    line = _line_px(picture)
    size = round(line * 0.62)
    thickness = max(1, line // 9)
    cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), ALARM, thickness)
    top = y - line if y >= line else y
    room = _text_width(label, size) + line // 2
    left = max(0, min(x, picture.shape[1] - 1 - room))
    cv2.rectangle(picture, (left, top), (left + room, top + line - 1), ALARM, cv2.FILLED)
    _text(picture, label, (left + line // 4, top + round(line * 0.73)), size, PAPER)


def contact_sheet(pictures: Sequence[Image], labels: Sequence[str], columns: int) -> Image:
    """One picture of many, in rows from the top left, each with its label beneath it.

    Args:
        pictures: at least one, all of one size.
        labels: one each.
        columns: pictures in a row.
    Raises:
        ShapeError: the pictures differ in size.
    """
    height, width = pictures[0].shape[:2]
    line = _line_px(pictures[0])
    step_y, step_x = height + line + SHEET_GAP_PX, width + SHEET_GAP_PX
    rows = -(-len(pictures) // columns)
    sheet = np.empty((rows * step_y + SHEET_GAP_PX, columns * step_x + SHEET_GAP_PX, 3), np.uint8)
    sheet[:] = PAPER
    for place, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        if picture.shape != pictures[0].shape:
            raise ShapeError(f"picture {place} of the contact sheet", pictures[0].shape, picture.shape)
        y = SHEET_GAP_PX + place // columns * step_y
        x = SHEET_GAP_PX + place % columns * step_x
        sheet[y : y + height, x : x + width] = picture
        _text(sheet, label, (x, y + height + round(line * 0.78)), round(line * 0.62), INK)
    return sheet


def _clock(time_s: float) -> str:
    """m:ss.s, or h:mm:ss.s from an hour on; rounded before it is split, so that no minute has 60 seconds.

    >>> _clock(9.04), _clock(59.96), _clock(3599.96)
    ('0:09.0', '1:00.0', '1:00:00.0')
    """
    minutes, tenths = divmod(round(time_s * 10), 600)
    hours, rest = divmod(minutes, 60)
    seconds = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{rest:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


@cache
def _tint_tables() -> tuple[Image, Image]:
    """For each level the tint times its opacity, and what stays of the picture: twice (256, 1, 3), RGB."""
    level = np.linspace(0, 1, 256)[:, None]
    opacity = TINT_OPACITY * (1 - (1 - level) ** 4)
    span = np.linspace(INFERNO_FROM, INFERNO_TO, 256).astype(np.uint8)[:, None]
    inferno = cv2.applyColorMap(span, cv2.COLORMAP_INFERNO)[:, 0, ::-1]
    tint = np.rint(inferno * opacity).astype(np.uint8)
    rest = np.rint(255 * (1 - opacity)).astype(np.uint8)
    return tint[:, None], np.repeat(rest, 3, axis=1)[:, None]


def _line_px(picture: Image) -> int:
    return max(LINE_LEAST_PX, int(LINE_SHARE * min(picture.shape[:2])))


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _text(picture: Image, text: str, baseline: tuple[int, int], size_px: int, colour: Colour) -> None:
    cv2.putText(picture, text, baseline, colour, _font(), size_px, 500)


def _text_width(text: str, size_px: int) -> int:
    box = cv2.getTextSize((0, 0), text, (0, 0), _font(), size_px, 500)
    return int(box[2])
