"""What lingers: too faint for a moment, too long for a passer-by."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.alerting.combining import Combiner
from pipeline.alerting.tracker import View
from pipeline.lingering import LINGERING_S
from pipeline.types import CoarseMap, EndReason, Event
from tests.pipeline.alerting.painting import CAR, GRID, PERSON, SOURCE, VIEW, Things, Watch, painted

# What stays is anomalous from half of what a moment takes.
HALF = View("gate", 7, VIEW.geometry, SOURCE, lingering=0.5)
DOUBLE = View("gate", 7, VIEW.geometry, SOURCE, lingering=2.0)
BAG: Things = {(9, 8, 2, 2): 0.7}
# A step of a coarse map.
STEP = 2 ** (1 / 28)


def events(watch: Watch) -> list[Event]:
    return watch.show(10).end()


def test_a_faint_thing_that_stays_becomes_an_event_after_lingering_and_the_least_duration() -> None:
    watch = Watch(view=HALF).show(10).show(LINGERING_S + 1, BAG)
    assert watch.told == []
    watch.show(0.2, BAG)
    assert [name for _, name in watch.told] == ["gate-7-80"]
    (event,) = events(watch.show(30, BAG))
    assert (event.begin_s, event.reason) == (10 + LINGERING_S, EndReason.GONE)
    assert event.end_s == pytest.approx(10 + LINGERING_S + 1 + 30)
    assert event.box == (45, 40, 10, 10)
    assert 0.7 / 0.5 / STEP <= event.score <= 0.7 / 0.5 * STEP**2


def test_each_moment_of_it_is_below_1_and_what_people_see_is_above() -> None:
    watch = Watch(view=HALF).show(LINGERING_S, BAG)
    assert watch.seen.combined.score == 0.7
    watch.show(0.2, BAG)
    assert watch.seen.combined.score > 1
    assert watch.seen.combined.peak_cell in [(9, 8), (10, 8), (9, 9), (10, 9)]


def test_what_is_too_faint_even_for_that_is_no_event() -> None:
    assert events(Watch(view=HALF).show(120, {(9, 8, 2, 2): 0.48})) == []


def test_where_nothing_lingers_faint_things_are_no_events() -> None:
    assert events(Watch().show(120, {(9, 8, 2, 2): 0.98})) == []


@pytest.mark.parametrize("seconds", [8.0, 20.0])
def test_somebody_who_walks_faintly_is_no_event(seconds: float) -> None:
    watch = Watch(view=HALF).show(seconds, lambda time_s: {(round(time_s / seconds * 18), 4, 2, 5): 0.9})
    assert events(watch) == []


def test_what_is_hidden_for_a_moment_has_to_stay_as_long_again() -> None:
    watch = Watch(view=HALF)
    for _ in range(3):
        watch.show(LINGERING_S, BAG).show(0.2)
    assert events(watch) == []


def test_a_gap_in_the_recording_is_no_staying() -> None:
    watch = Watch(view=HALF)
    for _ in range(5):
        watch.show(3, BAG).skip(60)
    assert events(watch) == []


def test_somebody_bright_who_stops_counts_by_the_moment_and_by_staying() -> None:
    watch = Watch(view=HALF).show(3).show(4, {PERSON: 1.5}).show(8, {PERSON: 1.5}).show(5)
    (event,) = watch.end()
    assert (event.begin_s, event.peak_s) == (3.0, 3 + LINGERING_S)
    assert 3.0 / STEP <= event.score <= 3.0 * STEP**2


def test_a_higher_moment_keeps_its_exact_score() -> None:
    combiner = Combiner(0.5, 2.0)
    for number in range(40):
        combined = combiner.add(
            number / 5, 1.234, painted({(1, 1, 1, 1): 0.5, (8, 8, 1, 1): 1.234 if number == 39 else 0})
        )
    assert combined.score == 1.234
    assert combined.peak_cell == (8, 8)


def test_masked_cells_neither_linger_nor_count() -> None:
    masked = np.zeros(GRID, bool)
    masked[:, 5:] = True
    watch = Watch(view=HALF, masked=masked).show(60, BAG)
    assert watch.seen.combined.counted == 5 * 12
    assert watch.seen.combined.levels[masked].max() == 0
    assert events(watch) == []


def test_what_lingers_is_never_lower_than_the_moment_and_never_beyond_the_scale() -> None:
    combiner = Combiner(1 / 16, 2.0)
    coarse = painted({(1, 1, 2, 2): 50.0, (9, 9, 1, 1): 0.2})
    for number in range(40):
        levels = combiner.add(number / 5, 50.0, coarse).levels
    assert (levels >= coarse.levels).all()
    assert levels.max() == CoarseMap.level(64)
    # A sixteenth is four doublings.
    assert int(levels[9, 9]) == int(coarse.levels[9, 9]) + 4 * 28


def test_what_is_0_stays_0_however_long() -> None:
    combiner = Combiner(0.5, 2.0)
    coarse = CoarseMap(np.zeros(GRID, np.uint8))
    for number in range(40):
        combined = combiner.add(number / 5, 0.05, coarse)
    assert (combined.score, int(combined.levels.max())) == (0.05, 0)


# What stays is judged by distances of its own


@pytest.mark.parametrize(("view", "own"), [(HALF, 0.7), (VIEW, 1.4), (DOUBLE, 2.8)])
def test_what_movers_excuse_at_a_moment_is_an_event_where_it_stays(view: View, own: float) -> None:
    watch = Watch(view=view, excused={}).show(10)
    watch.excused = {(9, 8, 2, 2): own}
    watch.show(LINGERING_S + 1)
    assert watch.told == []
    assert watch.show(0.2).told != []
    watch.show(30).excused = {}
    (event,) = events(watch)
    assert (event.begin_s, event.box, event.motion) == (10 + LINGERING_S, (45, 40, 10, 10), 0)
    assert event.end_s == pytest.approx(10 + LINGERING_S + 1 + 30)
    assert 1.4 / STEP <= event.score <= 1.4 * STEP**2


@pytest.mark.parametrize("view", [HALF, VIEW, DOUBLE])
def test_whoever_walks_and_is_excused_at_every_moment_is_no_event(view: View) -> None:
    watch = Watch(view=view)
    for number in range(100):
        watch.excused = {(number // 5, 4, 2, 5): 9.0}
        watch.show(0.2)
        assert watch.seen.combined.score < 1
    watch.excused = {}
    assert events(watch) == []


@pytest.mark.parametrize(("own", "found"), [(1.9, 0), (2.1, 1)])
def test_what_stays_may_take_more_than_a_moment(own: float, found: int) -> None:
    watch = Watch(view=DOUBLE, excused={(9, 8, 2, 2): own}).show(60)
    assert len(events(watch)) == found


def test_what_takes_more_to_stay_counts_by_the_moment_all_the_same() -> None:
    watch = Watch(view=DOUBLE, excused={}).show(3).show(20, {PERSON: 1.5})
    assert watch.seen.combined.score == 1.5
    assert int(watch.seen.combined.still.max()) == int(watch.seen.combined.levels.max()) - 28
    (event,) = events(watch)
    assert (event.begin_s, event.score, event.motion) == (3.0, 1.5, 0)


@pytest.mark.parametrize("lingering", [1.0, 2.0])
def test_where_the_same_distances_take_no_less_to_stay_nothing_is_looked_for(lingering: float) -> None:
    combiner = Combiner(lingering, 2.0)
    for number in range(40):
        combined = combiner.add(number / 5, 5.0, painted({PERSON: 5.0}))
    assert (combined.score, int(combined.still.max()), combiner.state()) == (5.0, 0, [])


def test_what_lingers_is_never_below_the_scale() -> None:
    combiner = Combiner(8.0, 2.0)
    for number in range(40):
        still = combiner.add(number / 5, 0.3, painted({}, excused={PERSON: 16.0, CAR: 0.9})).still
    # An eighth is three doublings, and 0.9 is fewer above the least of the scale.
    assert (int(still[4, 3]), int(still[7, 15])) == (CoarseMap.level(2), 0)
    assert set(still.ravel().tolist()) == {CoarseMap.level(2), 0}


def test_what_stays_under_a_mask_does_not_linger_whatever_was_sent_of_it() -> None:
    levels, combiner = np.full(GRID, CoarseMap.MASKED, np.uint8), Combiner(0.5, 2.0)
    levels[:, :5] = 30
    coarse = CoarseMap(levels, np.zeros(GRID, np.uint8), np.full(GRID, 60, np.uint8))
    for number in range(40):
        combined = combiner.add(number / 5, 0.26, coarse)
    assert set(combined.still[:, :5].ravel().tolist()) == {60 + 28}
    assert not combined.still[:, 5:].any()
    assert not combined.levels[:, 5:].any()
