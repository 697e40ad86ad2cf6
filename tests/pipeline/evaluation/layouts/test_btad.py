"""BTAD's arrangement, its oddities and what may be missing."""

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
ARRANGEMENT = "the btad layout has train/ok, test/ok, test/ko and ground_truth/ko in every product"


def product(tree: Tree, name: str = "01", picture: str = ".bmp", mask: str = ".png") -> Path:
    """A product with two normal pictures to fit on, one to score, and a defective one."""
    for path in ("train/ok/0000", "train/ok/0001", "test/ok/0002", "test/ko/0003"):
        tree.picture(f"{name}/{path}{picture}")
    pixels = np.zeros(SIZE, np.uint8)
    pixels[3, 4] = 255
    tree.picture(f"{name}/ground_truth/ko/0003{mask}", pixels)
    return tree.root / name


def message(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        LAYOUTS["btad"](root)
    return str(caught.value)


def test_each_product_is_a_scene_of_pictures_whatever_their_suffixes(tree: Tree) -> None:
    product(tree, "01", ".bmp", ".png")
    product(tree, "02", ".png", ".png")
    product(tree, "03", ".bmp", ".bmp")
    scenes = LAYOUTS["btad"](tree.root)
    assert [(scene.name, scene.kind) for scene in scenes] == [("01", "images"), ("02", "images"), ("03", "images")]
    for scene in scenes:
        assert scene.training == (tree.root / scene.name / "train/ok",)
        defective, normal = (item.truth(0, SIZE) for item in scene.tests)
        assert (defective.anomalous, normal.anomalous) == (True, False)
        assert defective.mask is not None
        assert normal.mask is not None
        assert np.argwhere(defective.mask).tolist() == [[3, 4]]
        assert not normal.mask.any()


def test_the_root_may_be_a_product_itself(tree: Tree) -> None:
    (scene,) = LAYOUTS["btad"](product(tree))
    assert [item.name for item in scene.tests] == ["ko/0003.bmp", "ok/0002.bmp"]


@pytest.mark.parametrize("part", ["train/ok", "test", "ground_truth"])
def test_a_missing_part_is_named(tree: Tree, part: str) -> None:
    folder = product(tree)
    (folder / part).rename(tree.root / "elsewhere")
    assert message(folder) == f"{folder / part}: is missing; {ARRANGEMENT}."


def test_a_defective_picture_without_a_mask_is_named(tree: Tree) -> None:
    folder = product(tree)
    (folder / "ground_truth/ko/0003.png").unlink()
    assert message(folder) == f"{folder}/test/ko/0003.bmp: has no mask; put it at {folder}/ground_truth/ko/0003.png."
