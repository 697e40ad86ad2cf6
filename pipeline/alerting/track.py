"""One anomaly while it is followed from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from pipeline.alerting.regions import Cells, Group, apart, belong, zone_of
from pipeline.types import Box, EventKind

__all__ = ["Sight", "Track"]

# Nothing on foot or on wheels crosses a picture in less than three seconds.
PICTURES_A_SECOND = 0.35
# What hides behind a tree comes out near it; further away it is something else.
FARTHEST = 0.25
# Who walks slowly seems to stay, but not for so long within the same bounds.
SETTLED_S = 3.0
# Which attributes of a track are sights.
SIGHTS = ("first", "last", "peak")
# Of its time, what a thing that sways spends in each cell it sways over, and one that walks about does not.
STAYED_SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What one frame shows of an anomaly.

    Attributes:
        time_s: of the frame.
        score: the highest in its cells.
        cells: (h, w), where it is.
        parts: the rectangles of its regions.
        above: whether it is above 1, and not just above the release.
        motion: how much of the score is motion, 0 to 1; None for a model of appearance alone.
    """

    time_s: float
    score: float
    cells: Cells
    parts: tuple[Box, ...]
    above: bool
    motion: float | None

    def state(self) -> list[Any]:
        """All of it, as JSON and arrays hold it."""
        return [self.time_s, self.score, self.cells, self.parts, self.above, self.motion]

    @classmethod
    def restored(cls, state: list[Any]) -> Self:
        """The sight that had such a state."""
        time_s, score, cells, parts, above, motion = state
        return cls(time_s, score, cells, tuple((x, y, width, height) for x, y, width, height in parts), above, motion)


class Track:
    """A candidate that may become an event, or an event that is open.

    Attributes:
        name: CAMERA-EPOCH-INDEX of its first frame.
        kind: what it is an event of.
        first, last, peak: its first sight, its last, and the one with the highest score.
        seen_s: for how long, in all, it was above 1.
        above_s: when it last was.
        opened: whether it lasted long enough to be an event.
        needed_s: for how long it must have been above 1 to be an event.
        left: whether it was left behind by something that moves.
        home: where it seems to stay, with all that belongs to it; None while it moves.
    """

    def __init__(self, name: str, kind: EventKind, sight: Sight, needed_s: float, *, left: bool = False) -> None:
        self.name, self.kind, self.needed_s, self.left = name, kind, needed_s, left
        self.first = self.last = self.peak = sight
        self.seen_s, self.above_s = 0.0, sight.time_s
        self.home: Cells | None = None
        self._bounds, self._bounded_since_s = zone_of(sight.cells), sight.time_s
        self._cells_s = np.zeros(sight.cells.shape, np.float32)
        self._last_there_s = np.where(sight.cells, sight.time_s, -np.inf)
        self.opened = False

    def add(self, sight: Sight, previous_s: float) -> None:
        """Take in what a frame shows; `previous_s` is the time of the frame before it."""
        if sight.above and self.last.above and self.last.time_s == previous_s:
            self.seen_s += sight.time_s - previous_s
        self._cells_s[sight.cells] += sight.time_s - self.last.time_s
        self._last_there_s[sight.cells] = sight.time_s
        if sight.above:
            self.above_s = sight.time_s
        if (sight.cells & ~self._bounds).any():
            self._bounds, self._bounded_since_s = zone_of(sight.cells), sight.time_s
        self.last = sight
        if sight.score > self.peak.score:
            self.peak = sight

    def join(self, sight: Sight) -> None:
        """Take in another part of it that the frame of its last sight shows."""
        self._last_there_s[sight.cells] = sight.time_s
        last = self.last
        higher = max(last, sight, key=lambda one: one.score)
        self.last = Sight(
            sight.time_s,
            higher.score,
            sight.cells | last.cells,
            (*sight.parts, *last.parts),
            sight.above or last.above,
            higher.motion,
        )
        if sight.score > self.peak.score:
            self.peak = sight

    def was_at(self, group: Group, since_s: float) -> bool:
        """Whether it was where a group lies, at a time or later."""
        return bool((self._last_there_s[group.cells] >= since_s).any())

    @property
    def settled(self) -> bool:
        """Whether it has stayed long enough for somebody who passes to be somebody else: people may walk slowly."""
        return self.home is not None and (self.left or self.last.time_s - self._bounded_since_s >= SETTLED_S)

    @property
    def place(self) -> Cells:
        """Where it is, and where it was for a tenth of its time."""
        stayed_s = STAYED_SHARE * (self.last.time_s - self.first.time_s)
        return np.asarray(self.last.cells | (self._cells_s > stayed_s))

    def holds(self, group: Group) -> bool:
        """Whether a group lies where it was last."""
        return belong(group.parts, self.last.parts)

    def reaches(self, group: Group, time_s: float) -> bool:
        """Whether it can have moved to where a group lies at a time."""
        share = min(PICTURES_A_SECOND * (time_s - self.last.time_s), FARTHEST)
        columns: int = self.last.cells.shape[1]
        return apart(group.parts, self.last.parts) <= 1 + share * columns

    def overlap(self, group: Group) -> int:
        """Cells of a group that were its own before."""
        return int((self.last.cells & group.cells).sum())

    def state(self) -> dict[str, Any]:
        """All of it, as JSON and arrays hold it."""
        return vars(self) | {name: getattr(self, name).state() for name in SIGHTS}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """The track that had such a state.

        Raises:
            ValueError: it is that of a track with other attributes.
        """
        sights = {name: Sight.restored(state[name]) for name in SIGHTS}
        kind = EventKind(state["kind"])
        track = cls(state["name"], kind, sights["first"], state["needed_s"], left=state["left"])
        if state.keys() != vars(track).keys():
            raise ValueError("a track has other attributes")
        vars(track).update(state | sights | {"kind": kind})
        return track
