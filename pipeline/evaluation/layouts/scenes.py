"""What every layout is read into: scenes with footage to fit on and labelled footage to score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import Mask, Masks
from pipeline.types import Size

__all__ = ["LabelledFootage", "Scene", "SceneKind", "Truth"]

SceneKind = Literal["video", "images"]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known of one frame: whether it is abnormal and, where known, (H, W) which pixels are."""

    anomalous: bool
    mask: Mask | None


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFootage:
    """Footage to score, with its truth.

    Attributes:
        name: unique within its scene.
        footage: a recording, a folder of pictures that are its frames, or a single picture.
        labels: frame labels, or None: then a frame is abnormal where its mask has an abnormal pixel.
        masks: pixel masks, or None where there are none. Never None together with `labels`.
    Raises:
        ConfigError: there are not as many labels as masks.
    """

    name: str
    footage: Path
    labels: FrameLabels | None
    masks: Masks | None

    def __post_init__(self) -> None:
        assert self.labels is not None or self.masks is not None
        if self.labels is not None and self.masks is not None and len(self.labels) != len(self.masks):
            raise ConfigError(
                f"{self.labels.origin}: has {len(self.labels)} labels for {self.name}, "
                f"but {self.masks.origin} has {len(self.masks)} masks; write one of each for every frame."
            )

    def truth(self, index: int, size: Size) -> Truth:
        """Truth about a frame.

        Args:
            index: 0, 1, 2 … over all frames of the footage, none left out.
            size: (H, W) the mask is brought to, nearest pixel. Where frames are cropped, their size before:
                then cut the mask as the frame was cut.
        Raises:
            ConfigError: there is no label for this frame.
            SourceError: its mask cannot be read.
        """
        if index >= len(self._stated):
            raise self._wrong_length("more")
        mask = None if self.masks is None else self.masks[index]
        anomalous = mask is not None and mask.any() if self.labels is None else self.labels.anomalous[index]
        return Truth(bool(anomalous), None if mask is None else _scaled(mask, size))

    def check_length(self, frames: int) -> None:
        """Compare the count of labels with the count of frames that the footage turned out to have.

        Raises:
            ConfigError: they differ.
        """
        if frames != len(self._stated):
            raise self._wrong_length(str(frames))

    @property
    def _stated(self) -> FrameLabels | Masks:
        """What says how many frames there are."""
        stated = self.masks if self.labels is None else self.labels
        assert stated is not None
        return stated

    def _wrong_length(self, frames: str) -> ConfigError:
        noun = "masks" if self.labels is None else "labels"
        return ConfigError(
            f"{self._stated.origin}: has {len(self._stated)} {noun}, but {self.footage} has {frames} frames; "
            "write one for each frame."
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """One camera's view, or one category of pictures: fitted and scored by a model of its own.

    Attributes:
        kind: whether `tests` are recordings or single pictures.
        training: recordings, folders of pictures, or single pictures; all normal.
        fps: frames/s of folders of pictures, where the data set says so.
    """

    name: str
    kind: SceneKind
    training: tuple[Path, ...]
    tests: tuple[LabelledFootage, ...]
    fps: float | None = None


def _scaled(mask: Mask, size: Size) -> Mask:
    if mask.shape == size:
        return mask
    # The exact variant samples at pixel centres, as frames are resized; the plain one is half a pixel off.
    scaled = cv2.resize(mask.view(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(scaled, dtype=bool)
