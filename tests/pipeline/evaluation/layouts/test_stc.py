"""ShanghaiTech Campus's arrangement, its oddities and what may be missing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts import LAYOUTS

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree

SIZE = (6, 8)
ARRANGEMENT = "the stc layout has training/videos, testing/frames, testing/test_frame_mask and testing/test_pixel_mask"


def clip(tree: Tree, name: str, labels: list[int]) -> None:
    """Footage to score, numbered from 0 as distributed, with one abnormal pixel where the label is 1."""
    for index in range(len(labels)):
        tree.picture(f"testing/frames/{name}/{index:03d}.jpg")
    masks = np.zeros((len(labels), *SIZE), np.uint8)
    masks[:, 1, 2] = labels
    tree.array(f"testing/test_frame_mask/{name}.npy", np.array(labels, np.int8))
    tree.array(f"testing/test_pixel_mask/{name}.npy", masks)


def campus(tree: Tree) -> Path:
    """Scene 01 with two recordings and two clips, scene 02 with one of each, scene 13 with a recording alone."""
    for name in ("01_001", "01_002", "02_001", "13_007"):
        tree.text(f"training/videos/{name}.avi", "")
    clip(tree, "01_0014", [0, 1, 1])
    clip(tree, "01_0015", [0, 0])
    clip(tree, "02_0128", [1, 0])
    return tree.root


def message(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        LAYOUTS["stc"](root)
    return str(caught.value)


def test_a_scene_is_what_begins_with_its_number_and_one_without_footage_to_score_is_left_out(tree: Tree) -> None:
    root = campus(tree)
    first, second = LAYOUTS["stc"](root)
    assert (first.name, first.kind, first.fps, second.name) == ("01", "video", 24.0, "02")
    assert first.training == (root / "training/videos/01_001.avi", root / "training/videos/01_002.avi")
    assert [(item.name, item.footage) for item in first.tests] == [
        ("01_0014", root / "testing/frames/01_0014"),
        ("01_0015", root / "testing/frames/01_0015"),
    ]
    assert [item.name for item in second.tests] == ["02_0128"]


def test_frame_masks_say_which_frames_are_abnormal_and_pixel_masks_where(tree: Tree) -> None:
    footage = LAYOUTS["stc"](campus(tree))[0].tests[0]
    truths = [footage.truth(index, SIZE) for index in range(3)]
    assert [truth.anomalous for truth in truths] == [False, True, True]
    assert [[] if truth.mask is None else np.argwhere(truth.mask).tolist() for truth in truths] == [
        [],
        [[1, 2]],
        [[1, 2]],
    ]


def test_pixel_masks_may_be_of_another_size_than_the_frames(tree: Tree) -> None:
    mask = LAYOUTS["stc"](campus(tree))[0].tests[0].truth(1, (12, 16)).mask
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]


def test_the_root_may_be_the_folder_above(tree: Tree) -> None:
    campus(tree)
    inner = tree.root / "shanghaitech"
    inner.mkdir()
    for part in ("training", "testing"):
        (tree.root / part).rename(inner / part)
    assert [scene.name for scene in LAYOUTS["stc"](tree.root)] == ["01", "02"]
    shutil.copytree(inner, tree.root / "backup")
    assert message(tree.root) == (f"{tree.root}: both backup and shanghaitech in it look like the data set; give one.")


@pytest.mark.parametrize(
    "part", ["training/videos", "testing/frames", "testing/test_frame_mask", "testing/test_pixel_mask"]
)
def test_a_missing_part_is_named(tree: Tree, part: str) -> None:
    root = campus(tree)
    (root / part).rename(root / "elsewhere")
    assert message(root) == f"{root / part}: is missing; {ARRANGEMENT}."


def test_a_part_without_footage_is_named(tree: Tree) -> None:
    root = campus(tree)
    shutil.rmtree(root / "testing/frames")
    frames = tree.folder("testing/frames")
    assert message(root) == f"{frames}: holds no clips; {ARRANGEMENT}."
    shutil.rmtree(root / "training/videos")
    videos = tree.folder("training/videos")
    assert message(root) == f"{videos}: holds no recordings; put the data set's there."


def test_a_scene_to_score_without_training_recordings_is_named(tree: Tree) -> None:
    root = campus(tree)
    (root / "training/videos/02_001.avi").unlink()
    assert message(root) == (
        f"{root / 'testing/frames/02_0128'}: is of scene 02, of which {root / 'training/videos'} has no recording; "
        "put 02_001.avi and so on there."
    )


@pytest.mark.parametrize("name", ["training/videos/gate.avi", "testing/frames/1_0001"])
def test_a_name_that_does_not_begin_with_a_scene_is_refused(tree: Tree, name: str) -> None:
    root = campus(tree)
    path = tree.text(name, "") if name.endswith(".avi") else tree.folder(name)
    assert message(root) == f"{path}: its name does not begin with a scene; name it as distributed, as in 01_001."


@pytest.mark.parametrize("part", ["test_frame_mask", "test_pixel_mask"])
def test_a_clip_without_a_mask_is_named(tree: Tree, part: str) -> None:
    root = campus(tree)
    mask = root / "testing" / part / "01_0015.npy"
    mask.unlink()
    assert message(root) == f"{root / 'testing/frames/01_0015'}: has no {part}; put it at {mask}."


def test_frames_and_masks_that_do_not_agree_are_refused_naming_both(tree: Tree) -> None:
    root = campus(tree)
    frames = root / "testing/frames/01_0014"
    (frames / "002.jpg").unlink()
    masks = root / "testing/test_frame_mask/01_0014.npy"
    assert message(root) == f"{masks}: has 3 labels, but {frames} has 2 frames; write one for each frame."
    tree.array("testing/test_frame_mask/01_0014.npy", np.zeros(2, np.int8))
    assert message(root) == (
        f"{masks}: has 2 labels for 01_0014, but {root / 'testing/test_pixel_mask/01_0014.npy'} has 3 masks; "
        "write one of each for every frame."
    )


def test_what_is_no_mask_is_refused(tree: Tree) -> None:
    root = campus(tree)
    path = tree.text("testing/test_pixel_mask/01_0014.npy", "")
    assert message(root) == f"{path}: is not a NumPy file of numbers; write it with numpy.save."


def test_a_root_that_holds_nothing_of_the_kind_is_refused(tree: Tree) -> None:
    tree.folder("holiday")
    assert message(tree.root) == (
        f"{tree.root}: neither it nor a folder in it has training or testing; give the folder of the data set."
    )
