"""Avenue's arrangement, its oddities and what may be missing."""

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
VIDEOS, TRUTH = "Avenue Dataset", "ground_truth_demo/testing_label_mask"
ARRANGEMENT = "the avenue layout has training_videos, testing_videos and ground_truth_demo/testing_label_mask"


def avenue(tree: Tree, videos: str = VIDEOS) -> Path:
    """Two recordings to fit on and ten to score, named with zeros, whose masks are named without."""
    for name in ("01", "02"):
        tree.text(f"{videos}/training_videos/{name}.avi", "")
    for number in range(1, 11):
        tree.text(f"{videos}/testing_videos/{number:02d}.avi", "")
        abnormal = np.zeros(SIZE, np.uint8)
        abnormal[1, 2] = number  # any value but 0
        tree.matlab(f"{TRUTH}/{number}_label.mat", volLabel=[np.zeros(SIZE, np.uint8), abnormal])
    # What else the two archives hold.
    tree.matlab(f"{videos}/training_vol/vol01.mat", vol=[])
    tree.text("ground_truth_demo/testing_videos/1.avi", "")
    tree.text(f"{TRUTH}/Readme.txt", "")
    return tree.root


def message(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        LAYOUTS["avenue"](root)
    return str(caught.value)


def test_it_is_one_scene_of_recordings(tree: Tree) -> None:
    root = avenue(tree)
    (scene,) = LAYOUTS["avenue"](root)
    assert (scene.name, scene.kind, scene.fps) == (root.name, "video", None)
    assert scene.training == (root / VIDEOS / "training_videos/01.avi", root / VIDEOS / "training_videos/02.avi")
    assert [item.name for item in scene.tests] == [f"{number:02d}" for number in range(1, 11)]
    assert scene.tests[9].footage == root / VIDEOS / "testing_videos/10.avi"


def test_each_recording_has_the_masks_of_its_number(tree: Tree) -> None:
    (scene,) = LAYOUTS["avenue"](avenue(tree))
    for item in scene.tests:
        item.check_length(2)
        truths = [item.truth(index, SIZE) for index in (0, 1)]
        assert [truth.anomalous for truth in truths] == [False, True]
        assert truths[1].mask is not None
        assert np.argwhere(truths[1].mask).tolist() == [[1, 2]]


def test_masks_may_be_of_another_size_than_the_frames(tree: Tree) -> None:
    (scene,) = LAYOUTS["avenue"](avenue(tree))
    mask = scene.tests[0].truth(1, (12, 16)).mask
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]


def test_masks_may_lie_beside_the_recordings_or_above_them(tree: Tree) -> None:
    avenue(tree, ".")
    (scene,) = LAYOUTS["avenue"](tree.root)
    assert len(scene.tests) == 10
    for part in ("training_videos", "testing_videos", "ground_truth_demo"):
        (tree.root / part).rename(tree.folder(f"set/{part}"))
    (scene,) = LAYOUTS["avenue"](tree.root)
    assert len(scene.tests) == 10


@pytest.mark.parametrize("part", [f"{VIDEOS}/testing_videos", TRUTH])
def test_a_missing_part_is_named(tree: Tree, part: str) -> None:
    root = avenue(tree)
    (root / part).rename(root / "elsewhere")
    assert message(root) == f"{root / part}: is missing; {ARRANGEMENT}."


def test_a_part_without_recordings_is_named(tree: Tree) -> None:
    root = avenue(tree)
    videos = root / VIDEOS / "training_videos"
    for video in videos.iterdir():
        video.unlink()
    assert message(root) == f"{videos}: holds no recordings; put the data set's there."


def test_a_recording_without_masks_is_named(tree: Tree) -> None:
    root = avenue(tree)
    (root / TRUTH / "7_label.mat").unlink()
    assert message(root) == (
        f"{root / VIDEOS / 'testing_videos/07.avi'}: has no masks; put them at {root / TRUTH / '7_label.mat'}."
    )


def test_a_recording_that_is_not_named_by_a_number_is_refused(tree: Tree) -> None:
    root = avenue(tree)
    video = tree.text(f"{VIDEOS}/testing_videos/gate.avi", "")
    assert message(root) == f"{video}: is not named by a number; name it as distributed, as in 01.avi."


def test_a_root_that_holds_nothing_of_the_kind_is_refused(tree: Tree) -> None:
    tree.folder("holiday")
    assert message(tree.root) == (
        f"{tree.root}: neither it nor a folder in it has training_videos; give the folder of the data set."
    )
