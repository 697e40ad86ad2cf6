"""Pictures and masks rotated and cropped together, the same ones every time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import OutputError, SourceError
from pipeline.evaluation.layouts import LAYOUTS, Scene
from pipeline.evaluation.rotation import _Cut, rotated_and_cropped
from tests.stillwatch.running import files_up_to

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree

# Half a pixel at each edge of the two spots, once for the resize and once for the turn.
EDGE_SHARE = 0.004


def spots() -> NDArray[np.uint8]:
    """(512, 512) where a picture is bright: one spot amid it, one at its edge."""
    mask = np.zeros((512, 512), np.uint8)
    mask[180:300, 200:260] = 255
    mask[400:460, 0:80] = 255
    return mask


@pytest.fixture
def root(tree: Tree) -> Path:
    for number in range(3):
        tree.picture(f"bottle/train/good/{number}.png", np.full((512, 512), 90 + number, np.uint8))
    for number in range(6):
        tree.picture(f"bottle/test/bright/{number}.png", 60 + spots() // 2)
        tree.picture(f"bottle/ground_truth/bright/{number}_mask.png", spots())
    tree.picture("bottle/test/good/0.png", np.full((512, 512), 90, np.uint8))
    return tree.root


def made(root: Path, seed: int = 0) -> tuple[dict[str, NDArray[np.uint8]], dict[str, NDArray[np.bool_]]]:
    """Pictures (224, 224, 3), BGR, by the names of what they were made of, and the masks of those to score."""
    (scene,) = LAYOUTS["mvtec"](root)
    with rotated_and_cropped(scene, seed, lambda done, total: None) as given:
        assert given.name == scene.name
        pictures = {str(path.name): _read(path) for path in sorted(given.training[0].iterdir())}
        pictures |= {item.name: _read(item.footage) for item in given.tests}
        masks = {item.name: item.truth(0, (224, 224)).mask for item in given.tests}
        places = [*given.training, *(item.footage for item in given.tests)]
    assert not any(place.exists() for place in places)
    return pictures, {name: mask for name, mask in masks.items() if mask is not None}


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture.astype(np.uint8)


def test_pictures_and_masks_are_turned_and_cut_alike(root: Path) -> None:
    pictures, masks = made(root)
    assert set(masks) == {*(f"bright/{number}.png" for number in range(6)), "good/0.png"}
    assert not masks["good/0.png"].any()
    for number in range(6):
        picture, mask = pictures[f"bright/{number}.png"], masks[f"bright/{number}.png"]
        assert picture.shape == (224, 224, 3)
        assert 0.02 < mask.mean() < 0.08
        # Half of the rise from 60 to 187.
        assert np.mean((picture[..., 0] > 123) != mask) < EDGE_SHARE


def test_every_picture_is_cut_in_a_way_of_its_own(root: Path) -> None:
    _, masks = made(root)
    ways = {masks[f"bright/{number}.png"].tobytes() for number in range(6)}
    assert len(ways) == 6


def test_corners_are_mirrored_not_black(root: Path) -> None:
    pictures, _ = made(root)
    assert pictures["0.png"].shape == (224, 224, 3)
    assert all(picture.min() >= 50 for picture in pictures.values())


def test_the_same_seed_makes_the_same_pictures_whatever_else_is_there(root: Path, tree: Tree) -> None:
    before, masks = made(root)
    tree.picture("bottle/test/bright/00-first.png", 60 + spots() // 2)
    tree.picture("bottle/ground_truth/bright/00-first_mask.png", spots())
    after, masks_after = made(root)
    assert set(after) - set(before) == {"bright/00-first.png"}
    for name, picture in before.items():
        np.testing.assert_array_equal(picture, after[name])
    for name, mask in masks.items():
        np.testing.assert_array_equal(mask, masks_after[name])


def test_another_seed_makes_others(root: Path) -> None:
    (_, first), (_, second) = made(root), made(root, seed=1)
    assert any((first[name] != second[name]).any() for name in first)


def test_angles_and_places_cover_what_the_paper_says() -> None:
    cuts = [_Cut.drawn(0, f"bottle/test/{number}") for number in range(2000)]
    degrees = [cut.degrees for cut in cuts]
    assert -10 <= min(degrees) < -9.9
    assert 9.9 < max(degrees) <= 10
    assert {cut.top for cut in cuts} == {cut.left for cut in cuts} == set(range(33))


def test_a_turn_of_nothing_cuts_alone() -> None:
    picture = np.random.RandomState(0).randint(0, 255, (256, 256, 3)).astype(np.uint8)
    np.testing.assert_array_equal(_Cut(0.0, 5, 7).applied(picture), picture[5:229, 7:231])


def test_progress_counts_all_pictures(root: Path) -> None:
    (scene,) = LAYOUTS["mvtec"](root)
    told: list[tuple[int, int]] = []
    with rotated_and_cropped(scene, 0, lambda done, total: told.append((done, total))):
        pass
    assert told == [(number, 10) for number in range(1, 11)]


def begun(scene: Scene) -> None:
    with rotated_and_cropped(scene, 0, lambda done, total: None):
        raise AssertionError("it was made all the same")


def test_a_picture_that_cannot_be_read_is_named(root: Path, tree: Tree) -> None:
    path = tree.text("bottle/test/good/1.png", "no picture")
    with pytest.raises(SourceError) as caught:
        begun(LAYOUTS["mvtec"](root)[0])
    assert str(caught.value) == f"{path}: none of its 1 images can be decoded; check that they are images."


def test_a_full_disk_is_said(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with files_up_to(10), pytest.raises(OutputError) as caught:
        begun(LAYOUTS["mvtec"](root)[0])
    assert str(caught.value).startswith(f"{place}/stillwatch-")
    assert str(caught.value).endswith(
        "/train/0.png: cannot be written, file too large; free some space or choose another place."
    )
    assert list(place.iterdir()) == []
