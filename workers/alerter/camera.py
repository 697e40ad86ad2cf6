"""One camera: what its scores stream says becomes events, alerts, clips, and a place to go on from.

Nothing here depends on when it happens but the time that is waited for a gap: whoever reads the same entries again
after a checkpoint comes to the same events, finds them in the store, and changes nothing. So wherever waiting has
decided something, the next commit holds a checkpoint.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from pipeline.alerting.tracker import Change, ChangeKind
from pipeline.types import CoarseMap
from pipeline.video.spool import SpoolFrame
from workers.alerter.album import Album, spool_path
from workers.alerter.events import CameraEvents
from workers.alerter.presence import Presence
from workers.alerter.reorder import REORDER_S, Lost, Over, Reorder
from workers.alerter.room import Room
from workers.alerter.store import Store
from workers.alerter.tracking import Tracking
from workers.alerter.values import Checkpoint, EventState, Finished
from workers.bus.ids import numbers_of
from workers.bus.messages import Dropped, Ended, ScoreMessage
from workers.bus.scores import ScoreReader
from workers.site.values import Camera
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics

__all__ = ["CameraAlerts"]

log = logging.getLogger(__name__)
again = Repeated(log)


class CameraAlerts:
    """Follows one camera from where the store says that somebody was.

    Args:
        fence: of the lease.
        now_s: unix time by the broker's clock, as in all its methods.
    Attributes:
        events: those that are not over.
        position: in the scores stream, after which to read.
        moved: whether it is another than at the last checkpoint.
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
        self._policy = camera.alert.policy
        self._presence = Presence(camera.alert.offline_s, now_s)
        self._tracking = Tracking(camera.name, self._policy)
        self._reorder = Reorder()
        self._marks: deque[tuple[int, float, str]] = deque()
        self._cold, self._frame_s = True, now_s
        self.position, self.moved = "0", False
        self._album = Album(
            camera.name,
            self._policy,
            storage,
            room,
            previews=camera.previews,
            lost=lambda why: metrics.clip_not_written(camera.name, why),
        )
        self.events = CameraEvents(camera.name, self._policy, store, self._album, self._tracking.times_of)
        self._resume(store, storage)

    @property
    def alerted(self) -> str:
        """EPOCH-INDEX of the last frame that was dealt with."""
        index = self._reorder.index - 1
        return f"{self._reorder.epoch}-{index}" if index >= 0 else ""

    def take(self, message: ScoreMessage | Dropped | Ended, position: str, now_s: float) -> None:
        """Take in an entry of the scores stream, at a position."""
        before = self.position
        self.skip(position)
        if self._reorder.add(message, before, now_s):
            if isinstance(message, ScoreMessage):
                self._marks.append((message.epoch, message.time_s, before))
        elif self._cold and isinstance(message, ScoreMessage) and message.epoch == self._reorder.epoch:
            levels = np.where(message.coarse.levels == CoarseMap.MASKED, np.uint8(0), message.coarse.levels)
            motion = message.parts.share
            self._album.recall(SpoolFrame(message.index, message.time_s, message.score, levels, {}, b"", motion))

    def skip(self, position: str) -> None:
        """Pass over an entry that nobody can read."""
        self.position, self.moved = position, True

    def begin_anew(self) -> None:
        """The broker has lost the scores stream: read it from its begin."""
        self.position = "0"
        self._marks.clear()
        self.events.decided = True

    def advance(self, now_s: float) -> None:
        """Deal with all that is in order by now."""
        for turn in self._reorder.turns(now_s):
            if isinstance(turn, ScoreMessage):
                self._frame_s = now_s
                self._score(turn, now_s)
            elif isinstance(turn, Lost):
                self.events.decided = True
                count = turn.last - turn.first + 1
                again.say(logging.WARNING, "frames were given up, nothing came of them", camera=self.name, frames=count)
            elif isinstance(turn, Over):
                self._end_epoch()

    def fill(self, reader: ScoreReader, now_s: float) -> None:
        """Fetch the pictures that are wanted.

        Raises:
            BusLost: the broker is out of reach; to be called again.
        """
        self.events.illustrate(self._album.fill(reader))
        stale = now_s - self._frame_s > self._policy.post_roll_s + REORDER_S
        self.events.complete(self._album.finished(stale=stale))

    def look(self, status: Mapping[str, str], now_s: float) -> None:
        """Take in what the decoder says of the camera."""
        away = self._presence.look(status, now_s)
        if away is False:
            self.events.find(now_s)
        elif away:
            assert self._presence.lost_at is not None
            if self.events.lose(self._presence.lost_at, self._presence.error, now_s):
                # Its frames will not go on: nothing that was seen before may last until it is back.
                self._end_tracking()
                self.events.decided = True

    def excuse(self, now_s: float) -> None:
        """The broker was away: what is heard of the camera may be old."""
        self._presence.excuse(now_s)

    def save(self, store: Store, now_s: float, *, checkpoint: bool) -> None:
        """Write what is to be written, within a transaction.

        Raises:
            LeaseLost: another alerter has the camera.
        """
        store.hold(self.name, self.fence)
        checkpoint = checkpoint or self.events.decided
        self.events.save(store, now_s, everything=checkpoint)
        if checkpoint:
            store.save_checkpoint(self._checkpoint())

    def saved(self, *, checkpoint: bool) -> list[Finished]:
        """What was to be written is on the disk: events whose clips can be made now."""
        self.moved = self.moved and not checkpoint
        return self.events.saved()

    def close(self) -> None:
        """Close all files."""
        self._album.release()

    def _resume(self, store: Store, storage: Path) -> None:
        self._remove_spools(store, storage)
        point = store.checkpoint(self.name)
        followed = point is not None and self._restore(point)
        clips = store.clips(self.name)
        closed = {clip.event for clip in clips.values() if self._reorder.is_past(clip.epoch)}
        self._album.resume(self.events.known(clips), self.events.clipping, closed)
        self.events.end_all(lambda epoch: not followed or self._reorder.is_past(epoch))

    def _remove_spools(self, store: Store, storage: Path) -> None:
        """Remove pictures of events whose clips are made: who made them died before it could."""
        for path in spool_path(storage, self.name).parent.glob(f"{self.name}-*.spool"):
            row = store.event(path.stem)
            if row is not None and row.state is EventState.ENDED:
                with suppress(OSError):
                    path.unlink()

    def _restore(self, point: Checkpoint) -> bool:
        """Go on from a checkpoint; whether what it followed is followed on."""
        self.position = point.position
        self._reorder = Reorder(point.epoch, point.index, closed=point.closed)
        followed = self._tracking.restore(point)
        if not followed:
            say(log, logging.WARNING, "what was followed cannot be restored, it begins anew", camera=self.name)
        return followed

    def _checkpoint(self) -> Checkpoint:
        reorder = self._reorder
        place = self.name, self._read_again(), reorder.epoch, reorder.index, reorder.closed
        return Checkpoint(*place, *self._tracking.stored())

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
        return min((place for place in places if place is not None), key=numbers_of)

    def _score(self, message: ScoreMessage, now_s: float) -> None:
        if not self._tracking.is_of(message):
            self._end_tracking()
            self._tracking.begin(message)
            self.events.decided = True
        seen = self._tracking.observe(message)
        self._cold = False
        # What has ended ends first: after a cut in the recording this frame is no part of its clip.
        self._end_changed(seen.changes)
        score, levels, motion = seen.combined.score, seen.combined.levels, seen.combined.motion
        self._album.add(SpoolFrame(message.index, message.time_s, score, levels, seen.spots, b"", motion))
        for change in seen.changes:
            if change.kind is ChangeKind.STARTED:
                self.events.start(change.event, message, now_s)
            elif change.kind is ChangeKind.UPDATED:
                self.events.rise(change.event)
        self.events.tell(message, now_s)

    def _end_epoch(self) -> None:
        self._end_tracking()
        self._album.close()
        self.events.decided = True
        self.events.end_all(self._reorder.is_past)

    def _end_tracking(self) -> None:
        self._end_changed(self._tracking.finish())

    def _end_changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.kind is ChangeKind.ENDED:
                self.events.end(change.event)
