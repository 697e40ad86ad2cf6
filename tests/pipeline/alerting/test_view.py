"""Light that is switched, a camera that moves or is covered: one event of the whole view, not twenty."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.alerting.tracker import ChangeKind
from pipeline.policy import Policy
from pipeline.types import Box, EndReason, EventKind
from tests.pipeline.alerting.painting import ALL, CAR, GRID, PERSON, Things, Watch

DARK: Things = {ALL: 3.0}
STARTED, UPDATED, ENDED = ChangeKind.STARTED, ChangeKind.UPDATED, ChangeKind.ENDED

# The same rules in less time than 300 s.
SHORT = Policy(max_event_s=20)

Found = list[tuple[str, float, float, str | None]]


def found(watch: Watch) -> Found:
    return [(event.kind, event.begin_s, event.end_s, event.reason) for event in watch.end()]


def test_a_change_of_everything_is_one_event_of_the_view() -> None:
    watch = Watch().show(3).show(5, DARK).show(5)
    (event,) = watch.end()
    assert (event.id, event.kind, event.begin_s, event.end_s) == ("gate-7-15", EventKind.VIEW, 3.0, 7.8)
    assert (event.score, event.box, event.reason) == (3.0, (0, 0, 100, 60), EndReason.GONE)


@pytest.mark.parametrize(("rows", "kind"), [(7, EventKind.VIEW), (6, EventKind.ANOMALY)])
def test_more_than_half_of_the_picture_is_the_view_and_half_is_not(rows: int, kind: EventKind) -> None:
    (event,) = Watch().show(3).show(5, {(0, 0, 20, rows): 2.0}).show(5).end()
    assert (event.kind, event.box) == (kind, (0, 0, 100, rows * 5))


def test_many_things_all_over_are_one_event_of_the_view() -> None:
    scattered = {(column, row, 3, 2): 2.0 for column in range(0, 20, 4) for row in range(0, 12, 3)}
    (event,) = Watch().show(3).show(5, scattered).show(5).end()
    # 20 things of 6 cells are half of 240; they are not above it, and lie near each other.
    assert event.kind is EventKind.ANOMALY
    (event,) = Watch().show(3).show(5, {**scattered, (0, 0, 20, 1): 2.0}).show(5).end()
    assert event.kind is EventKind.VIEW


def test_a_flash_is_nothing() -> None:
    watch = Watch().show(3).show(0.8, DARK).show(10)
    assert watch.end() == []
    assert watch.told == []


def test_a_flash_does_not_part_an_event() -> None:
    watch = Watch().show(3, {PERSON: 2.0}).show(0.8, DARK).show(3, {PERSON: 2.0}).show(5)
    assert found(watch) == [("anomaly", 0.0, 6.6, "gone")]


def test_open_events_end_with_the_view_and_candidates_are_forgotten() -> None:
    watch = Watch().show(3, {PERSON: 2.0}).show(0.4, {PERSON: 2.0, CAR: 2.0}).show(5, DARK).show(5)
    assert found(watch) == [("anomaly", 0.0, 3.2, "view"), ("view", 3.4, 8.2, "gone")]
    assert watch.told == [
        (STARTED, "gate-7-0"),
        (ENDED, "gate-7-0"),
        (STARTED, "gate-7-17"),
        (ENDED, "gate-7-17"),
    ]


@pytest.mark.parametrize("min_duration_s", [2.0, 4.0])
def test_open_events_end_with_a_view_that_takes_long_to_be_one(min_duration_s: float) -> None:
    policy = Policy(min_duration_s=min_duration_s)
    watch = Watch(policy).show(5, {PERSON: 2.0}).show(10, DARK).show(5)
    assert found(watch) == [("anomaly", 0.0, 4.8, "view"), ("view", 5.0, 14.8, "gone")]


def test_nothing_smaller_is_followed_while_the_view_is_another() -> None:
    def lightning(time_s: float) -> Things:
        return {ALL: 2.0, PERSON: 4.0 + time_s, CAR: 3.0}

    watch = Watch().show(3).show(10, lightning).show(5)
    assert [kind for kind, *_ in found(watch)] == ["view"]
    assert [spot.opened for spot in watch.seen.spots.values()] == []


def test_the_rising_peak_of_a_view_is_told() -> None:
    watch = Watch().show(2, DARK).show(2, {ALL: 3.0, PERSON: 5.0}).show(5)
    (event,) = watch.end()
    assert (event.score, event.peak_s, event.box) == (5.0, 2.0, (0, 0, 100, 60))
    assert watch.told == [(kind, "gate-7-0") for kind in (STARTED, UPDATED, ENDED)]


def test_a_view_lasts_while_half_of_it_is_above_the_release() -> None:
    watch = Watch().show(3, DARK).show(10, {ALL: 0.9}).show(5)
    assert found(watch) == [("view", 0.0, 12.8, "gone")]


def test_things_are_followed_again_when_the_view_is_back() -> None:
    watch = Watch().show(3, DARK).show(5).show(5, {PERSON: 2.0}).show(5)
    assert found(watch) == [("view", 0.0, 2.8, "gone"), ("anomaly", 8.0, 12.8, "gone")]


def test_a_light_that_is_switched_on_and_off_is_two_events_of_the_view() -> None:
    watch = Watch().show(3).show(60, DARK).show(60).show(60, {ALL: 2.0}).show(60)
    assert found(watch) == [("view", 3.0, 62.8, "gone"), ("view", 123.0, 182.8, "gone")]


def test_a_view_that_stays_is_long_and_then_silent() -> None:
    watch = Watch().show(3).show(1800, DARK).show(5)
    assert found(watch) == [("view", 3.0, 302.8, "long")]


def test_a_view_that_trembles_about_half_of_the_picture_is_one_event() -> None:
    def trembling(time_s: float) -> Things:
        rows = 8 if round(time_s * 5) % 5 else 5
        return {(0, 0, 20, rows): 2.0}

    assert [kind for kind, *_ in found(Watch().show(3).show(60, trembling).show(5))] == ["view"]


def about_half(time_s: float) -> Things:
    """50 % or 58 % of the picture, as it happens."""
    return {(0, 0, 20, int(np.random.RandomState(round(time_s * 5)).randint(6, 8))): 2.0}


def test_a_share_that_trembles_about_half_is_one_event_and_then_silent() -> None:
    watch = Watch().show(60).show(1200, about_half)
    events = found(watch)
    assert [(kind, reason) for kind, *_, reason in events if kind == "view"] == [("view", "long")]
    assert len(events) <= 2


def test_a_view_lasts_while_somewhat_less_than_half_shows_it() -> None:
    watch = Watch().show(5, DARK).show(10, {(0, 0, 20, 5): 2.0}).show(5)
    assert found(watch) == [("view", 0.0, 14.8, "gone")]
    watch = Watch().show(5, DARK).show(10, {(0, 0, 20, 4): 2.0}).show(5)
    assert [kind for kind, *_ in found(watch)] == ["view", "anomaly"]


def test_a_muted_view_that_shrinks_a_little_stays_muted() -> None:
    watch = Watch(SHORT).show(30, DARK).show(60, {(0, 0, 20, 5): 2.0}).show(5)
    assert found(watch) == [("view", 0.0, 19.8, "long")]


def test_a_view_is_heard_again_after_it_was_back() -> None:
    watch = Watch(SHORT).show(60, DARK).show(10).show(5, DARK).show(5)
    assert found(watch) == [("view", 0.0, 19.8, "long"), ("view", 70.0, 74.8, "gone")]


@pytest.mark.parametrize("seconds", [18.4, 19.0, 19.6, 20.0])
def test_a_view_that_was_back_as_it_became_long_is_heard_again(seconds: float) -> None:
    watch = Watch(SHORT).show(seconds, DARK).show(60).show(5, DARK).show(5)
    assert [(kind, begin_s) for kind, begin_s, *_ in found(watch)] == [("view", 0.0), ("view", seconds + 60)]


def test_a_view_that_is_just_held_as_it_became_long_is_heard_again() -> None:
    watch = Watch(SHORT).show(10, DARK).show(20, {ALL: 0.9}).show(30).show(5, DARK).show(5)
    assert [(kind, begin_s) for kind, begin_s, *_ in found(watch)] == [("view", 0.0), ("view", 60.0)]


def test_a_moment_of_the_old_view_does_not_end_its_mute() -> None:
    def flickering(time_s: float) -> Things:
        return {} if time_s % 4 < 1.5 else DARK

    watch = Watch(SHORT).show(30, DARK).show(60, flickering).show(5)
    assert found(watch) == [("view", 0.0, 19.8, "long")]


def test_the_view_rests_for_the_cooldown_and_things_do_not() -> None:
    def clouds(time_s: float) -> Things:
        return DARK if time_s % 10 < 2 else {PERSON: 2.0} if 34 <= time_s < 37 else {}

    watch = Watch(Policy(cooldown_s=25)).show(70, clouds)
    events = found(watch)
    assert [(kind, begin_s) for kind, begin_s, *_ in events] == [
        ("view", 0.0),
        ("view", 30.0),
        ("anomaly", 34.0),
        ("view", 60.0),
    ]


def test_footage_that_ends_ends_a_view() -> None:
    assert found(Watch().show(3, DARK)) == [("view", 0.0, 2.8, "footage")]


def test_masked_cells_do_not_count_for_the_share() -> None:
    masked = np.zeros(GRID, bool)
    masked[:, 8:] = True
    # 60 of 96 cells that are looked at, of 240 in all.
    half: Box = (0, 0, 5, 12)
    (event,) = Watch(masked=masked).show(3).show(5, {half: 2.0}).show(5).end()
    assert event.kind is EventKind.VIEW
    (event,) = Watch().show(3).show(5, {half: 2.0}).show(5).end()
    assert event.kind is EventKind.ANOMALY


def test_what_lies_under_a_mask_makes_no_view() -> None:
    masked = np.zeros(GRID, bool)
    masked[:, 8:] = True
    (event,) = Watch(masked=masked).show(3).show(5, {(5, 0, 15, 12): 2.0}).show(5).end()
    assert (event.kind, event.box) == (EventKind.ANOMALY, (25, 0, 15, 60))


def test_a_share_of_1_leaves_views_out() -> None:
    (event,) = Watch(Policy(view_share=1)).show(5, DARK).show(5).end()
    assert event.kind is EventKind.ANOMALY


def test_a_muted_thing_stays_muted_through_a_change_of_the_view() -> None:
    watch = Watch(SHORT).show(30, {PERSON: 2.0}).show(5, DARK).show(10, {PERSON: 2.0}).show(5)
    assert found(watch) == [("anomaly", 0.0, 19.8, "long"), ("view", 30.0, 34.8, "gone")]


def test_a_flash_longer_than_the_gap_does_not_part_an_event() -> None:
    policy = Policy(min_duration_s=5)
    watch = Watch(policy).show(10, {PERSON: 2.0}).show(4, DARK).show(10, {PERSON: 2.0}).show(5)
    assert found(watch) == [("anomaly", 0.0, 23.8, "gone")]


def test_what_a_long_flash_hid_and_is_gone_ended_before_it() -> None:
    policy = Policy(min_duration_s=5)
    watch = Watch(policy).show(10, {PERSON: 2.0}).show(4, DARK).show(10)
    assert found(watch) == [("anomaly", 0.0, 9.8, "gone")]


def test_a_cut_during_a_flash_ends_what_it_hid() -> None:
    policy = Policy(min_duration_s=5)
    watch = Watch(policy).show(10, {PERSON: 2.0}).show(4, DARK).skip(600).show(10, {PERSON: 2.0}).show(5)
    assert [(kind, begin_s, end_s) for kind, begin_s, end_s, _ in found(watch)] == [
        ("anomaly", 0.0, 9.8),
        ("anomaly", 614.0, 623.8),
    ]
