"""Masks in MATLAB files: the one module that knows SciPy, which is loaded when it is needed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.masks import Mask

__all__ = ["MatlabMasks"]


@dataclass(frozen=True, slots=True)
class MatlabMasks:
    """Masks of one MATLAB file: a cell for each frame, of shape (h, w) and abnormal where not 0; empty where normal.

    Attributes:
        variable: name of the cell array.
        frames: how many cells it has.
    """

    origin: Path
    variable: str
    frames: int

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, index: int) -> Mask:
        cell = np.asarray(_cells(self.origin, self.variable)[index])
        if cell.dtype.kind not in "biuf" or cell.ndim != 2:
            raise ConfigError(f"{self.origin}: cell {index + 1} of {self.variable} is no mask; download it again.")
        return np.asarray(cell != 0) if cell.size else np.zeros((1, 1), dtype=bool)

    @classmethod
    def open(cls, path: Path, variable: str) -> Self:
        """Look at a file without reading the masks.

        Raises:
            ConfigError: it is not a MATLAB file, or has no cell array of that name.
        """
        from scipy.io import whosmat

        with _translated(path, variable):
            kinds = {name: (kind, shape) for name, shape, kind in whosmat(path)}
        kind, shape = kinds.get(variable, ("", ()))
        if kind != "cell":
            raise _unreadable(path, variable)
        return cls(path, variable, prod(shape))


# A recording's masks take 0.3 GB: those of the one that is being scored are kept.
@lru_cache(maxsize=1)
def _cells(path: Path, variable: str) -> NDArray[Any]:  # of arrays
    """(frames,) cells of a MATLAB file."""
    from scipy.io import loadmat

    with _translated(path, variable):
        cells: NDArray[Any] = loadmat(path, variable_names=[variable])[variable].ravel(order="F")
    return cells


@contextmanager
def _translated(path: Path, variable: str) -> Iterator[None]:
    from scipy.io.matlab import MatReadError

    try:
        yield
    except (MatReadError, NotImplementedError, OSError, TypeError, ValueError, zlib.error) as error:
        raise _unreadable(path, variable) from error


def _unreadable(path: Path, variable: str) -> ConfigError:
    return ConfigError(f"{path}: is not a MATLAB file with a cell array {variable}; download it again.")
