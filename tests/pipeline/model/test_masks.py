"""Masks as polygons and as pictures, and every file that is neither."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.model.masks import read_mask
from pipeline.types import Geometry

SOURCE = (96, 128)
SAME, HALF = Geometry(SOURCE), Geometry((48, 64))
FORM = "see the guide on masks for the form."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mask.yaml"


def test_a_polygon_is_ignored_inside_and_on_its_edge(path: Path) -> None:
    path.write_text("polygons:\n  - [[10, 20], [30, 20], [30, 40], [10, 40]]\n")
    expected = np.zeros(SOURCE, bool)
    expected[20:41, 10:31] = True
    assert np.array_equal(read_mask(path, SAME, SOURCE), expected)


def test_polygons_may_overlap(path: Path) -> None:
    path.write_text(
        "polygons:\n  - [[0, 0], [30, 0], [30, 30], [0, 30]]\n  - [[20, 20], [50, 20], [50, 50], [20, 50]]\n"
    )
    mask = read_mask(path, SAME, SOURCE)
    assert mask[5, 5]
    assert mask[25, 25]
    assert mask[45, 45]
    assert not mask[5, 45]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 100).flatmap(lambda left: st.tuples(st.just(left), st.integers(left + 8, 128))),
    st.integers(0, 60).flatmap(lambda top: st.tuples(st.just(top), st.integers(top + 8, 96))),
)
def test_a_polygon_covers_the_same_part_of_a_smaller_picture(
    tmp_path_factory: pytest.TempPathFactory, across: tuple[int, int], down: tuple[int, int]
) -> None:
    path = tmp_path_factory.mktemp("masks") / "mask.yml"
    (left, right), (top, bottom) = across, down
    path.write_text(f"polygons: [[[{left}, {top}], [{right}, {top}], [{right}, {bottom}], [{left}, {bottom}]]]")
    if (left, top, right, bottom) == (0, 0, 128, 96):
        return
    whole, half = read_mask(path, SAME, SOURCE), read_mask(path, HALF, SOURCE)
    assert half.shape == (48, 64)
    assert half.mean() == pytest.approx(whole.mean(), abs=0.04)
    middle = ((top + bottom) // 4, (left + right) // 4)
    assert half[middle]


def test_points_may_be_counted_in_a_size_of_their_own(path: Path) -> None:
    path.write_text("size: [480, 640]\npolygons:\n  - [[0, 0], [319, 0], [319, 479], [0, 479]]\n")
    mask = read_mask(path, HALF, SOURCE)
    assert mask[:, :32].all()
    assert not mask[:, 33:].any()


def test_a_crop_sees_its_part_of_the_mask(path: Path) -> None:
    path.write_text("polygons:\n  - [[0, 0], [63, 0], [63, 95], [0, 95]]\n")
    mask = read_mask(path, Geometry((48, 64), crop=32), SOURCE)
    assert mask.shape == (32, 32)
    assert mask[:, :16].all()
    assert not mask[:, 16:].any()


def test_a_picture_of_any_size_is_ignored_where_it_is_bright(tmp_path: Path) -> None:
    picture = np.full((24, 32, 3), 127, np.uint8)
    picture[:, :8] = (255, 128, 130)
    path = tmp_path / "mask.png"
    assert cv2.imwrite(str(path), picture)
    mask = read_mask(path, HALF, SOURCE)
    assert mask[:, :16].all()
    assert not mask[:, 16:].any()


def refused(path: Path, geometry: Geometry = SAME) -> str:
    with pytest.raises(ConfigError) as caught:
        read_mask(path, geometry, SOURCE)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def test_a_missing_mask_is_refused(path: Path) -> None:
    assert refused(path) == "no such mask; give a YAML file of polygons or a picture."
    assert refused(path.parent) == "no such mask; give a YAML file of polygons or a picture."


@pytest.mark.parametrize("content", [b"polygons: [[[0, 0], ", b"\xff\xfe\x00", b"a: b: c", b"!!python/object:os.x {}"])
def test_what_is_not_yaml_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert refused(path) == f"is not YAML; {FORM}"


def test_a_date_that_is_none_is_refused(path: Path) -> None:
    path.write_text("polygons: 2024-13-45\n")
    assert refused(path) == f"is not YAML; {FORM}"


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("polygon: []", "polygons", "field required"),
        ("polygons: []", "polygons", "list should have at least 1 item after validation, not 0"),
        ("polygons: [[[0, 0], [1]]]", "polygons.0.1.1", "field required"),
        (
            "polygons: [[[0, 0], [1, high], [2, 2]]]",
            "polygons.0.1.1",
            "input should be a valid number, unable to parse string as a number",
        ),
        ("polygons: [[[0, 0], [9, 0], [9, 9]]]\nsizes: [96, 128]", "sizes", "extra inputs are not permitted"),
        ("polygons: [[[0, 0], [9, 0], [9, 9]]]\nsize: [96]", "size.1", "field required"),
    ],
)
def test_another_form_is_refused_with_its_place(path: Path, text: str, place: str, what: str) -> None:
    path.write_text(text)
    assert refused(path) == f"{place}: {what}; {FORM}"


@pytest.mark.parametrize("text", ["", "just words", "[1, 2]"])
def test_what_is_no_mapping_is_refused_in_words_of_the_user(path: Path, text: str) -> None:
    path.write_text(text)
    assert refused(path) == f"has no polygons; {FORM}"


@pytest.mark.parametrize("size", ["[0, 128]", "[96, -1]", "[96, 40000]"])
def test_a_size_that_no_picture_has_is_refused(path: Path, size: str) -> None:
    path.write_text(f"size: {size}\npolygons: [[[0, 0], [9, 0], [9, 9]]]")
    height, width = size.strip("[]").split(", ")
    assert refused(path) == f"size is {height}x{width}, expected [height, width] in pixels."


@pytest.mark.parametrize(("points", "count"), [("[]", 0), ("[[1, 1]]", 1), ("[[1, 1], [2, 2]]", 2)])
def test_fewer_than_three_points_are_refused(path: Path, points: str, count: int) -> None:
    path.write_text(f"polygons:\n  - [[0, 0], [9, 0], [9, 9]]\n  - {points}\n")
    assert refused(path) == f"polygon 2 has {count} points, expected 3 or more."


@pytest.mark.parametrize(
    ("x", "y", "shown"),
    [
        ("128.5", "9", "(128.5, 9)"),
        ("9", "97", "(9, 97)"),
        ("-1", "9", "(-1, 9)"),
        ("9", "-0.5", "(9, -0.5)"),
        (".nan", "9", "(nan, 9)"),
        ("9", ".inf", "(9, inf)"),
    ],
)
def test_a_polygon_outside_the_picture_is_refused(path: Path, x: str, y: str, shown: str) -> None:
    path.write_text(f"polygons:\n  - [[0, 0], [{x}, {y}], [9, 9]]\n")
    assert refused(path) == (
        f"polygon 1 has the point {shown} outside the picture of 96x128 pixels (height x width); "
        "points are (x, y), keep them inside."
    )


def test_points_on_the_far_border_are_inside(path: Path) -> None:
    path.write_text("polygons:\n  - [[64, 0], [128, 0], [128, 96], [64, 96]]\n")
    assert read_mask(path, SAME, SOURCE)[:, 64:].all()


def test_a_mask_of_everything_is_refused(path: Path) -> None:
    everything = "the mask covers the whole picture, nothing is left to score; make it smaller."
    path.write_text("polygons:\n  - [[0, 0], [128, 0], [128, 96], [0, 96]]\n")
    assert refused(path) == everything
    # All that is left to see lies beyond the crop.
    path.write_text("polygons:\n  - [[20, 0], [108, 0], [108, 96], [20, 96]]\n")
    assert read_mask(path, HALF, SOURCE).any()
    assert refused(path, Geometry((48, 64), crop=32)) == everything


def test_a_file_that_is_neither_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    path.write_text("not a picture")
    assert refused(path) == "is neither a picture nor a YAML file; give one of the two."
    path.write_bytes(b"")
    assert refused(path) == "is neither a picture nor a YAML file; give one of the two."


@pytest.mark.parametrize("name", ["mask.yaml", "mask.png"])
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o755, 0o000), (0o000, 0o644)])
def test_a_mask_that_may_not_be_read_is_refused(
    tmp_path: Path, ordinary_user: AbstractContextManager[None], name: str, folder_mode: int, file_mode: int
) -> None:
    path = tmp_path / name
    path.write_text("polygons:\n  - [[0, 0], [9, 0], [9, 9]]\n")
    path.chmod(file_mode)
    tmp_path.chmod(folder_mode)
    try:
        with ordinary_user:
            refused(path)
    finally:
        tmp_path.chmod(0o755)
