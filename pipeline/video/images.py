"""Images as a source: read one by one, in the order given, and only those that are taken.

OpenCV decodes them (EXIF orientation applied, 16 bit and grey brought to 8 bit colour); resizing is the same as for
video. Images have no clock: without a rate the n-th is at n seconds and none is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from cv2.utils import logging
from numpy.typing import NDArray

from pipeline.errors import ConfigError, SourceError
from pipeline.types import Size
from pipeline.video.pictures import Picture
from pipeline.video.resizing import UPRIGHT, Turn, upright_size
from pipeline.video.sources import Source

__all__ = ["ImageReader"]


class ImageReader:
    """A `Reader` of images.

    Args:
        source: of the kind IMAGES.
        rate: images per second; None where they have no clock.
    Raises:
        ConfigError: the rate is not above 0.
        SourceError: a file cannot be read, or none of them holds an image.
    """

    def __init__(self, source: Source, rate: float | None) -> None:
        if rate is not None and not 0 < rate < math.inf:
            raise ConfigError(f"{source.where}: {rate:g} images per second is no rate; choose one above 0.")
        self.rate = rate
        self.turn: Turn = UPRIGHT  # OpenCV turns them
        self.damaged = 0
        self._source = source
        self._paths = source.pictures
        self.size = self._first_size()
        self.damaged = 0  # what was skipped on the way to the first is skipped, and counted, again

    @property
    def duration_s(self) -> float:
        """Number of images, in seconds of their clock."""
        return len(self._paths) / (self.rate or 1.0)

    def pictures(self, from_s: float, until_s: float | None) -> Iterator[Picture]:
        """All images, each with its time; nothing is read until `load` is called."""
        for index, path in enumerate(self._paths):
            yield Picture(index / (self.rate or 1.0), partial(self._load, path), name=path)

    def close(self) -> None:
        """Nothing is held open."""

    def _first_size(self) -> Size:
        for path in self._paths:
            image = self._load(path)
            if image is not None:
                return upright_size(image, self.turn)
        raise SourceError(
            f"{self._source.where}: none of its {len(self._paths)} images can be decoded; check that they are images."
        )

    def _load(self, path: str) -> av.VideoFrame | None:
        try:
            content = np.frombuffer(Path(path).read_bytes(), np.uint8)
        except OSError as error:
            raise SourceError(f"{path}: it cannot be read ({error.strerror}); check the file.") from error
        image = _decoded(content) if len(content) else None
        if image is None:
            self.damaged += 1
            return None
        return av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image, np.uint8), "bgr24")


def _decoded(content: NDArray[np.uint8]) -> cv2.typing.MatLike | None:
    # A damaged image is counted by us; OpenCV would also describe it on stderr.
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:  # sizes beyond OpenCV's limit
        return None
    finally:
        logging.setLogLevel(level)
