"""Decoded pictures become upright RGB arrays: resized, converted and turned, the same way for video and images."""

from __future__ import annotations

import struct

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation, VideoReformatter

from pipeline.types import Geometry, Image, Size, display_size

__all__ = ["UPRIGHT", "Resizer", "Turn", "turn_of", "upright_size"]

# Without FULL_CHR_H_INT two neighbours share one colour: mean error against float arithmetic 1.6 grey levels instead
# of 0.3 on a camera's picture, 1.8 instead of 0.6 on coloured blocks; it costs 0.3 ms a frame (768x432 to 432x240).
# BITEXACT costs nothing: every processor gives the same frame, and models travel between machines.
BICUBIC = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT

# For pictures that are looked at and soon gone: no aliases either, and 0.1 ms instead of 2.4 where a picture of 768x432
# keeps its size, 0.7 instead of 2.6 where it becomes 640x360.
AREA = Interpolation.AREA

# How a camera was held, as the display matrix tells it without its shifts: (p, q) of the decoded picture is shown at
# (a·p + c·q, b·p + d·q). Only quarter turns and mirrorings: either b and c are 0, or a and d.
Turn = tuple[int, int, int, int]
UPRIGHT: Turn = (1, 0, 0, 1)


class Resizer:
    """Makes the model's picture, and the display's, of decoded pictures of any size and pixel format.

    One for each source: what swscale prepares for a size and a format is kept.
    """

    def __init__(
        self,
        geometry: Geometry,
        turn: Turn = UPRIGHT,
        display_short_side: int | None = None,
        *,
        quick_display: bool = False,
    ) -> None:
        self._geometry = geometry
        self._turn = turn
        self._display_short_side = display_short_side
        self._display_way = AREA if quick_display else BICUBIC
        self._model = VideoReformatter()
        self._display = VideoReformatter()

    def model(self, decoded: av.VideoFrame) -> Image:
        """(H, W, 3) uint8 RGB at model size: the upright picture resized, then cut from the centre."""
        (x, y), (height, width) = self._geometry.offset, self._geometry.size
        whole = self._rgb(self._model, decoded, self._geometry.resize, BICUBIC)
        return np.ascontiguousarray(whole[y : y + height, x : x + width])

    def display(self, decoded: av.VideoFrame) -> Image | None:
        """(h, w, 3) uint8 RGB at display size, uncropped; None where no display was asked for."""
        if self._display_short_side is None:
            return None
        size = display_size(upright_size(decoded, self._turn), self._display_short_side)
        return np.ascontiguousarray(self._rgb(self._display, decoded, size, self._display_way))

    def _rgb(self, reformatter: VideoReformatter, decoded: av.VideoFrame, size: Size, way: Interpolation) -> Image:
        height, width = size[::-1] if _on_its_side(self._turn) else size
        # One thread: the scorers have the other cores.
        rgb = reformatter.reformat(decoded, width, height, "rgb24", interpolation=way, threads=1)
        return _turned(rgb.to_ndarray().astype(np.uint8, copy=False), self._turn)


def upright_size(decoded: av.VideoFrame, turn: Turn) -> Size:
    """(H, W) of a decoded picture as it is to be shown."""
    size = decoded.height, decoded.width
    return size[::-1] if _on_its_side(turn) else size


def turn_of(decoded: av.VideoFrame) -> Turn:
    """How the camera was held, from a frame's metadata."""
    # PyAV ties a frame whose metadata is looked at into a cycle, and its memory stays until a garbage collection:
    # look at that of a tiny copy.
    tiny = decoded.reformat(16, 16, "gray8")
    matrix = tiny.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]  # its stub lacks the key
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
    return (a, 0, 0, d) if abs(a) >= abs(b) else (0, b, c, 0)


def _on_its_side(turn: Turn) -> bool:
    return turn[0] == 0


def _turned(pixels: Image, turn: Turn) -> Image:
    a, b, c, d = turn
    if _on_its_side(turn):
        return pixels.transpose(1, 0, 2)[:: _sign(b), :: _sign(c)]
    return pixels[:: _sign(d), :: _sign(a)]


def _sign(value: int) -> int:
    return -1 if value < 0 else 1
