"""Coarse maps to events: what is followed, what opens, what ends, what is muted.

Several anomalies at once are several events. Each goes on with the group of regions that lies where it was, or where it
can have moved to; the groups that are left begin new ones. While most of the picture is above 1 nothing smaller is
followed: the view itself has changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.alerting.combining import Combined, Combiner
from pipeline.alerting.following import Heard, follow
from pipeline.alerting.quiet import Quiet
from pipeline.alerting.regions import Cells, Group, rectangle_of, zone_of
from pipeline.alerting.track import Track
from pipeline.alerting.values import ALARM, Change, ChangeKind, Observation, Seen, View
from pipeline.alerting.whole import Whole
from pipeline.policy import Policy
from pipeline.types import Box, CoarseMap, EndReason, Event, EventKind, Spot

__all__ = ["Change", "ChangeKind", "EventTracker", "Observation", "Seen", "View"]

# Times are sums and differences of floats: what lasts for a second must not depend on when it began.
ROUNDING_S = 1e-6
# Frames as far apart as those before them, with as much again for jitter, are steady and leave no gap.
STEADY = 1.5
# Whoever walks slowly leaves, for a moment, what looks as if it had stayed behind.
LEFT_BEHIND_S = 3.0


class EventTracker:
    """Follows one recording or connection, frame by frame, in order.

    Attributes:
        policy, view: what it was made with.
    """

    def __init__(self, policy: Policy, view: View) -> None:
        self.policy, self.view = policy, view
        self._combiner = Combiner(view.lingering, policy.gap_s)
        self._quiet = Quiet(ALARM, policy.gap_s)
        self._release = CoarseMap.level(policy.release)
        self._tracks: list[Track] = []
        self._whole = Whole(policy)
        self._previous_s, self._step_s = -np.inf, 0.0
        self._changes: list[Change] = []

    def observe(self, observation: Observation) -> Seen:
        """Take in the next frame."""
        time_s = observation.time_s
        combined = self._combiner.add(time_s, observation.score, observation.coarse, observation.motion)
        self._end_overdue(time_s)
        if not self._whole.fills(time_s, self._previous_s, combined, self._name(observation.index)):
            self._follow_parts(observation, combined)
        self._tell_peaks(time_s)
        self._open_lasting(time_s)
        if np.isfinite(self._previous_s):
            self._step_s = time_s - self._previous_s
        self._previous_s = time_s
        seen = [track for track in self._all() if track.last.time_s == time_s]
        spots = {track.name: Spot(self._box(track.last.cells), track.last.score, track.opened) for track in seen}
        return Seen(combined, self._taken_changes(), spots)

    def finish(self) -> tuple[Change, ...]:
        """End what is open: the recording or the connection has ended."""
        for track in self._all():
            self._end(track, EndReason.FOOTAGE)
        return self._taken_changes()

    def state(self) -> dict[str, Any]:
        """What it remembers between two frames, as JSON and arrays hold it, for `pipeline.alerting.storing`."""
        return {
            "lingering": self._combiner.state(),
            "quiet": self._quiet.state(),
            "tracks": [track.state() for track in self._tracks],
            "whole": self._whole.state(),
            "previous_s": self._previous_s,
            "step_s": self._step_s,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where another, of the same policy and view, was."""
        self._combiner.resume(state["lingering"])
        self._quiet.resume(state["quiet"])
        self._tracks = [Track.restored(track) for track in state["tracks"]]
        self._whole.resume(state["whole"])
        self._previous_s, self._step_s = state["previous_s"], state["step_s"]

    def _follow_parts(self, observation: Observation, combined: Combined) -> None:
        time_s = observation.time_s
        levels = self._quiet.heard(combined.levels, time_s)
        still = self._quiet.heard(combined.still, time_s)
        heard = Heard(time_s, self._previous_s, combined, levels, still, self._release, self.policy.gap_s)
        new = follow(self._tracks, heard)
        for group in new.left:
            needed_s = max(self.policy.min_duration_s, LEFT_BEHIND_S)
            self._begin(observation, heard, group, needed_s, left=True).home = zone_of(group.cells)
        for group in new.other:
            if group.level > ALARM:
                self._begin(observation, heard, group, self.policy.min_duration_s).home = heard.home_of(group)

    def _begin(
        self, observation: Observation, heard: Heard, group: Group, needed_s: float, *, left: bool = False
    ) -> Track:
        track = Track(self._name(observation.index), EventKind.ANOMALY, heard.sight_of(group), needed_s, left=left)
        self._tracks.append(track)
        return track

    def _open_lasting(self, time_s: float) -> None:
        for track in self._all():
            lasts = track.seen_s >= track.needed_s - ROUNDING_S
            seen = track.last.time_s == time_s and track.last.above
            if lasts and seen and not track.opened and not self._rests(track, time_s):
                self._open(track)

    def _rests(self, track: Track, time_s: float) -> bool:
        """Whether the place of a track cools down after an event."""
        if track is self._whole.track:
            return time_s < self._whole.rests_s
        return self._quiet.cools(track.last.cells, time_s)

    def _open(self, track: Track) -> None:
        track.opened = True
        if track is self._whole.track:
            for part in list(self._tracks):
                self._end(part, EndReason.VIEW)
        self._changes.append(Change(ChangeKind.STARTED, self._event(track)))

    def _end_overdue(self, time_s: float) -> None:
        gap_s = max(self.policy.gap_s, STEADY * self._step_s) + ROUNDING_S
        for track in self._all():
            # What only blinks above 1 is no event, however often: the release holds events alone.
            there_s = track.last.time_s if track.opened else track.above_s
            if time_s - there_s > gap_s and not self._hidden(track):
                self._end(track, EndReason.GONE)
            elif track.opened and time_s - track.first.time_s >= self.policy.max_event_s - ROUNDING_S:
                self._end(track, EndReason.LONG)

    def _hidden(self, track: Track) -> bool:
        """Whether nobody looked for it, because the view may be about to change."""
        whole = self._whole.track
        if whole is None or whole is track or whole.last.time_s != self._previous_s:
            return False
        return self._whole.doubtful

    def _end(self, track: Track, reason: EndReason) -> None:
        if track is self._whole.track:
            self._whole.end(reason)
        else:
            self._tracks.remove(track)
        if not track.opened:
            return
        self._changes.append(Change(ChangeKind.ENDED, self._event(track, reason)))
        if track.kind is EventKind.VIEW:
            return
        if reason is EndReason.LONG:
            self._quiet.mute(track.place)
        self._quiet.cool(track.last.cells, track.last.time_s + self.policy.cooldown_s)

    def _tell_peaks(self, time_s: float) -> None:
        for track in self._all():
            if track.opened and track.peak.time_s == time_s:
                self._changes.append(Change(ChangeKind.UPDATED, self._event(track)))

    def _event(self, track: Track, reason: EndReason | None = None) -> Event:
        return Event(
            id=track.name,
            camera=self.view.camera,
            kind=track.kind,
            begin_s=track.first.time_s,
            peak_s=track.peak.time_s,
            end_s=track.last.time_s,
            score=track.peak.score,
            box=self._box(track.peak.cells),
            reason=reason,
            motion=track.peak.motion,
        )

    def _box(self, cells: Cells) -> Box:
        size = cells.shape
        return self.view.geometry.box_to_source(rectangle_of(cells), (size[0], size[1]), self.view.source)

    def _name(self, index: int) -> str:
        """Id of what begins in a frame; what begins together is told apart by a number."""
        name = f"{self.view.camera}-{self.view.epoch}-{index}"
        taken = sum(track.name == name or track.name.startswith(f"{name}-") for track in self._all())
        return f"{name}-{taken + 1}" if taken else name

    def _all(self) -> list[Track]:
        whole = self._whole.track
        return list(self._tracks) if whole is None else [whole, *self._tracks]

    def _taken_changes(self) -> tuple[Change, ...]:
        changes = tuple(self._changes)
        self._changes.clear()
        return changes
