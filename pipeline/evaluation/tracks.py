"""Regions of a truth, and which of them are one track.

A region is what touches along sides or at corners in a frame's mask. Masks do not say which regions of several frames
are the same object, so tracks are ours: a region goes on with the region of the frame before that it overlaps most
(the highest IoU first, each with one at most), and begins a new track where it overlaps none that is free. Where two
objects meet in the picture their masks become one region: one track goes on and one ends there, and another begins
where they part. So there can be more tracks than objects, and the figures are not those of tracks drawn by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Size

__all__ = ["Region", "Regions", "predecessors"]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A region on a grid that covers the same picture; areas are in cells of it.

    Attributes:
        cells: (n,) numbers in row order of the cells it reaches into.
        shares: (n,) how much of each it takes, above 0 to 1.
    """

    cells: NDArray[np.intp]
    shares: NDArray[np.float64]

    @property
    def area(self) -> float:
        """How many cells it would fill."""
        return float(self.shares.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """The regions of one frame's mask.

    Attributes:
        labels: (H, W), 0 where a pixel is normal, elsewhere the number of its region, from 1.
    """

    labels: NDArray[np.int32]
    count: int

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Self:
        """The regions of a mask, (H, W), true where a pixel is abnormal."""
        if not mask.any():
            return cls(np.zeros(mask.shape, np.int32), 0)
        found, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        return cls(np.asarray(labels, np.int32), found - 1)

    def on(self, grid: Size) -> list[Region]:
        """Each region on a grid of (h, w) cells; on one of fewer cells than pixels no region is lost."""
        return [_on(self.labels == number, grid) for number in range(1, self.count + 1)]


def predecessors(before: Regions, now: Regions) -> list[int | None]:
    """For each region the one of the frame before that it goes on with, both counted from 0; None for a new one.

    Between frames of different sizes nothing goes on.
    """
    found: list[int | None] = [None] * now.count
    if not (before.count and now.count) or before.labels.shape != now.labels.shape:
        return found
    overlap = _overlap(before, now)
    taken: set[int] = set()
    for place in np.argsort(-overlap, axis=None, kind="stable"):
        earlier, later = divmod(int(place), now.count)
        if not overlap[earlier, later]:
            break
        if found[later] is None and earlier not in taken:
            found[later] = earlier
            taken.add(earlier)
    return found


def _overlap(before: Regions, now: Regions) -> NDArray[np.float64]:
    """(before, now) IoU of each region with each."""
    pairs = before.labels.ravel().astype(np.intp) * (now.count + 1) + now.labels.ravel()
    counts = np.bincount(pairs, minlength=(before.count + 1) * (now.count + 1))
    counts = counts.reshape(before.count + 1, now.count + 1)
    both = counts[1:, 1:]
    overlap: NDArray[np.float64] = both / (counts[1:].sum(axis=1)[:, None] + counts[:, 1:].sum(axis=0) - both)
    return overlap


def _on(mask: NDArray[np.bool_], grid: Size) -> Region:
    shares = mask.astype(np.float32)
    if mask.shape != grid:
        shares = np.asarray(cv2.resize(shares, grid[::-1], interpolation=cv2.INTER_AREA), np.float32)
    cells = np.flatnonzero(shares)
    return Region(cells, shares.ravel()[cells].astype(np.float64))
