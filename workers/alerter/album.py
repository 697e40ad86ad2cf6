"""The pictures of one camera's events, collected while they happen: a spool for each, from which its clip is made.

Previews are asked for only of frames that belong to an event. Times are seconds of the epoch.
"""

from __future__ import annotations

import logging
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import OutputError, SourceCorrupt
from pipeline.files import ensure_folder, written_whole
from pipeline.policy import Policy
from pipeline.types import Event
from pipeline.video.clips import THUMBNAIL_QUALITY, Scene
from pipeline.video.drawing import heat_of
from pipeline.video.jpeg import decode_jpeg, encode_jpeg
from pipeline.video.spool import Spool, SpoolFrame
from workers.alerter.room import Room
from workers.alerter.values import ClipRow
from workers.bus.scores import ScoreReader
from workers.telemetry.logs import say

__all__ = ["Album", "spool_path"]

log = logging.getLogger(__name__)

# Previews that are asked for at once: 2 MB as a rule.
CHUNK = 32
MOST_PIXELS = 1 << 24
Lost = Callable[[str], None]


def spool_path(storage: Path, event: str) -> Path:
    """Where the pictures of an event wait for its clip."""
    return storage / "spool" / f"{event}.spool"


@dataclass(slots=True, eq=False)
class _Collected:
    """The pictures of one event.

    Attributes:
        wanted: frames whose previews are still to be fetched.
        event: as it began, until its first thumbnail is made.
        over, closed: whether the event, and the epoch, has ended.
        broken: whether there will be no clip.
    """

    clip: ClipRow
    wanted: list[SpoolFrame] = field(default_factory=list)
    spool: Spool | None = None
    event: Event | None = None
    best: tuple[tuple[bool, float], SpoolFrame] | None = None
    over: bool = False
    closed: bool = False
    broken: bool = False

    def wants(self, frame: SpoolFrame) -> None:
        if not self.broken and (self.spool is None or frame.index > self.spool.last_index):
            self.wanted.append(frame)

    def offer(self, frame: SpoolFrame) -> None:
        """Take a frame for the thumbnail where it is higher than those before."""
        if self.event is not None:
            spot = frame.spots.get(self.event.id)
            height = frame.time_s == self.event.peak_s, spot.score if spot else 0.0
            if self.best is None or height > self.best[0]:
                self.best = height, frame


