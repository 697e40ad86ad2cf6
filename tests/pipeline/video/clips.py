"""Clips and images for the tests of video: each picture shows its own number, so that no frame can be mistaken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from pipeline.types import Geometry, Image, Size

__all__ = ["GEOMETRY", "SIZE", "moving", "number_of", "numbered", "write_clip"]

SIZE: Size = (64, 128)
GEOMETRY = Geometry(SIZE)
BITS = 8


def numbered(number: int, size: Size = SIZE) -> Image:
    """(H, W, 3) RGB: eight columns, the bits of a number from the highest on, black for 0 and white for 1."""
    height, width = size
    columns = np.arange(width) * BITS // width
    row = np.where(number >> (BITS - 1 - columns) & 1, 255, 0).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_of(pixels: Image) -> int:
    """The number that a picture shows."""
    height, width, _ = pixels.shape
    row = pixels[height // 2, (np.arange(BITS) * 2 + 1) * width // (2 * BITS), 1] > 127
    return int("".join("1" if bit else "0" for bit in row), 2)


def moving(count: int, *, step_px: int = 2, size: Size = SIZE) -> list[Image]:
    """A textured square of a third of the height that goes to the right over a textured ground."""
    chance = np.random.RandomState(3)
    height, width = size
    side = height // 3
    ground, thing = (_texture(chance, whole) for whole in (size, (side, side)))
    pictures = []
    for number in range(count):
        left = (8 + number * step_px) % (width - side)
        picture = ground.copy()
        picture[side : 2 * side, left : left + side] = thing
        pictures.append(picture)
    return pictures


def write_clip(
    path: Path,
    pictures: Iterable[Image] | int = 20,
    *,
    fps: int = 10,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    form: str | None = None,
    stamps_ms: Sequence[int] | None = None,
    turn: tuple[float, bool] | None = None,
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write a clip of pictures, or of so many numbered ones; `turn` is counter-clockwise degrees and a mirroring."""
    frames = [numbered(number) for number in range(pictures)] if isinstance(pictures, int) else list(pictures)
    with av.open(path, "w", format=form, options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = (frames[0] if frames else numbered(0)).shape[:2]
        stream.pix_fmt = pix_fmt
        if stamps_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if turn is not None:
            stream.set_display_rotation(turn[0], hflip=turn[1])
        for place, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pix_fmt)
            if stamps_ms is not None:
                frame.pts, frame.time_base = stamps_ms[place], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _texture(chance: np.random.RandomState, size: Size) -> Image:
    coarse = chance.randint(30, 220, (size[0] // 4, size[1] // 4, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1]), np.uint8)
