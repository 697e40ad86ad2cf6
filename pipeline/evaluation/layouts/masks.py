"""Masks of abnormal pixels, one to a frame, read when asked for.

A mask is (h, w) bool, true where a pixel is abnormal, in a size of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, SourceError

__all__ = ["Mask", "MaskArray", "MaskPictures", "Masks", "open_array", "read_mask"]

Mask = NDArray[np.bool_]

# JPEG blurs: around an abnormal region its masks have a fringe of dark grey, which is cut off at half white.
LOSSY_SUFFIXES = frozenset({".jpeg", ".jpg", ".webp"})
LOSSY_LEVEL = 127


class Masks(Protocol):
    """The masks of one piece of footage."""

    @property
    def origin(self) -> Path:
        """Where they come from, for errors."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mask: ...


@dataclass(frozen=True, slots=True)
class MaskPictures:
    """Masks that are pictures; None stands for a frame known to be normal throughout."""

    origin: Path
    paths: tuple[Path | None, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Mask:
        path = self.paths[index]
        return np.zeros((1, 1), dtype=bool) if path is None else read_mask(path)


@dataclass(frozen=True, slots=True, eq=False)
class MaskArray:
    """Masks of one NumPy file: (frames, h, w), abnormal where not 0."""

    origin: Path
    array: NDArray[Any]  # any type of number

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> Mask:
        return np.asarray(self.array[index] != 0)

    @classmethod
    def open(cls, path: Path) -> MaskArray:
        """Map a NumPy file, without reading the masks.

        Raises:
            ConfigError: it is not a NumPy file of shape (frames, h, w).
        """
        array = open_array(path)
        if array.ndim != 3:
            raise ConfigError(f"{path}: is of shape {array.shape}, not (frames, height, width); save it so.")
        return cls(path, array)


def open_array(path: Path) -> NDArray[Any]:
    """Map a NumPy file of numbers into memory, without reading it.

    Raises:
        ConfigError: it is not one.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: is not a NumPy file of numbers; write it with numpy.save.") from error
    if array.dtype.kind not in "biuf":
        raise ConfigError(f"{path}: holds {array.dtype} instead of numbers; write 0 and 1.")
    return array


def read_mask(path: Path) -> Mask:
    """A mask from a picture of any kind (grey of 1, 8 or 16 bits, colour, palette): abnormal where not black.

    Transparency is not looked at. In JPEG and WebP a pixel has to be brighter than half.

    Raises:
        SourceError: the picture cannot be read.
    """
    try:
        picture = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):
        picture = None
    if picture is None:
        raise SourceError(f"{path}: is not a picture that can be read; replace this mask.")
    level = LOSSY_LEVEL if path.suffix.lower() in LOSSY_SUFFIXES else 0
    bright = picture > level
    return np.asarray(bright if bright.ndim == 2 else bright[..., :3].any(axis=-1))
