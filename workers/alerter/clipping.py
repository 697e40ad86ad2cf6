"""Clips, made by a thread of their own: what was collected becomes a video, a thumbnail and a JSON; then the alert.

An event stays `clipping` in the store until its files are there, so that whoever comes after a crash makes them.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pipeline.errors import OutputError, StillwatchError
from pipeline.files import ensure_folder, written_whole
from pipeline.video.spool import write_clip
from workers.alert import AlertState
from workers.alerter.album import spool_path
from workers.alerter.database import DatabaseFull
from workers.alerter.desk import Desk
from workers.alerter.store import LeaseLost, Store, moment
from workers.alerter.values import NO_FRAME, ClipRow, Draft, EventRow, EventState, Finished
from workers.site.cameras import Pace
from workers.telemetry.logs import Repeated, say

__all__ = ["Clipper"]

log = logging.getLogger(__name__)
again = Repeated(log)

POLL_S = 0.25
# How long to wait before a commit is tried again that found no room.
AGAIN_S = 1.0
KEPT_FIELDS = (
    *("id", "camera", "kind", "score", "appearance", "motion"),
    *("box", "picture", "reason", "clip", "thumbnail", "model"),
)


class Clipper:
    """Takes events whose clips can be made, one after the other."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._jobs: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, job: Finished) -> None:
        """Make the clip of an event, and tell that it has ended."""
        self._desk.count(job.row.camera, 1)
        self._jobs.put(job)

    def join(self, timeout_s: float) -> None:
        """Wait for the clip that is being made; the others are made after the next start."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._desk.stop.is_set():
            try:
                job = self._jobs.get(timeout=POLL_S)
            except queue.Empty:
                continue
            try:
                self._make(job)
            except Exception as error:  # the outermost loop of this thread
                say(log, logging.ERROR, "a clip failed, it is made after the next start", event=job.row.id, error=error)
            finally:
                self._desk.count(job.row.camera, -1)
                self._desk.kicked.set()

    def _make(self, job: Finished) -> None:
        row, began_s = job.row, time.monotonic()
        if row.camera not in self._desk.fences:
            return  # whoever has the camera makes it
        if job.clip is not None:
            self._write(row, job.clip, job.max_clip_s)
        row.state = EventState.ENDED
        if self._commit(row):
            with suppress(OSError):
                spool_path(self._desk.storage, row.id).unlink(missing_ok=True)
            took_ms = round((time.monotonic() - began_s) * 1000)
            what = "clip made" if row.clip else "event has no clip"
            say(log, logging.INFO, what, camera=row.camera, event=row.id, clip=row.clip or "", took_ms=took_ms)

    def _write(self, row: EventRow, clip: ClipRow, max_clip_s: float) -> None:
        stem = self._desk.storage / clip.stem
        spool = spool_path(self._desk.storage, row.id)
        if spool.exists() and not self._desk.room.enough:
            self._desk.metrics.clip_not_written(row.camera, "floor")
        elif spool.exists():
            try:
                self._write_video(row, clip, spool, stem, max_clip_s)
            except StillwatchError as error:
                self._desk.metrics.clip_not_written(row.camera, "disk")
                say(log, logging.ERROR, "an event has no clip", camera=row.camera, event=row.id, error=error)
        files = [stem.with_name(f"{stem.name}{ending}") for ending in (".mp4", ".jpg")]
        row.size_bytes = sum(_size(path) for path in files)
        with suppress(OutputError):
            self._desk.room.attempt(lambda: _write_json(stem.with_name(f"{stem.name}.json"), row))

    def _write_video(self, row: EventRow, clip: ClipRow, spool: Path, stem: Path, max_clip_s: float) -> None:
        # Seconds since a camera came online say nothing to a person, those of a recording find the place in it.
        live = self._desk.site.cameras[row.camera].paced is Pace.LIVE
        began_at = moment(row.begin_at - row.begin_s).astimezone() if live else None

        def write() -> None:
            ensure_folder(stem.parent)
            made = write_clip(spool, stem, row.as_event(), clip.geometry, clip.source, max_clip_s, began_at)
            row.clip = f"{clip.stem}.mp4" if made.video else row.clip
            row.thumbnail = f"{clip.stem}.jpg" if made.thumbnail else row.thumbnail
            if made.problem is not None:
                raise made.problem

        self._desk.room.attempt(write)

    def _commit(self, row: EventRow) -> bool:
        """Write that it has ended, and the alert; whether that was still to do."""
        while not self._desk.stop.is_set():
            fence, now_s = self._desk.fences.get(row.camera), self._desk.now_s()
            if fence is None:
                return False
            try:
                with Store(self._desk.storage, self._desk.site.webhooks) as store, store.transaction():
                    store.hold(row.camera, fence)
                    store.save(row)
                    store.drop_clip(row.id)
                    store.add_alert(Draft(row, AlertState.ENDED, NO_FRAME, now_s, now_s), now_s)
            except LeaseLost:
                return False
            except DatabaseFull as error:
                again.say(logging.ERROR, "the end of an event cannot be written", camera=row.camera, error=error)
                self._desk.janitor.make_room()
                self._desk.stop.wait(AGAIN_S)
                continue
            return True
        return False


def _write_json(path: Path, row: EventRow) -> None:
    known = asdict(row)
    times = {name: moment(known[name]).isoformat(timespec="milliseconds") for name in ("begin_at", "peak_at", "end_at")}
    event = {name: known[name] for name in KEPT_FIELDS} | times
    ensure_folder(path.parent)
    with written_whole(path) as part:
        part.write_text(json.dumps(event, indent=2) + "\n")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
