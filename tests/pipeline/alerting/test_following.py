"""The same thing is one event while it stays and while it moves; two things are two."""

from __future__ import annotations

import pytest

from pipeline.alerting.tracker import ChangeKind
from pipeline.policy import Policy
from pipeline.types import Box, EndReason
from tests.pipeline.alerting.painting import CAR, PERSON, Things, Watch


def crossing(seconds: float, *, row: int = 4, width: int = 3, score: float = 2.0) -> Watch:
    """A thing that crosses the picture from left to right, seen by nobody before and after."""

    def things(time_s: float) -> Things:
        return {(round(time_s / seconds * 20) - 1, row, width, 4): score} if time_s else {}

    return Watch().show(3).show(seconds, lambda time_s: clipped(things(time_s))).show(5)


def clipped(things: Things) -> Things:
    """What of things lies in the picture."""
    inside = {}
    for (x, y, width, height), score in things.items():
        left, right = max(0, x), min(20, x + width)
        if left < right:
            inside[(left, y, right - left, height)] = score
    return inside


@pytest.mark.parametrize("seconds", [3.0, 4.0, 8.0, 20.0])
def test_what_crosses_the_picture_is_one_event(seconds: float) -> None:
    """A bicycle takes 3 or 4 seconds, somebody on foot 8 to 20."""
    (event,) = crossing(seconds).end()
    assert event.begin_s == 3.2
    assert event.end_s == pytest.approx(3 + seconds, abs=0.6)


def test_at_1_frame_a_second_somebody_on_foot_is_one_event() -> None:
    watch = Watch(fps=1).show(3).show(10, lambda time_s: {(round(time_s * 2), 4, 2, 5): 2.0}).show(5)
    (event,) = watch.end()
    assert (event.begin_s, event.end_s) == (3.0, 12.0)


def test_what_goes_behind_a_tree_comes_out_as_the_same() -> None:
    def walking(time_s: float) -> Things:
        column = round(time_s * 2.5)
        return {} if 8 <= column < 11 else {(column, 4, 2, 4): 2.0}

    (event,) = Watch().show(7, walking).show(5).end()
    assert (event.begin_s, event.end_s) == (0.0, 6.8)


def test_what_appears_far_from_what_has_gone_is_another() -> None:
    watch = Watch().show(3, {PERSON: 2.0}).show(3, {CAR: 3.0}).show(5)
    found = [(event.id, event.begin_s, event.end_s) for event in watch.end()]
    assert found == [("gate-7-0", 0.0, 2.8), ("gate-7-15", 3.0, 5.8)]


def test_two_far_things_at_once_are_two_events() -> None:
    watch = Watch().show(3).show(4, {PERSON: 2.0, CAR: 3.0}).show(5)
    found = {event.id: (event.begin_s, event.end_s, event.box) for event in watch.end()}
    assert found == {
        "gate-7-15": (3.0, 6.8, (70, 35, 20, 10)),
        "gate-7-15-2": (3.0, 6.8, (10, 15, 10, 20)),
    }


def test_each_of_two_things_has_its_own_begin_end_and_peak() -> None:
    watch = Watch().show(2, {PERSON: 2.0}).show(2, {PERSON: 2.5, CAR: 3.0}).show(4, {CAR: 2.0}).show(5)
    found = [(event.begin_s, event.peak_s, event.end_s) for event in watch.end()]
    assert found == [(0.0, 2.0, 3.8), (2.0, 2.0, 7.8)]


def test_a_head_and_shoes_are_one_event() -> None:
    head, shoes = (6, 2, 2, 2), (6, 6, 3, 1)
    (event,) = Watch().show(4, {head: 2.0, shoes: 1.5}).show(5).end()
    assert event.box == (30, 10, 15, 25)


def test_somebody_whose_feet_flicker_is_one_event() -> None:
    head, shoes = (6, 2, 2, 2), (6, 6, 3, 1)

    def flickering(time_s: float) -> Things:
        return {head: 2.0, shoes: 1.5} if round(time_s * 5) % 2 else {head: 2.0}

    assert len(Watch().show(20, flickering).show(5).end()) == 1


