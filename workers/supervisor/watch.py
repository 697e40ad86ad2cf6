"""What the supervisor knows of the bus: a thread asks once a second, so that a frozen broker holds up nobody else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.errors import BusError
from pipeline.types import EventKind
from workers.alert import Alert, AlertState
from workers.bus.broker import broker_address
from workers.bus.connection import Connection
from workers.bus.feed import AlertFeed
from workers.bus.frames import FrameWriter
from workers.bus.keys import Keys
from workers.bus.status import CameraState, Role, StatusBoard, WorkerNote
from workers.overview import CameraRow, Overview, read_overview
from workers.site.cameras import Pace
from workers.site.values import Site
from workers.telemetry.logs import Repeated

__all__ = ["Totals", "Watch", "recordings_of"]

EVERY_S = 1.0
ALERTS_AT_ONCE = 200
# The last frames of an epoch may never have been scored, and nobody says it: then the alerter stands still for so long.
STILL_S = 5.0

log = logging.getLogger(__name__)


def recordings_of(site: Site) -> frozenset[str]:
    """Cameras that come to an end."""
    return frozenset(name for name, camera in site.cameras.items() if camera.paced is not Pace.LIVE)


@dataclass(frozen=True, slots=True)
class Totals:
    """What has become of a recording."""

    camera: str
    frames: int
    events: int


class Watch:
    """Looks at the bus in a thread of its own, between `start` and `stop`.

    Args:
        cameras: those of this supervisor.
        name: what it signs in as.
    """

    def __init__(self, site: Site, cameras: Sequence[str], name: str) -> None:
        self._site, self._cameras = site, tuple(cameras)
        self._note = WorkerNote.of_this_process(name, Role.SUPERVISOR, cameras)
        self._recordings = recordings_of(site)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._repeated = Repeated(log)
        self._began_s: float | None = None  # by the server's clock
        self._alerts_after = "0"
        self._events: dict[str, set[str]] = {camera: set() for camera in cameras}
        self._still: dict[str, tuple[str, float]] = {}
        self._frames: dict[str, int] = {}
        self._ended: frozenset[str] = frozenset()
        self._done: frozenset[str] = frozenset()
        self.overview: Overview | None = None
        self.trouble: str | None = "the broker was not asked yet."

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    @property
    def ended(self) -> frozenset[str]:
        """Recordings that were read to their end since this began."""
        return self._ended

    @property
    def finished(self) -> bool:
        """Whether all cameras are recordings, and all of each is scored, looked at and written."""
        return self._done >= set(self._cameras)

    @property
    def totals(self) -> list[Totals]:
        """What came of the recordings that have ended."""
        return [
            Totals(camera, self._frames[camera], len(self._events[camera]))
            for camera in self._cameras
            if camera in self._frames
        ]

    def _run(self) -> None:
        with Connection(broker_address(self._site)) as connection:
            while not self._stop.is_set():
                begun_s = time.monotonic()
                try:
                    self._look(connection)
                    self.trouble = None
                except BusError as error:
                    self.trouble = str(error)
                    self._repeated.say(logging.WARNING, "broker is out of reach, trying again", error=error)
                self._stop.wait(max(0.0, EVERY_S - (time.monotonic() - begun_s)))
            self._leave(connection)

    def _leave(self, connection: Connection) -> None:
        try:
            StatusBoard(connection, Keys(self._site.shards)).sign_out(self._note)
        except BusError:
            return  # it is gone, and the note with it

    def _look(self, connection: Connection) -> None:
        if self._began_s is None:
            self._began_s = connection.now_s()
        StatusBoard(connection, Keys(self._site.shards)).sign_in(self._note)
        self._count_events(connection, self._began_s)
        overview = read_overview(connection, self._site, self._cameras)
        writer = FrameWriter(connection, Keys(self._site.shards))
        for row in overview.cameras:
            if self._has_ended(row, overview.now_s, self._began_s):
                self._look_at_ended(row, writer)
        self.overview = overview

    def _look_at_ended(self, row: CameraRow, writer: FrameWriter) -> None:
        self._ended |= {row.camera}
        last = epoch, index = writer.last_frame(row.camera)
        # A decoder that was started again in the middle of a recording has counted the second half alone.
        self._frames[row.camera] = max(row.captured, index + 1 if epoch == row.epoch and row.captured else 0)
        if self._is_dealt_with(row, last) and not writer.waiting(row.camera):
            self._done |= {row.camera}

    def _has_ended(self, row: CameraRow, now_s: float, began_s: float) -> bool:
        """Whether a recording has ended in this run: what an earlier one left on the bus says so too."""
        if row.camera not in self._recordings or row.state is not CameraState.ENDED or row.since_s is None:
            return False
        return now_s - row.since_s >= began_s

    def _is_dealt_with(self, row: CameraRow, last: tuple[int, int]) -> bool:
        """Whether the alerter has come to the end of a recording and has nothing left to write."""
        alerted, since_s = self._still.get(row.camera, ("", 0.0))
        if alerted != row.alerted or row.camera not in self._still:
            self._still[row.camera] = (row.alerted, time.monotonic())
            since_s = time.monotonic()
        epoch, _, index = row.alerted.partition("-")
        reached = row.captured == 0 or (epoch.isdecimal() and index.isdecimal() and (int(epoch), int(index)) >= last)
        still = time.monotonic() - since_s >= STILL_S and row.alerter_age_s is not None
        return row.pending == 0 and (reached or still)

    def _count_events(self, connection: Connection, began_s: float) -> None:
        feed = AlertFeed(connection)
        if feed.last_id() == "0-0":
            self._alerts_after = "0"  # the broker lost its data: the stream begins anew
        while entries := feed.read(self._alerts_after, ALERTS_AT_ONCE, 0):
            self._alerts_after = entries[-1][0]
            for _, message in entries:
                self._count_event(message, began_s)

    def _count_event(self, message: bytes, began_s: float) -> None:
        try:
            alert = Alert.model_validate_json(message)
        except ValidationError:
            return
        # An alerter writes the alerts of earlier runs again where the broker has lost them.
        if alert.kind is EventKind.CAMERA or alert.state is not AlertState.STARTED or alert.at.timestamp() < began_s:
            return
        if alert.camera in self._events:
            self._events[alert.camera].add(alert.event)
