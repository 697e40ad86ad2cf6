"""Region- and track-based detection: RBDC and TBDC of Ramachandra and Jones, "Street Scene" (WACV 2020).

At a threshold the regions of an anomaly map are its connected parts above it. A region of the truth is detected where
its IoU with one of these is at least 0.1; a region of the map that has so much with none of the truth is false. RBDC
is the area under the share of regions detected over the false regions a frame, from 0 to 1 of them, all frames
counted; TBDC is that of the share of tracks, of which a tenth of the regions have to be detected. These criteria and
the two tenths are the paper's. What is ours:

- Regions of the truth are the connected parts of its masks, with their own outline, and tracks are made of them
  (`pipeline.evaluation.tracks`). The paper has boxes drawn by hand and followed by hand, as have the track files that
  others compare by (Georgescu et al.), which count boxes against boxes. Figures so counted stand near ours, no more.
- Thresholds are fixed, since maps of hours of footage are not kept: the levels of a coarse map, 28 to each doubling,
  2.5 % apart, from 1/8 to 62 times the model's threshold. What lies higher is one; what lies lower is not looked at.
- As a threshold falls, regions merge and grow beyond all that is true: both figures may then fall. The curve is
  the best share that any threshold reaches with so many false regions, from the highest down to the first that has
  more than one a frame, with straight lines between thresholds. Where none has, it goes on level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.tracks import Region, Regions, predecessors
from pipeline.types import HIGHEST, CoarseMap

__all__ = ["THRESHOLDS", "RegionFigures", "RegionMetrics"]

# A region of the truth is detected from this IoU on, a track from this share of its regions on.
BETA, ALPHA = 0.1, 0.1
# A region is above threshold n where its level is. Four times as many thresholds move RBDC on Ped2 by 0.001 and TBDC by
# up to 0.003 (plain PaDiM, plain flow); half as many RBDC by 0.002, a quarter by 0.006.
THRESHOLDS = HIGHEST
# So many areas are counted one by one in less time than all of a picture's take.
FEW = 4

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RegionFigures:
    """What `RegionMetrics` found, each 0 to 1; None where the truth has no region."""

    rbdc: float | None
    tbdc: float | None


@dataclass(slots=True, eq=False)
class _Track:
    """A track that goes on: in how many of its regions, and in how many of them each threshold detects it."""

    found: Counts
    regions: int


class RegionMetrics:
    """Regions and tracks of recordings, counted frame by frame in a few kilobytes however many there are."""

    def __init__(self) -> None:
        self._frames = self._regions = self._tracks = 0
        self._false, self._regions_found, self._tracks_found = (np.zeros(THRESHOLDS, np.int64) for _ in range(3))
        self._before = Regions(np.zeros((0, 0), np.int32), 0)
        self._open: list[_Track] = []

    def add(self, anomaly_map: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Count the next frame of a recording.

        Args:
            anomaly_map: (h, w), 0 or above, in units of the threshold.
            mask: (H, W) of any size, true where a pixel is abnormal; it covers the same picture.
        """
        regions = Regions.of(mask)
        height, width = anomaly_map.shape
        false, found = _judged(CoarseMap.of(anomaly_map).levels, regions.on((height, width)))
        self._frames += 1
        self._regions += regions.count
        self._false += false
        self._regions_found += found.sum(axis=0)
        self._follow(regions, found)

    def end(self) -> None:
        """The recording is over: its tracks do not go on into the next."""
        for track in self._open:
            self._close(track)
        self._open, self._before = [], Regions(np.zeros((0, 0), np.int32), 0)

    def merge(self, other: RegionMetrics) -> None:
        """Count all recordings that `other` has counted to their ends."""
        self._frames += other._frames
        self._regions += other._regions
        self._tracks += other._tracks
        self._false += other._false
        self._regions_found += other._regions_found
        self._tracks_found += other._tracks_found

    def result(self) -> RegionFigures:
        """The figures of all recordings counted to their ends so far."""
        if not self._regions:
            return RegionFigures(None, None)
        false = self._false / self._frames
        return RegionFigures(
            rbdc=_area(false, self._regions_found / self._regions), tbdc=_area(false, self._tracks_found / self._tracks)
        )

    def _follow(self, regions: Regions, found: Counts) -> None:
        goes_on = predecessors(self._before, regions)
        going = [
            _Track(detected, 1)
            if earlier is None
            else _Track(self._open[earlier].found + detected, self._open[earlier].regions + 1)
            for earlier, detected in zip(goes_on, found, strict=True)
        ]
        for number, track in enumerate(self._open):
            if number not in goes_on:
                self._close(track)
        self._before, self._open = regions, going

    def _close(self, track: _Track) -> None:
        self._tracks += 1
        self._tracks_found += track.found >= ALPHA * track.regions


def _judged(levels: NDArray[np.uint8], regions: Sequence[Region]) -> tuple[Counts, Counts]:
    """(thresholds,) false regions, and (regions, thresholds) 1 where a region of the truth is detected.

    Thresholds below all levels find the whole picture, those from the highest on nothing.
    """
    false = np.zeros(THRESHOLDS, np.int64)
    found = np.zeros((len(regions), THRESHOLDS), np.int64)
    whole, some = int(levels.min()), int(levels.max())
    for threshold in range(max(0, whole - 1), some):
        false[threshold], found[:, threshold] = _at(levels > threshold, regions)
    if whole:
        false[:whole], found[:, :whole] = false[whole - 1], found[:, whole - 1, None]
    return false, found


def _at(above: NDArray[np.bool_], regions: Sequence[Region]) -> tuple[int, list[bool]]:
    """How many regions of (h, w) cells are false, and which of the true ones are detected."""
    count, labels = cv2.connectedComponents(above.view(np.uint8), connectivity=8)
    labels = np.asarray(labels, np.int32).ravel()
    matched: list[set[int]] = []
    for region in regions:
        both = np.bincount(labels[region.cells], region.shares, minlength=1)
        both[0] = 0  # the ground
        touched = np.flatnonzero(both)
        areas, both = _areas(labels, touched), both[touched]
        matched.append(set(touched[both >= BETA * (areas + region.area - both)].tolist()))
    return count - 1 - len(set().union(*matched)), [bool(found) for found in matched]


def _areas(labels: NDArray[np.int32], some: NDArray[np.intp]) -> NDArray[np.intp]:
    """In how many cells each of some labels stands."""
    if len(some) > FEW:
        return np.bincount(labels)[some]
    return np.array([np.count_nonzero(labels == label) for label in some], np.intp)


def _area(false: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """Area under the best share found with so many false regions a frame, over 0 to 1 of them.

    Args:
        false, found: (thresholds,) of rising thresholds.
    """
    x, y = false[::-1], found[::-1]
    end = int(np.argmax(x > 1)) + 1 if (x > 1).any() else len(x)
    order = np.lexsort((y[:end], x[:end]))
    x, y = np.append(0.0, x[order]), np.append(0.0, np.maximum.accumulate(y[order]))
    inside = x <= 1
    return float(np.trapezoid(np.append(y[inside], np.interp(1.0, x, y)), np.append(x[inside], 1.0)))
