"""A user's own footage or pictures.

Footage:

    ROOT/train/             normal footage, to fit on: recordings, folders of pictures that are frames in
                            natural order, or such pictures directly
    ROOT/test/              footage to score, the same
    ROOT/labels/NAME.csv    which frames of NAME are abnormal: a line for each, `label` or `index,label`, with
                            label 0 or 1 and index 0, 1, 2 …; a first line of words is passed over
    ROOT/labels/NAME.npy    or the same as a NumPy array of shape (frames,)
    ROOT/masks/NAME/        which pixels are: a picture for each frame, in natural order, black where normal
    ROOT/masks/NAME.npy     or the same as a NumPy array of shape (frames, height, width), 0 where normal

NAME is the file name of a recording without its suffix, the name of a folder of pictures, or `test` for
pictures directly in ROOT/test. Every NAME needs labels or masks; with masks alone, a frame is abnormal where
its mask has an abnormal pixel. Labels count every frame of the footage, none left out. `train` and `test`
hold footage and nothing else.

Pictures, where there is a folder ROOT/test/good:

    ROOT/train/good/ or ROOT/train/       normal pictures, to fit on
    ROOT/test/good/, ROOT/test/KIND/      normal and defective pictures
    ROOT/ground_truth/KIND/NAME_mask.*    which pixels are; without ground_truth there are no pixel figures
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.categories import labelled_pictures
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import MaskArray, MaskPictures, Masks
from pipeline.evaluation.layouts.mvtec import NAMING
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene
from pipeline.evaluation.layouts.tree import (
    IMAGE_SUFFIXES,
    entries,
    pictures,
    required,
    scene_name,
    some_pictures,
)

__all__ = ["read_folder"]

ARRANGEMENT = "the folder layout has train and test, with recordings or pictures"


def read_folder(root: Path) -> list[Scene]:
    """The one scene of a user's folder.

    Raises:
        ConfigError: a part is missing, labels are not understood, or frames, labels and masks do not agree.
    """
    train, test = (required(root / part, ARRANGEMENT) for part in ("train", "test"))
    if (test / NAMING.normal).is_dir():
        return [_pictures(root, train, test)]
    tests = _footage(test)
    _refuse_equal_names(test, tests)
    return [Scene(scene_name(root), "video", tuple(_footage(train)), tuple(_labelled(root, path) for path in tests))]


def _pictures(root: Path, train: Path, test: Path) -> Scene:
    training = train / NAMING.normal if (train / NAMING.normal).is_dir() else train
    some_pictures(training)
    ground_truth = root / "ground_truth"
    tests = labelled_pictures(test, ground_truth if ground_truth.is_dir() else None, NAMING)
    return Scene(scene_name(root), "images", (training,), tests)


def _footage(folder: Path) -> list[Path]:
    """Recordings and folders of pictures, or the folder itself where it holds pictures directly."""
    found = entries(folder)
    loose = [path for path in found if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES]
    if loose and len(loose) == len(found):
        return [folder]
    if loose or not found:
        has = "pictures beside other footage" if loose else "no footage"
        raise ConfigError(
            f"{folder}: holds {has}; put recordings there, or each run of pictures in a folder of its own."
        )
    for path in found:
        if path.is_dir():
            some_pictures(path)
    return found


def _refuse_equal_names(test: Path, tests: list[Path]) -> None:
    name, count = Counter(_name(path) for path in tests).most_common(1)[0]
    if count > 1:
        raise ConfigError(f"{test}: holds {count} recordings called {name}, which share their labels; rename them.")


def _name(footage: Path) -> str:
    return footage.name if footage.is_dir() else footage.stem


def _labelled(root: Path, path: Path) -> LabelledFootage:
    name = _name(path)
    labels, masks = _labels(root / "labels", name), _masks(root / "masks", name)
    if labels is None and masks is None:
        raise ConfigError(f"{path}: has no labels; write them to {root / 'labels' / name}.csv, one 0 or 1 a frame.")
    footage = LabelledFootage(name, path, labels, masks)
    if path.is_dir():
        footage.check_length(len(pictures(path)))
    return footage


def _labels(folder: Path, name: str) -> FrameLabels | None:
    table, array = folder / f"{name}.csv", folder / f"{name}.npy"
    _refuse_both(table, array)
    if table.exists():
        return FrameLabels.from_csv(table)
    return FrameLabels.from_array(array) if array.exists() else None


def _masks(folder: Path, name: str) -> Masks | None:
    images, array = folder / name, folder / f"{name}.npy"
    _refuse_both(images, array)
    if images.is_dir():
        return MaskPictures(images, tuple(some_pictures(images)))
    return MaskArray.open(array) if array.exists() else None


def _refuse_both(first: Path, second: Path) -> None:
    if first.exists() and second.exists():
        raise ConfigError(f"{first}: stands beside {second.name}; keep the one that is true.")
