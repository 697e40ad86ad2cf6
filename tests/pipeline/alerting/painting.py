"""Coarse maps painted by hand, and a tracker that is shown them: what a camera of 12 x 20 cells sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.alerting.tracker import Change, ChangeKind, EventTracker, Observation, Seen, View
from pipeline.policy import Policy
from pipeline.types import Box, CoarseMap, Event, Geometry, Size

__all__ = ["ALL", "CAR", "GRID", "PERSON", "SOURCE", "VIEW", "Things", "Watch", "painted"]

# Rectangles of cells, (x, y, w, h), and the score in each.
Things = Mapping[Box, float]

GRID: Size = (12, 20)
# A cell is 5 x 5 pixels of the source.
SOURCE: Size = (60, 100)
VIEW = View("gate", 7, Geometry((96, 160)), SOURCE)
# What is normal is not 0.
QUIET = 0.3

PERSON: Box = (2, 3, 2, 4)
CAR: Box = (14, 7, 4, 2)
ALL: Box = (0, 0, 20, 12)


def painted(
    things: Things,
    masked: NDArray[np.bool_] | None = None,
    shares: NDArray[np.float32] | None = None,
    excused: Things | None = None,
) -> CoarseMap:
    """A coarse map that shows things; where two lie over each other, the higher.

    Args:
        shares: how much of each cell is motion. Where that is less than half the cell shows appearance, which stays;
            elsewhere what stays is the part of appearance, in the proportion that the share says.
        excused: what movers excuse at a moment, and nobody where it stays.
    """
    scores = _drawn(np.full(GRID, QUIET, np.float32), things)
    if shares is None and excused is None:
        return CoarseMap.of(scores, masked)
    moving = np.zeros(GRID, np.float32) if shares is None else shares
    still = scores * np.minimum((1 - moving) / np.maximum(moving, 0.5), 1)
    return CoarseMap.of(scores, masked, moving, _drawn(still, excused or {}))


class Watch:
    """A tracker that is shown things, frame by frame; a chain of what it sees.

    Args:
        shares, excused: as `painted` takes them, whatever it shows; may be exchanged between two frames.
    Attributes:
        time_s: of the next frame.
        changes: all so far.
        seen: what the last frame came to.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        fps: float = 5.0,
        view: View = VIEW,
        masked: NDArray[np.bool_] | None = None,
        shares: NDArray[np.float32] | None = None,
        excused: Things | None = None,
    ) -> None:
        self._tracker = EventTracker(policy or Policy(), view)
        self._fps, self._masked, self.shares, self.excused = fps, masked, shares, excused
        self._index = 0
        self.time_s = 0.0
        self.changes: list[Change] = []
        self.seen: Seen

    def show(self, seconds: float, things: Things | Callable[[float], Things] | None = None) -> Self:
        """Show so many seconds of things that stay, or that a function of the seconds since then says."""
        begin_s = self.time_s
        for number in range(round(seconds * self._fps)):
            self.at(
                round(begin_s + number / self._fps, 9), things(number / self._fps) if callable(things) else things or {}
            )
        self.time_s = round(begin_s + round(seconds * self._fps) / self._fps, 9)
        return self

    def at(self, time_s: float, things: Things | None = None) -> Self:
        """Show one frame."""
        coarse = painted(things or {}, self._masked, self.shares, self.excused)
        shown = coarse.levels != CoarseMap.MASKED
        score = max([QUIET, *(score for box, score in (things or {}).items() if shown[_slices(box)].any())])
        self.observed(self._index, time_s, score, coarse)
        self._index += 1
        return self

    def observed(self, index: int, time_s: float, score: float, coarse: CoarseMap) -> None:
        """Show one frame that was painted elsewhere."""
        row, column = np.unravel_index(coarse.scores().argmax(), coarse.levels.shape)
        motion = coarse.motion_at(int(row), int(column))
        self.seen = self._tracker.observe(Observation(index, time_s, score, coarse, motion))
        self.changes.extend(self.seen.changes)

    def skip(self, seconds: float) -> Self:
        """Show nothing: the recording has a gap."""
        self.time_s += seconds
        return self

    def end(self) -> list[Event]:
        """The footage ends: the events, in the order in which they ended."""
        self.changes.extend(self._tracker.finish())
        return self.events

    @property
    def events(self) -> list[Event]:
        """Events that have ended so far."""
        return [change.event for change in self.changes if change.kind is ChangeKind.ENDED]

    @property
    def told(self) -> list[tuple[ChangeKind, str]]:
        """What became of which event so far."""
        return [(change.kind, change.event.id) for change in self.changes]


def _drawn(scores: NDArray[np.float32], things: Things) -> NDArray[np.float32]:
    for box, score in things.items():
        place = scores[_slices(box)]
        np.maximum(place, np.float32(score), out=place)
    return scores


def _slices(box: Box) -> tuple[slice, slice]:
    x, y, width, height = box
    return slice(y, y + height), slice(x, x + width)
