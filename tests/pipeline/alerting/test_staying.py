"""What is left behind is an event of its own; who stands or walks slowly is one event, whoever passes."""

from __future__ import annotations

import pytest

from pipeline.alerting.tracker import LEFT_BEHIND_S, View
from pipeline.types import Box, Event
from tests.pipeline.alerting.painting import SOURCE, VIEW, Things, Watch

# What stays is anomalous from half of what a moment takes.
HALF = View("gate", 7, VIEW.geometry, SOURCE, lingering=0.5)
BAG: Box = (9, 9, 2, 2)
BAG_BOX: Box = (45, 45, 10, 10)
STANDING: Box = (8, 3, 2, 6)
TRUNK: Box = (8, 4, 2, 2)


def walker(time_s: float, speed: float, *, row: int = 4, begin: int = 0) -> Things:
    """Somebody of 2 x 5 cells who walks to the right, so many cells a second."""
    left = begin + round(time_s * speed)
    width = min(20, left + 2) - left
    return {(left, row, width, 5): 2.0} if width > 0 else {}


def fidgeting(time_s: float, *, legs: int = 2) -> Things:
    """Somebody whose trunk stays while head and legs, which are so many cells long, move about it."""
    step = round(time_s * 5)
    return {TRUNK: 2.0, (8 + step % 2, 3, 1, 1): 2.0, (7 + step // 3 % 3, 6, 1, legs): 2.0}


def standing(time_s: float) -> Things:
    """Somebody who stands."""
    return {STANDING: 2.0}


def found(watch: Watch) -> list[Event]:
    """The events, by their begin."""
    return sorted(watch.show(10).end(), key=lambda event: event.begin_s)


@pytest.mark.parametrize("score", [0.7, 1.5, 3.0])
@pytest.mark.parametrize("speed", [0.5, 1.0, 1.5])
def test_what_somebody_leaves_behind_is_an_event_of_its_own(speed: float, score: float) -> None:
    def leaving(time_s: float) -> Things:
        left = {BAG: score} if round(time_s * speed) >= 9 else {}
        return {**walker(time_s, speed), **left}

    watch = Watch(view=HALF).show(3).show(20 / speed + 1, leaving).show(20, {BAG: score})
    owner, bag = found(watch)
    assert (owner.begin_s, bag.box) == (3.0, BAG_BOX)
    # Until it is sure that the bag stays, for three seconds, it is a part of what left it.
    assert 3 + 18 / speed <= owner.end_s <= 3 + 22 / speed + LEFT_BEHIND_S
    assert bag.end_s == pytest.approx(3 + 20 / speed + 1 + 20, abs=0.5)


@pytest.mark.parametrize("score", [1.5, 3.0])
def test_what_somebody_leaves_behind_who_is_gone_before_it_lingers_goes_on_as_his_event(score: float) -> None:
    def leaving(time_s: float) -> Things:
        left = {BAG: score} if round(time_s * 3) >= 9 else {}
        return {**walker(time_s, 3), **left}

    watch = Watch(view=HALF).show(3).show(20 / 3 + 1, leaving).show(20, {BAG: score})
    (event,) = found(watch)
    assert event.begin_s == 3
    assert event.end_s == pytest.approx(3 + 20 / 3 + 1 + 20, abs=0.5)


@pytest.mark.parametrize("score", [0.7, 3.0])
@pytest.mark.parametrize("stays_s", [2.0, 4.0])
def test_what_somebody_puts_down_who_stood_for_a_while_is_an_event_of_its_own(stays_s: float, score: float) -> None:
    def leaving(time_s: float) -> Things:
        return {BAG: score, **walker(time_s, 1.5, begin=8)}

    watch = Watch(view=HALF).show(3).show(8 / 1.5, lambda time_s: walker(time_s, 1.5))
    watch.show(stays_s, walker(0, 0, begin=8)).show(10, leaving).show(20, {BAG: score})
    owner, bag = found(watch)
    assert (owner.begin_s, bag.box) == (3.0, BAG_BOX)
    assert owner.end_s < 25 < bag.end_s


@pytest.mark.parametrize("score", [0.7, 2.0])
def test_what_lies_in_an_empty_place_is_one_event(score: float) -> None:
    (event,) = found(Watch(view=HALF).show(3).show(60, {BAG: score}))
    assert (event.box, event.end_s) == (BAG_BOX, 62.8)


@pytest.mark.parametrize("row", [3, 5, 6, 7])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("score", [0.7, 2.0])
def test_what_lies_there_stays_the_event_it_was_when_somebody_passes_close_by(
    score: float, speed: float, row: int
) -> None:
    def passing(time_s: float) -> Things:
        return {BAG: score, **walker(time_s, speed, row=row)}

    watch = Watch(view=HALF).show(3).show(12, {BAG: score}).show(20 / speed + 1, passing).show(20, {BAG: score})
    bag = found(watch)[0]
    assert (bag.box, bag.peak_s) == (BAG_BOX, 9.0)
    assert bag.end_s == pytest.approx(watch.time_s - 10.2)
    assert all(event.end_s < bag.end_s - 19 for event in watch.events if event is not bag)


@pytest.mark.parametrize("row", [1, 3, 5])
@pytest.mark.parametrize("speed", [1.0, 2.0, 4.0])
def test_somebody_who_stands_is_one_event_while_others_pass(speed: float, row: int) -> None:
    def passing(time_s: float) -> Things:
        return {STANDING: 2.0, **walker(time_s % 20, speed, row=row)}

    watch = Watch(view=HALF).show(3).show(10, standing).show(60, passing).show(3, standing)
    one, *others = found(watch)
    assert (one.begin_s, one.end_s, one.box) == (3.0, 75.8, (40, 15, 10, 30))
    assert all(event.begin_s >= 13 and event.end_s - event.begin_s < 20 for event in others)


def test_somebody_who_stands_and_moves_head_and_legs_is_one_event() -> None:
    (event,) = found(Watch(view=HALF).show(3).show(60, fidgeting))
    assert (event.begin_s, event.end_s) == (3.0, 62.8)


def test_somebody_who_stands_and_then_moves_head_and_legs_is_one_event() -> None:
    def striding(time_s: float) -> Things:
        return fidgeting(time_s, legs=3)

    watch = Watch(view=HALF).show(3).show(20, standing).show(20, striding)
    (event,) = found(watch.show(10, standing).show(10, striding))
    assert (event.begin_s, event.end_s) == (3.0, 62.8)


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_somebody_who_moves_head_and_legs_and_then_walks_on_is_one_event(speed: float) -> None:
    watch = Watch(view=HALF).show(3).show(20, fidgeting).show(20 / speed, lambda time_s: walker(time_s, speed, begin=8))
    assert len(found(watch)) == 1


@pytest.mark.parametrize("speed", [0.1, 0.2, 0.3, 0.5, 0.8, 1.0])
def test_somebody_who_walks_slowly_is_one_event(speed: float) -> None:
    (event,) = found(Watch(view=HALF).show(3).show(20 / speed, lambda time_s: walker(time_s, speed)))
    assert event.begin_s == 3.0


@pytest.mark.parametrize("stays_s", [4.0, 10.0, 30.0])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_somebody_who_stands_and_walks_on_is_one_event(speed: float, stays_s: float) -> None:
    watch = Watch(view=HALF).show(3).show(8 / speed, lambda time_s: walker(time_s, speed))
    watch.show(stays_s, walker(0, 0, begin=8)).show(20 / speed, lambda time_s: walker(time_s, speed, begin=8))
    (event,) = found(watch)
    assert event.begin_s == 3.0


@pytest.mark.parametrize("every_s", [2.5, 3.0, 5.0, 8.0])
@pytest.mark.parametrize("score", [0.7, 1.5, 3.0])
def test_what_is_left_behind_is_an_event_of_its_own_however_many_pass(score: float, every_s: float) -> None:
    """With one every 2.5 s, somebody is always so near that he and the bag are one group."""

    def busy(time_s: float) -> Things:
        things = {BAG: score} if time_s >= 20 else {}
        for number in range(int(time_s / every_s) + 1):
            things.update(walker(time_s - number * every_s, 2.0))
        return things

    bag = [event for event in found(Watch(view=HALF).show(90, busy)) if event.box == BAG_BOX][-1]
    assert bag.begin_s < 30
    assert bag.end_s == 89.8
