"""The view itself: while most of the picture is above 1, somebody has switched a light or moved the camera."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.alerting.combining import Combined
from pipeline.alerting.regions import rectangle_of
from pipeline.alerting.track import Sight, Track
from pipeline.alerting.values import ALARM
from pipeline.policy import Policy
from pipeline.types import CoarseMap, EndReason, EventKind

__all__ = ["Whole"]

# A view lasts, and stays muted, down to this part of its share: one that trembles about the half is one event.
HELD = 0.8


class Whole:
    """Follows a change of the whole view.

    Attributes:
        track: the change that is followed, if any.
        rests_s: until when no other becomes an event; smaller things are heard meanwhile.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._release = CoarseMap.level(policy.release)
        self._muted, self._wide_s = False, -np.inf
        self.track: Track | None = None
        self.rests_s = -np.inf

    @property
    def opened(self) -> bool:
        """Whether the view is another, and that is an event."""
        return self.track is not None and self.track.opened

    @property
    def doubtful(self) -> bool:
        """Whether the view may be about to change."""
        track = self.track
        return track is not None and not track.opened and track.seen_s < track.needed_s

    def fills(self, time_s: float, previous_s: float, combined: Combined, name: str) -> bool:
        """Whether a frame shows the view and nothing smaller; a change that begins in it has the name."""
        share, least_share = self._policy.view_share, self._policy.view_share * HELD
        above = _share_above(ALARM, combined)
        if self._muted_by(above, time_s):
            return True
        wide = above > share
        if not wide and not (self.opened and _share_above(self._release, combined) > least_share):
            return self.opened
        cells = combined.levels > self._release
        sight = Sight(time_s, combined.score, cells, (rectangle_of(cells),), wide, combined.motion)
        if self.track is None:
            self.track = Track(name, EventKind.VIEW, sight, self._policy.min_duration_s)
        else:
            self.track.add(sight, previous_s)
        return True

    def end(self, reason: EndReason) -> None:
        """End the change that is followed; one that was too long is the normal view until it is gone."""
        track, self.track = self.track, None
        if track is None or not track.opened:
            return
        self.rests_s = track.last.time_s + self._policy.cooldown_s
        if reason is EndReason.LONG:
            self._muted, self._wide_s = True, track.last.time_s

    def state(self) -> dict[str, Any]:
        """What it remembers, as JSON and arrays hold it."""
        track = None if self.track is None else self.track.state()
        return {"muted": self._muted, "wide_s": self._wide_s, "rests_s": self.rests_s, "track": track}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where another was."""
        self._muted, self._wide_s, self.rests_s = state["muted"], state["wide_s"], state["rests_s"]
        self.track = None if state["track"] is None else Track.restored(state["track"])

    def _muted_by(self, above: float, time_s: float) -> bool:
        if self._muted and above > self._policy.view_share * HELD:
            self._wide_s = time_s
            return True
        if self._muted and time_s - self._wide_s > self._policy.gap_s:
            self._muted = False
        return False


def _share_above(level: int, combined: Combined) -> float:
    """Share of the cells without a mask that are above a level."""
    return float((combined.levels > level).sum()) / max(1, combined.counted)
