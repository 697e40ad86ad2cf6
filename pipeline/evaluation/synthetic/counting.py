"""What is counted of one fold's artificial clips: scores of frames and pixels, by evidence and by kind.

Each fold's frames are told from its own held-out ones, and figures are averaged over folds: models of different folds
do not say the same of the same frame, nor do their thresholds, which of minutes of footage are noisy. Counted together,
frames of folds would differ by what the folds do, and hide what the objects do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics import FrameFigures, FrameMetrics, PixelMetrics
from pipeline.evaluation.synthetic.anomalies import CONTROL, MOVING, STILL, Clip, Kind
from pipeline.evaluation.synthetic.report import Figures

__all__ = ["GROUPS", "LEAST_AREA", "Counter", "averaged", "counted_frames"]

GROUPS: dict[str, Sequence[Kind]] = {"moving": MOVING, "still": STILL, "all": (*MOVING, *STILL)}
ROWS: dict[str, Sequence[Kind]] = {
    **{kind.value: (kind,) for kind in (*MOVING, *STILL)},
    **GROUPS,
    CONTROL.value: (CONTROL,),
}
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


def averaged(folds: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Means over folds, each over those that have the figure; frames are added up. A row for each that any fold has."""
    rows = {name: [fold[name] for fold in folds if name in fold] for name in ROWS}
    return {
        name: Figures(
            frames=sum(one.frames for one in ones),
            frame_auroc=_mean(one.frame_auroc for one in ones),
            frame_caught_1=_mean(one.frame_caught_1 for one in ones),
            pixel_auroc=_mean(one.pixel_auroc for one in ones),
            after_1=_mean(one.after_1 for one in ones),
        )
        for name, ones in rows.items()
        if ones
    }


def _mean(figures: Iterable[float | None]) -> float | None:
    present = [figure for figure in figures if figure is not None]
    return fmean(present) if present else None


class Counter:
    """What one evidence says of one fold, in any unit.

    Attributes:
        normal_frames: how many held-out frames there were.
    """

    def __init__(self) -> None:
        self.normal_frames = 0
        self._normal = FrameMetrics()
        self._shown = {kind: FrameMetrics() for kind in Kind}
        self._after = {kind: FrameMetrics() for kind in Kind}
        self._pixels = {kinds: PixelMetrics(KEPT_BYTES) for kinds in (MOVING, STILL)}

    def add_normal(self, scores: Iterable[float]) -> None:
        """Count held-out frames as they are."""
        for score in scores:
            self._normal.add(score, anomalous=False)
            self.normal_frames += 1

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

    def figures(self) -> dict[str, Figures]:
        """Figures of each kind of which there were clips, of groups of kinds, and last of the control."""
        pixels = {"moving": self._pixels[MOVING], "still": self._pixels[STILL], "all": PixelMetrics(KEPT_BYTES)}
        for part in self._pixels.values():
            pixels["all"].merge(part)
        found = {name: self._of(kinds, pixels.get(name)) for name, kinds in ROWS.items()}
        return {name: figures for name, figures in found.items() if figures.frames}

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
