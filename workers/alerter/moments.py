"""When things happened by the wall clock: trackers count in the seconds of an epoch, people do not.

A recording that is read fast has no fixed relation between the two, so what is followed is noted frame by frame.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.types import Event, Spot

__all__ = ["Moments"]

# What shows no more is forgotten after this time; events that hide behind a changed view last longer.
KEPT_S = 60.0


@dataclass(slots=True)
class _Seen:
    begin_at: float
    peak_at: float
    end_at: float
    end_s: float
    score: float


class Moments:
    """Wall times of what is followed in one epoch, by ids of events."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._time_s = self._at = 0.0

    def see(self, time_s: float, captured_at: float, spots: Mapping[str, Spot]) -> None:
        """Take in what a frame shows."""
        self._time_s, self._at = time_s, captured_at
        for name, spot in spots.items():
            seen = self._seen.get(name)
            if seen is None:
                self._seen[name] = _Seen(captured_at, captured_at, captured_at, time_s, spot.score)
                continue
            seen.end_at, seen.end_s = captured_at, time_s
            if spot.score > seen.score:
                seen.peak_at, seen.score = captured_at, spot.score
        if len(self._seen) > len(spots):
            self._seen = {name: one for name, one in self._seen.items() if time_s - one.end_s <= KEPT_S}

    def of(self, event: Event) -> tuple[float, float, float]:
        """Unix times of an event's begin, peak and end; by the clock of the epoch where nobody noted them."""
        seen = self._seen.get(event.id)
        if seen is None:
            begin, peak, end = (self._at - (self._time_s - s) for s in (event.begin_s, event.peak_s, event.end_s))
            return begin, peak, end
        return seen.begin_at, seen.peak_at, seen.end_at

    def stored(self) -> str:
        """All of it, as JSON."""
        rows = {name: (one.begin_at, one.peak_at, one.end_at, one.end_s, one.score) for name, one in self._seen.items()}
        return json.dumps([self._time_s, self._at, rows])

    @classmethod
    def restored(cls, text: str) -> Moments:
        """What was stored."""
        moments = cls()
        moments._time_s, moments._at, rows = json.loads(text)
        moments._seen = {name: _Seen(*values) for name, values in rows.items()}
        return moments
