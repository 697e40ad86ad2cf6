"""MVTec's arrangement, its oddities and what may be missing."""

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


def category(tree: Tree, name: str = "bottle") -> Path:
    """A category with two normal pictures to fit on, one to score, and two defective ones."""
    tree.pictures(f"{name}/train/good", 2, ".png")
    tree.picture(f"{name}/test/good/000.png")
    for number in ("000", "001"):
        tree.picture(f"{name}/test/broken/{number}.png")
        mask = np.zeros((6, 8), np.uint8)
        mask[3, 4] = 255
        tree.picture(f"{name}/ground_truth/broken/{number}_mask.png", mask)
    return tree.root / name


def message(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        LAYOUTS["mvtec"](root)
    return str(caught.value)


def test_each_category_is_a_scene_of_pictures(tree: Tree) -> None:
    bottle, cable = category(tree, "bottle"), category(tree, "cable")
    tree.text("license.txt", "")
    tree.folder("results")
    first, second = LAYOUTS["mvtec"](tree.root)
    assert (first.name, second.name, second.kind, second.fps) == ("bottle", "cable", "images", None)
    assert second.training == (cable / "train/good",)
    assert [(item.name, item.footage) for item in first.tests] == [
        ("broken/000.png", bottle / "test/broken/000.png"),
        ("broken/001.png", bottle / "test/broken/001.png"),
        ("good/000.png", bottle / "test/good/000.png"),
    ]


def test_the_root_may_be_a_category_itself(tree: Tree) -> None:
    (scene,) = LAYOUTS["mvtec"](category(tree))
    assert (scene.name, len(scene.tests)) == ("bottle", 3)


def test_good_pictures_are_normal_everywhere_and_the_others_where_their_mask_is_black(tree: Tree) -> None:
    (scene,) = LAYOUTS["mvtec"](category(tree))
    broken, _, good = (item.truth(0, SIZE) for item in scene.tests)
    assert (broken.anomalous, good.anomalous) == (True, False)
    assert broken.mask is not None
    assert good.mask is not None
    assert [tuple(point) for point in zip(*broken.mask.nonzero(), strict=True)] == [(3, 4)]
    assert good.mask.shape == SIZE
    assert not good.mask.any()


def test_a_defective_picture_with_an_empty_mask_is_still_abnormal(tree: Tree) -> None:
    root = category(tree)
    tree.picture("bottle/ground_truth/broken/000_mask.png", np.zeros((6, 8), np.uint8))
    (scene,) = LAYOUTS["mvtec"](root)
    truth = scene.tests[0].truth(0, SIZE)
    assert truth.anomalous
    assert truth.mask is not None
    assert not truth.mask.any()


def test_suffixes_and_sizes_of_pictures_and_masks_may_differ(tree: Tree) -> None:
    root = category(tree)
    tree.picture("bottle/test/broken/002.JPG")
    tree.picture("bottle/ground_truth/broken/002_mask.TIF", np.full((12, 16), 1, np.uint16))
    (scene,) = LAYOUTS["mvtec"](root)
    truth = next(item for item in scene.tests if item.name == "broken/002.JPG").truth(0, SIZE)
    assert truth.mask is not None
    assert truth.mask.shape == SIZE
    assert truth.mask.all()


@pytest.mark.parametrize("part", ["train/good", "test", "ground_truth"])
def test_a_missing_part_is_named(tree: Tree, part: str) -> None:
    folder = category(tree)
    (folder / part).rename(tree.root / "elsewhere")
    assert message(folder) == (
        f"{folder / part}: is missing; "
        "the mvtec layout has train/good, test/KIND and ground_truth/KIND in every category."
    )


def test_a_root_that_holds_nothing_of_the_kind_is_refused(tree: Tree) -> None:
    tree.folder("holiday")
    assert message(tree.root) == (
        f"{tree.root}: neither it nor a folder in it has train or test; give the folder of the data set."
    )


@pytest.mark.parametrize("part", ["train/good", "test/good"])
def test_a_part_without_pictures_is_named(tree: Tree, part: str) -> None:
    folder = category(tree) / part
    for picture in folder.iterdir():
        picture.unlink()
    assert message(tree.root) == f"{folder}: holds no pictures; put some there, or take the folder away."


def test_a_defective_picture_without_a_mask_is_named(tree: Tree) -> None:
    folder = category(tree)
    expected = f"{folder}/test/broken/001.png: has no mask; put it at {folder}/ground_truth/broken/001_mask.png."
    (folder / "ground_truth/broken/001_mask.png").unlink()
    assert message(folder) == expected


def test_a_kind_without_masks_is_named_by_its_first_picture(tree: Tree) -> None:
    folder = category(tree)
    tree.picture("bottle/test/scratch/000.png")
    assert message(folder) == (
        f"{folder}/test/scratch/000.png: has no mask; put it at {folder}/ground_truth/scratch/000_mask.png."
    )
