"""What is counted of artificial clips: scores of frames and pixels, by evidence and by kind.

Scores and maps are in units of each fold's threshold, so that folds can be counted together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics import FrameFigures, FrameMetrics, PixelMetrics
from pipeline.evaluation.synthetic.anomalies import CONTROL, MOVING, STILL, Clip, Kind
from pipeline.evaluation.synthetic.report import Figures

__all__ = ["GROUPS", "LEAST_AREA", "Counter", "counted_frames"]

GROUPS: dict[str, Sequence[Kind]] = {"moving": MOVING, "still": STILL, "all": (*MOVING, *STILL)}
# Pixels of an object below which its frame counts neither as abnormal nor as normal: a foot at the border.
LEAST_AREA = 40
# Maps are looked at in a quarter of their size, which their smoothing leaves them: sixteen times less to count.
SHRUNK = 4
# Of pixels of a group that are kept as they are.
KEPT_BYTES = 8 << 20


def counted_frames(clip: Clip, after: int) -> tuple[list[int], list[int]]:
    """Indexes of frames that show the object, and of so many after the last of them at most."""
    shown = np.flatnonzero(clip.masks.sum(axis=(1, 2)) >= LEAST_AREA).tolist()
    if not shown:
        return [], []
    return shown, list(range(shown[-1] + 1, min(shown[-1] + 1 + after, len(clip.frames))))


class Counter:
    """What one evidence says of all folds."""

    def __init__(self) -> None:
        self._normal = FrameMetrics()
        self._shown = {kind: FrameMetrics() for kind in Kind}
        self._after = {kind: FrameMetrics() for kind in Kind}
        self._pixels = {kinds: PixelMetrics(KEPT_BYTES) for kinds in (MOVING, STILL)}

    def add_normal(self, scores: Iterable[float]) -> None:
        """Count held-out frames as they are."""
        for score in scores:
            self._normal.add(score, anomalous=False)

    def add_shown(self, kind: Kind, score: float, anomaly_map: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Count a frame that shows an object.

        Args:
            anomaly_map: (H, W).
            mask: (H, W), where the object is.
        """
        self._shown[kind].add(score, anomalous=True)
        for kinds, pixels in self._pixels.items():
            if kind in kinds:
                pixels.add(_shrunk(anomaly_map), _shrunk(mask.astype(np.float32)) > 0.5)

    def add_after(self, kind: Kind, score: float) -> None:
        """Count a frame just after an object has gone."""
        self._after[kind].add(score, anomalous=True)

    def merge(self, other: Counter) -> None:
        """Count everything that `other` has counted."""
        self._normal.merge(other._normal)
        for kind in Kind:
            self._shown[kind].merge(other._shown[kind])
            self._after[kind].merge(other._after[kind])
        for kinds, pixels in self._pixels.items():
            pixels.merge(other._pixels[kinds])

    def figures(self) -> dict[str, Figures]:
        """Figures of each kind of which there were clips, of groups of kinds, and last of the control."""
        pixels = {"moving": self._pixels[MOVING], "still": self._pixels[STILL], "all": PixelMetrics(KEPT_BYTES)}
        for part in self._pixels.values():
            pixels["all"].merge(part)
        rows: dict[str, Sequence[Kind]] = {
            **{kind.value: (kind,) for kind in (*MOVING, *STILL)},
            **GROUPS,
            CONTROL.value: (CONTROL,),
        }
        found = {name: self._of(kinds, pixels.get(name)) for name, kinds in rows.items()}
        return {name: figures for name, figures in found.items() if figures.frames}

    @property
    def normal_frames(self) -> int:
        """How many held-out frames there were."""
        return self._normal.result().frames

    def _of(self, kinds: Sequence[Kind], pixels: PixelMetrics | None) -> Figures:
        shown = self._against_normal(self._shown[kind] for kind in kinds)
        after = self._against_normal(self._after[kind] for kind in kinds)
        return Figures(
            frames=shown.frames - self.normal_frames,
            frame_auroc=shown.auroc,
            frame_caught_1=shown.caught_1,
            pixel_auroc=None if pixels is None else pixels.result().auroc,
            after_1=after.caught_1,
        )

    def _against_normal(self, counted: Iterable[FrameMetrics]) -> FrameFigures:
        together = FrameMetrics()
        together.merge(self._normal)
        for one in counted:
            together.merge(one)
        return together.result()


def _shrunk(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = plane.shape
    return np.asarray(cv2.resize(plane, (width // SHRUNK, height // SHRUNK), interpolation=cv2.INTER_AREA), np.float32)
