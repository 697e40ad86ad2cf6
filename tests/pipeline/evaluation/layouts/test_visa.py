"""VisA's arrangement, its oddities and what may be missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts import LAYOUTS

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree

SIZE = (6, 8)
HEAD = "object,split,label,image,mask"


def visa(tree: Tree, *things: str) -> Path:
    """Objects with two normal pictures to fit on, one to score, and a defective one whose mask is 3 in one pixel."""
    lines = [HEAD]
    pixels = np.zeros(SIZE, np.uint8)
    pixels[3, 4] = 3
    for thing in things:
        for number, split in enumerate(("train", "test", "train")):
            tree.picture(f"{thing}/Data/Images/Normal/{number:04d}.JPG")
            lines.append(f"{thing},{split},normal,{thing}/Data/Images/Normal/{number:04d}.JPG,")
        tree.picture(f"{thing}/Data/Images/Anomaly/000.JPG")
        tree.picture(f"{thing}/Data/Masks/Anomaly/000.png", pixels)
        lines.append(f"{thing},test,anomaly,{thing}/Data/Images/Anomaly/000.JPG,{thing}/Data/Masks/Anomaly/000.png")
    tree.text("split_csv/1cls.csv", "\r\n".join([*lines, ""]))
    return tree.root


def message(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        LAYOUTS["visa"](root)
    return str(caught.value)


def test_each_object_is_a_scene_divided_as_the_table_says(tree: Tree) -> None:
    root = visa(tree, "candle", "pcb1")
    tree.text("split_csv/2cls_fewshot.csv", "")
    first, second = LAYOUTS["visa"](root)
    assert (first.name, first.kind, second.name) == ("candle", "images", "pcb1")
    normal = root / "candle/Data/Images/Normal"
    assert first.training == (normal / "0000.JPG", normal / "0002.JPG")
    assert [(item.name, item.footage) for item in first.tests] == [
        ("Normal/0001.JPG", normal / "0001.JPG"),
        ("Anomaly/000.JPG", root / "candle/Data/Images/Anomaly/000.JPG"),
    ]


def test_masks_are_abnormal_where_they_are_not_0_and_normal_pictures_have_none(tree: Tree) -> None:
    (scene,) = LAYOUTS["visa"](visa(tree, "candle"))
    normal, anomaly = (item.truth(0, SIZE) for item in scene.tests)
    assert (normal.anomalous, anomaly.anomalous) == (False, True)
    assert normal.mask is not None
    assert anomaly.mask is not None
    assert not normal.mask.any()
    assert np.argwhere(anomaly.mask).tolist() == [[3, 4]]


def test_a_missing_part_is_named(tree: Tree) -> None:
    root = visa(tree, "candle")
    table = root / "split_csv" / "1cls.csv"
    table.unlink()
    assert message(root) == f"{table}: cannot be read, no such file or directory; make it a readable text file."
    table.parent.rmdir()
    assert message(root) == (
        f"{table.parent}: is missing; the visa layout has split_csv/1cls.csv beside the objects' folders."
    )


@pytest.mark.parametrize("part", ["Images/Normal/0001.JPG", "Images/Anomaly/000.JPG", "Masks/Anomaly/000.png"])
def test_a_picture_that_the_table_names_and_that_is_not_there_is_named(tree: Tree, part: str) -> None:
    root = visa(tree, "candle")
    path = root / "candle/Data" / part
    path.unlink()
    line = 3 if "Normal" in part else 5
    assert message(root) == (
        f"{root}/split_csv/1cls.csv:{line}: names {path}, which is missing; unpack the whole data set."
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ": lacks one of the columns object, split, label, image, mask; use 1cls.csv as distributed."),
        (
            "object,split,label,image",
            ": lacks one of the columns object, split, label, image, mask; use 1cls.csv as distributed.",
        ),
        (HEAD, ": names no pictures; use 1cls.csv as distributed."),
        (
            f"{HEAD}\ncandle,train,anomaly,a.JPG,a.png",
            ":2: is 'train,anomaly', not 'train,normal', 'test,normal' or 'test,anomaly'; use 1cls.csv as distributed.",
        ),
        (
            f"{HEAD}\ncandle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,",
            ":2: names no mask for an anomaly; use 1cls.csv as distributed.",
        ),
        (
            f"{HEAD}\ncandle,train,normal,candle/Data/Images/Normal/0000.JPG,",
            ": names no picture of candle to score; use 1cls.csv as distributed.",
        ),
        (
            f"{HEAD}\ncandle,test,normal,candle/Data/Images/Normal/0000.JPG,",
            ": names no picture of candle to fit on; use 1cls.csv as distributed.",
        ),
    ],
)
def test_a_table_that_is_not_as_distributed_is_refused(tree: Tree, text: str, problem: str) -> None:
    visa(tree, "candle")
    table = tree.text("split_csv/1cls.csv", text)
    assert message(tree.root) == f"{table}{problem}"
