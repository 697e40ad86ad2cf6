"""The tracker of one camera, with what belongs to it: the view and the model it is of, and when by the wall clock."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pipeline.alerting.storing import restore_tracker, store_tracker
from pipeline.alerting.tracker import Change, EventTracker, Observation, Seen, View
from pipeline.policy import Policy
from pipeline.types import Event, Geometry
from workers.alerter.moments import Moments
from workers.alerter.values import Checkpoint
from workers.bus.messages import ScoreMessage

__all__ = ["Tracking"]


class Tracking:
    """Follows one view at a time; begun anew for every other."""

    def __init__(self, camera: str, policy: Policy) -> None:
        self._camera, self._policy = camera, policy
        self._tracker: EventTracker | None = None
        self._model, self._moments = "", Moments()

    def is_of(self, message: ScoreMessage) -> bool:
        """Whether a frame goes on with what is followed."""
        tracker = self._tracker
        return tracker is not None and tracker.view == self._view(message) and self._model == message.model

    def begin(self, message: ScoreMessage) -> None:
        """Follow anew, from a frame on."""
        self._tracker, self._model = EventTracker(self._policy, self._view(message)), message.model
        self._moments = Moments()

    def observe(self, message: ScoreMessage) -> Seen:
        """Take in a frame that goes on with what is followed."""
        assert self._tracker is not None
        told = Observation(message.index, message.time_s, message.score, message.coarse, message.parts.share)
        seen = self._tracker.observe(told)
        self._moments.see(message.time_s, message.captured_at, seen.spots)
        return seen

    def finish(self) -> Sequence[Change]:
        """Follow no more: what ends with it. Its times are known until something is followed anew."""
        tracker, self._tracker = self._tracker, None
        return tracker.finish() if tracker is not None else []

    def times_of(self, event: Event) -> tuple[float, float, float]:
        """Unix times of an event's begin, peak and end."""
        return self._moments.of(event)

    def stored(self) -> tuple[bytes, str]:
        """The tracker, empty for none, and JSON of what belongs to it: as in a checkpoint."""
        if self._tracker is None:
            return b"", "{}"
        view = self._tracker.view
        seen = {
            "epoch": view.epoch,
            "resize": view.geometry.resize,
            "crop": view.geometry.crop,
            "source": view.source,
            "lingering": view.lingering,
            "model": self._model,
            "moments": self._moments.stored(),
        }
        return store_tracker(self._tracker), json.dumps(seen)

    def restore(self, point: Checkpoint) -> bool:
        """Go on with what a checkpoint followed; whether that can be done."""
        if not point.tracker:
            return True
        seen = json.loads(point.seen)
        (height, width), (source_height, source_width) = seen["resize"], seen["source"]
        geometry, source = Geometry((height, width), seen["crop"]), (source_height, source_width)
        view = View(self._camera, seen["epoch"], geometry, source, seen["lingering"])
        self._tracker = restore_tracker(point.tracker, self._policy, view)
        if self._tracker is None:
            return False
        self._model, self._moments = seen["model"], Moments.restored(seen["moments"])
        return True

    def _view(self, message: ScoreMessage) -> View:
        return View(self._camera, message.epoch, message.geometry, message.source, message.lingering)
