"""Heatmaps, captions, boxes and contact sheets, judged by their pixels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import ShapeError
from pipeline.types import Image, Size
from pipeline.video.drawing import ALARM, NORMAL, blend_heatmap, contact_sheet, draw_box, draw_caption


def grey(size: Size = (240, 426), level: int = 120) -> Image:
    return np.full((*size, 3), level, np.uint8)


def even(score: float, size: Size = (30, 54)) -> NDArray[np.float32]:
    return np.full(size, score, np.float32)


def differs(picture: Image, from_picture: Image) -> NDArray[np.bool_]:
    """(H, W), where two pictures differ."""
    return np.asarray((picture != from_picture).any(axis=2))


def count(picture: Image, colour: tuple[int, int, int]) -> int:
    """Pixels of exactly this colour."""
    return int((picture == colour).all(axis=2).sum())


@given(st.floats(-1e6, 0.5, width=32), st.integers(0, 255))
def test_scores_up_to_half_the_threshold_leave_the_footage_alone(score: float, level: int) -> None:
    picture = grey((24, 40), level)
    assert np.array_equal(blend_heatmap(picture, even(score)), picture)


@pytest.mark.parametrize("level", [0, 60, 120, 200, 255])
def test_the_threshold_is_plain_to_see_on_any_footage(level: int) -> None:
    picture = grey(level=level)
    change = np.abs(blend_heatmap(picture, even(1.0)).astype(int) - picture)
    assert change.max(axis=2).min() > 30


@given(st.floats(0.5, 4), st.floats(0.5, 4))
def test_a_higher_score_is_never_darker_on_dark_footage(one: float, other: float) -> None:
    low, high = sorted((one, other))
    black = grey((24, 40), 0)
    assert blend_heatmap(black, even(high)).sum() >= blend_heatmap(black, even(low)).sum()


def test_the_tint_is_full_from_three_and_a_half_thresholds_on_and_the_footage_stays_visible() -> None:
    stripes = grey()
    stripes[::2] = 0
    full = blend_heatmap(stripes, even(3.5))
    assert np.array_equal(full, blend_heatmap(stripes, even(1e6)))
    assert (full[1].mean() - full[0].mean()) > 0.2 * 120


def test_a_heatmap_is_drawn_where_the_map_is_high_and_nowhere_else() -> None:
    picture, scores = grey((240, 432)), even(0.3, (30, 54))
    scores[10:15, 20:30] = 3
    tinted = differs(blend_heatmap(picture, scores), picture)
    assert tinted[88:112, 168:232].all()
    # A map's position is 8 pixels here; smooth enlargement reaches two of them further.
    tinted[64:136, 144:256] = False
    assert not tinted.any()


def test_a_heatmap_is_a_new_picture() -> None:
    picture = grey()
    for score in (0.2, 2):
        blended = blend_heatmap(picture, even(score))
        blended[:] = 0
    assert np.array_equal(picture, grey())


def test_a_caption_changes_the_foot_alone() -> None:
    picture = grey()
    draw_caption(picture, 75.2, 0.42)
    changed = differs(picture, grey())
    assert not changed[:222].any()
    assert changed[222:].all()


def test_a_caption_tells_the_time_of_day_where_it_is_given() -> None:
    moment, (first, same, later, seconds) = datetime(2026, 11, 24, 9, 1, 2, tzinfo=UTC), (grey() for _ in range(4))
    draw_caption(first, 75.2, 0.42, moment)
    draw_caption(same, 99.9, 0.42, moment)
    draw_caption(later, 75.2, 0.42, moment + timedelta(seconds=1))
    draw_caption(seconds, 75.2, 0.42)
    assert np.array_equal(first, same)
    assert differs(first, later).any()
    assert differs(first, seconds).any()


@pytest.mark.parametrize("size", [(240, 426), (432, 768), (1080, 1920), (360, 270)])
def test_a_caption_is_as_large_as_the_picture_allows_and_inside_it(size: Size) -> None:
    picture = grey(size)
    draw_caption(picture, 3599.9, 12.34)
    bright = np.all(picture > 200, axis=2)
    rows = np.flatnonzero(bright[:, : size[1] // 3].any(axis=1))
    assert len(rows) >= max(8, 0.02 * min(size))
    assert rows[-1] < size[0] - 2
    assert not bright[:, :4].any()
    assert not bright[:, -4:].any()


@pytest.mark.parametrize(("score", "colour", "other"), [(1.0, NORMAL, ALARM), (1.01, ALARM, NORMAL)])
def test_a_caption_turns_orange_above_the_threshold(
    score: float, colour: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    picture = grey()
    draw_caption(picture, 0, score)
    assert count(picture, colour) > 100
    assert count(picture, other) == 0


def test_the_score_bar_grows_to_twice_the_threshold_and_stands_still() -> None:
    def bar(score: float) -> tuple[int, int]:
        picture = grey((432, 768))
        draw_caption(picture, 0, score)
        drawn = np.all((picture == NORMAL) | (picture == ALARM), axis=2)[-11, :670]
        return int(drawn.argmax()), int(drawn.sum())

    begins, lengths = zip(*(bar(score) for score in (0.25, 0.5, 1.5, 2, 50)), strict=True)
    assert len(set(begins)) == 1
    assert lengths[0] < lengths[1] < lengths[2] < lengths[3] == lengths[4]
    assert lengths[0] == pytest.approx(lengths[4] / 8, abs=2)


def caption(size: Size, motion: float | None, at: datetime | None = None) -> Image:
    picture = grey(size)
    draw_caption(picture, 75.2, 1.42, at, motion)
    return picture


@pytest.mark.parametrize("size", [(240, 360), (480, 640), (1080, 1920)])
def test_a_caption_says_beside_the_score_how_much_of_it_is_motion(size: Size) -> None:
    plain, moving, looking = (caption(size, motion) for motion in (None, 0.72, 0.19))
    bar = int(np.flatnonzero((plain == ALARM).all(axis=2).any(axis=0))[0])
    for marked in (moving, looking):
        columns = np.flatnonzero(differs(marked, plain).any(axis=0))
        # Between the time on the left, and bar and score on the right, which stay where they are.
        assert size[1] * 0.15 < columns[0] < columns[-1] < bar
    assert differs(moving, looking).any()
    assert np.array_equal(moving, caption(size, 0.7201))


def test_a_caption_without_room_says_nothing_of_motion() -> None:
    moment = datetime(2026, 11, 24, 9, 1, 2, tzinfo=UTC)
    assert np.array_equal(caption((240, 320), 0.19, moment), caption((240, 320), None, moment))
    assert np.array_equal(caption((360, 200), 0.72), caption((360, 200), None))


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 1e6), st.floats(0, 1e5), st.floats(0, 1))
def test_nothing_is_too_small_to_draw_on(height: int, width: int, time_s: float, score: float, motion: float) -> None:
    picture = blend_heatmap(grey((height, width)), even(2))
    draw_box(picture, (0, 0, width, height), "bicycle")
    draw_caption(picture, time_s, score, motion=motion)
    assert picture.shape == (height, width, 3)


def test_a_box_frames_its_pixels_and_its_label_stands_above() -> None:
    picture = grey()
    draw_box(picture, (100, 60, 80, 90), "bag")
    framed = (picture == ALARM).all(axis=2)
    assert framed[60, 100:180].all()
    assert framed[149, 100:180].all()
    assert framed[60:150, [100, 179]].all()
    assert not framed[63:147, 103:177].any()
    assert differs(picture, grey())[42:60, 100:120].all()
    assert not differs(picture, grey())[:42].any()


def test_a_label_stands_inside_where_there_is_no_room_above() -> None:
    picture = grey()
    draw_box(picture, (100, 5, 80, 90), "bag")
    assert not differs(picture, grey())[:4].any()
    assert differs(picture, grey())[5:23, 100:120].all()


def test_a_label_stays_in_the_picture_at_its_right_border() -> None:
    inside, at_the_border = grey(), grey()
    draw_box(inside, (100, 60, 8, 90), "1.42")
    draw_box(at_the_border, (418, 60, 8, 90), "1.42")
    text = [differs(picture, grey())[42:60].sum() for picture in (inside, at_the_border)]
    assert text[0] == text[1]


def test_a_contact_sheet_shows_pictures_in_rows_with_labels_beneath() -> None:
    pictures = [grey((120, 200), level) for level in (60, 90, 120, 150, 180)]
    sheet = contact_sheet(pictures, ["one", "two", "three", "four", "five"], columns=3)
    line, gap = 18, 8
    assert sheet.shape == (2 * (120 + line + gap) + gap, 3 * (200 + gap) + gap, 3)
    for number, picture in enumerate(pictures):
        top, left = gap + number // 3 * (120 + line + gap), gap + number % 3 * (200 + gap)
        assert np.array_equal(sheet[top : top + 120, left : left + 200], picture)
        label = sheet[top + 120 : top + 120 + line, left : left + 200]
        assert (label > 200).any()
    assert not (sheet[gap + 120 + line + gap :, -200:] > 100).any()


def test_a_contact_sheet_of_different_sizes_is_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        contact_sheet([grey((120, 200)), grey((120, 100))], ["one", "two"], columns=2)
    assert str(caught.value) == "picture 1 of the contact sheet is (120, 100, 3), expected (120, 200, 3)."
