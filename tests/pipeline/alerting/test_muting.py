"""What lasts too long is muted until it is gone, and a place may rest after an event."""

from __future__ import annotations

import math

import pytest

from pipeline.policy import Policy
from pipeline.types import EndReason
from tests.pipeline.alerting.painting import CAR, PERSON, Things, Watch

SEEN: Things = {PERSON: 2.0}
# The same rules in less time than 300 s.
SHORT = Policy(max_event_s=20)


def found(watch: Watch) -> list[tuple[float, float, str | None]]:
    return [(event.begin_s, event.end_s, event.reason) for event in watch.end()]


def test_what_stays_longer_than_an_event_may_ends_as_long() -> None:
    watch = Watch().show(10).show(1200, SEEN)
    (event,) = watch.end()
    assert (event.begin_s, event.reason) == (10.0, EndReason.LONG)
    assert event.end_s == pytest.approx(310, abs=0.2 + 1e-6)


def test_it_is_muted_while_it_stays_and_heard_when_it_comes_again() -> None:
    watch = Watch(SHORT).show(60, SEEN).show(10).show(5, SEEN).show(5)
    assert found(watch) == [(0.0, 19.8, EndReason.LONG), (70.0, 74.8, EndReason.GONE)]


def test_a_moment_below_1_does_not_end_the_mute() -> None:
    def flickering(time_s: float) -> Things:
        return {PERSON: 0.5} if time_s % 4 < 1.5 else SEEN

    watch = Watch(SHORT).show(30, SEEN).show(60, flickering).show(5)
    assert found(watch) == [(0.0, 19.8, EndReason.LONG)]


def test_what_falls_below_1_is_no_longer_muted_even_above_the_release() -> None:
    watch = Watch(SHORT).show(30, SEEN).show(5, {PERSON: 0.9}).show(5, SEEN).show(5)
    assert found(watch) == [(0.0, 19.8, EndReason.LONG), (35.0, 39.8, EndReason.GONE)]


def test_another_place_raises_events_during_the_mute() -> None:
    watch = Watch(SHORT).show(30, SEEN).show(5, {**SEEN, CAR: 1.5}).show(30, SEEN)
    assert found(watch) == [(0.0, 19.8, EndReason.LONG), (30.0, 34.8, EndReason.GONE)]


def test_something_that_trembles_by_a_cell_stays_muted() -> None:
    def trembling(time_s: float) -> Things:
        step = round(time_s * 5) % 3 - 1
        return {(8 + step, 3, 3, 4): 2.0}

    assert len(Watch(SHORT).show(19.8, {(8, 3, 3, 4): 2.0}).show(60, trembling).end()) == 1


@pytest.mark.parametrize("cells", [1, 2, 3])
@pytest.mark.parametrize("period_s", [6.0, 60.0])
def test_something_that_sways_stays_muted(cells: int, period_s: float) -> None:
    """A branch in the wind."""

    def swaying(time_s: float) -> Things:
        return {(8 + round(cells * math.sin(time_s / period_s * 2 * math.pi)), 4, 3, 4): 2.0}

    watch = Watch(Policy(max_event_s=120)).show(900, swaying)
    (event,) = watch.end()
    assert (event.begin_s, event.reason) == (0.0, EndReason.LONG)


def test_only_where_it_stayed_is_muted() -> None:
    """Somebody who walked about and stopped leaves the rest of the picture heard."""

    def walking(time_s: float) -> Things:
        return {(round(min(time_s, 8) * 2), 4, 2, 4): 2.0}

    watch = Watch(Policy(max_event_s=60)).show(90, walking).show(5, {PERSON: 2.0, (16, 4, 2, 4): 2.0}).show(5)
    assert found(watch) == [(0.0, 59.8, EndReason.LONG), (90.0, 94.8, EndReason.GONE)]


def test_what_was_muted_and_moves_on_is_an_event_again() -> None:
    """A car that parked for an hour drives off."""
    watch = Watch(SHORT).show(60, {(2, 7, 4, 2): 2.0}).show(5, lambda time_s: {(2 + round(time_s * 2), 7, 4, 2): 2.0})
    events = watch.end()
    assert [event.reason for event in events] == [EndReason.LONG, EndReason.FOOTAGE]
    assert events[1].begin_s > 60


def test_the_place_of_an_event_rests_for_the_cooldown() -> None:
    def passers_by(time_s: float) -> Things:
        return SEEN if time_s % 10 < 2 else {}

    events = found(Watch(Policy(cooldown_s=25)).show(70, passers_by))
    assert [begin_s for begin_s, _, _ in events] == [0.0, 30.0, 60.0]
    assert len(found(Watch().show(70, passers_by))) == 7


def test_what_is_still_there_after_the_cooldown_is_an_event_from_its_begin() -> None:
    watch = Watch(Policy(cooldown_s=20)).show(3, SEEN).show(5).show(30, SEEN).show(5)
    assert found(watch) == [(0.0, 2.8, EndReason.GONE), (8.0, 37.8, EndReason.GONE)]
    begun = [change.event for change in watch.changes if change.kind == "started"][1]
    assert begun.end_s == pytest.approx(22.8)


def test_the_cooldown_is_of_the_place_alone() -> None:
    watch = Watch(Policy(cooldown_s=60)).show(3, SEEN).show(5).show(3, {CAR: 1.5}).show(5)
    assert found(watch) == [(0.0, 2.8, EndReason.GONE), (8.0, 10.8, EndReason.GONE)]


def test_muted_and_cooling_places_are_each_their_own() -> None:
    policy = Policy(max_event_s=20, cooldown_s=10)
    watch = Watch(policy).show(25, SEEN).show(3, {**SEEN, CAR: 2.0}).show(3, SEEN).show(3, {**SEEN, CAR: 2.0}).show(20)
    assert found(watch) == [(0.0, 19.8, EndReason.LONG), (25.0, 27.8, EndReason.GONE)]
