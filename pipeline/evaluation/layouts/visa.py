"""VisA (Zou et al., 2022), as it is distributed: single pictures of twelve objects, divided by a table.

    ROOT/split_csv/1cls.csv                    `object,split,label,image,mask`: a line for each picture
    ROOT/OBJECT/Data/Images/Normal/*.JPG       normal, to fit on or to score
    ROOT/OBJECT/Data/Images/Anomaly/*.JPG      defective
    ROOT/OBJECT/Data/Masks/Anomaly/*.png       which pixels are: not 0, so nearly black to the eye

`split` is train or test, `label` normal or anomaly; `image` and `mask` are paths below ROOT.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import MaskPictures
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene
from pipeline.evaluation.layouts.tree import read_text, required

__all__ = ["read_visa"]

ARRANGEMENT = "the visa layout has split_csv/1cls.csv beside the objects' folders"
COLUMNS = ("object", "split", "label", "image", "mask")
KINDS = (("train", "normal"), ("test", "normal"), ("test", "anomaly"))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the table, its paths found."""

    thing: str
    split: str
    label: str
    image: Path
    mask: Path | None

    @classmethod
    def of(cls, where: str, root: Path, cells: dict[str, str]) -> Self:
        thing, split, label, image, mask = (cells[column] for column in COLUMNS)
        if (split, label) not in KINDS:
            raise ConfigError(
                f"{where}: is '{split},{label}', not 'train,normal', 'test,normal' or 'test,anomaly'; "
                "use 1cls.csv as distributed."
            )
        if label == "anomaly" and not mask:
            raise ConfigError(f"{where}: names no mask for an anomaly; use 1cls.csv as distributed.")
        for path in (image, mask) if label == "anomaly" else (image,):
            if not (root / path).is_file():
                raise ConfigError(f"{where}: names {root / path}, which is missing; unpack the whole data set.")
        return cls(thing, split, label, root / image, root / mask if label == "anomaly" else None)


def read_visa(root: Path) -> list[Scene]:
    """Scenes of VisA, an object each, in the order of the table.

    Raises:
        ConfigError: the table is missing or not understood, or a picture that it names is not there.
    """
    table = required(root / "split_csv", ARRANGEMENT) / "1cls.csv"
    things: dict[str, list[_Line]] = {}
    for line in _lines(table, root):
        things.setdefault(line.thing, []).append(line)
    if not things:
        raise ConfigError(f"{table}: names no pictures; use 1cls.csv as distributed.")
    return [_scene(table, thing, lines) for thing, lines in things.items()]


def _lines(table: Path, root: Path) -> Iterator[_Line]:
    reader = csv.DictReader(read_text(table).splitlines(), restval="")
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise ConfigError(f"{table}: lacks one of the columns {', '.join(COLUMNS)}; use 1cls.csv as distributed.")
    for cells in reader:
        yield _Line.of(f"{table}:{reader.line_num}", root, cells)


def _scene(table: Path, thing: str, lines: list[_Line]) -> Scene:
    training = tuple(line.image for line in lines if line.split == "train")
    tests = tuple(_labelled(table, line) for line in lines if line.split == "test")
    if not training or not tests:
        part = "fit on" if not training else "score"
        raise ConfigError(f"{table}: names no picture of {thing} to {part}; use 1cls.csv as distributed.")
    return Scene(thing, "images", training, tests)


def _labelled(table: Path, line: _Line) -> LabelledFootage:
    name = f"{line.image.parent.name}/{line.image.name}"
    labels = FrameLabels(table, np.array([line.label == "anomaly"]))
    return LabelledFootage(name, line.image, labels, MaskPictures(table, (line.mask,)))
