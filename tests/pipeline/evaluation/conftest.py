"""Small data sets, written as each test needs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat


@dataclass(frozen=True)
class Tree:
    """Writes files below a root, with the folders they need."""

    root: Path

    def picture(self, path: str, pixels: NDArray[Any] | None = None) -> Path:
        """A picture, 6×8 and grey unless pixels are given; the suffix says how it is stored."""
        target = self._make_room(path)
        done, data = cv2.imencode(target.suffix.lower(), np.full((6, 8), 90, np.uint8) if pixels is None else pixels)
        assert done
        target.write_bytes(data.tobytes())
        return target

    def pictures(self, folder: str, count: int, suffix: str = ".tif") -> Path:
        """A folder of pictures 001, 002 …"""
        for number in range(1, count + 1):
            self.picture(f"{folder}/{number:03d}{suffix}")
        return self.root / folder

    def masks(self, folder: str, labels: list[int], suffix: str = ".bmp") -> Path:
        """A folder of masks 001, 002 …, with one abnormal pixel at row 1, column 2 where the label is 1."""
        for number, label in enumerate(labels, start=1):
            mask = np.zeros((6, 8), np.uint8)
            mask[1, 2] = 255 * label
            self.picture(f"{folder}/{number:03d}{suffix}", mask)
        return self.root / folder

    def text(self, path: str, text: str) -> Path:
        target = self._make_room(path)
        target.write_text(text, encoding="utf-8")
        return target

    def array(self, path: str, array: NDArray[Any]) -> Path:
        target = self._make_room(path)
        np.save(target, array)
        return target

    def matlab(self, path: str, **variables: NDArray[Any] | list[NDArray[Any]]) -> Path:
        """A MATLAB file; a list becomes a cell array of one row."""
        target = self._make_room(path)
        savemat(target, {name: _cells(value) for name, value in variables.items()}, do_compression=True)
        return target

    def folder(self, path: str) -> Path:
        (self.root / path).mkdir(parents=True)
        return self.root / path

    def _make_room(self, path: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def _cells(value: NDArray[Any] | list[NDArray[Any]]) -> NDArray[Any]:
    if not isinstance(value, list):
        return value
    cells = np.empty((1, len(value)), dtype=object)
    for index, array in enumerate(value):
        cells[0, index] = array
    return cells


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)
