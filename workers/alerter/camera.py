"""One camera: what its scores stream says becomes events, alerts, clips, and a place to go on from.

Nothing here depends on when it happens but the time that is waited for a gap: whoever reads the same entries again
after a checkpoint comes to the same events, finds them in the store, and changes nothing. So wherever waiting has
decided something, the next commit holds a checkpoint.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.alerting.storing import restore_tracker, store_tracker
from pipeline.alerting.tracker import Change, ChangeKind, EventTracker, Observation, View
from pipeline.types import CoarseMap, EndReason, Event, EventKind, Geometry
from pipeline.video.spool import SpoolFrame
from workers.alert import AlertState
from workers.alerter.album import Album
from workers.alerter.moments import Moments
from workers.alerter.presence import Presence
from workers.alerter.reorder import REORDER_S, Lost, Over, Reorder
from workers.alerter.room import Room
from workers.alerter.store import Store, moment
from workers.alerter.values import Checkpoint, ClipRow, Draft, EventRow, EventState
from workers.bus.messages import Dropped, Ended, ScoreMessage
from workers.bus.scores import ScoreReader
from workers.site.values import Camera
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics

__all__ = ["UPDATE_S", "CameraAlerts", "Finished"]

log = logging.getLogger(__name__)
again = Repeated(log)

UPDATE_S = 10.0
# A tracker ends its events by itself; what outlasts this was begun by one that nobody could restore.
FORGOTTEN_S = 60.0
# An index that no frame has, for what a frame did not bring.
NO_FRAME = -1


@dataclass(frozen=True, slots=True)
class Finished:
    """An event whose clip can be made.

    Attributes:
        max_clip_s: how long the clip may be.
    """

    row: EventRow
    clip: ClipRow | None
    max_clip_s: float


class CameraAlerts:
    """Follows one camera from where the store says that somebody was.

    Args:
        fence: of the lease.
        now_s: unix time by the broker's clock, as in all its methods.
    Attributes:
        position: in the scores stream, after which to read.
    """

    def __init__(
        self,
        camera: Camera,
        storage: Path,
        store: Store,
        room: Room,
        metrics: Metrics,
        *,
        fence: int,
        now_s: float,
    ) -> None:
        self.name, self.fence = camera.name, fence
        self._policy, self._metrics = camera.alert.policy, metrics
        self._store = store
        self._presence = Presence(camera.alert.offline_s, now_s)
        self._moments = Moments()
        self._reorder = Reorder()
        self._tracker: EventTracker | None = None
        self._model = ""
        self._rows: dict[str, EventRow] = {}
        self._drafts: list[Draft] = []
        self._changed: set[str] = set()
        self._clips: dict[str, ClipRow] = {}
        self._finished: list[Finished] = []
        self._marks: deque[tuple[int, float, str]] = deque()
        self._decided, self._cold = False, True
        self._frame_s = now_s
        self.position = "0"
        self._album = Album(
            camera.name,
            self._policy,
            storage,
            room,
            previews=camera.previews,
            lost=lambda why: metrics.clip_not_written(camera.name, why),
        )
        self._resume()

    @property
    def pending(self) -> int:
        """Events that go on, or whose clip is not handed over yet."""
        return sum(row.kind is not EventKind.CAMERA for row in self._rows.values())

    @property
    def open_event(self) -> str:
        """Id of the open event with the highest score; empty for none."""
        rows = [row for row in self._rows.values() if row.state is EventState.OPEN and row.epoch]
        return max(rows, key=lambda row: row.score).id if rows else ""

    @property
    def alerted(self) -> str:
        """EPOCH-INDEX of the last frame that was dealt with."""
        index = self._reorder.index - 1
        return f"{self._reorder.epoch}-{index}" if index >= 0 else ""

    @property
    def unwritten(self) -> bool:
        """Whether something is to be written now."""
        return bool(self._drafts or self._clips or self._decided or self._finished)

    def take(self, message: ScoreMessage | Dropped | Ended, position: str, now_s: float) -> None:
        """Take in an entry of the scores stream, at a position."""
        before, self.position = self.position, position
        if self._reorder.add(message, before, now_s):
            if isinstance(message, ScoreMessage):
                self._marks.append((message.epoch, message.time_s, before))
        elif self._cold and isinstance(message, ScoreMessage) and message.epoch == self._reorder.epoch:
            levels = np.where(message.coarse.levels == CoarseMap.MASKED, np.uint8(0), message.coarse.levels)
            self._album.recall(SpoolFrame(message.index, message.time_s, message.score, levels, {}, b""))

    def skip(self, position: str) -> None:
        """Pass over an entry that nobody can read."""
        self.position = position

    def begin_anew(self) -> None:
        """The broker has lost the scores stream: read it from its begin."""
        self.position = "0"
        self._marks.clear()
        self._decided = True

    def advance(self, now_s: float) -> None:
        """Deal with all that is in order by now."""
        for turn in self._reorder.turns(now_s):
            if isinstance(turn, ScoreMessage):
                self._frame_s = now_s
                self._score(turn, now_s)
            elif isinstance(turn, Lost):
                self._decided = True
                count = turn.last - turn.first + 1
                again.say(logging.WARNING, "frames were given up, nothing came of them", camera=self.name, frames=count)
            elif isinstance(turn, Over):
                self._end_epoch(now_s)

    def fill(self, reader: ScoreReader, now_s: float) -> None:
        """Fetch the pictures that are wanted.

        Raises:
            BusLost: the broker is out of reach; to be called again.
        """
        for name, path in self._album.fill(reader).items():
            for row in [*[draft.row for draft in self._drafts if draft.row.id == name], self._rows.get(name)]:
                if row is not None:
                    row.thumbnail = path
            self._changed.add(name)
        stale = now_s - self._frame_s > self._policy.post_roll_s + REORDER_S
        for clip in self._album.finished(stale=stale):
            row = self._rows.get(clip.event)
            if row is not None:
                self._finished.append(Finished(row, clip, self._policy.max_clip_s))

    def look(self, status: Mapping[str, str], now_s: float) -> None:
        """Take in what the decoder says of the camera."""
        away, row = self._presence.look(status, now_s), self._away()
        if away and row is None:
            self._lose(now_s)
        elif away is False and row is not None:
            row.state, row.reason, row.end_at = EventState.ENDED, EndReason.BACK, now_s
            self._draft(row, AlertState.ENDED, NO_FRAME, now_s, now_s)

    def excuse(self, now_s: float) -> None:
        """The broker was away: what is heard of the camera may be old."""
        self._presence.excuse(now_s)

    def save(self, store: Store, now_s: float, *, checkpoint: bool) -> None:
        """Write what is to be written, within a transaction.

        Raises:
            LeaseLost: another alerter has the camera.
        """
        store.hold(self.name, self.fence)
        checkpoint = checkpoint or self._decided
        for row in self._rows.values():
            if row.id in self._changed or checkpoint:
                store.save(row)
        for clip in self._clips.values():
            store.save_clip(clip)
        for draft in self._drafts:
            store.add_alert(draft, now_s)
        if checkpoint:
            store.save_checkpoint(self._checkpoint())

    def saved(self) -> list[Finished]:
        """What was to be written is on the disk: events whose clips can be made now."""
        finished, self._finished = self._finished, []
        self._drafts.clear()
        self._changed.clear()
        self._clips.clear()
        self._decided = False
        done = {one.row.id for one in finished}
        self._rows = {
            name: row for name, row in self._rows.items() if name not in done and row.state is not EventState.ENDED
        }
        return finished

    def close(self) -> None:
        """Close all files."""
        self._album.release()

    def _resume(self) -> None:
        rows, point = self._store.unfinished(self.name), self._store.checkpoint(self.name)
        self._rows = {row.id: row for row in rows}
        restored = point is not None and self._restore(point)
        clips = self._store.clips(self.name)
        over = {row.id for row in rows if row.state is EventState.CLIPPING}
        closed = {clip.event for clip in clips.values() if self._is_past(clip.epoch)}
        self._album.resume((clips[row.id] for row in rows if row.id in clips), over, closed)
        for row in rows:
            if row.state is EventState.OPEN and row.epoch and (not restored or self._is_past(row.epoch)):
                self._end_forgotten(row, self._frame_s)

    def _restore(self, point: Checkpoint) -> bool:
        """Go on from a checkpoint; whether what it followed is followed on."""
        self.position = point.position
        self._reorder = Reorder(point.epoch, point.index, closed=point.closed)
        if not point.tracker:
            return True
        seen = json.loads(point.seen)
        height, width = seen["resize"]
        view = View(
            self.name,
            seen["epoch"],
            Geometry((height, width), seen["crop"]),
            (seen["source"][0], seen["source"][1]),
            seen["lingering"],
        )
        self._tracker = restore_tracker(point.tracker, self._policy, view)
        if self._tracker is None:
            say(log, logging.WARNING, "what was followed cannot be restored, it begins anew", camera=self.name)
            return False
        self._model, self._moments = seen["model"], Moments.restored(seen["moments"])
        return True

    def _is_past(self, epoch: int) -> bool:
        return epoch < self._reorder.epoch or (epoch == self._reorder.epoch and self._reorder.closed)

    def _checkpoint(self) -> Checkpoint:
        reorder, tracker, seen = self._reorder, self._tracker, "{}"
        if tracker is not None:
            view = tracker.view
            seen = json.dumps(
                {
                    "epoch": view.epoch,
                    "resize": view.geometry.resize,
                    "crop": view.geometry.crop,
                    "source": view.source,
                    "lingering": view.lingering,
                    "model": self._model,
                    "moments": self._moments.stored(),
                }
            )
        stored = store_tracker(tracker) if tracker is not None else b""
        return Checkpoint(self.name, self._read_again(), reorder.epoch, reorder.index, reorder.closed, stored, seen)

    def _read_again(self) -> str:
        """Position after which to read so that nothing that waits, nor the pictures before an event, is missed."""
        oldest_s = self._album.oldest_s
        while self._marks and (
            self._marks[0][0] < self._reorder.epoch
            or oldest_s is None
            or (self._marks[0][0] == self._reorder.epoch and self._marks[0][1] < oldest_s)
        ):
            self._marks.popleft()
        places = [self._marks[0][2] if self._marks else None, self._reorder.held_after(), self.position]
        return min((place for place in places if place is not None), key=_place)

    def _score(self, message: ScoreMessage, now_s: float) -> None:
        view = View(self.name, message.epoch, message.geometry, message.source, message.lingering)
        if self._tracker is None or self._tracker.view != view or self._model != message.model:
            self._end_tracker(now_s)
            self._tracker, self._model = EventTracker(self._policy, view), message.model
            self._moments = Moments()
            self._decided = True
        seen = self._tracker.observe(Observation(message.index, message.time_s, message.score, message.coarse))
        self._moments.see(message.time_s, message.captured_at, seen.spots)
        self._cold = False
        # What has ended ends first: after a cut in the recording this frame is no part of its clip.
        for change in seen.changes:
            if change.kind is ChangeKind.ENDED:
                self._end(change.event, message.index, now_s)
        combined = seen.combined
        self._album.add(SpoolFrame(message.index, message.time_s, combined.score, combined.levels, seen.spots, b""))
        for change in seen.changes:
            self._follow(change, message, now_s)
        if self._rows:
            self._tell_risen(message, now_s)

    def _follow(self, change: Change, message: ScoreMessage, now_s: float) -> None:
        event = change.event
        if change.kind is ChangeKind.STARTED:
            self._start(event, message, now_s)
        elif change.kind is ChangeKind.UPDATED:
            row = self._rows.get(event.id)
            if row is not None and row.state is EventState.OPEN and event.score >= row.score:
                self._take_in(row, event)
                self._album.rise(event.id)

    def _start(self, event: Event, message: ScoreMessage, now_s: float) -> None:
        # After a restart it may be known, and even over.
        if event.id in self._rows or self._store.event(event.id) is not None:
            return
        row = EventRow(
            id=event.id,
            camera=self.name,
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
        day = f"{moment(row.begin_at):%Y-%m-%d}"
        stem = f"events/{day}/{event.id}"
        clip = ClipRow(event.id, self.name, message.epoch, 0.0, message.geometry, message.source, stem)
        self._clips[event.id] = self._album.start(event, clip)
        say(log, logging.INFO, "event started", camera=self.name, event=event.id, score=event.score)
        self._draft(row, AlertState.STARTED, message.index, now_s, message.captured_at)

    def _take_in(self, row: EventRow, event: Event) -> None:
        row.begin_at, row.peak_at, row.end_at = self._moments.of(event)
        row.peak_s, row.end_s, row.score, row.box = event.peak_s, event.end_s, event.score, event.box

    def _tell_risen(self, message: ScoreMessage, now_s: float) -> None:
        for row in list(self._rows.values()):
            if row.state is not EventState.OPEN or row.epoch != message.epoch:
                continue
            if row.score > row.told_score and message.time_s - row.told_s >= UPDATE_S:
                row.told_s, row.told_score = message.time_s, row.score
                self._draft(row, AlertState.UPDATED, message.index, now_s, message.captured_at)
            elif message.time_s - row.begin_s > self._policy.max_event_s + FORGOTTEN_S:
                self._end_forgotten(row, now_s)

    def _end(self, event: Event, index: int, now_s: float) -> None:
        row = self._rows.get(event.id)
        if row is None or row.state is not EventState.OPEN:
            return
        self._take_in(row, event)
        row.state, row.reason = EventState.CLIPPING, event.reason
        self._changed.add(row.id)
        say(log, logging.INFO, "event ended", camera=self.name, event=event.id, reason=str(event.reason))
        clip = self._album.end(event)
        if clip is not None:
            self._clips[row.id] = clip
        else:
            self._finished.append(Finished(row, None, 0.0))

    def _end_forgotten(self, row: EventRow, now_s: float) -> None:
        """End an event that no tracker follows any more."""
        row.reason = EndReason.FOOTAGE
        event = row.as_event()
        row.state = EventState.CLIPPING
        self._changed.add(row.id)
        self._decided = True
        clip = self._album.end(event)
        if clip is not None:
            self._clips[row.id] = clip
        else:
            self._finished.append(Finished(row, None, 0.0))

    def _end_epoch(self, now_s: float) -> None:
        self._end_tracker(now_s)
        self._album.close()
        self._decided = True
        for row in list(self._rows.values()):
            if row.state is EventState.OPEN and row.epoch and self._is_past(row.epoch):
                self._end_forgotten(row, now_s)

    def _end_tracker(self, now_s: float) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            for change in tracker.finish():
                self._end(change.event, NO_FRAME, now_s)

    def _lose(self, now_s: float) -> None:
        lost_at = self._presence.lost_at
        assert lost_at is not None
        name = f"{self.name}-{int(lost_at * 1000)}-offline"
        if self._store.event(name) is not None:
            return
        row = EventRow(
            id=name,
            camera=self.name,
            kind=EventKind.CAMERA,
            begin_at=lost_at,
            peak_at=lost_at,
            end_at=lost_at,
            error=self._presence.error,
        )
        self._rows[name] = row
        self._draft(row, AlertState.STARTED, NO_FRAME, now_s, now_s)
        # Its frames will not go on: nothing that was seen before may last until it is back.
        self._end_tracker(now_s)
        self._decided = True

    def _away(self) -> EventRow | None:
        return next((row for row in self._rows.values() if row.kind is EventKind.CAMERA), None)

    def _draft(self, row: EventRow, state: AlertState, index: int, now_s: float, frame_at: float) -> None:
        self._changed.add(row.id)
        self._drafts.append(Draft(replace(row), state, index, now_s, frame_at))


def _place(position: str) -> tuple[int, int]:
    first, _, second = position.partition("-")
    return int(first), int(second or 0)
