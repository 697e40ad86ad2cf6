"""Whatever a camera shows, events hang together, and the same frames give the same events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.alerting.tracker import Change, ChangeKind, EventTracker, Observation, Seen, View
from pipeline.policy import Policy
from pipeline.types import CoarseMap, EndReason, Event, EventKind, Geometry

GEOMETRY = Geometry((96, 160))
GRID, SOURCE = (12, 20), (97, 161)
MASKED = CoarseMap.MASKED

POLICIES = st.builds(
    Policy,
    min_duration_s=st.sampled_from([0.0, 0.4, 1.0, 3.0]),
    release=st.sampled_from([0.125, 0.8, 1.0]),
    gap_s=st.sampled_from([0.0, 0.5, 2.0]),
    cooldown_s=st.sampled_from([0.0, 3.0]),
    max_event_s=st.sampled_from([4.0, 10.0, 300.0]),
    view_share=st.sampled_from([0.1, 0.5, 1.0]),
)


@dataclass(frozen=True)
class Film:
    """Frames of moving, growing, flickering things, at times that may have gaps."""

    policy: Policy
    lingering: float
    times_s: tuple[float, ...]
    levels: tuple[NDArray[np.uint8], ...]

    def __repr__(self) -> str:
        return f"Film({self.policy}, {self.lingering}, {self.times_s})"


@st.composite
def films(draw: st.DrawFn) -> Film:
    source = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 120))
    step_s = draw(st.sampled_from([0.04, 0.2, 1.0, 3.0]))
    times_s = np.cumsum(step_s * source.choice([1.0, 1.01, 0.5, 2.0, 15.0], count, p=[0.6, 0.2, 0.1, 0.08, 0.02]))
    things = [(source.uniform(0, 20, 2), source.uniform(-1, 1, 2), source.uniform(0.2, 6, 2)) for _ in range(4)]
    lights = source.choice([0, 150], count, p=[0.9, 0.1]) if draw(st.booleans()) else np.zeros(count, int)
    masked = source.uniform(size=GRID) < draw(st.sampled_from([0.0, 0.1, 1.0]))
    rows, columns = np.mgrid[: GRID[0], : GRID[1]]
    levels = []
    for number in range(count):
        picture = np.full(GRID, int(lights[number // 10 * 10]), np.uint8)
        for place, speed, size in things:
            x, y = (place + speed * number * step_s) % 20
            inside = (abs(columns - x) <= size[0]) & (abs(rows - y) <= size[1])
            picture[inside & (source.uniform(size=GRID) < 0.9)] = source.choice([60, 80, 86, 100, 252])
        levels.append(np.where(masked, np.uint8(MASKED), picture))
    lingering = draw(st.sampled_from([1.0, 0.5, 1.5]))
    return Film(draw(POLICIES), lingering, tuple(times_s.tolist()), tuple(levels))


def watched(film: Film) -> tuple[list[Seen], list[Change]]:
    """What each frame comes to, and all changes."""
    tracker = EventTracker(film.policy, View("gate", 3, GEOMETRY, SOURCE, film.lingering))
    seen = []
    for index, (time_s, levels) in enumerate(zip(film.times_s, film.levels, strict=True)):
        coarse = CoarseMap(levels)
        seen.append(tracker.observe(Observation(index, time_s, float(coarse.scores().max()), coarse)))
    changes = [change for one in seen for change in one.changes]
    return seen, [*changes, *tracker.finish()]


def histories(changes: list[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.event.id, []).append(change)
    return found


@settings(deadline=None, max_examples=100)
@given(films())
def test_every_event_starts_rises_and_ends_once(film: Film) -> None:
    _, changes = watched(film)
    for history in histories(changes).values():
        kinds = [change.kind for change in history]
        assert kinds == [ChangeKind.STARTED, *[ChangeKind.UPDATED] * (len(kinds) - 2), ChangeKind.ENDED]
        assert [change.event.reason is None for change in history] == [True] * (len(history) - 1) + [False]
        scores = [change.event.score for change in history]
        assert scores == sorted(scores)
        assert len(set(scores[:-1])) == len(scores) - 1
        assert len({(change.event.begin_s, change.event.kind) for change in history}) == 1


@settings(deadline=None, max_examples=100)
@given(films())
def test_every_event_is_where_and_when_it_can_be(film: Film) -> None:
    _, changes = watched(film)
    for change in changes:
        check(change.event, film)


def check(event: Event, film: Film) -> None:
    policy = film.policy
    assert event.begin_s <= event.peak_s <= event.end_s
    assert {event.begin_s, event.peak_s, event.end_s} <= set(film.times_s)
    assert event.id.startswith(f"gate-3-{film.times_s.index(event.begin_s)}")
    assert event.score > 1
    x, y, width, height = event.box
    assert min(x, y) >= 0
    assert min(width, height) >= 1
    assert x + width <= SOURCE[1]
    assert y + height <= SOURCE[0]
    if event.reason is not None:
        assert event.end_s - event.begin_s >= policy.min_duration_s - 1e-6
    if event.reason is EndReason.VIEW:
        assert event.kind is EventKind.ANOMALY


@settings(deadline=None, max_examples=100)
@given(films())
def test_spots_are_what_is_followed_in_this_frame(film: Film) -> None:
    seen, changes = watched(film)
    ended = {change.event.id for change in changes}
    begun: set[str] = set()
    for time_s, one in zip(film.times_s, seen, strict=True):
        for change in one.changes:
            if change.kind is ChangeKind.STARTED:
                begun.add(change.event.id)
                assert one.spots[change.event.id].opened
            if change.kind is ChangeKind.UPDATED:
                assert change.event.peak_s == change.event.end_s == time_s
                assert one.spots[change.event.id].score == change.event.score
        assert {name for name, spot in one.spots.items() if spot.opened} <= begun
    assert begun == ended


@settings(deadline=None, max_examples=30)
@given(films())
def test_the_same_frames_give_the_same_events(film: Film) -> None:
    assert watched(film)[1] == watched(film)[1]


@settings(deadline=None, max_examples=30)
@given(films(), st.integers(0, 119))
def test_what_comes_later_changes_nothing_of_before(film: Film, count: int) -> None:
    part = Film(film.policy, film.lingering, film.times_s[:count], film.levels[:count])
    before = [one.changes for one in watched(part)[0]]
    assert before == [one.changes for one in watched(film)[0]][:count]


@settings(deadline=None, max_examples=30)
@given(films())
def test_a_picture_that_is_all_masked_has_no_event(film: Film) -> None:
    hidden = tuple(np.full(GRID, MASKED, np.uint8) for _ in film.levels)
    seen, changes = watched(Film(film.policy, film.lingering, film.times_s, hidden))
    assert changes == []
    assert all(one.spots == {} for one in seen)


@settings(deadline=None, max_examples=30)
@given(films())
def test_no_frame_starts_or_raises_a_view_and_a_thing(film: Film) -> None:
    for one in watched(film)[0]:
        kinds = {change.event.kind for change in one.changes if change.kind is not ChangeKind.ENDED}
        assert len(kinds) <= 1
