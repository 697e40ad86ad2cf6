"""How well scores and anomaly maps tell abnormal from normal, counted one frame or picture at a time.

To pool scenes, merge their counters. Feed them scores and maps divided by each model's threshold, since raw
ones of two models do not compare; within one scene the division changes nothing.
A figure that cannot be computed, because one of the two classes never came, is None, never NaN.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError, ShapeError
from pipeline.evaluation.curves import Histogram, area, best_f1

__all__ = ["FrameFigures", "FrameMetrics", "PixelFigures", "PixelMetrics"]

# Share of false positives up to which per-region overlap counts, as in MVTec AD (Bergmann et al., 2019).
AUPRO_LIMIT = 0.3

# Of the 23 bits of a float32's mantissa 11 are kept: 2,048 bins to each doubling, at most 0.05 % wide.
DROPPED_BITS = 12
INFINITY_BITS = 0x7F80_0000
BINS = INFINITY_BITS >> DROPPED_BITS


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """What `FrameMetrics` found: the count of frames (or pictures), AUROC and best F1, each 0 to 1."""

    frames: int
    auroc: float | None
    f1: float | None


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
            return FrameFigures(len(anomalous), None, None)
        return FrameFigures(len(anomalous), area(negatives, positives), best_f1(negatives, positives))


class PixelMetrics:
    """Pixels of anomaly maps at full resolution, in 13 MB however many there are.

    An hour of footage has more pixels than can be kept and sorted. But the bits of a float32 that is not
    negative, read as a whole number, rise with its value, so its upper bits number the bins of a histogram.
    Each bin is a fixed fraction of its score wide, whatever the scale: no range has to be known beforehand,
    the bins of all counters are the same, and merging is a sum. One histogram counts all pixels, one the
    abnormal ones, and one weighs each abnormal pixel by 1 / (pixels of its region): summed from the top down
    it is the per-region overlap.
    Pixels that share a bin count as ties. That moves AUROC and per-region overlap by less than 1e-4, unless all
    scores lie within a few percent of each other, and the best F1, whose threshold falls between bins, by less
    than 1e-3.
    """

    def __init__(self) -> None:
        self._pixels = np.zeros(BINS, dtype=np.int64)
        self._positives = np.zeros(BINS, dtype=np.int64)
        self._overlap = np.zeros(BINS, dtype=np.float64)

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
        bins = _bins(anomaly_map)
        _count(self._pixels, bins.ravel())
        if mask.any():
            inside = bins[mask]
            _count(self._positives, inside)
            _count(self._overlap, inside, _region_weights(mask))

    def merge(self, other: PixelMetrics) -> None:
        """Count everything that `other` has counted."""
        self._pixels += other._pixels
        self._positives += other._positives
        self._overlap += other._overlap

    def result(self) -> PixelFigures:
        """The figures of all that has been counted so far."""
        used = self._pixels > 0
        positives, overlap = self._positives[used], self._overlap[used]
        negatives = self._pixels[used] - positives
        if not (negatives.any() and positives.any()):
            return PixelFigures(None, None, None)
        return PixelFigures(
            auroc=area(negatives, positives),
            f1=best_f1(negatives, positives),
            aupro_30=area(negatives, overlap, AUPRO_LIMIT),
        )


def _bins(anomaly_map: NDArray[np.float32]) -> NDArray[np.intp]:
    """(H, W) bin of each pixel."""
    # Adding 0 turns -0.0, whose sign bit is set, into 0.0.
    bits = (np.asarray(anomaly_map, dtype=np.float32) + np.float32(0)).view(np.uint32)
    # The bits of negative numbers, infinity and NaN all lie above those of every finite number.
    if bits.max() >= INFINITY_BITS:
        raise ModelError("an anomaly map holds a number that is negative or not finite; fit the model again.")
    return (bits >> DROPPED_BITS).astype(np.intp)


def _count(histogram: Histogram, bins: NDArray[np.intp], weights: NDArray[np.float64] | None = None) -> None:
    """Add to a histogram, touching only the stretch of bins that this frame uses, a small part of all."""
    lowest = bins.min()
    counts = np.bincount(bins - lowest, weights)
    histogram[lowest : lowest + len(counts)] += counts


def _region_weights(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """1 / (pixels of its region) for each abnormal pixel, in row order."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    regions = labels[mask]
    weights: NDArray[np.float64] = 1.0 / np.bincount(regions)[regions]
    return weights
