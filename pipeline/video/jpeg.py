"""Pictures as JPEG: thumbnails, previews and the frames of clips to come.

Pictures are (H, W, 3) uint8 RGB. What comes from elsewhere says its size in its header, and is refused before memory is
taken for it.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.errors import SourceCorrupt
from pipeline.types import Image, Size

__all__ = ["decode_jpeg", "encode_jpeg", "jpeg_size"]

BEGIN = b"\xff\xd8"
# Markers of a header that tells the size: all kinds of coding, without the tables (C4, CC) and an extension (C8).
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Markers without a length, and those after which there is no header any more: the picture itself, and the end.
ALONE = {0x01, *range(0xD0, 0xD8)}
OVER = {0xD9, 0xDA}
# Marker, length, bits, height, width.
SIZE_ENDS = 2 + 2 + 1 + 2 + 2
# A camera's turn is in its frames already; a note in the file changes nothing.
READING = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def encode_jpeg(picture: Image, quality: int = 80) -> bytes:
    """A picture as JPEG.

    Args:
        picture: (H, W, 3) uint8 RGB.
        quality: 0 to 100.
    """
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), parameters)[1].tobytes()


def jpeg_size(data: bytes) -> Size:
    """(H, W) as the header says.

    Raises:
        SourceCorrupt: it is no JPEG, or its header is cut.
    """
    place = len(BEGIN) if data.startswith(BEGIN) else len(data)
    while data[place : place + 1] == b"\xff" and place + SIZE_ENDS <= len(data):
        marker = data[place + 1]
        if marker in FRAMES:
            height, width = (int.from_bytes(data[begin : begin + 2]) for begin in (place + 5, place + 7))
            if height and width:
                return height, width
        if marker in FRAMES | OVER:
            break
        if marker == 0xFF:  # any number of them may stand before a marker
            place += 1
        else:
            place += 2 if marker in ALONE else 2 + int.from_bytes(data[place + 2 : place + 4])
    raise _corrupt(data)


def decode_jpeg(data: bytes, most_pixels: int) -> Image:
    """(H, W, 3) uint8 RGB.

    Raises:
        SourceCorrupt: it is no JPEG, is cut, or has more pixels than it may; memory is not taken then.
    """
    height, width = jpeg_size(data)
    if height * width > most_pixels:
        raise SourceCorrupt(f"a JPEG of {height}x{width} is larger than the {most_pixels} pixels that may be read.")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), READING)
    except cv2.error as error:
        raise _corrupt(data) from error
    if picture is None or picture.shape != (height, width, 3):
        raise _corrupt(data)
    return np.asarray(picture, np.uint8)


def _corrupt(data: bytes) -> SourceCorrupt:
    return SourceCorrupt(f"a picture of {len(data)} bytes is no JPEG, or is damaged; it cannot be shown.")