def test_two_who_meet_and_part_at_once_stay_two_events() -> None:
    def meeting(time_s: float) -> Things:
        step = round(time_s * 4)
        return {(step, 4, 2, 4): 2.0, (18 - step, 4, 2, 4): 2.0}

    watch = Watch().show(4.6, meeting).show(5)
    events = watch.end()
    assert len(events) == 2
    assert {event.begin_s for event in events} == {0.0}


def test_an_event_keeps_its_region_when_a_candidate_comes_near() -> None:
    """Somebody passes by a parked car: the car's event goes on, with the car."""

    def passing(time_s: float) -> Things:
        return {CAR: 2.0, (round(20 - time_s * 4) - 1, 2, 1, 3): 3.0}

    watch = Watch().show(5, {CAR: 2.0}).show(4.6, passing).show(5, {CAR: 2.0}).show(5)
    car = next(event for event in watch.end() if event.begin_s == 0)
    assert (car.id, car.end_s, car.reason) == ("gate-7-0", 14.4, EndReason.GONE)


def test_a_thing_that_grows_and_shrinks_is_one_event() -> None:
    def growing(time_s: float) -> Things:
        size = 1 + round(4 - abs(4 - time_s))
        return {(10 - size, 6 - size, 2 * size, 2 * size): 1.5}

    assert len(Watch(Policy(view_share=1)).show(8, growing).show(5).end()) == 1


def test_what_stays_for_minutes_is_one_event() -> None:
    (event,) = Watch().show(10).show(240, {PERSON: 1.5}).show(5).end()
    assert (event.begin_s, event.end_s, event.reason) == (10.0, 249.8, EndReason.GONE)


def test_a_blip_beside_an_event_is_none() -> None:
    watch = Watch().show(3, {PERSON: 2.0}).show(0.4, {PERSON: 2.0, CAR: 3.0}).show(3, {PERSON: 2.0}).show(5)
    (event,) = watch.end()
    assert event.score == 2.0


@pytest.mark.parametrize("gap_s", [0.0, 0.1])
def test_without_a_gap_to_bridge_what_stays_is_still_an_event(gap_s: float) -> None:
    watch = Watch(Policy(gap_s=gap_s)).show(3).show(4, {PERSON: 2.0}).show(0.4).show(4, {PERSON: 2.0}).show(2)
    found = [(event.begin_s, event.end_s, event.reason) for event in watch.end()]
    assert found == [(3.0, 6.8, EndReason.GONE), (7.4, 11.2, EndReason.GONE)]


@pytest.mark.parametrize("step_s", [2.5, 5.0, 20.0])
def test_frames_that_are_further_apart_than_the_gap_still_have_events(step_s: float) -> None:
    watch = Watch(fps=1 / step_s).show(4 * step_s).show(6 * step_s, {PERSON: 2.0}).show(4 * step_s)
    (event,) = watch.end()
    assert (event.begin_s, event.end_s, event.reason) == (4 * step_s, 9 * step_s, EndReason.GONE)


def test_a_late_frame_is_a_cut_where_frames_are_close() -> None:
    watch = Watch().show(3, {PERSON: 2.0}).skip(2.2).show(3, {PERSON: 2.0}).show(5)
    assert [(event.begin_s, event.end_s) for event in watch.end()] == [(0.0, 2.8), (5.2, 8.0)]


def test_started_comes_before_updated_before_ended() -> None:
    rising: Box = PERSON
    watch = Watch().show(5, lambda time_s: {rising: 1.5 + time_s, CAR: 3.0 - time_s / 4}).show(5)
    watch.end()
    for name in {name for _, name in watch.told}:
        kinds = [kind for kind, other in watch.told if other == name]
        assert kinds == [ChangeKind.STARTED, *[ChangeKind.UPDATED] * (len(kinds) - 2), ChangeKind.ENDED]
    assert [kind for kind, name in watch.told if name == "gate-7-0-2"].count(ChangeKind.UPDATED) == 19
