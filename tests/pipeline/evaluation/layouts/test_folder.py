"""A user's own folder, with footage or with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts import LAYOUTS, Scene

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree

SIZE = (6, 8)


def read(root: Path) -> Scene:
    (scene,) = LAYOUTS["folder"](root)
    return scene


def message(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        LAYOUTS["folder"](root)
    return str(caught.value)


def recordings(tree: Tree) -> None:
    """One recording to fit on and one to score; layouts never open them, so any content will do."""
    tree.text("train/monday.mp4", "")
    tree.text("test/gate.mkv", "")


class TestFootage:
    def test_recordings_and_folders_of_pictures_stand_side_by_side(self, tree: Tree) -> None:
        recordings(tree)
        tree.pictures("train/tuesday", 2)
        tree.pictures("test/dock", 3)
        tree.text("labels/gate.csv", "0\n1\n")
        tree.array("labels/dock.npy", np.array([0, 0, 1]))
        scene = read(tree.root)
        assert (scene.name, scene.kind, scene.fps) == (tree.root.name, "video", None)
        assert scene.training == (tree.root / "train/monday.mp4", tree.root / "train/tuesday")
        dock, gate = scene.tests
        assert (dock.name, dock.footage) == ("dock", tree.root / "test/dock")
        assert (gate.name, gate.footage) == ("gate", tree.root / "test/gate.mkv")
        assert [dock.truth(index, SIZE).anomalous for index in range(3)] == [False, False, True]
        assert [gate.truth(index, SIZE).anomalous for index in range(2)] == [False, True]
        assert gate.truth(0, SIZE).mask is None

    def test_pictures_directly_in_train_and_test_are_one_recording_each(self, tree: Tree) -> None:
        tree.pictures("train", 2)
        tree.pictures("test", 3)
        tree.text("test/.DS_Store", "")
        tree.text("labels/test.csv", "0\n0\n1\n")
        scene = read(tree.root)
        assert scene.training == (tree.root / "train",)
        assert [(item.name, item.footage) for item in scene.tests] == [("test", tree.root / "test")]

    def test_masks_are_a_folder_of_pictures_or_an_array(self, tree: Tree) -> None:
        recordings(tree)
        tree.pictures("test/dock", 3)
        tree.masks("masks/gate", [0, 1])
        tree.array("masks/dock.npy", np.ones((3, 6, 8), dtype=np.uint8))
        dock, gate = read(tree.root).tests
        assert [gate.truth(index, SIZE).anomalous for index in range(2)] == [False, True]
        mask = dock.truth(2, SIZE).mask
        assert mask is not None
        assert mask.all()

    def test_labels_decide_where_there_are_masks_too(self, tree: Tree) -> None:
        recordings(tree)
        tree.text("labels/gate.csv", "1\n0\n")
        tree.masks("masks/gate", [0, 1])
        (gate,) = read(tree.root).tests
        assert [gate.truth(index, SIZE).anomalous for index in range(2)] == [True, False]

    @pytest.mark.parametrize("part", ["train", "test"])
    def test_a_missing_part_is_named(self, tree: Tree, part: str) -> None:
        recordings(tree)
        (tree.root / part).rename(tree.root / "elsewhere")
        assert message(tree.root) == (
            f"{tree.root / part}: is missing; the folder layout has train and test, with recordings or pictures."
        )

    def test_a_part_without_footage_is_named(self, tree: Tree) -> None:
        train = tree.folder("train")
        tree.text("test/gate.mp4", "")
        tree.text("labels/gate.csv", "0\n")
        assert message(tree.root) == (
            f"{train}: holds no footage; put recordings there, or each run of pictures in a folder of its own."
        )

    def test_pictures_beside_recordings_are_refused(self, tree: Tree) -> None:
        recordings(tree)
        tree.picture("test/001.png")
        assert message(tree.root) == (
            f"{tree.root / 'test'}: holds pictures beside other footage; "
            "put recordings there, or each run of pictures in a folder of its own."
        )

    def test_a_folder_without_pictures_is_named(self, tree: Tree) -> None:
        recordings(tree)
        tree.text("labels/gate.csv", "0\n")
        empty = tree.folder("train/tuesday")
        assert message(tree.root) == f"{empty}: holds no pictures; put some there, or take the folder away."

    def test_footage_without_labels_is_named_with_where_to_put_them(self, tree: Tree) -> None:
        recordings(tree)
        assert message(tree.root) == (
            f"{tree.root}/test/gate.mkv: has no labels; write them to {tree.root}/labels/gate.csv, one 0 or 1 a frame."
        )

    def test_recordings_that_would_share_labels_are_refused(self, tree: Tree) -> None:
        recordings(tree)
        tree.text("test/gate.mp4", "")
        assert message(tree.root) == (
            f"{tree.root / 'test'}: holds 2 recordings called gate, which share their labels; rename them."
        )

    def test_labels_and_masks_given_twice_are_refused(self, tree: Tree) -> None:
        recordings(tree)
        table = tree.text("labels/gate.csv", "0\n")
        tree.array("labels/gate.npy", np.array([1]))
        assert message(tree.root) == f"{table}: stands beside gate.npy; keep the one that is true."
        table.unlink()
        folder = tree.masks("masks/gate", [1])
        tree.array("masks/gate.npy", np.zeros((1, 6, 8)))
        assert message(tree.root) == f"{folder}: stands beside gate.npy; keep the one that is true."

    def test_a_folder_of_pictures_with_another_number_of_labels_is_refused(self, tree: Tree) -> None:
        tree.pictures("train", 2)
        tree.pictures("test/dock", 3)
        table = tree.text("labels/dock.csv", "0\n1\n")
        assert message(tree.root) == (
            f"{table}: has 2 labels, but {tree.root / 'test/dock'} has 3 frames; write one for each frame."
        )


class TestPictures:
    @pytest.mark.parametrize("train", ["train", "train/good"])
    def test_a_folder_test_good_makes_it_pictures(self, tree: Tree, train: str) -> None:
        training = tree.pictures(train, 2, ".JPG")
        tree.picture("test/good/1.png")
        tree.picture("test/scratch/1.png")
        tree.picture("ground_truth/scratch/1_mask.png", np.full((6, 8), 255, np.uint8))
        scene = read(tree.root)
        assert (scene.name, scene.kind, scene.training) == (tree.root.name, "images", (training,))
        good, scratch = (item.truth(0, SIZE) for item in scene.tests)
        assert (good.anomalous, scratch.anomalous) == (False, True)
        assert good.mask is not None
        assert scratch.mask is not None
        assert not good.mask.any()
        assert scratch.mask.all()

    def test_without_ground_truth_there_are_labels_and_no_masks(self, tree: Tree) -> None:
        tree.pictures("train", 2)
        tree.picture("test/good/1.png")
        tree.picture("test/scratch/1.png")
        truths = [item.truth(0, SIZE) for item in read(tree.root).tests]
        assert [truth.anomalous for truth in truths] == [False, True]
        assert [truth.mask for truth in truths] == [None, None]

    def test_training_pictures_must_be_there(self, tree: Tree) -> None:
        train = tree.folder("train")
        tree.picture("test/good/1.png")
        assert message(tree.root) == f"{train}: holds no pictures; put some there, or take the folder away."
