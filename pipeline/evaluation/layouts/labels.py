"""Frame labels: which frames of a piece of footage are abnormal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.masks import open_array
from pipeline.evaluation.layouts.tree import read_text

__all__ = ["FrameLabels"]


@dataclass(frozen=True, slots=True, eq=False)
class FrameLabels:
    """(frames,) whether each frame is abnormal, and the file or folder that says so."""

    origin: Path
    anomalous: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.anomalous)

    @classmethod
    def from_csv(cls, path: Path) -> FrameLabels:
        """Read lines of `label` or `index,label`, with index 0, 1, 2 …; a first line of words is passed over.

        Raises:
            ConfigError: it cannot be read, a label is not 0 or 1, or an index is out of turn.
        """
        lines = [(number, line) for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()]
        if lines and any(letter.isalpha() for letter in lines[0][1]):
            lines.pop(0)
        labels = [_label(f"{path}:{number}", index, line) for index, (number, line) in enumerate(lines)]
        return cls(path, np.array(labels, dtype=bool))

    @classmethod
    def from_array(cls, path: Path) -> FrameLabels:
        """Read a NumPy file of shape (frames,) that holds 0 and 1.

        Raises:
            ConfigError: it is something else.
        """
        array = open_array(path)
        if array.ndim != 1:
            raise ConfigError(f"{path}: is of shape {array.shape}, not (frames,); save it so.")
        odd = np.flatnonzero((array != 0) & (array != 1))
        if odd.size:
            raise ConfigError(f"{path}: label {odd[0]} is {array[odd[0]]}; write 0 for normal and 1 for abnormal.")
        return cls(path, np.asarray(array == 1))


def _label(where: str, index: int, line: str) -> bool:
    """Label on a line, which has to be that of frame `index`."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) > 2 or cells[-1] not in ("0", "1"):
        raise ConfigError(f"{where}: is '{line}', not 0 or 1; write a label, or index and label as in '{index},0'.")
    if len(cells) == 2 and cells[0] != str(index):
        raise ConfigError(f"{where}: is about frame '{cells[0]}', not {index}; label every frame, counted from 0.")
    return cells[-1] == "1"
