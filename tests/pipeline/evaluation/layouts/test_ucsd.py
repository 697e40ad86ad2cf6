"""UCSD's arrangement, its oddities and what may be missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts import LAYOUTS
from pipeline.evaluation.layouts.scenes import LabelledFootage

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree

SIZE = (6, 8)


def ped(tree: Tree, scene: str = "UCSDped2", frame_labels: str | None = "[2:3]; [1:1, 4];") -> Path:
    """A scene of two training clips and two test clips of four frames, the first with masks."""
    for clip in ("Train/Train001", "Train/Train002", "Test/Test001", "Test/Test002"):
        tree.pictures(f"{scene}/{clip}", 4)
    tree.masks(f"{scene}/Test/Test001_gt", [0, 1, 0, 0])
    if frame_labels is not None:
        lines = [f"TestVideoFile{{end+1}}.gt_frame = {ranges};" for ranges in frame_labels.split(";") if ranges]
        tree.text(f"{scene}/Test/{scene}.m", "\n".join(["TestVideoFile = {};", *lines, ""]))
    return tree.root / scene


def anomalous(footage: LabelledFootage) -> list[bool]:
    return [footage.truth(index, SIZE).anomalous for index in range(4)]


def message(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        LAYOUTS["ucsd"](root)
    return str(caught.value)


def test_each_folder_with_train_and_test_is_a_scene_of_10_frames_a_second(tree: Tree) -> None:
    ped1, ped2 = ped(tree, "UCSDped1"), ped(tree, "UCSDped2")
    tree.folder("papers")
    tree.text("README.txt", "")
    first, second = LAYOUTS["ucsd"](tree.root)
    assert (first.name, second.name, second.kind, second.fps) == ("UCSDped1", "UCSDped2", "video", 10.0)
    assert first.training == (ped1 / "Train/Train001", ped1 / "Train/Train002")
    assert [(item.name, item.footage) for item in second.tests] == [
        ("Test001", ped2 / "Test/Test001"),
        ("Test002", ped2 / "Test/Test002"),
    ]


def test_the_root_may_be_a_scene_itself(tree: Tree) -> None:
    (scene,) = LAYOUTS["ucsd"](ped(tree))
    assert (scene.name, len(scene.training), len(scene.tests)) == ("UCSDped2", 2, 2)


def test_the_m_file_decides_which_frames_are_abnormal_and_masks_say_where(tree: Tree) -> None:
    (scene,) = LAYOUTS["ucsd"](ped(tree))
    with_masks, without = scene.tests
    # Frame 3 (index 2) is abnormal by the .m file with an empty mask.
    assert anomalous(with_masks) == [False, True, True, False]
    mask, empty = (with_masks.truth(index, SIZE).mask for index in (1, 2))
    assert mask is not None
    assert empty is not None
    assert [tuple(point) for point in zip(*mask.nonzero(), strict=True)] == [(1, 2)]
    assert not empty.any()
    assert anomalous(without) == [True, False, False, True]
    assert without.truth(0, SIZE).mask is None


def test_comments_spaces_and_brackets_of_the_m_file_do_not_matter(tree: Tree) -> None:
    root = ped(tree)
    tree.text(
        "UCSDped2/Test/UCSDped2.m",
        "% TestVideoFile{end+1}.gt_frame = [1:4];\r\nTestVideoFile = {};\r\n"
        "TestVideoFile{end+1}.gt_frame=[ 1:2 4 ]; % a cart\r\n  TestVideoFile{end+1}.gt_frame = 3:4;\r\n",
    )
    (scene,) = LAYOUTS["ucsd"](root)
    assert [anomalous(item) for item in scene.tests] == [
        [True, True, False, True],
        [False, False, True, True],
    ]


def test_a_clip_without_abnormal_frames_has_empty_brackets(tree: Tree) -> None:
    (scene,) = LAYOUTS["ucsd"](ped(tree, frame_labels="[];[1:4];"))
    assert [anomalous(item) for item in scene.tests] == [[False] * 4, [True] * 4]


def test_without_an_m_file_masks_decide(tree: Tree) -> None:
    root = ped(tree, frame_labels=None)
    tree.masks("UCSDped2/Test/Test002_gt", [1, 1, 0, 1])
    (scene,) = LAYOUTS["ucsd"](root)
    assert [anomalous(item) for item in scene.tests] == [
        [False, True, False, False],
        [True, True, False, True],
    ]


def test_what_systems_left_behind_counts_neither_as_frame_nor_clip_nor_labels(tree: Tree) -> None:
    root = ped(tree)
    for name in (
        "Test001/._001.tif",
        "Test001/.DS_Store",
        "Test001_gt/Thumbs.db",
        "._UCSDped2.m",
        ".AppleDouble/x",
    ):
        tree.text(f"UCSDped2/Test/{name}", "")
    (scene,) = LAYOUTS["ucsd"](root)
    assert [item.name for item in scene.tests] == ["Test001", "Test002"]
    assert anomalous(scene.tests[0]) == [False, True, True, False]


def test_suffixes_may_be_upper_case_and_clips_are_in_natural_order(tree: Tree) -> None:
    for clip in ("Train/Train1", "Test/Test10", "Test/Test9"):
        tree.pictures(f"ped/{clip}", 4, ".TIF")
    for clip, labels in (("Test9", [1, 0, 0, 0]), ("Test10", [0, 0, 0, 1])):
        tree.masks(f"ped/Test/{clip}_gt", labels, ".BMP")
    (scene,) = LAYOUTS["ucsd"](tree.root)
    assert [item.name for item in scene.tests] == ["Test9", "Test10"]
    assert [anomalous(item)[0] for item in scene.tests] == [True, False]


def test_masks_of_another_size_than_the_frames_are_scaled(tree: Tree) -> None:
    (scene,) = LAYOUTS["ucsd"](ped(tree))
    mask = scene.tests[0].truth(1, (12, 16)).mask
    assert mask is not None
    assert [tuple(point) for point in zip(*mask.nonzero(), strict=True)] == [(2, 4), (2, 5), (3, 4), (3, 5)]


@pytest.mark.parametrize("part", ["Train", "Test"])
def test_a_missing_part_is_named(tree: Tree, part: str) -> None:
    tree.pictures(f"ped/{'Test' if part == 'Train' else 'Train'}/Clip001", 2)
    assert message(tree.root) == (
        f"{tree.root / 'ped' / part}: is missing; the ucsd layout has Train/TrainNNN and Test/TestNNN in every scene."
    )


def test_a_root_that_holds_nothing_of_the_kind_is_refused(tree: Tree) -> None:
    tree.folder("holiday")
    assert message(tree.root) == (
        f"{tree.root}: neither it nor a folder in it has Train or Test; give the folder of the data set."
    )
    assert message(tree.root / "nowhere") == (
        f"{tree.root / 'nowhere'}: cannot be listed, no such file or directory; give the folder of a data set."
    )


def test_a_part_without_clips_and_a_clip_without_pictures_are_named(tree: Tree) -> None:
    test = tree.folder("ped/Test")
    clip = tree.folder("ped/Train/Train001")
    assert message(tree.root) == f"{clip}: holds no pictures; put some there, or take the folder away."
    tree.pictures("ped/Train/Train001", 1)
    assert message(tree.root) == (
        f"{test}: holds no clips; the ucsd layout has Train/TrainNNN and Test/TestNNN in every scene."
    )


def test_another_number_of_masks_than_frames_is_refused_naming_both(tree: Tree) -> None:
    test = ped(tree, frame_labels=None) / "Test"
    (test / "Test001_gt/002.bmp").unlink()
    assert message(tree.root) == (
        f"{test / 'Test001_gt'}: has 3 masks, but {test / 'Test001'} has 4 frames; write one for each frame."
    )


def test_another_number_of_masks_than_labels_is_refused_naming_both(tree: Tree) -> None:
    test = ped(tree) / "Test"
    (test / "Test001_gt/002.bmp").unlink()
    assert message(tree.root) == (
        f"{test / 'UCSDped2.m'}: has 4 labels for Test001, but {test / 'Test001_gt'} has 3 masks; "
        "write one of each for every frame."
    )


def test_a_clip_without_any_labels_is_named(tree: Tree) -> None:
    test = ped(tree, frame_labels=None) / "Test"
    assert message(tree.root) == (
        f"{test / 'Test002'}: has no labels; put an .m file of abnormal frames beside it, or its masks into Test002_gt."
    )


@pytest.mark.parametrize(
    ("frame_labels", "problem"),
    [
        ("[1:2];", "labels 1 clips, but {test} holds 2; write a gt_frame line for each."),
        ("[1:2];[3:5];", "labels frame 5 of Test002, which has 4 frames; correct the range."),
        ("[1:2];[0:3];", "'0:3' is not a range of frames counted from 1; write it as 61:180."),
        ("[1:2];[3:1];", "'3:1' is not a range of frames counted from 1; write it as 61:180."),
        ("[1:2];[a:b];", "'a:b' is not a range of frames counted from 1; write it as 61:180."),
    ],
)
def test_frame_labels_that_cannot_be_are_refused(tree: Tree, frame_labels: str, problem: str) -> None:
    test = ped(tree, frame_labels=frame_labels) / "Test"
    assert message(tree.root) == f"{test / 'UCSDped2.m'}: {problem.format(test=test)}"


def test_two_files_of_frame_labels_are_refused(tree: Tree) -> None:
    test = ped(tree) / "Test"
    tree.text("UCSDped2/Test/old.M", "")
    assert message(tree.root) == f"{test}: holds 2 .m files of frame labels; keep one."
