"""Single pictures, a category to a folder: what the layouts that are arranged like MVTec AD have in common.

    CATEGORY/train/NORMAL/*                normal, to fit on
    CATEGORY/test/NORMAL/*                 normal
    CATEGORY/test/KIND/NAME.*              defective
    CATEGORY/ground_truth/KIND/NAME*       which pixels are

A picture is labelled by its folder, also where its mask turns out empty. Pictures and masks may have any
suffixes and sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import MaskPictures
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene
from pipeline.evaluation.layouts.tree import folders, pictures, required, scene_name, scene_roots, some_pictures

__all__ = ["Naming", "labelled_pictures", "read_categories"]


@dataclass(frozen=True, slots=True)
class Naming:
    """What a data set calls its parts.

    Attributes:
        normal: folder of normal pictures.
        mask_ending: what the name of a mask has after that of its picture, before the suffix.
    """

    normal: str
    mask_ending: str


def read_categories(root: Path, naming: Naming, arrangement: str) -> list[Scene]:
    """Scenes of the categories in a folder, or of the one category that it is.

    Args:
        arrangement: what has to be where, for errors.
    Raises:
        ConfigError: a part is missing.
    """
    return [_category(folder, naming, arrangement) for folder in scene_roots(root, ("train", "test"))]


def labelled_pictures(test: Path, ground_truth: Path | None, naming: Naming) -> tuple[LabelledFootage, ...]:
    """Pictures of a test folder, a sub-folder to each kind, with masks where there is a folder of those.

    Raises:
        ConfigError: a kind has no pictures, or a defective picture no mask.
    """
    return tuple(item for kind in folders(test) for item in _labelled_kind(kind, ground_truth, naming))


def _category(folder: Path, naming: Naming, arrangement: str) -> Scene:
    training, test, ground_truth = (
        required(folder / part, arrangement) for part in (f"train/{naming.normal}", "test", "ground_truth")
    )
    some_pictures(training)
    return Scene(scene_name(folder), "images", (training,), labelled_pictures(test, ground_truth, naming))


def _labelled_kind(kind: Path, ground_truth: Path | None, naming: Naming) -> Iterator[LabelledFootage]:
    labels = FrameLabels(kind, np.array([kind.name != naming.normal]))
    found = some_pictures(kind)
    masks = [None] * len(found) if ground_truth is None else _masks_of(found, ground_truth / kind.name, naming)
    for picture, mask in zip(found, masks, strict=True):
        yield LabelledFootage(f"{kind.name}/{picture.name}", picture, labels, mask)


def _masks_of(found: list[Path], folder: Path, naming: Naming) -> list[MaskPictures]:
    """Masks of the pictures of one kind, in their order."""
    if folder.name == naming.normal:
        return [MaskPictures(folder, (None,)) for _ in found]
    by_name = {path.stem: path for path in pictures(folder)} if folder.is_dir() else {}
    names = [f"{picture.stem}{naming.mask_ending}" for picture in found]
    for picture, name in zip(found, names, strict=True):
        if name not in by_name:
            raise ConfigError(f"{picture}: has no mask; put it at {folder / name}.png.")
    return [MaskPictures(folder, (by_name[name],)) for name in names]
