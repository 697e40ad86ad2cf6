"""Order of files, what is passed over, and names of scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.tree import entries, folders, pictures, scene_name

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree


def test_order_is_natural(tree: Tree) -> None:
    for name in ("10.png", "9.PNG", "cam2-1.png", "cam10-1.png", "Cam1-20.png", "1.png", "01.png", "a.png"):
        tree.picture(name)
    names = [path.name for path in pictures(tree.root)]
    assert names == [
        "01.png",
        "1.png",
        "9.PNG",
        "10.png",
        "a.png",
        "Cam1-20.png",
        "cam2-1.png",
        "cam10-1.png",
    ]


def test_what_systems_leave_behind_is_passed_over(tree: Tree) -> None:
    tree.picture("001.tif")
    for name in ("._001.tif", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/001.tif"):
        tree.text(name, "")
    assert [path.name for path in entries(tree.root)] == ["001.tif"]


def test_pictures_are_known_by_their_suffix_in_any_case_and_folders_are_none(tree: Tree) -> None:
    for name in ("a.JPG", "b.jpeg", "c.Png", "d.TIFF", "e.bmp"):
        tree.picture(name)
    tree.text("notes.txt", "")
    tree.folder("f.png")
    assert [path.name for path in pictures(tree.root)] == ["a.JPG", "b.jpeg", "c.Png", "d.TIFF", "e.bmp"]
    assert [path.name for path in folders(tree.root)] == ["f.png"]


def test_a_folder_that_is_none_is_refused(tree: Tree) -> None:
    file = tree.text("notes.txt", "")
    for path, reason in ((tree.root / "nowhere", "no such file or directory"), (file, "not a directory")):
        with pytest.raises(ConfigError) as caught:
            entries(path)
        assert str(caught.value) == f"{path}: cannot be listed, {reason}; give the folder of a data set."


def test_a_scene_given_as_a_dot_has_the_name_of_the_folder(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.folder("gate/inner"))
    assert [scene_name(Path(text)) for text in (".", "..", "../inner")] == ["inner", "gate", "inner"]
