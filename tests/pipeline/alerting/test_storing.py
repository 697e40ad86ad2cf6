"""A tracker that was stored and restored goes on as if nothing had been, whenever that was."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.alerting import storing
from pipeline.alerting.combining import Combiner
from pipeline.alerting.quiet import Quiet, _Mute
from pipeline.alerting.storing import restore_tracker, store_tracker
from pipeline.alerting.track import Sight, Track
from pipeline.alerting.tracker import Change, EventTracker, Observation, Seen, View
from pipeline.alerting.whole import Whole
from pipeline.lingering import Lingering
from pipeline.policy import Policy
from pipeline.types import CoarseMap, Geometry
from tests.pipeline.alerting.painting import ALL, CAR, PERSON, VIEW, Things, Watch
from tests.pipeline.alerting.test_invariants import GEOMETRY, SOURCE, Film, films

HALF = View("gate", 7, VIEW.geometry, VIEW.source, lingering=0.5)


class Forgetful(Watch):
    """A watch whose tracker dies after every frame, or after some, and is replaced by what was stored of it."""

    def __init__(self, policy: Policy, view: View, dies: Callable[[int], bool]) -> None:
        super().__init__(policy, view=view)
        self._dies = dies

    def observed(self, index: int, time_s: float, score: float, coarse: CoarseMap) -> None:
        """Show a frame; the tracker may die before."""
        if self._dies(index):
            self._tracker = restored(self._tracker)
        super().observed(index, time_s, score, coarse)


def restored(tracker: EventTracker) -> EventTracker:
    other = restore_tracker(store_tracker(tracker), tracker.policy, tracker.view)
    assert other is not None
    return other


def plain(thing: Any) -> Any:  # whatever a tracker holds
    """All that a tracker holds, to the last bit and with every type, as something that can be compared."""
    if isinstance(thing, np.ndarray):
        return str(thing.dtype), thing.shape, thing.tobytes()
    if isinstance(thing, list | tuple | deque):
        return type(thing).__name__, [plain(one) for one in thing]
    if isinstance(thing, dict):
        return {name: plain(one) for name, one in thing.items()}
    if is_dataclass(thing):
        return type(thing).__name__, [plain(getattr(thing, field.name)) for field in fields(thing)]
    if hasattr(thing, "__dict__") and not isinstance(thing, Enum):
        return type(thing).__name__, plain(vars(thing))
    return type(thing).__name__, thing


def told(seen: Seen) -> Any:
    """All that a frame came to."""
    return plain(seen.combined), seen.changes, seen.spots


def frames_of(film: Film) -> list[Observation]:
    shown = zip(film.times_s, film.levels, strict=True)
    return [_frame(index, time_s, levels) for index, (time_s, levels) in enumerate(shown)]


def _frame(index: int, time_s: float, levels: NDArray[np.uint8]) -> Observation:
    shares = np.random.RandomState(index).randint(0, 256, levels.shape).astype(np.uint8)
    # What stays is a doubling higher than the moment on the left, where movers excuse it, and lower on the right.
    still = np.clip(levels.astype(np.int16) + np.where(np.arange(levels.shape[1]) < 10, 28, -14), 0, 252)
    coarse = CoarseMap(levels, shares, np.where(levels == CoarseMap.MASKED, 0, still).astype(np.uint8))
    scores = coarse.scores()
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    return Observation(index, time_s, float(scores.max()), coarse, coarse.motion_at(row, column))


def tracker_of(film: Film) -> EventTracker:
    return EventTracker(film.policy, View("gate", 3, GEOMETRY, SOURCE, film.lingering))


@settings(deadline=None, max_examples=150)
@given(films(), st.integers(0, 120))
def test_a_tracker_restored_at_any_frame_sees_what_the_other_sees(film: Film, number: int) -> None:
    tracker, frames = tracker_of(film), frames_of(film)
    for frame in frames[:number]:
        tracker.observe(frame)
    other = restored(tracker)
    assert plain(other) == plain(tracker)
    for frame in frames[number:]:
        assert told(other.observe(frame)) == told(tracker.observe(frame))
    assert other.finish() == tracker.finish()
    assert plain(restored(other)) == plain(tracker)


@settings(deadline=None, max_examples=40)
@given(films())
def test_a_tracker_restored_before_every_frame_gives_the_same_events(film: Film) -> None:
    tracker, other = tracker_of(film), tracker_of(film)
    for frame in frames_of(film):
        other = restored(other)
        assert told(other.observe(frame)) == told(tracker.observe(frame))
    assert other.finish() == tracker.finish()


def leaving(time_s: float) -> Things:
    """Somebody walks to the right and leaves a bag."""
    bag: Things = {(9, 9, 2, 2): 0.7} if time_s >= 6 else {}
    return {**bag, **({(round(time_s * 1.5), 4, 2, 5): 2.0} if time_s < 12 else {})}


def meeting(time_s: float) -> Things:
    """Two who meet and part."""
    step = round(time_s * 2)
    return {(step, 3, 2, 4): 1.5, (18 - step, 3, 2, 4): 3.0} if step <= 18 else {}


SCENES: dict[str, tuple[View, Policy, Callable[[Watch], Watch]]] = {
    "left behind": (HALF, Policy(), lambda watch: watch.show(3).show(20, leaving).show(10)),
    "two who meet": (VIEW, Policy(gap_s=1), lambda watch: watch.show(2).show(10, meeting).show(4)),
    "muted, then heard": (
        VIEW,
        Policy(max_event_s=5, cooldown_s=3),
        lambda watch: watch.show(12, {PERSON: 2, CAR: 1.5}).show(4).show(3, {PERSON: 2}).show(4),
    ),
    "cooling down": (
        VIEW,
        Policy(cooldown_s=8, gap_s=1),
        lambda watch: watch.show(3, {PERSON: 2}).show(3).show(10, {PERSON: 3}).show(3),
    ),
    "the view, too long": (
        VIEW,
        Policy(max_event_s=8, cooldown_s=5),
        lambda watch: watch.show(2, {PERSON: 2}).show(12, {ALL: 3}).show(5).show(4, {ALL: 2}).skip(30).show(2),
    ),
}


def deaths(told: list[tuple[Change, ...]]) -> list[int]:
    """Frames before which to die: every third, and around every change."""
    changed = [number for number, changes in enumerate(told) if changes]
    return sorted({*range(0, len(told), 3), *changed, *(number + 1 for number in changed)})


@pytest.mark.parametrize("name", SCENES)
def test_a_painted_scene_is_the_same_however_often_the_tracker_dies(name: str) -> None:
    view, policy, show = SCENES[name]
    whole = Watch(policy, view=view)
    events = show(whole).end()
    assert len(events) >= 2
    every = Forgetful(policy, view, lambda index: True)
    assert (show(every).end(), every.changes) == (events, whole.changes)
    for place in range(0, 100, 7):
        once = Forgetful(policy, view, lambda index, place=place: index == place)  # type: ignore[misc]
        assert (show(once).end(), once.changes) == (events, whole.changes)


def busy() -> EventTracker:
    """A tracker that remembers some of everything."""
    watch = Watch(Policy(max_event_s=10, cooldown_s=30), view=HALF).show(12, {PERSON: 2}).show(8, {PERSON: 2, CAR: 2})
    return watch.show(0.2, {ALL: 3})._tracker


def test_a_busy_tracker_has_all_that_there_is_to_store() -> None:
    state = busy().state()
    assert [bool(state[name]) for name in ("lingering", "tracks", "previous_s", "step_s")] == [True] * 4
    assert all(state["quiet"].values())
    assert state["whole"]["track"]
    assert any(track["home"] is not None for track in state["tracks"])


# Who adds to these stores it too, in `state` and `resume` or `restored` beside it, and raises storing.VERSION.
KNOWN: dict[type, set[str]] = {
    EventTracker: {
        *("policy", "view", "_combiner", "_quiet", "_release", "_tracks", "_whole", "_previous_s", "_step_s"),
        "_changes",  # none between two frames
    },
    Combiner: {"_lift", "_lingering"},
    Lingering: {"_gap_s", "_window"},
    Quiet: {"_alarm", "_gap_s", "_mutes", "_cooling"},
    Whole: {"_policy", "_release", "_muted", "_wide_s", "track", "rests_s"},
    Track: {
        *("name", "kind", "needed_s", "left", "first", "last", "peak", "seen_s", "above_s", "home", "opened"),
        *("_bounds", "_bounded_since_s", "_cells_s", "_last_there_s"),
    },
    Sight: {"time_s", "score", "cells", "parts", "above", "motion"},
    _Mute: {"cells", "below_since_s"},
}


def holders(thing: object, found: dict[type, set[str]]) -> dict[type, set[str]]:
    """The classes of ours that a tracker is made of, with the names of what their objects hold."""
    if isinstance(thing, list | tuple | deque):
        for one in thing:
            holders(one, found)
    elif type(thing).__module__.startswith("pipeline.") and not isinstance(thing, Policy | View | Enum):
        names = set(vars(thing)) if hasattr(thing, "__dict__") else set(type(thing).__slots__)  # type: ignore[attr-defined]
        found.setdefault(type(thing), set()).update(names)
        for name in names:
            holders(getattr(thing, name), found)
    return found


def test_storing_knows_every_attribute_of_every_class_of_a_tracker() -> None:
    assert holders(busy(), {}) == KNOWN


def test_what_is_restored_shares_nothing_and_can_be_written_to() -> None:
    tracker = busy()
    data = store_tracker(tracker)
    one, other = (restore_tracker(data, tracker.policy, tracker.view) for _ in range(2))
    assert one is not None
    assert other is not None
    one.finish()
    assert plain(other) == plain(tracker)
    assert other.finish() == tracker.finish()


@pytest.mark.parametrize(
    ("policy", "view"),
    [
        (Policy(gap_s=1), HALF),
        (Policy(), replace(HALF, camera="dock")),
        (Policy(), replace(HALF, epoch=8)),
        (Policy(), replace(HALF, source=(61, 100))),
        (Policy(), replace(HALF, lingering=0.4)),
        (Policy(), replace(HALF, geometry=Geometry((96, 176)))),
        (Policy(), replace(HALF, geometry=Geometry((96, 160), crop=96))),
    ],
)
def test_of_another_policy_or_view_nothing_is_restored(policy: Policy, view: View) -> None:
    data = store_tracker(Watch(view=HALF).show(3, {PERSON: 2})._tracker)
    assert restore_tracker(data, Policy(), HALF) is not None
    assert restore_tracker(data, policy, view) is None


def test_of_another_grid_nothing_is_restored() -> None:
    tracker = EventTracker(Policy(), HALF)
    tracker.observe(Observation(0, 0.0, 2.0, CoarseMap(np.full((20, 12), 100, np.uint8))))
    assert restore_tracker(store_tracker(tracker), Policy(), HALF) is None


def test_of_another_version_nothing_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = busy()
    data = store_tracker(tracker)
    monkeypatch.setattr(storing, "VERSION", storing.VERSION + 1)
    assert restore_tracker(data, tracker.policy, tracker.view) is None


def test_damaged_bytes_are_never_restored() -> None:
    tracker = busy()
    data = store_tracker(tracker)
    for place in [*range(40), *range(40, len(data), 97), len(data) - 1]:
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        assert restore_tracker(bytes(damaged), tracker.policy, tracker.view) is None, place
    for length in [*range(24), len(data) // 2, len(data) - 1]:
        assert restore_tracker(data[:length], tracker.policy, tracker.view) is None, length
    assert restore_tracker(data + b"\0", tracker.policy, tracker.view) is None


def forged(body: bytes, length: int | None = None) -> bytes:
    """Bytes with a checksum that agrees, whatever they hold."""
    packed = zlib.compress(body)
    return (
        storing.HEAD.pack(storing.MAGIC, storing.VERSION, len(body) if length is None else length, zlib.crc32(packed))
        + packed
    )


@given(st.binary(max_size=200))
def test_bytes_that_are_no_tracker_are_never_restored(data: bytes) -> None:
    for one in (data, forged(data), forged(struct.pack("<I", len(data)) + data)):
        assert restore_tracker(one, Policy(), VIEW) is None


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ('"uint8", [12, 20]', '"uint8", [12000, 20000]'),
        ('"uint8", [12, 20]', '"object", [12, 20]'),
        ('"uint8", [12, 20], 0', '"uint8", [12, 20], 9999999'),
        ('"uint8", [12, 20], 0', '"uint8", [12, 20], -99'),
        ('"home"', '"rome"'),
        ('"kind": "anomaly"', '"kind": "weather"'),
        ('"tracks": [', '"tracks": 7, "others": ['),
        ('"step_s"', '"stop_s"'),
    ],
)
def test_whole_bytes_that_say_something_else_are_not_restored(what: str, instead: str) -> None:
    tracker = busy()
    body = zlib.decompress(store_tracker(tracker)[storing.HEAD.size :])
    (length,) = storing.TEXT_LENGTH.unpack_from(body)
    text, cells = body[4 : 4 + length].decode(), body[4 + length :]
    assert what in text
    changed = text.replace(what, instead).encode()
    assert (
        restore_tracker(forged(storing.TEXT_LENGTH.pack(len(changed)) + changed + cells), tracker.policy, HALF) is None
    )


def test_lengths_are_checked_before_memory_is_taken() -> None:
    size = 8_000_000
    for length in (0, 10, size - 1, size + 1, 2**32 - 1):
        assert restore_tracker(forged(bytes(size), length), Policy(), VIEW) is None
    bomb = forged(bytes(size), 10)
    tracemalloc.start()
    assert restore_tracker(bomb, Policy(), VIEW) is None
    assert tracemalloc.get_traced_memory()[1] < size / 10
    tracemalloc.stop()


def test_it_stays_small() -> None:
    view = replace(HALF, geometry=Geometry((240, 432)))
    tracker, noise = EventTracker(Policy(), view), np.random.RandomState(1)
    for index in range(40):
        scores = noise.gamma(9, 0.03, (30, 54)).astype(np.float32)
        scores[4:8, 3 + index // 4 : 5 + index // 4] = scores[20:23, 40:44] = 2
        tracker.observe(Observation(index, index / 5, 2.0, CoarseMap.of(scores)))
    assert len(tracker.state()["lingering"]) == 31
    # Measured: 50 kB of maps whose noise no compression shortens, 3 kB for all the rest.
    assert len(store_tracker(tracker)) <= 60_000


def test_what_it_is_made_for_is_stored_as_it_is() -> None:
    tracker = busy()
    text = zlib.decompress(store_tracker(tracker)[storing.HEAD.size :])
    assert all(name.encode() in text for name in (*asdict(tracker.policy), *asdict(tracker.view)))
