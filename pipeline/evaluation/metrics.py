"""How well scores and anomaly maps tell abnormal from normal, counted one frame or picture at a time.

To pool scenes, merge their counters. Feed them scores and maps divided by each model's threshold, since raw
ones of two models do not compare; within one scene the division changes nothing.
A figure that cannot be computed, because one of the two classes never came, is None, never NaN.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError, ShapeError
from pipeline.evaluation.curves import area, best_f1, caught

__all__ = ["KEPT_BYTES", "FrameFigures", "FrameMetrics", "PixelFigures", "PixelMetrics"]

# Share of false positives up to which per-region overlap counts, as in MVTec AD (Bergmann et al., 2019).
AUPRO_LIMIT = 0.3
# Share of normal frames above the threshold at which it is asked how many of the abnormal ones are caught.
CAUGHT_LIMIT = 0.01

# Pixels are kept as they are up to here: 8 million in 32 MB, where few are abnormal.
KEPT_BYTES = 32 << 20

# A float32 has a sign bit, 8 bits of exponent, which says the doubling, and 23 of mantissa.
INFINITY_BITS = 0x7F80_0000
# Beyond that, 15 bits of mantissa are kept: 32,768 bins to each doubling, at most 0.003 % wide.
DROPPED_BITS = 8
# Their doublings go from 2^-16 (0.000015) to 2^16 (65,536), where maps divided by a threshold and raw ones lie.
LOWEST = int(np.float32(2**-16).view(np.uint32)) >> DROPPED_BITS
BINS = (int(np.float32(2**16).view(np.uint32)) >> DROPPED_BITS) - LOWEST


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """What `FrameMetrics` found: the count of frames (or pictures), and figures from 0 to 1.

    Attributes:
        f1: the best of all thresholds.
        caught_1: share of abnormal frames above a threshold that at most 1 % of the normal ones are above.
    """

    frames: int
    auroc: float | None
    f1: float | None
    caught_1: float | None


@dataclass(frozen=True, slots=True)
class PixelFigures:
    """What `PixelMetrics` found: AUROC, best F1 and area under per-region overlap up to 30 %, each 0 to 1."""

    auroc: float | None
    f1: float | None
    aupro_30: float | None


class FrameMetrics:
    """Scores of whole frames or pictures, kept as they are (9 bytes each), so its figures are exact."""

    def __init__(self) -> None:
        self._scores = array("d")
        self._anomalous = bytearray()

    def add(self, score: float, anomalous: bool) -> None:
        """Count one frame.

        Raises:
            ModelError: the score is not a finite number.
        """
        if not math.isfinite(score):
            raise ModelError(f"the score of a frame is {score}, not a finite number; fit the model again.")
        self._scores.append(score)
        self._anomalous.append(anomalous)

    def merge(self, other: FrameMetrics) -> None:
        """Count everything that `other` has counted."""
        self._scores.extend(other._scores)
        self._anomalous.extend(other._anomalous)

    def result(self) -> FrameFigures:
        """The figures of all that has been counted so far."""
        scores, places = np.unique(np.array(self._scores), return_inverse=True)
        anomalous = np.array(self._anomalous, dtype=bool)
        negatives = np.bincount(places[~anomalous], minlength=len(scores))
        positives = np.bincount(places[anomalous], minlength=len(scores))
        if not (negatives.any() and positives.any()):
            return FrameFigures(len(anomalous), None, None, None)
        return FrameFigures(
            len(anomalous),
            auroc=area(negatives, positives),
            f1=best_f1(negatives, positives),
            caught_1=caught(negatives, positives, CAUGHT_LIMIT),
        )


class PixelMetrics:
    """Pixels of anomaly maps at full resolution, in less than 64 MB however many there are.

    Up to `kept_bytes` they are kept as they are (4 bytes each, 12 more if abnormal), and all figures are exact.
    But an hour of footage has more pixels than can be kept and sorted. Beyond, they are counted into histograms:
    the bits of a float32 that is not negative, read as a whole number, rise with its value, so its upper bits number
    the bins. Each bin is a fixed fraction of its score wide, the bins of all counters are the same, and merging is a
    sum. Scores below 2^-16 fall into the first bin, those from 2^16 up into the last.
    Each abnormal pixel also weighs 1 / (pixels of its region): summed from the top down, that is the per-region
    overlap.

    Pixels that share a bin count as ties. Of the millions that it takes to get there, that moves no figure by more
    than 1e-4, unless all scores lie within a few percent of each other or fewer than 5,000 pixels are abnormal.
    The best F1 suffers most, since its threshold may lie within a bin. It never loses more than twice the share of
    the abnormal pixels in that bin: with scores that spread by 2 %, and in each bin every abnormal pixel above every
    normal one, 5e-4.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._free_bytes = kept_bytes
        self._kept: list[_Pixels] = []
        self._binned: _Histograms | None = None

    def add(self, anomaly_map: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Count one frame.

        Args:
            anomaly_map: (H, W), 0 or above.
            mask: (H, W), true where a pixel is abnormal. A region is what touches along sides or at corners.
        Raises:
            ShapeError: the sizes differ.
            ModelError: the map holds a number that is negative or not finite.
        """
        if anomaly_map.shape != mask.shape:
            raise ShapeError("the mask of an anomaly map", expected=anomaly_map.shape, actual=mask.shape)
        self._take(_pixels(_checked(anomaly_map), mask))

    def merge(self, other: PixelMetrics) -> None:
        """Count everything that `other` has counted."""
        if other._binned is not None:
            self._bin().merge(other._binned)
        for pixels in other._kept:
            self._take(pixels)

    def result(self) -> PixelFigures:
        """The figures of all that has been counted so far."""
        found = self._binned or _exact(self._kept)
        used = found.pixels > 0
        positives, overlap = found.positives[used], found.overlap[used]
        negatives = found.pixels[used] - positives
        if not (negatives.any() and positives.any()):
            return PixelFigures(None, None, None)
        return PixelFigures(
            auroc=area(negatives, positives),
            f1=best_f1(negatives, positives),
            aupro_30=area(negatives, overlap, AUPRO_LIMIT),
        )

    def _take(self, pixels: _Pixels) -> None:
        self._free_bytes -= pixels.size_bytes
        if self._binned is None and self._free_bytes >= 0:
            self._kept.append(pixels)
        else:
            self._bin().count(pixels, _bins)

    def _bin(self) -> _Histograms:
        """The histograms that everything is counted into from now on."""
        if self._binned is None:
            self._binned = _Histograms(BINS)
            for pixels in self._kept:
                self._binned.count(pixels, _bins)
            self._kept = []
        return self._binned


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Scores of all (n,) and of the (p,) abnormal pixels of a frame, and what each of the latter weighs."""

    all: NDArray[np.float32]
    abnormal: NDArray[np.float32]
    weights: NDArray[np.float64]

    @property
    def size_bytes(self) -> int:
        return self.all.nbytes + self.abnormal.nbytes + self.weights.nbytes


class _Histograms:
    """How many pixels have each score, how many of them are abnormal, and what these weigh together."""

    def __init__(self, bins: int) -> None:
        self.pixels = np.zeros(bins, dtype=np.int64)
        self.positives = np.zeros(bins, dtype=np.int64)
        self.overlap = np.zeros(bins, dtype=np.float64)

    def count(self, pixels: _Pixels, bins: Callable[[NDArray[np.float32]], NDArray[np.intp]]) -> None:
        # Unlike np.bincount this touches only the bins that the frame uses, a small part of all.
        np.add.at(self.pixels, bins(pixels.all), 1)
        abnormal = bins(pixels.abnormal)
        np.add.at(self.positives, abnormal, 1)
        np.add.at(self.overlap, abnormal, pixels.weights)

    def merge(self, other: _Histograms) -> None:
        self.pixels += other.pixels
        self.positives += other.positives
        self.overlap += other.overlap


def _exact(kept: list[_Pixels]) -> _Histograms:
    """A bin for each score that an abnormal pixel has, and one for all between two of these.

    No figure is lost: no threshold between two such scores has a better F1 than the upper of them, and between them
    the curves are level.
    """
    scores = np.unique(np.concatenate([pixels.abnormal for pixels in kept] or [np.empty(0, np.float32)]))
    histograms = _Histograms(2 * len(scores) + 1)
    for pixels in kept:
        # Sorted ones are found twice as fast. scores[i] is found at i from the left and i + 1 from the right, what
        # lies just below it at i from both.
        histograms.count(
            replace(pixels, all=np.sort(pixels.all)),
            lambda some: np.searchsorted(scores, some) + np.searchsorted(scores, some, "right"),
        )
    return histograms


def _bins(scores: NDArray[np.float32]) -> NDArray[np.intp]:
    """(n,) bin of each score."""
    bits = scores.view(np.uint32) >> DROPPED_BITS
    return bits.clip(LOWEST, LOWEST + BINS - 1, out=bits).astype(np.intp) - LOWEST


def _checked(anomaly_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) copy of a map."""
    # Adding 0 turns -0.0, whose sign bit is set, into 0.0.
    scores = np.asarray(anomaly_map, dtype=np.float32) + np.float32(0)
    # The bits of negative numbers, infinity and NaN all lie above those of every finite number.
    if scores.view(np.uint32).max() >= INFINITY_BITS:
        raise ModelError("an anomaly map holds a number that is negative or not finite; fit the model again.")
    return scores


def _pixels(scores: NDArray[np.float32], mask: NDArray[np.bool_]) -> _Pixels:
    if not mask.any():
        return _Pixels(scores.ravel(), np.empty(0, np.float32), np.empty(0))
    return _Pixels(scores.ravel(), scores[mask], _region_weights(mask))


def _region_weights(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """1 / (pixels of its region) for each abnormal pixel, in row order."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    regions = labels[mask]
    weights: NDArray[np.float64] = 1.0 / np.bincount(regions)[regions]
    return weights
