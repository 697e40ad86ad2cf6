"""MVTec AD (Bergmann et al., 2019) and data sets arranged like it: single pictures, a category to a folder.

    ROOT/CATEGORY/train/good/*                             normal, to fit on
    ROOT/CATEGORY/test/good/*                              normal
    ROOT/CATEGORY/test/KIND/NAME.*                         defective
    ROOT/CATEGORY/ground_truth/KIND/NAME_mask.*            which pixels are

ROOT may be a category itself. A picture is labelled by its folder, also where its mask turns out empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import MaskPictures
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene
from pipeline.evaluation.layouts.tree import (
    folders,
    pictures,
    required,
    scene_name,
    scene_roots,
    some_pictures,
)

__all__ = ["labelled_pictures", "read_mvtec"]

NORMAL = "good"
ARRANGEMENT = "the mvtec layout has train/good, test/KIND and ground_truth/KIND in every category"


def read_mvtec(root: Path) -> list[Scene]:
    """Scenes of MVTec AD: its categories, or the one category that `root` is.

    Raises:
        ConfigError: a part is missing.
    """
    return [_category(folder) for folder in scene_roots(root, ("train", "test"))]


def labelled_pictures(test: Path, ground_truth: Path | None) -> tuple[LabelledFootage, ...]:
    """Pictures of a test folder, a sub-folder to each kind, with masks where there is a folder of those.

    Raises:
        ConfigError: a kind has no pictures, or a defective picture no mask.
    """
    return tuple(item for kind in folders(test) for item in _labelled_kind(kind, ground_truth))


def _category(folder: Path) -> Scene:
    training, test, ground_truth = (
        required(folder / part, ARRANGEMENT) for part in (f"train/{NORMAL}", "test", "ground_truth")
    )
    some_pictures(training)
    return Scene(scene_name(folder), "images", (training,), labelled_pictures(test, ground_truth))


def _labelled_kind(kind: Path, ground_truth: Path | None) -> Iterator[LabelledFootage]:
    labels = FrameLabels(kind, np.array([kind.name != NORMAL]))
    found = some_pictures(kind)
    masks = [None] * len(found) if ground_truth is None else _masks_of(found, ground_truth / kind.name)
    for picture, mask in zip(found, masks, strict=True):
        yield LabelledFootage(f"{kind.name}/{picture.name}", picture, labels, mask)


def _masks_of(found: list[Path], folder: Path) -> list[MaskPictures]:
    """Masks of the pictures of one kind, in their order."""
    if folder.name == NORMAL:
        return [MaskPictures(folder, (None,)) for _ in found]
    by_name = {path.stem: path for path in pictures(folder)} if folder.is_dir() else {}
    for picture in found:
        if f"{picture.stem}_mask" not in by_name:
            raise ConfigError(f"{picture}: has no mask; put it at {folder / picture.stem}_mask.png.")
    return [MaskPictures(folder, (by_name[f"{picture.stem}_mask"],)) for picture in found]
