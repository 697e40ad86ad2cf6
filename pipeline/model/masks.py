"""Parts of the picture that never raise an alarm: a busy road, a flickering screen, the clock in the corner.

A mask is a YAML file of polygons or a picture. YAML:

    size: [432, 768]          # (H, W) that the points are counted in; left out: the camera's own
    polygons:
      - [[0, 0], [120, 0], [120, 80], [0, 80]]      # (x, y) points, inside is ignored

A picture of any size: pixels brighter than half are ignored.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError
from pipeline.types import Geometry, Size

__all__ = ["read_mask"]

Mask = NDArray[np.bool_]


class _Polygons(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: tuple[int, int] | None = None
    polygons: list[list[tuple[float, float]]] = Field(min_length=1)


def read_mask(path: Path, geometry: Geometry, source: Size) -> Mask:
    """(H, W) bool at model size, true where scores are ignored.

    Args:
        path: YAML file (.yaml, .yml) or picture.
        geometry: how source pictures become model pictures.
        source: (H, W) of the source's pictures.
    Raises:
        ConfigError: the file is missing, unreadable or not a mask; a polygon has under three points or lies partly
            outside the picture; nothing would be left to score.
    """
    if not os.path.isfile(path):  # Path.is_file raises inside a folder that may not be entered
        raise ConfigError(f"{path}: no such mask; give a YAML file of polygons or a picture.")
    whole = _polygons(path, source) if path.suffix.lower() in (".yaml", ".yml") else _picture(path)
    height, width = geometry.resize
    resized = cv2.resize(whole.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    (left, top), (rows, columns) = geometry.offset, geometry.size
    mask: Mask = resized[top : top + rows, left : left + columns] > 0
    if mask.all():
        raise ConfigError(f"{path}: the mask covers the whole picture, nothing is left to score; make it smaller.")
    return mask


def _polygons(path: Path, source: Size) -> Mask:
    """(H, W) of the mask's own size."""
    loaded = _loaded(path)
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: has no polygons; see the guide on masks for the form.")
    try:
        content = _Polygons.model_validate(loaded)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"{path}: {place}: {first['msg'].lower()}; see the guide on masks for the form.") from error
    height, width = content.size or source
    if not (0 < height <= 1 << 15 and 0 < width <= 1 << 15):
        raise ConfigError(f"{path}: size is {height}x{width}, expected [height, width] in pixels.")
    mask = np.zeros((height, width), np.uint8)
    for number, points in enumerate(content.polygons, start=1):
        _check_polygon(path, number, points, (height, width))
        cv2.fillPoly(mask, [np.round(np.array(points)).astype(np.int32)], (1,))
    return mask > 0


def _loaded(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read, {(error.strerror or str(error)).lower()}; check it.") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date that is none
        raise ConfigError(f"{path}: is not YAML; see the guide on masks for the form.") from error


def _check_polygon(path: Path, number: int, points: list[tuple[float, float]], size: Size) -> None:
    if len(points) < 3:
        raise ConfigError(f"{path}: polygon {number} has {len(points)} points, expected 3 or more.")
    for x, y in points:
        if not (0 <= x <= size[1] and 0 <= y <= size[0]):
            raise ConfigError(
                f"{path}: polygon {number} has the point ({x:g}, {y:g}) outside the picture of "
                f"{size[0]}x{size[1]} pixels (height x width); points are (x, y), keep them inside."
            )


def _picture(path: Path) -> Mask:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ConfigError(f"{path}: is neither a picture nor a YAML file; give one of the two.")
    mask: Mask = picture > 127
    return mask