class Album:
    """Collects for the events of one camera.

    Args:
        previews: whether there are any.
        lost: told why the clip of an event is given up.
    """

    def __init__(self, camera: str, policy: Policy, storage: Path, room: Room, *, previews: bool, lost: Lost) -> None:
        self._camera, self._policy, self._storage = camera, policy, storage
        self._room, self._previews, self._lost = room, previews, lost
        self._kept: deque[SpoolFrame] = deque()
        self._collected: dict[str, _Collected] = {}
        self._time_s = 0.0

    @property
    def oldest_s(self) -> float | None:
        """Time of the oldest frame that a clip which begins now may need."""
        return self._kept[0].time_s if self._kept else None

    def resume(self, clips: Iterable[ClipRow], over: set[str], closed: set[str]) -> None:
        """Go on with clips that somebody began who has died since.

        Args:
            over: events that have ended.
            closed: events whose epoch has.
        """
        for clip in clips:
            one = _Collected(clip, over=clip.event in over, closed=clip.event in closed, broken=not self._previews)
            self._collected[clip.event] = one
            if spool_path(self._storage, clip.event).exists():
                self._attempt(one, lambda one=one: self._spool(one))  # type: ignore[misc]

    def recall(self, frame: SpoolFrame) -> None:
        """Take in a frame from before the death of who had the camera before."""
        if all(frame.index != one.index for one in self._kept):
            insort(self._kept, frame, key=lambda one: one.index)

    def add(self, frame: SpoolFrame) -> None:
        """Take in the next frame, whose picture is not fetched yet."""
        policy, self._time_s = self._policy, frame.time_s
        self._kept.append(frame)
        # An event is known of once it lasted, which gaps may draw out.
        oldest_s = frame.time_s - policy.pre_roll_s - policy.min_duration_s - policy.gap_s
        while self._kept[0].time_s < oldest_s:
            self._kept.popleft()
        for one in self._collected.values():
            if not one.closed and frame.time_s <= one.clip.until_s:
                one.wants(frame)

    def start(self, event: Event, clip: ClipRow) -> ClipRow:
        """Begin to collect for an event that the last frame opened."""
        begin_s = max(event.begin_s - self._policy.pre_roll_s, self._kept[0].time_s)
        clip.until_s = begin_s + self._policy.max_clip_s
        one = _Collected(clip, event=event, broken=not self._previews)
        self._collected[event.id] = one
        if self._previews and not self._room.enough:
            self._give_up(one, "floor")
        for frame in self._kept:
            if begin_s <= frame.time_s <= clip.until_s:
                one.wants(frame)
        return clip

    def rise(self, name: str) -> None:
        """The last frame has the highest score of an event: its thumbnail, even after the end of its clip."""
        one = self._collected.get(name)
        if one is not None and self._time_s > one.clip.until_s:
            one.wants(self._kept[-1])

    def end(self, event: Event) -> ClipRow | None:
        """An event has ended; its clip goes on for the post-roll."""
        one = self._collected.get(event.id)
        if one is None:
            return None
        one.over = True
        one.clip.until_s = min(one.clip.until_s, event.end_s + self._policy.post_roll_s)
        one.wanted = [frame for frame in one.wanted if frame.time_s <= one.clip.until_s or frame.time_s == event.peak_s]
        return one.clip

    def close(self) -> None:
        """The epoch is over: no clip gets a frame any more."""
        self._kept.clear()
        for one in self._collected.values():
            one.closed = True

    def fill(self, reader: ScoreReader) -> dict[str, str]:
        """Fetch the pictures that are wanted; paths of first thumbnails, by event.

        Raises:
            BusLost: the broker is out of reach; to be called again.
        """
        for epoch in {one.clip.epoch for one in self._collected.values() if one.wanted}:
            of_epoch = [one for one in self._collected.values() if one.clip.epoch == epoch and one.wanted]
            wanted = sorted({frame.index for one in of_epoch for frame in one.wanted})
            for first, last in _ranges(wanted):
                found = reader.previews(self._camera, epoch, first, last)
                pictures = {preview.index: preview.jpeg for preview in found}
                for one in of_epoch:
                    self._append(one, first, last, pictures)
        return dict(self._thumbnails())

    def finished(self, *, stale: bool) -> list[ClipRow]:
        """Clips that are complete; they are no longer collected.

        Args:
            stale: whether no frame came for so long that none is to be waited for.
        """
        done = [one for one in self._collected.values() if self._is_complete(one, stale=stale)]
        for one in done:
            del self._collected[one.clip.event]
            if one.spool is not None:
                one.spool.close()
        return [one.clip for one in done]

    def release(self) -> None:
        """Close all files; what was collected stays for who goes on."""
        for one in self._collected.values():
            if one.spool is not None:
                one.spool.close()
        self._collected.clear()

    def _is_complete(self, one: _Collected, *, stale: bool) -> bool:
        if one.wanted or not one.over:
            return False
        return one.closed or stale or one.broken or self._time_s > one.clip.until_s

    def _append(self, one: _Collected, first: int, last: int, pictures: Mapping[int, bytes]) -> None:
        here = [frame for frame in one.wanted if first <= frame.index <= last]
        one.wanted = [frame for frame in one.wanted if not first <= frame.index <= last]
        for frame in here:
            if one.broken or frame.index not in pictures:
                continue
            whole = replace(frame, jpeg=pictures[frame.index])
            one.offer(whole)
            self._attempt(one, lambda whole=whole: self._spool(one).append(whole))  # type: ignore[misc]

    def _spool(self, one: _Collected) -> Spool:
        if one.spool is None:
            path = spool_path(self._storage, one.clip.event)
            ensure_folder(path.parent)
            one.spool = Spool(path)
        return one.spool

    def _attempt(self, one: _Collected, write: Callable[[], object]) -> None:
        """Write; where that fails, remove the oldest events and try once more, and then do without."""
        try:
            self._room.attempt(write)
        except OutputError as error:
            say(log, logging.ERROR, "a clip is given up", camera=self._camera, event=one.clip.event, error=error)
            self._give_up(one, "disk")

    def _give_up(self, one: _Collected, why: str) -> None:
        one.broken = True
        one.wanted.clear()
        if one.spool is not None:
            one.spool.close()
            one.spool = None
        with suppress(OSError):
            spool_path(self._storage, one.clip.event).unlink(missing_ok=True)
        self._lost(why)

    def _thumbnails(self) -> Iterator[tuple[str, str]]:
        """The first thumbnails of events, written."""
        for name, one in self._collected.items():
            if one.event is None or one.wanted:
                continue
            best, one.event, one.best = one.best, None, None
            if best is not None:
                path = self._thumbnail(one.clip, best[1])
                if path is not None:
                    yield name, path

    def _thumbnail(self, clip: ClipRow, frame: SpoolFrame) -> str | None:
        path = self._storage / f"{clip.stem}.jpg"
        try:
            picture = decode_jpeg(frame.jpeg, MOST_PIXELS)
            heat = heat_of(frame.levels, clip.geometry)
            scene = Scene(frame.time_s, picture, heat, frame.score, frame.spots, clip.source, motion=frame.motion)
            jpeg = encode_jpeg(scene.drawn([clip.event]), THUMBNAIL_QUALITY)
            self._room.attempt(lambda: _write(path, jpeg))
        except (OutputError, SourceCorrupt) as error:
            say(log, logging.WARNING, "an alert has no picture yet", camera=self._camera, event=clip.event, error=error)
            return None
        return f"{clip.stem}.jpg"


def _ranges(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Ranges of at most `CHUNK` indices that cover rising ones."""
    first = last = -1
    for index in indices:
        if first >= 0 and index >= first + CHUNK:
            yield first, last
            first = -1
        first, last = (index if first < 0 else first), index
    if first >= 0:
        yield first, last


def _write(path: Path, data: bytes) -> None:
    ensure_folder(path.parent)
    with written_whole(path) as part:
        part.write_bytes(data)
