"""From one frame to the next: which group of regions each track goes on with.

What stays in its place goes on with what lingers there, so that nobody who passes takes it along. What lingers beside
something that moves was left behind, and is new. All the rest goes on with the group that lies where it was, or where
it can have moved to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.alerting.combining import Combined
from pipeline.alerting.regions import Cells, Group, groups_above, zone_of
from pipeline.alerting.track import Sight, Track
from pipeline.alerting.values import ALARM

__all__ = ["Heard", "New", "follow"]

Pair = tuple[Track, Group]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A frame of which some places are muted.

    Attributes:
        time_s, previous_s: of the frame, and of the one before it.
        combined: the frame.
        levels, still: (h, w), its levels and what lingers in it, 0 in what is muted.
        release: the level above which what is followed is looked for.
        gap_s: what comes back to where something was within this time is the same.
    """

    time_s: float
    previous_s: float
    combined: Combined
    levels: NDArray[np.uint8]
    still: NDArray[np.uint8]
    release: int
    gap_s: float

    def sight_of(self, group: Group) -> Sight:
        """What the frame shows of a group."""
        score = self.combined.score_of(group.level)
        motion = self.combined.motion_of(group.cells, group.level)
        return Sight(self.time_s, score, group.cells, group.parts, group.level > ALARM, motion)

    def home_of(self, group: Group) -> Cells | None:
        """Where a group stays: around all of it, if it lingers or lies close to what does; None where it moves."""
        lingers = group.cells & (self.still > ALARM)
        if not lingers.any() or (group.cells & ~zone_of(lingers)).any():
            return None
        return zone_of(group.cells)


@dataclass(frozen=True, slots=True, eq=False)
class New:
    """Groups that no track goes on with: `left` stays where somebody who moves has left it, `other` is all the rest."""

    left: list[Group]
    other: list[Group]


def follow(tracks: list[Track], heard: Heard) -> New:
    """Let tracks go on with what a frame shows."""
    free = list(tracks)
    rest = heard.levels.copy()
    lingering = groups_above(heard.still, heard.release)
    _follow_still(free, lingering, rest, heard)
    left = _left_behind(lingering, rest)
    groups = groups_above(rest, heard.release)
    # What seemed to be left behind and moves on was a part of whoever moves.
    free = [track for track in free if track.opened or not track.left]
    # First what stayed where it was or came near it, then what can have moved.
    near = [(track, group) for track in free for group in groups if track.holds(group)]
    _follow_moving(near, free, groups, heard)
    within_reach = [(track, group) for track in free for group in groups if track.reaches(group, heard.time_s)]
    _follow_moving(within_reach, free, groups, heard)
    joined = _join_parted(tracks, groups, heard)
    left += [group for group in lingering if group.level > ALARM and group not in left and _meets(group, joined)]
    return New(left, groups)


def _follow_still(free: list[Track], lingering: list[Group], rest: NDArray[np.uint8], heard: Heard) -> None:
    """Let what stays go on with what lingers, and take it out of the rest."""
    pairs = [(track, group) for track in free if track.settled for group in lingering if track.holds(group)]
    for track, group in _surest(pairs, free, lingering):
        track.add(heard.sight_of(group), heard.previous_s)
        if track.left and not track.opened:
            continue  # it may be no more than a slow walker's foot: who it was a part of keeps it for now
        rest[zone_of(group.cells)] = 0
        # Whoever stands may move head and legs.
        if track.home is not None:
            rest[track.home] = 0


def _left_behind(lingering: list[Group], rest: NDArray[np.uint8]) -> list[Group]:
    """What lingers beside something that moves; taken out of the rest."""
    wholes = groups_above(rest, ALARM)
    # What lingers alone goes on with the track that it has; but something that moves is no part of it.
    left = [group for group in lingering if group.level > ALARM and any(_beside(group, whole) for whole in wholes)]
    for group in left:
        rest[zone_of(group.cells)] = 0
    return left


def _beside(group: Group, whole: Group) -> bool:
    """Whether a group is a part of another that also has cells too far away to belong to it."""
    overlaps, reaches_out = whole.cells & group.cells, whole.cells & ~zone_of(group.cells)
    return bool(overlaps.any() and reaches_out.any())


def _follow_moving(pairs: list[Pair], free: list[Track], groups: list[Group], heard: Heard) -> None:
    for track, group in _surest(pairs, free, groups):
        track.add(heard.sight_of(group), heard.previous_s)
        track.home = heard.home_of(group)


def _join_parted(tracks: list[Track], groups: list[Group], heard: Heard) -> list[Group]:
    """Let events have what parted from them: two who walked together and part are one event."""
    joined: list[Group] = []
    for track in tracks:
        if not track.opened or track.left or track.last.time_s != heard.time_s:
            continue
        for group in [group for group in groups if track.was_at(group, heard.time_s - heard.gap_s)]:
            groups.remove(group)
            track.join(heard.sight_of(group))
            joined.append(group)
    return joined


def _meets(group: Group, others: list[Group]) -> bool:
    return any(bool((group.cells & other.cells).any()) for other in others)


def _surest(pairs: list[Pair], free: list[Track], groups: list[Group]) -> Iterator[Pair]:
    """Pairs of which no two share a track or a group, events before candidates; they are no longer free."""
    for track, group in sorted(pairs, key=_sureness, reverse=True):
        if track in free and group in groups:
            free.remove(track)
            groups.remove(group)
            yield track, group


def _sureness(pair: Pair) -> tuple[bool, int]:
    track, group = pair
    return track.opened, track.overlap(group)
