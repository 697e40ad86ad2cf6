"""The geometry of pictures: sizes of models, and points that find their way back; coarse maps."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pipeline.errors import ConfigError, ShapeError
from pipeline.types import CELL_PX, SHARE_STEPS, CoarseMap, Geometry, Size, model_size, same_view

SIDES = st.integers(16, 4096)
# What is computed in floating point may tip over the edge of a pixel.
ROUNDING = Fraction(1, 10**6)


@given(SIDES, SIDES, st.integers(16, 1024))
def test_a_model_size_is_the_nearest_of_whole_cells(height: int, width: int, short_side: int) -> None:
    scale = short_side / min(height, width)
    for side, source in zip(model_size((height, width), short_side), (height, width), strict=True):
        assert side >= 16
        assert side % 16 == 0
        assert abs(side - source * scale) <= 8 + 1e-6 or side == 16


@given(SIDES, SIDES, st.integers(1, 64))
def test_a_view_stays_the_same_when_its_picture_grows(height: int, width: int, times: int) -> None:
    assert same_view((height, width), (height * times, width * times))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [((576, 704), (288, 352), True), ((200, 203), (200, 200), True), ((200, 205), (200, 200), False)],
)
def test_pictures_of_a_view_may_differ_by_two_percent_in_shape(one: Size, other: Size, same: bool) -> None:
    assert same_view(one, other) is same
    assert same_view(one[::-1], other[::-1]) is same


def test_ties_go_to_fewer_pixels_and_nothing_below_a_cell() -> None:
    assert model_size((240, 360), 240) == (240, 352)
    assert model_size((360, 240), 240) == (352, 240)
    assert model_size((1080, 1920), 240) == (240, 432)
    assert model_size((100, 100), 24) == (16, 16)
    assert model_size((100, 100), 1) == (16, 16)


@given(SIDES, SIDES, st.integers(16, 1024))
def test_a_turned_source_has_a_turned_model_size(height: int, width: int, short_side: int) -> None:
    assert model_size((width, height), short_side) == model_size((height, width), short_side)[::-1]


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    cells = st.integers(1, 40)
    resize = (draw(cells) * 16, draw(cells) * 16)
    if draw(st.booleans()):
        return Geometry(resize)
    crop = draw(st.integers(1, min(resize) // 16)) * 16
    # With a crop the whole picture may be of any size.
    return Geometry((resize[0] + draw(st.integers(0, 31)), resize[1] + draw(st.integers(0, 31))), crop)


@given(geometries(), SIDES, SIDES, st.floats(0, 1), st.floats(0, 1))
def test_a_point_of_the_source_finds_its_way_back(
    geometry: Geometry, height: int, width: int, across: float, down: float
) -> None:
    x, y = across * (width - 1), down * (height - 1)
    left, top = geometry.offset
    in_model = (
        (x + 0.5) * geometry.resize[1] / width - 0.5 - left,
        (y + 0.5) * geometry.resize[0] / height - 0.5 - top,
    )
    assert geometry.to_source(in_model, (height, width)) == pytest.approx((x, y), abs=1e-6 * max(height, width))


@given(geometries(), SIDES, SIDES)
def test_every_pixel_of_the_model_lies_within_the_source(geometry: Geometry, height: int, width: int) -> None:
    rows, columns = geometry.size
    for point in ((0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)):
        x, y = geometry.to_source(point, (height, width))
        assert 0 <= x <= width - 1
        assert 0 <= y <= height - 1


@given(geometries(), SIDES, SIDES, st.data())
def test_a_box_holds_all_of_its_cells_and_ends_within_a_pixel_of_them(
    geometry: Geometry, height: int, width: int, data: st.DataObject
) -> None:
    (rows, columns), (left, top) = geometry.size, geometry.offset
    grid = (rows // CELL_PX, columns // CELL_PX)
    column, row = data.draw(st.integers(0, grid[1] - 1)), data.draw(st.integers(0, grid[0] - 1))
    wide, high = data.draw(st.integers(1, grid[1] - column)), data.draw(st.integers(1, grid[0] - row))
    x, y, w, h = geometry.box_to_source((column, row, wide, high), grid, (height, width))
    # Edges, not centres, of pixels: a picture reaches from 0 to its side.
    for begin, size, cell, cells, cut, whole, side in (
        (x, w, column, wide, left, geometry.resize[1], width),
        (y, h, row, high, top, geometry.resize[0], height),
    ):
        near, far = (Fraction(side * (CELL_PX * edge + cut), whole) for edge in (cell, cell + cells))
        assert 0 <= begin < begin + size <= side
        assert near - 1 - ROUNDING <= begin <= near + ROUNDING
        assert far - ROUNDING <= begin + size <= far + 1 + ROUNDING


@given(geometries(), SIDES, SIDES)
def test_a_box_around_all_cells_is_the_part_that_a_crop_leaves(geometry: Geometry, height: int, width: int) -> None:
    grid = (geometry.size[0] // CELL_PX, geometry.size[1] // CELL_PX)
    box = geometry.box_to_source((0, 0, grid[1], grid[0]), grid, (height, width))
    if geometry.crop is None:
        assert box == (0, 0, width, height)
    else:
        shares = (box[2] / width * geometry.resize[1], box[3] / height * geometry.resize[0])
        assert min(shares) >= geometry.crop * (1 - 1e-9)


@given(geometries(), SIDES, SIDES, st.data())
def test_a_box_holds_the_source_point_of_every_pixel_in_its_cells(
    geometry: Geometry, height: int, width: int, data: st.DataObject
) -> None:
    grid = (geometry.size[0] // CELL_PX, geometry.size[1] // CELL_PX)
    column, row = data.draw(st.integers(0, grid[1] - 1)), data.draw(st.integers(0, grid[0] - 1))
    x, y, w, h = geometry.box_to_source((column, row, 1, 1), grid, (height, width))
    for down, across in np.ndindex(2, 2):
        pixel = (column * CELL_PX + 7 * across, row * CELL_PX + 7 * down)
        at_x, at_y = geometry.to_source(pixel, (height, width))
        assert x - 0.5 - 1e-6 <= at_x <= x + w - 0.5 + 1e-6
        assert y - 0.5 - 1e-6 <= at_y <= y + h - 0.5 + 1e-6


def test_boxes_are_in_pixels_of_the_source() -> None:
    # Three times as large, 48 × 72 cut from 60 × 80: 6 pixels above, 4 to the left.
    whole, cut = Geometry((48, 64)), Geometry((60, 80), 48)
    assert whole.box_to_source((1, 2, 3, 1), (6, 8), (144, 192)) == (24, 48, 72, 24)
    assert cut.box_to_source((1, 2, 3, 1), (6, 6), (180, 240)) == (72, 66, 72, 24)
    assert whole.box_to_source((0, 0, 1, 1), (6, 8), (10, 10)) == (0, 0, 2, 2)  # 1.25 by 1.67 pixels
    assert whole.box_to_source((7, 5, 1, 1), (6, 8), (4, 4)) == (3, 3, 1, 1)


@given(geometries())
def test_the_size_and_offset_are_those_of_a_cut_from_the_middle(geometry: Geometry) -> None:
    (rows, columns), (left, top), (height, width) = geometry.size, geometry.offset, geometry.resize
    if geometry.crop is None:
        assert ((rows, columns), (left, top)) == ((height, width), (0, 0))
    else:
        assert rows == columns == geometry.crop
    assert 0 <= height - rows - 2 * top <= 1
    assert 0 <= width - columns - 2 * left <= 1


@given(st.sampled_from([(240, 352), (96, 128), (120, 200)]), st.booleans(), st.data())
def test_a_dot_is_found_where_opencv_moved_it(source: Size, cropped: bool, data: st.DataObject) -> None:
    geometry = Geometry((80, 120), 64) if cropped else Geometry((80, 112))
    x, y = data.draw(st.integers(0, source[1] - 1)), data.draw(st.integers(0, source[0] - 1))
    # A blob of light, wide enough to survive the resizing.
    rows, columns = np.mgrid[: source[0], : source[1]]
    picture = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (source[0] / 30) ** 2))
    resized = cv2.resize(picture, geometry.resize[::-1], interpolation=cv2.INTER_AREA)
    (left, top), (height, width) = geometry.offset, geometry.size
    model = resized[top : top + height, left : left + width]
    row, column = divmod(int(model.argmax()), width)
    assume(2 <= row < height - 2 and 2 <= column < width - 2)
    found = geometry.to_source((column, row), source)
    step = max(source[0] / 80, source[1] / 112)
    assert found == pytest.approx((x, y), abs=0.6 * step + 0.5)


@pytest.mark.parametrize(
    ("resize", "crop", "limit"),
    [((240, 360), 256, 240), ((360, 240), 241, 240), ((64, 64), 0, 64), ((64, 64), -16, 64)],
)
def test_a_crop_that_does_not_fit_is_refused(resize: Size, crop: int, limit: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Geometry(resize, crop)
    assert str(caught.value) == (
        f"a crop of {crop} does not fit into {resize[0]}x{resize[1]}; choose one up to {limit}."
    )


@pytest.mark.parametrize(
    ("resize", "crop", "shown"),
    [
        ((240, 360), None, "240x360"),
        ((241, 352), None, "241x352"),
        ((256, 256), 225, "225x225"),
        ((0, 16), None, "0x16"),
    ],
)
def test_sides_that_are_no_whole_cells_are_refused(resize: Size, crop: int | None, shown: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Geometry(resize, crop)
    assert str(caught.value) == (
        f"model pictures of {shown} have a side that is not a multiple of 16; choose sides that are."
    )


@given(arrays(np.float32, (3, 4), elements=st.floats(0, 100, width=32)))
def test_a_coarse_map_rounds_up_by_at_most_a_step_within_its_range(scores: NDArray[np.float32]) -> None:
    shown = CoarseMap.of(scores).scores()
    inside = (scores > 1 / 8) & (scores <= 64)
    assert np.all(shown[inside] >= scores[inside] * (1 - 1e-5))
    assert np.all(shown[inside] <= scores[inside] * 2 ** (1 / 28) * (1 + 1e-5))
    assert np.all(shown[scores <= 1 / 8] == 0)
    assert np.all(shown[scores > 64] == 64)


@pytest.mark.parametrize("threshold", [0.25, 0.8, 1.0, 3.0])
@given(st.floats(0.126, 60))
def test_a_level_tells_what_is_above_a_threshold(threshold: float, score: float) -> None:
    level = int(CoarseMap.of(np.array([[score]], np.float32)).levels[0, 0])
    if score > threshold * 1.0251:
        assert level > CoarseMap.level(threshold)
    if score <= threshold * (1 - 1e-6) / 1.0251:
        assert level <= CoarseMap.level(threshold)


def test_one_is_on_a_level() -> None:
    levels = CoarseMap.of(np.array([[0.999999, 1.0, 1.00002]], np.float32)).levels
    assert (levels > CoarseMap.level(1)).tolist() == [[False, False, True]]


@given(
    arrays(np.float32, (3, 4), elements=st.floats(0, 100, width=32)),
    arrays(np.bool_, (3, 4)),
)
def test_masked_cells_have_no_level_and_no_score_and_others_are_as_without_a_mask(
    scores: NDArray[np.float32], masked: NDArray[np.bool_]
) -> None:
    plain, coarse = CoarseMap.of(scores), CoarseMap.of(scores, masked)
    assert coarse.levels.dtype == np.uint8
    assert (coarse.levels == CoarseMap.MASKED).tolist() == masked.tolist()
    assert coarse.levels[~masked].tolist() == plain.levels[~masked].tolist()
    assert not coarse.scores()[masked].any()
    assert coarse.scores()[~masked].tolist() == plain.scores()[~masked].tolist()
    assert plain.levels.max() <= 252


def test_the_mark_of_a_mask_is_no_level_that_a_score_can_have() -> None:
    highest = CoarseMap.of(np.array([[1e30, 64.0, 63.0]], np.float32)).levels
    assert highest.tolist() == [[252, 252, 252]]
    assert CoarseMap.MASKED == 255
    assert CoarseMap.level(1e30) == 252


def test_shares_travel_in_255ths_beside_the_levels_and_a_mask_hides_them() -> None:
    scores: NDArray[np.float32] = np.ones((2, 2), np.float32)
    shares = np.array([[0, 0.2], [0.5, 1]], np.float32)
    masked = np.array([[False, False], [False, True]])
    coarse, plain = CoarseMap.of(scores, masked, shares), CoarseMap.of(scores, masked)
    assert coarse.levels.tolist() == plain.levels.tolist()
    assert coarse.shares is not None
    assert coarse.shares.dtype == np.uint8
    assert coarse.shares.tolist() == [[0, 51], [128, 0]]
    assert [coarse.motion_at(0, 1), coarse.motion_at(1, 0)] == [0.2, 128 / 255]
    assert plain.shares is None
    assert plain.motion_at(0, 1) is None


@given(arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)))
def test_a_share_comes_back_to_half_a_step(shares: NDArray[np.float32]) -> None:
    coarse = CoarseMap.of(np.ones((3, 4), np.float32), None, shares)
    back = [[coarse.motion_at(row, column) for column in range(4)] for row in range(3)]
    assert np.abs(np.array(back) - shares).max() <= 0.5 / SHARE_STEPS + 1e-6


@pytest.mark.parametrize("name", ["shares", "still"])
def test_all_planes_are_of_one_size(name: str) -> None:
    plane = np.zeros((3, 4), np.uint8)
    with pytest.raises(ShapeError) as caught:
        CoarseMap(plane, **{"shares": plane, "still": plane, name: plane.T})
    assert str(caught.value) == "the size of a plane of a coarse map is (4, 3), expected (3, 4)."


@given(
    arrays(np.float32, (3, 4), elements=st.floats(0, 100, width=32)),
    arrays(np.float32, (3, 4), elements=st.floats(0, 100, width=32)),
    arrays(np.bool_, (3, 4)),
)
def test_what_counts_where_it_stays_has_levels_of_its_own_on_the_same_scale_and_0_under_a_mask(
    scores: NDArray[np.float32], still: NDArray[np.float32], masked: NDArray[np.bool_]
) -> None:
    coarse = CoarseMap.of(scores, masked, None, still)
    assert coarse.still is not None
    assert coarse.still.dtype == np.uint8
    assert coarse.levels.tolist() == CoarseMap.of(scores, masked).levels.tolist()
    assert coarse.still.tolist() == np.where(masked, 0, CoarseMap.of(still).levels).tolist()
    assert CoarseMap.of(scores, masked).still is None
