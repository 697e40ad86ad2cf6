"""When something becomes an event, how long it is one, and what the event says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.alerting.tracker import Change, ChangeKind, View
from pipeline.policy import Policy
from pipeline.types import CoarseMap, EndReason, Event, EventKind, Geometry
from tests.pipeline.alerting.painting import CAR, GRID, PERSON, SOURCE, VIEW, Things, Watch

STARTED, UPDATED, ENDED = ChangeKind.STARTED, ChangeKind.UPDATED, ChangeKind.ENDED
SEEN: Things = {PERSON: 2.0}
FAINT: Things = {PERSON: 0.9}


def level_of(score: float) -> float:
    """The score that a coarse map shows for a score."""
    return float(CoarseMap.of(np.array([[score]], np.float32)).scores()[0, 0])


def test_nothing_is_no_event() -> None:
    watch = Watch().show(60)
    assert watch.end() == []
    assert watch.seen.spots == {}


@pytest.mark.parametrize("seconds", [0.2, 0.6, 1.0])
def test_a_blip_is_no_event(seconds: float) -> None:
    # 1.0 s are five frames, which are 0.8 s apart from first to last.
    watch = Watch().show(3).show(seconds, SEEN).show(10)
    assert watch.end() == []
    assert watch.told == []


def test_what_lasts_is_an_event_that_begins_where_it_was_first_above() -> None:
    watch = Watch().show(3).show(4, SEEN).show(10)
    (event,) = watch.end()
    assert event == Event(
        id="gate-7-15",
        camera="gate",
        kind=EventKind.ANOMALY,
        begin_s=3.0,
        peak_s=3.0,
        end_s=6.8,
        score=2.0,
        box=(10, 15, 10, 20),
        reason=EndReason.GONE,
    )


def test_it_is_told_when_it_has_lasted_and_when_it_is_gone() -> None:
    watch = Watch().show(3).show(1.0, SEEN)
    assert watch.told == []
    watch.show(0.2, SEEN)
    assert watch.told == [(STARTED, "gate-7-15")]
    assert watch.changes[0].event.reason is None
    watch.show(2.0)
    assert watch.told == [(STARTED, "gate-7-15")]
    watch.show(0.2)
    assert watch.told == [(STARTED, "gate-7-15"), (ENDED, "gate-7-15")]


def test_a_duration_of_0_makes_every_frame_above_an_event() -> None:
    watch = Watch(Policy(min_duration_s=0)).show(3).show(0.2, SEEN).show(10)
    (event,) = watch.end()
    assert (event.begin_s, event.peak_s, event.end_s) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("fps", [1.0, 5.0, 10.0, 25.0, 30.0])
@pytest.mark.parametrize("first", [0, 1, 7, 33, 1000, 1001, 54321])
def test_what_lasts_just_long_enough_is_an_event_at_any_time_and_rate(fps: float, first: int) -> None:
    """Times are multiples of 1 / fps, which floats round to either side."""
    watch = Watch()
    for number in range(round(fps) + 1):
        watch.at((first + number) / fps, SEEN)
    assert [change.kind for change in watch.changes] == [STARTED]


@pytest.mark.parametrize("fps", [1.0, 5.0, 10.0, 25.0, 30.0])
@pytest.mark.parametrize("first", [0, 1, 7, 33, 1000, 1001, 54321])
def test_what_comes_back_just_in_time_is_the_same_event(fps: float, first: int) -> None:
    watch = Watch(fps=fps)
    for number in range(round(fps * 10) + 1):
        there = number / fps <= 4 or number / fps >= 6
        watch.at((first + number) / fps, SEEN if there else {})
    assert len(watch.end()) == 1


def test_it_may_last_in_pieces() -> None:
    watch = Watch().show(0.8, SEEN).show(0.6).show(0.8, SEEN).show(5)
    (event,) = watch.end()
    assert (event.begin_s, event.end_s) == (0.0, 2.0)


def test_blips_of_something_below_1_are_no_event() -> None:
    """Something at 0.9 that is above 1 for a moment every ten seconds."""

    def blinking(time_s: float) -> Things:
        return SEEN if time_s % 10 < 0.8 else FAINT

    assert Watch().show(600, blinking).end() == []


def test_trembling_about_1_is_one_event() -> None:
    def trembling(time_s: float) -> Things:
        return {PERSON: 1.3 if time_s % 1 < 0.6 else 0.85}

    watch = Watch().show(3).show(30, trembling).show(5)
    (event,) = watch.end()
    assert (event.begin_s, event.end_s, event.score) == (3.0, 32.8, 1.3)


def test_what_only_trembles_below_1_is_none() -> None:
    assert Watch().show(60, FAINT).end() == []


def test_an_event_lasts_while_it_is_above_the_release() -> None:
    (event,) = Watch().show(2, SEEN).show(30, FAINT).show(5).end()
    assert (event.begin_s, event.end_s, event.reason) == (0.0, 31.8, EndReason.GONE)


def test_falling_below_the_release_ends_it() -> None:
    (event,) = Watch().show(2, SEEN).show(30, {PERSON: 0.75}).end()
    assert (event.begin_s, event.end_s, event.reason) == (0.0, 1.8, EndReason.GONE)


def test_a_release_of_1_ends_it_where_it_is_no_longer_above() -> None:
    (event,) = Watch(Policy(release=1)).show(2, SEEN).show(30, FAINT).end()
    assert event.end_s == 1.8


def test_what_comes_back_within_the_gap_is_one_event_and_later_another() -> None:
    within = Watch().show(3, SEEN).show(1.8).show(3, SEEN).show(5)
    assert [(event.begin_s, event.end_s) for event in within.end()] == [(0.0, 7.6)]
    later = Watch().show(3, SEEN).show(2.2).show(3, SEEN).show(5)
    assert [(event.begin_s, event.end_s) for event in later.end()] == [(0.0, 2.8), (5.2, 8.0)]


def test_a_short_gap_bridges_one_missing_frame_and_not_two() -> None:
    short = Policy(gap_s=0.5)
    one = Watch(short).show(3, SEEN).show(0.2).show(3, SEEN).show(1)
    assert [(event.begin_s, event.end_s) for event in one.end()] == [(0.0, 6.0)]
    two = Watch(short).show(3, SEEN).show(0.4).show(3, SEEN).show(1)
    assert [(event.begin_s, event.end_s) for event in two.end()] == [(0.0, 2.8), (3.4, 6.2)]


def test_footage_that_ends_ends_what_is_open_and_forgets_candidates() -> None:
    watch = Watch().show(3, SEEN).show(0.4, {**SEEN, CAR: 3.0})
    (event,) = watch.end()
    assert (event.id, event.end_s, event.score, event.reason) == ("gate-7-0", 3.2, 2.0, EndReason.FOOTAGE)


def test_a_recording_without_frames_has_no_event() -> None:
    assert Watch().end() == []


def test_one_frame_is_no_event() -> None:
    assert Watch().at(0.0, SEEN).end() == []


def test_a_rise_is_told_and_a_fall_is_not() -> None:
    watch = Watch().show(2, SEEN).show(1, {PERSON: 5.0}).show(1, {PERSON: 3.0}).show(5)
    (event,) = watch.end()
    assert watch.told == [(kind, "gate-7-0") for kind in (STARTED, UPDATED, ENDED)]
    updated = watch.changes[1].event
    assert (updated.score, updated.peak_s, updated.end_s, updated.reason) == (5.0, 2.0, 2.0, None)
    assert (event.score, event.begin_s, event.peak_s, event.end_s) == (5.0, 0.0, 2.0, 3.8)


def test_the_score_is_exact_where_it_is_the_frames_own_and_else_a_step_of_the_map() -> None:
    watch = Watch().show(3, {PERSON: 2.345, CAR: 1.234}).show(5)
    scores = {event.box: event.score for event in watch.end()}
    assert scores == {(10, 15, 10, 20): 2.345, (70, 35, 20, 10): level_of(1.234)}
    assert 1.234 <= level_of(1.234) <= 1.234 * 2 ** (1 / 28)


def test_a_score_beyond_the_scale_is_said_as_it_is() -> None:
    (event,) = Watch().show(3, {PERSON: 1000.0}).show(5).end()
    assert event.score == 1000.0


def test_the_box_is_that_of_the_peak() -> None:
    watch = Watch().show(2, SEEN).show(1, {(3, 4, 3, 4): 4.0}).show(2, SEEN).show(5)
    (event,) = watch.end()
    assert (event.peak_s, event.box) == (2.0, (15, 20, 15, 20))


def test_the_box_goes_around_all_parts_of_a_thing() -> None:
    (event,) = Watch().show(3, {(4, 1, 1, 1): 2.0, (5, 4, 2, 1): 3.0}).show(5).end()
    assert event.box == (20, 5, 15, 20)


def test_a_box_covers_the_cells_where_sizes_are_not_multiples() -> None:
    view = View("gate", 7, Geometry((96, 160)), (101, 203))
    (event,) = Watch(view=view).show(3, SEEN).end()
    left, top, right, bottom = 2 * 203 / 20, 3 * 101 / 12, 4 * 203 / 20, 7 * 101 / 12
    x, y, width, height = event.box
    assert left - 1 <= x <= left
    assert top - 1 <= y <= top
    assert right <= x + width <= right + 1
    assert bottom <= y + height <= bottom + 1


def test_a_box_of_a_cropped_model_counts_from_the_whole_picture() -> None:
    # 160 x 240, of which the 96 x 96 in the middle are looked at: offset 72, 32; the source is twice as large.
    view = View("gate", 7, Geometry((160, 240), 96), (320, 480))
    watch = Watch(view=view)
    scores = np.full((12, 12), 0.3, np.float32)
    scores[2:5, 1:3] = 2.0
    coarse = CoarseMap.of(scores)
    for number in range(10):
        watch.observed(number, number / 5, 2.0, coarse)
    (event,) = watch.end()
    assert event.box == (2 * (72 + 8), 2 * (32 + 16), 2 * 16, 2 * 24)


@pytest.mark.parametrize("corner", [(0, 0, 1, 1), (19, 0, 1, 1), (0, 11, 1, 1), (19, 11, 1, 1)])
def test_a_box_in_a_corner_stays_within_the_picture(corner: tuple[int, int, int, int]) -> None:
    (event,) = Watch().show(3, {corner: 2.0}).end()
    x, y, width, height = event.box
    assert (x, y) == (corner[0] * 5, corner[1] * 5)
    assert 4 <= width <= 5
    assert 4 <= height <= 5
    assert x + width <= SOURCE[1]
    assert y + height <= SOURCE[0]


def test_spots_show_what_is_followed_before_and_while_it_is_an_event() -> None:
    watch = Watch().show(0.2, SEEN)
    (spot,) = watch.seen.spots.values()
    assert (list(watch.seen.spots), spot.box, spot.score, spot.opened) == (["gate-7-0"], (10, 15, 10, 20), 2.0, False)
    watch.show(1, FAINT).show(2, SEEN)
    assert [spot.opened for spot in watch.seen.spots.values()] == [True]
    watch.show(0.2, FAINT)
    assert [spot.score for spot in watch.seen.spots.values()] == [0.9]
    watch.show(0.2)
    assert watch.seen.spots == {}


def test_a_cut_in_the_recording_ends_an_event_where_it_was_last_seen() -> None:
    watch = Watch().show(3, SEEN).skip(600).show(3, SEEN).show(5)
    found = [(event.id, event.begin_s, event.end_s, event.reason) for event in watch.end()]
    assert found == [("gate-7-0", 0.0, 2.8, EndReason.GONE), ("gate-7-15", 603.0, 605.8, EndReason.GONE)]


def test_a_cut_is_no_duration() -> None:
    """Half a second before and half a second after ten minutes of nothing."""
    assert Watch().show(0.6, SEEN).skip(600).show(0.6, SEEN).show(5).end() == []


@pytest.mark.parametrize("fps", [1.0, 25.0])
def test_slow_and_fast_footage_has_the_same_events(fps: float) -> None:
    watch = Watch(fps=fps).show(10).show(6, SEEN).show(20).show(5, {CAR: 3.0}).show(9)
    begins = [(event.begin_s, event.reason) for event in watch.end()]
    assert begins == [(10.0, EndReason.GONE), (36.0, EndReason.GONE)]
    assert [event.end_s for event in watch.events] == pytest.approx([16 - 1 / fps, 41 - 1 / fps])


def test_at_1_frame_a_second_two_frames_are_an_event_and_one_is_none() -> None:
    assert len(Watch(fps=1).show(5).show(2, SEEN).show(5).end()) == 1
    assert Watch(fps=1).show(5).show(1, SEEN).show(5).end() == []


def test_frames_at_irregular_times_are_counted_by_time() -> None:
    times_s = [0.0, 0.05, 0.07, 0.5, 0.53, 0.9, 1.3, 1.31, 2.9]
    watch = Watch()
    for time_s in times_s:
        watch.at(time_s, SEEN)
        assert watch.told == ([(STARTED, "gate-7-0")] if time_s >= 1 else [])
    (event,) = watch.end()
    assert (event.begin_s, event.end_s) == (0.0, 2.9)


def test_masked_cells_make_no_event() -> None:
    masked = np.zeros(GRID, bool)
    masked[:, :10] = True
    watch = Watch(masked=masked).show(5, {PERSON: 9.0, CAR: 2.0}).show(5)
    (event,) = watch.end()
    assert event.box == (70, 35, 20, 10)


def test_a_thing_under_the_edge_of_a_mask_is_boxed_where_it_shows() -> None:
    masked = np.zeros(GRID, bool)
    masked[:, :3] = True
    (event,) = Watch(masked=masked).show(5, SEEN).end()
    assert event.box == (15, 15, 5, 20)


def test_a_picture_that_is_all_masked_has_no_event() -> None:
    masked = np.ones(GRID, bool)
    assert Watch(masked=masked).show(5, {PERSON: 9.0}).end() == []


def test_ids_name_the_camera_the_epoch_and_the_first_frame_and_what_begins_together_is_numbered() -> None:
    view = View("dock-2", 1732000000123, VIEW.geometry, SOURCE)
    far = {(1, 1, 1, 1): 2.0, (10, 6, 1, 1): 3.0, (18, 1, 1, 1): 4.0}
    watch = Watch(view=view).show(1).show(3, far).show(5)
    assert sorted(event.id for event in watch.end()) == [
        "dock-2-1732000000123-5",
        "dock-2-1732000000123-5-2",
        "dock-2-1732000000123-5-3",
    ]


def test_a_change_is_a_value() -> None:
    one, other = (Watch().show(3, SEEN).changes for _ in range(2))
    assert one == other
    assert isinstance(one[0], Change)
    assert hash(one[0]) == hash(other[0])
    assert math.isfinite(one[0].event.score)
