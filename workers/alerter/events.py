"""The events of one camera that are not over, and what of them is to be written: rows, clips, alerts.

What is done here is only kept in mind; `save` writes it, and `saved` forgets it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from pipeline.parts import Parts
from pipeline.policy import Policy
from pipeline.types import EndReason, Event, EventKind
from workers.alert import AlertState
from workers.alerter.album import Album
from workers.alerter.store import Store, moment
from workers.alerter.values import NO_FRAME, ClipRow, Draft, EventRow, EventState, Finished
from workers.bus.messages import ScoreMessage
from workers.telemetry.logs import say

__all__ = ["CameraEvents"]

log = logging.getLogger(__name__)

UPDATE_S = 10.0
# A tracker ends its events by itself; what outlasts this was begun by one that nobody could restore.
FORGOTTEN_S = 60.0

Times = Callable[[Event], tuple[float, float, float]]


class CameraEvents:
    """Keeps the events of one camera.

    Args:
        times_of: unix times of an event's begin, peak and end.
    Attributes:
        decided: whether waiting has decided something: the next commit holds a checkpoint.
    """

    def __init__(self, camera: str, policy: Policy, store: Store, album: Album, times_of: Times) -> None:
        self._camera, self._policy, self._store = camera, policy, store
        self._album, self._times_of = album, times_of
        self._rows = {row.id: row for row in store.unfinished(camera)}
        self._drafts: list[Draft] = []
        self._changed: set[str] = set()
        self._clips: dict[str, ClipRow] = {}
        self._finished: list[Finished] = []
        self.decided = False

    @property
    def pending(self) -> int:
        """Events that go on, or whose clip is not handed over yet."""
        return sum(row.kind is not EventKind.CAMERA for row in self._rows.values())

    @property
    def highest(self) -> str:
        """Id of the open event with the highest score; empty for none."""
        rows = [row for row in self._rows.values() if row.state is EventState.OPEN and row.epoch]
        return max(rows, key=lambda row: row.score).id if rows else ""

    @property
    def clipping(self) -> set[str]:
        """Ids of events that have ended and have no clip yet."""
        return {row.id for row in self._rows.values() if row.state is EventState.CLIPPING}

    def known(self, clips: Mapping[str, ClipRow]) -> list[ClipRow]:
        """Those of some clips, by event, whose events are not over."""
        return [clips[name] for name in self._rows if name in clips]

    @property
    def unwritten(self) -> bool:
        """Whether something is to be written now."""
        return bool(self._drafts or self._clips or self.decided or self._finished)

    def start(self, event: Event, message: ScoreMessage, now_s: float) -> None:
        """An event begins with a frame."""
        # After a restart it may be known, and even over.
        if event.id in self._rows or self._store.event(event.id) is not None:
            return
        row = EventRow(
            id=event.id,
            camera=self._camera,
            kind=event.kind,
            epoch=message.epoch,
            begin_at=0.0,
            peak_at=0.0,
            end_at=0.0,
            begin_s=event.begin_s,
            picture=message.source,
            model=message.model,
            told_s=message.time_s,
            told_score=event.score,
        )
        self._take_in(row, event)
        self._rows[event.id] = row
        stem = f"events/{moment(row.begin_at):%Y-%m-%d}/{event.id}"
        clip = ClipRow(event.id, self._camera, message.epoch, 0.0, message.geometry, message.source, stem)
        self._clips[event.id] = self._album.start(event, clip)
        say(log, logging.INFO, "event started", camera=self._camera, event=event.id, score=event.score)
        self._draft(row, AlertState.STARTED, message.index, now_s, message.captured_at)

    def rise(self, event: Event) -> None:
        """An event is as high as never before."""
        row = self._rows.get(event.id)
        if row is not None and row.state is EventState.OPEN and event.score >= row.score:
            self._take_in(row, event)
            self._album.rise(event.id)

    def tell(self, message: ScoreMessage, now_s: float) -> None:
        """After a frame: tell of those that have risen, end those that nobody follows any more."""
        for row in self._rows.values():
            if row.state is not EventState.OPEN or row.epoch != message.epoch:
                continue
            if row.score > row.told_score and message.time_s - row.told_s >= UPDATE_S:
                row.told_s, row.told_score = message.time_s, row.score
                self._draft(row, AlertState.UPDATED, message.index, now_s, message.captured_at)
            elif message.time_s - row.begin_s > self._policy.max_event_s + FORGOTTEN_S:
                self._end_forgotten(row)

    def end(self, event: Event) -> None:
        """An event has ended; its clip goes on."""
        row = self._rows.get(event.id)
        if row is None or row.state is not EventState.OPEN:
            return
        self._take_in(row, event)
        row.reason = event.reason
        say(log, logging.INFO, "event ended", camera=self._camera, event=event.id, reason=str(event.reason))
        self._finish(row, event)

    def end_all(self, is_over: Callable[[int], bool]) -> None:
        """End what is still open of epochs that are over."""
        for row in self._rows.values():
            if row.state is EventState.OPEN and row.epoch and is_over(row.epoch):
                self._end_forgotten(row)

    def lose(self, lost_at: float, error: str, now_s: float) -> bool:
        """The camera is out of reach since a time; whether that is news."""
        name = f"{self._camera}-{int(lost_at * 1000)}-offline"
        if self._away() is not None or self._store.event(name) is not None:
            return False
        row = EventRow(
            id=name,
            camera=self._camera,
            kind=EventKind.CAMERA,
            begin_at=lost_at,
            peak_at=lost_at,
            end_at=lost_at,
            error=error,
        )
        self._rows[name] = row
        self._draft(row, AlertState.STARTED, NO_FRAME, now_s, now_s)
        return True

    def find(self, now_s: float) -> None:
        """The camera is in reach."""
        row = self._away()
        if row is not None:
            row.state, row.reason, row.end_at = EventState.ENDED, EndReason.BACK, now_s
            self._draft(row, AlertState.ENDED, NO_FRAME, now_s, now_s)

    def illustrate(self, thumbnails: Mapping[str, str]) -> None:
        """There are thumbnails, by event."""
        for name, path in thumbnails.items():
            for row in [*[draft.row for draft in self._drafts if draft.row.id == name], self._rows.get(name)]:
                if row is not None:
                    row.thumbnail = path
            self._changed.add(name)

    def complete(self, clips: Iterable[ClipRow]) -> None:
        """Everything that clips can be made of is there."""
        for clip in clips:
            row = self._rows.get(clip.event)
            if row is not None:
                self._finished.append(Finished(row, clip, self._policy.max_clip_s))

    def save(self, store: Store, now_s: float, *, everything: bool) -> None:
        """Write what is to be written; all rows where `everything` is."""
        for row in self._rows.values():
            if row.id in self._changed or everything:
                store.save(row)
        for clip in self._clips.values():
            store.save_clip(clip)
        for draft in self._drafts:
            store.add_alert(draft, now_s)

    def saved(self) -> list[Finished]:
        """What was to be written is on the disk: events whose clips can be made now."""
        finished, self._finished = self._finished, []
        self._drafts.clear()
        self._changed.clear()
        self._clips.clear()
        self.decided = False
        done = {one.row.id for one in finished}
        self._rows = {
            name: row for name, row in self._rows.items() if name not in done and row.state is not EventState.ENDED
        }
        return finished

    def _take_in(self, row: EventRow, event: Event) -> None:
        row.begin_at, row.peak_at, row.end_at = self._times_of(event)
        row.peak_s, row.end_s, row.score, row.box = event.peak_s, event.end_s, event.score, event.box
        parts = Parts.of(event.score, event.motion)
        row.appearance, row.motion = parts.appearance, parts.motion

    def _end_forgotten(self, row: EventRow) -> None:
        """End an event that no tracker follows any more."""
        row.reason = EndReason.FOOTAGE
        self.decided = True
        self._finish(row, row.as_event())

    def _finish(self, row: EventRow, event: Event) -> None:
        row.state = EventState.CLIPPING
        self._changed.add(row.id)
        clip = self._album.end(event)
        if clip is not None:
            self._clips[row.id] = clip
        else:
            self._finished.append(Finished(row, None, 0.0))

    def _away(self) -> EventRow | None:
        return next((row for row in self._rows.values() if row.kind is EventKind.CAMERA), None)

    def _draft(self, row: EventRow, state: AlertState, index: int, now_s: float, frame_at: float) -> None:
        self._changed.add(row.id)
        self._drafts.append(Draft(replace(row), state, index, now_s, frame_at))
