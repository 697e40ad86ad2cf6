"""How much of an event was motion: the share at its highest cell, in the frame of its peak; nothing of what lingers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from pipeline.alerting.combining import Combiner
from pipeline.alerting.tracker import EventTracker, View
from pipeline.lingering import LINGERING_S
from pipeline.types import CoarseMap, EventKind
from tests.pipeline.alerting.painting import ALL, CAR, GRID, PERSON, SOURCE, VIEW, Things, Watch, painted
from tests.pipeline.alerting.test_invariants import GEOMETRY, Film, films
from tests.pipeline.alerting.test_storing import frames_of

# Steps of 1/255 that have no rounding.
MOVES, STANDS, BOTH, LITTLE = 0.8, 0.2, 0.6, 0.4
# What stays is anomalous from half of what a moment takes.
HALF = View("gate", 7, VIEW.geometry, SOURCE, lingering=0.5)


def halves(left: float, right: float) -> NDArray[np.float32]:
    """Shares of the left half of the picture, where the person is, and of the right one, where the car is."""
    shares = np.full(GRID, left, np.float32)
    shares[:, 10:] = right
    return shares


def test_each_event_says_how_much_of_it_was_motion() -> None:
    watch = Watch(shares=halves(MOVES, STANDS)).show(3, {PERSON: 2.0, CAR: 5.0}).show(5)
    assert {event.score: event.motion for event in watch.end()} == {5.0: STANDS, 2.0: MOVES}
    assert {change.event.motion for change in watch.changes} == {MOVES, STANDS}


def test_of_a_model_of_appearance_alone_nothing_is_told_apart() -> None:
    watch = Watch().show(3, {PERSON: 2.0}).show(5)
    (event,) = watch.end()
    assert event.motion is None
    assert (watch.seen.combined.motion, watch.seen.combined.shares) == (None, None)


def test_an_event_has_the_share_of_its_peak_and_not_that_of_another_frame() -> None:
    watch = Watch(shares=halves(STANDS, 0)).show(2, {PERSON: 2.0})
    watch.shares = halves(MOVES, 0)
    watch.show(0.2, {PERSON: 3.0})
    watch.shares = halves(BOTH, 0)
    (event,) = watch.show(2, {PERSON: 2.0}).show(5).end()
    assert (event.peak_s, event.score, event.motion) == (2.0, 3.0, MOVES)


def test_what_is_raised_because_it_lingers_is_appearance() -> None:
    bag: Things = {(14, 8, 2, 2): 0.7}
    watch = Watch(view=HALF, shares=halves(MOVES, STANDS)).show(LINGERING_S, bag)
    assert (watch.seen.combined.score, watch.seen.combined.motion) == (0.7, STANDS)
    watch.shares = halves(MOVES, LITTLE)
    watch.show(0.2, bag)
    assert watch.seen.combined.score > 1
    assert watch.seen.combined.motion == 0
    (event,) = watch.show(10, bag).show(10).end()
    assert event.motion == 0


def test_what_is_seen_at_once_and_stays_has_its_share_until_staying_raises_it() -> None:
    watch = Watch(view=HALF, shares=halves(STANDS, STANDS)).show(3).show(LINGERING_S, {CAR: 2.0})
    opened = watch.changes[-1].event
    assert (opened.score, opened.motion) == (2.0, STANDS)
    (event,) = watch.show(10, {CAR: 2.0}).show(5).end()
    assert (event.peak_s, event.motion) == (3 + LINGERING_S, 0)


def test_what_lingers_on_is_appearance_although_something_fainter_moves_before_it() -> None:
    bag: Things = {(14, 8, 2, 2): 0.9}
    watch = Watch(view=HALF, shares=halves(STANDS, STANDS)).show(20, bag)
    # By appearance the cells are at 0.9 all the time: 0.9 = 1.35 * (1 - 0.6) / 0.6. What lingers is at 1.8.
    watch.shares = halves(STANDS, BOTH)
    watch.show(0.4, {(14, 8, 2, 2): 1.35})
    assert 1.7 < watch.seen.combined.score < 1.9
    assert (watch.seen.combined.motion, watch.seen.combined.peak_cell) == (0, (14, 8))


def test_what_keeps_moving_in_one_place_is_no_longer_unusual_for_that() -> None:
    tree: Things = {(14, 8, 2, 2): 0.7}
    watch = Watch(view=HALF, shares=halves(STANDS, MOVES)).show(20, tree)
    assert watch.seen.combined.score == 0.7
    assert watch.end() == []


def test_what_looks_unusual_for_long_lingers_while_something_moves_before_it() -> None:
    # By appearance the cell is at 0.7 all the time: 0.7 = 1.05 * (1 - 0.6) / 0.6.
    watch = Watch(view=HALF, shares=halves(STANDS, STANDS)).show(3, {(14, 8, 2, 2): 0.7})
    watch.shares = halves(STANDS, BOTH)
    watch.show(0.4, {(14, 8, 2, 2): 1.05})
    watch.shares = halves(STANDS, STANDS)
    watch.show(4, {(14, 8, 2, 2): 0.7})
    assert 1.3 < watch.seen.combined.score < 1.5


def test_a_bag_beside_somebody_who_moves_has_nothing_of_that() -> None:
    bag: Things = {(14, 8, 2, 2): 0.7}
    watch = Watch(view=HALF, shares=halves(MOVES, STANDS)).show(20, {**bag, PERSON: 3.0})
    assert sorted((event.motion, event.box) for event in watch.end()) == [
        (0.0, (70, 40, 10, 10)),
        (MOVES, (10, 15, 10, 20)),
    ]


def test_a_change_of_the_view_has_the_share_of_its_highest_cell() -> None:
    watch = Watch(shares=halves(MOVES, STANDS)).show(3, {ALL: 2.0, CAR: 4.0}).show(5)
    (event,) = watch.end()
    assert (event.kind, event.score, event.motion) == (EventKind.VIEW, 4.0, STANDS)


def test_of_equal_cells_the_one_that_the_frame_has_its_score_of_counts() -> None:
    scores: NDArray[np.float32] = np.full(GRID, 0.3, np.float32)
    scores[3, 4], scores[3, 5] = 1.999, 2.0
    shares = np.full(GRID, STANDS, np.float32)
    shares[3, 5] = MOVES
    coarse = CoarseMap.of(scores, None, shares)
    assert coarse.levels[3, 4] == coarse.levels[3, 5]
    combined = Combiner(1.0, 2.0).add(0.0, 2.0, coarse, coarse.motion_at(3, 5))
    level, cells = int(coarse.levels.max()), scores > 1
    assert combined.motion_of(cells, level) == MOVES
    cells[3, 5] = False
    assert combined.motion_of(cells, level) == STANDS


def test_parts_of_an_event_that_join_have_the_share_of_the_higher() -> None:
    apart: Things = {(8, 3, 2, 4): 1.5, (11, 3, 2, 4): 3.0}
    watch = Watch(shares=halves(MOVES, STANDS)).show(3, {(8, 3, 5, 4): 1.5}).show(3, apart).show(5)
    (event,) = watch.end()
    assert (event.score, event.motion) == (3.0, STANDS)


def test_masked_cells_say_nothing() -> None:
    masked = np.zeros(GRID, bool)
    masked[:, 10:] = True
    watch = Watch(masked=masked, shares=halves(MOVES, STANDS)).show(3, {PERSON: 2.0, CAR: 5.0}).show(5)
    (event,) = watch.end()
    assert event.motion == MOVES


@settings(deadline=None, max_examples=60)
@given(films())
def test_every_event_has_a_share_of_a_cell_in_its_frame_or_is_of_what_lingers(film: Film) -> None:
    tracker, frames = EventTracker(film.policy, View("gate", 3, GEOMETRY, (97, 161), film.lingering)), frames_of(film)
    changes = [change for frame in frames for change in tracker.observe(frame).changes]
    for event in [change.event for change in (*changes, *tracker.finish())]:
        (frame,) = [one for one in frames if one.time_s == event.peak_s]
        assert frame.coarse.shares is not None
        seen = frame.coarse.levels != CoarseMap.MASKED
        lingers = event.score > frame.coarse.scores().max() or event.motion == 0
        assert event.motion in ([0.0] if lingers else (frame.coarse.shares[seen] / 255).tolist())


@pytest.mark.parametrize("lingering", [1.0, 0.5])
def test_a_combined_frame_keeps_the_shares_of_all_but_what_lingers(lingering: float) -> None:
    combiner, shares = Combiner(lingering, 2.0), halves(MOVES, STANDS)
    coarse = painted({(9, 9, 2, 2): 0.7}, None, shares)
    for number in range(40):
        combined = combiner.add(number / 5, 0.7, coarse, MOVES)
    assert combined.shares is not None
    assert coarse.shares is not None
    # Of the left half less than a third is appearance, of the right one all that shows: there it lingers.
    lingers = shares == np.float32(STANDS) if lingering < 1 else np.zeros(GRID, bool)
    assert combined.shares.tolist() == np.where(lingers, 0, coarse.shares).tolist()
