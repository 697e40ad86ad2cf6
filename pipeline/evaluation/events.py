"""Events that people would have been told of, against the truth: false ones a day, and what was found.

The tracker of events watches a recording as `replay` does, under the default policy, at the threshold that the fit has
set. An event is false where no frame from its first to its last is abnormal. A stretch, which is a run of abnormal
frames, is found where an event shows in one of them.

A rate of few false events on little footage promises nothing: none in 100 seconds says only that there are not
thousands a day. So the count and the hours it comes from stand beside it.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.alerting.tracker import Change, ChangeKind, EventTracker, Observation, View
from pipeline.policy import Policy
from pipeline.types import Event

__all__ = ["EventFigures", "EventMetrics"]

HOUR_S, HOURS_A_DAY = 3600.0, 24.0


@dataclass(frozen=True, slots=True)
class EventFigures:
    """What `EventMetrics` found; None where no footage had a clock.

    Attributes:
        found: share of the stretches that are found, 0 to 1; None also where there is no stretch.
        false: how many events are false.
        normal_hours: how much normal footage there was, between one normal frame and the next.
    """

    found: float | None
    false: int | None
    normal_hours: float | None

    @property
    def false_a_day(self) -> float | None:
        """False events a day of normal footage; None where there is no such footage."""
        if self.false is None or not self.normal_hours:
            return None
        return self.false / self.normal_hours * HOURS_A_DAY


class EventMetrics:
    """Events of recordings, followed frame by frame; it keeps the times and labels of one recording."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._tracker: EventTracker | None = None
        self._recordings = self._false = self._stretches = self._found = 0
        self._normal_s = 0.0
        self._clear()

    def begin(self, view: View) -> None:
        """The next recording begins, whose frames have times."""
        self._tracker = EventTracker(self._policy, view)
        self._clear()

    def add(self, observation: Observation, anomalous: bool) -> None:
        """Count its next frame."""
        assert self._tracker is not None
        self._times_s.append(observation.time_s)
        self._anomalous.append(anomalous)
        self._keep(self._tracker.observe(observation).changes)

    def end(self) -> None:
        """The recording is over."""
        assert self._tracker is not None
        self._keep(self._tracker.finish())
        self._recordings += 1
        self._judge(np.array(self._times_s), np.array(self._anomalous, dtype=bool))
        self._tracker = None

    def merge(self, other: EventMetrics) -> None:
        """Count all recordings that `other` has counted to their ends."""
        self._recordings += other._recordings
        self._false += other._false
        self._stretches += other._stretches
        self._found += other._found
        self._normal_s += other._normal_s

    def result(self) -> EventFigures:
        """The figures of all recordings counted to their ends so far."""
        if not self._recordings:
            return EventFigures(None, None, None)
        found = self._found / self._stretches if self._stretches else None
        return EventFigures(found, self._false, self._normal_s / HOUR_S)

    def _clear(self) -> None:
        self._times_s, self._anomalous = array("d"), bytearray()
        self._ended: list[Event] = []

    def _keep(self, changes: tuple[Change, ...]) -> None:
        self._ended.extend(change.event for change in changes if change.kind is ChangeKind.ENDED)

    def _judge(self, times_s: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> None:
        """Count a whole recording, of (n,) frames."""
        shown = np.zeros(len(times_s), dtype=bool)
        for event in self._ended:
            first = int(np.searchsorted(times_s, event.begin_s, "left"))
            last = int(np.searchsorted(times_s, event.end_s, "right"))
            shown[first:last] = True
            self._false += not anomalous[first:last].any()
        stretches = _stretches(anomalous)
        self._stretches += len(stretches)
        self._found += sum(bool(shown[first:last].any()) for first, last in stretches)
        steps = np.diff(times_s)
        # Longer steps are gaps, in which nobody looked.
        normal = ~(anomalous[1:] | anomalous[:-1]) & (steps <= self._policy.gap_s)
        self._normal_s += float(steps[normal].sum())


def _stretches(anomalous: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of abnormal frames: the first of each, and the one after its last."""
    edges = np.flatnonzero(np.diff(anomalous, prepend=False, append=False))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
