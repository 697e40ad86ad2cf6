"""All that is counted of a scene, one frame at a time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.alerting.tracker import Observation, View
from pipeline.evaluation.events import EventMetrics
from pipeline.evaluation.layouts import SceneKind, Truth
from pipeline.evaluation.metrics import FrameMetrics, PixelMetrics
from pipeline.evaluation.regions import RegionMetrics
from pipeline.evaluation.report import Metrics

__all__ = ["Counters"]


class Counters:
    """Counters of one scene, or of several together: what makes a row of a report.

    Args:
        kind: of the scenes. Regions and events are counted in video alone.
    """

    def __init__(self, kind: SceneKind) -> None:
        self._kind = kind
        self._frames, self._pixels = FrameMetrics(), PixelMetrics()
        self._regions, self._events = RegionMetrics(), EventMetrics()
        self._clocked = False

    def begin(self, view: View | None) -> None:
        """A recording begins, or a picture; `view` is what its events are followed with, None where it has no clock."""
        self._clocked = view is not None
        if view is not None:
            self._events.begin(view)

    def add(self, observation: Observation, anomaly_map: NDArray[np.float32], truth: Truth) -> None:
        """Count its next frame.

        Args:
            observation: its score and coarse map, in units of the threshold.
            anomaly_map: (H, W) in the same units, whose sides are even.
            truth: with a mask, if it has one, of the same picture, whatever its size.
        Raises:
            ModelError: a score is negative or not finite.
        """
        self._frames.add(observation.score, truth.anomalous)
        if truth.mask is not None:
            self._pixels.add(_at(anomaly_map, truth.mask.shape), truth.mask)
        if truth.mask is not None and self._kind == "video":
            self._regions.add(_halved(anomaly_map), truth.mask)
        if self._clocked:
            self._events.add(observation, truth.anomalous)

    def end(self) -> None:
        """The recording is over."""
        self._regions.end()
        if self._clocked:
            self._events.end()

    def merge(self, other: Counters) -> None:
        """Count all recordings that `other` has counted to their ends."""
        self._frames.merge(other._frames)
        self._pixels.merge(other._pixels)
        self._regions.merge(other._regions)
        self._events.merge(other._events)

    def metrics(self) -> Metrics:
        """The figures of all recordings counted to their ends so far."""
        return Metrics.of(
            self._kind,
            self._frames.result(),
            self._pixels.result(),
            self._regions.result(),
            self._events.result(),
        )


def _at(anomaly_map: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    if anomaly_map.shape == size:
        return anomaly_map
    return np.asarray(cv2.resize(anomaly_map, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _halved(anomaly_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each 2×2 pixels, for regions: maps are smooth, and a third of the work is left.

    On Ped2 that moves RBDC by 0.002 (plain PaDiM: 0.351 for 0.349; plain flow: 0.811 for 0.809) and TBDC by up to
    0.005. The maximum of each 8×8, as a coarse map has it, moves PaDiM's by 0.08 and 0.07, and flow's by 0.04.
    """
    height, width = anomaly_map.shape
    return np.asarray(cv2.resize(anomaly_map, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32)
