"""An alerter: one thread reads and decides, one makes clips, one calls webhooks, one removes what is old.

What it knows is in the store; what it reads again after its death, or a loss of the broker, changes nothing there.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from pipeline.errors import BusError, OutputError
from workers.alerter.camera import CameraAlerts, Finished
from workers.alerter.clipping import Clipper
from workers.alerter.database import DatabaseFull
from workers.alerter.desk import Desk
from workers.alerter.outbox import Outbox
from workers.alerter.retention import LOOK_S
from workers.alerter.store import LeaseLost, Store
from workers.alerter.webhooks import Webhooks
from workers.bus.broker import broker_address
from workers.bus.connection import Connection
from workers.bus.feed import AlertFeed
from workers.bus.keys import Keys
from workers.bus.messages import score_message
from workers.bus.scores import Entry, ScoreReader
from workers.bus.status import Role, StatusBoard, WorkerNote
from workers.site.values import Pace, Site
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics

__all__ = ["run_alerter"]

log = logging.getLogger(__name__)
again = Repeated(log)

LEASE_S, RENEW_S = 10.0, 2.0
CHECKPOINT_S = 5.0
# Recordings that are read fast wait for what is dealt with; of the others nobody needs to know it so soon.
STATUS_S, LIVE_STATUS_S = 0.2, 1.0
LOOK_AT_S = 1.0
CHECK_S = 5.0
EACH = 256
WAIT_MS = 200
# Scores of several frames are dealt with together: nobody sees the difference, and each round has a price.
PAUSE_S = 0.1
FIRST_AGAIN_S, MOST_AGAIN_S = 0.1, 1.0
# Whoever says that it is from the far future would end all that is now.
AHEAD_MS = 3_600_000
LEAVE_S = 8.0


def run_alerter(site: Site, cameras: Sequence[str], name: str, stop: threading.Event) -> int:
    """Raise the alerts of cameras until `stop` is set; the exit code.

    Args:
        cameras: names of those it has, as far as no other alerter has them.
        name: the worker's, unlike any other's.
    Raises:
        OutputError: the database of events cannot be used.
    """
    desk = Desk(site, name, Metrics(name), stop)
    with Store(site.storage, site.webhooks) as store, Connection(broker_address(site)) as connection:
        clipper, webhooks = Clipper(desk), Webhooks(desk)
        janitor = threading.Thread(target=_tidy, args=(desk,), name="retention", daemon=True)
        for thread in (clipper, webhooks, janitor):
            thread.start()
        _Alerter(desk, cameras, store, connection, clipper).run()
        clipper.join(LEAVE_S)
        webhooks.join(LEAVE_S)
        janitor.join(1.0)
    return 0


def _tidy(desk: Desk) -> None:
    while not desk.stop.is_set():
        try:
            enough = desk.janitor.tidy(time.time())
            if enough is not desk.room.enough:
                text = "clips are written again" if enough else "the disk is nearly full: alerting without clips"
                say(log, logging.INFO if enough else logging.ERROR, text)
            desk.room.enough = enough
        except Exception as error:  # the outermost loop of this thread
            again.say(logging.ERROR, "nothing old could be removed", error=error)
        desk.kicked.clear()
        deadline_s = time.monotonic() + LOOK_S
        while not (desk.stop.is_set() or desk.kicked.is_set() or time.monotonic() > deadline_s):
            desk.stop.wait(0.5)


class _Due:
    """Whether something that is done every so often is due."""

    def __init__(self, every_s: float) -> None:
        self._every_s, self._last_s = every_s, -every_s

    def __bool__(self) -> bool:
        return time.monotonic() - self._last_s >= self._every_s

    def done(self) -> None:
        self._last_s = time.monotonic()


class _Alerter:
    """The main thread."""

    def __init__(
        self, desk: Desk, cameras: Sequence[str], store: Store, connection: Connection, clipper: Clipper
    ) -> None:
        self._desk, self._names, self._store, self._clipper = desk, list(cameras), store, clipper
        self._connection, self._keys = connection, Keys(desk.site.shards)
        self._reader, self._board = ScoreReader(connection, self._keys), StatusBoard(connection, self._keys)
        self._outbox = Outbox(store, AlertFeed(connection), desk.metrics)
        self._cameras: dict[str, CameraAlerts] = {}
        self._refused: set[str] = set()
        self._note = WorkerNote(desk.name, Role.ALERTER, socket.gethostname(), os.getpid(), tuple(cameras))
        self._lease, self._look, self._check = _Due(RENEW_S), _Due(LOOK_AT_S), _Due(CHECK_S)
        self._status, self._live_status, self._point = _Due(STATUS_S), _Due(LIVE_STATUS_S), _Due(CHECKPOINT_S)
        self._fast = {name for name in cameras if desk.site.cameras[name].paced is Pace.FAST}
        self._told: dict[str, tuple[str, int]] = {}

    def run(self) -> None:
        """Until the end is asked for."""
        again_s = FIRST_AGAIN_S
        while not self._desk.stop.is_set():
            try:
                self._round()
                again_s = FIRST_AGAIN_S
            except BusError as error:
                self._lost(error)
                self._desk.stop.wait(again_s * random.uniform(0.5, 1.0))
                again_s = min(MOST_AGAIN_S, 2 * again_s)
            except DatabaseFull as error:
                again.say(logging.ERROR, "alerts cannot be written", error=error)
                self._desk.janitor.make_room()
                self._desk.stop.wait(MOST_AGAIN_S)
        self._leave()

    def _round(self) -> None:
        self._desk.offset_s = self._connection.now_s() - time.monotonic()
        if self._lease:
            self._renew()
        if self._check:
            self._look_for_losses()
        if self._look:
            self._look_at_cameras()
        entries = self._read()
        now_s = self._desk.now_s()
        for entry in entries:
            self._take(entry, now_s)
        for camera in self._cameras.values():
            camera.advance(now_s)
            camera.fill(self._reader, now_s)
        self._commit()
        self._outbox.publish(self._desk.now_s())
        if self._status:
            self._tell()
        if entries:
            self._desk.stop.wait(PAUSE_S)

    def _lost(self, error: BusError) -> None:
        again.say(logging.WARNING, "the broker is away, alerts wait", error=str(error))
        # What is true of it may be another when it is back.
        self._lease, self._check = _Due(RENEW_S), _Due(CHECK_S)
        for camera in self._cameras.values():
            camera.excuse(self._desk.now_s())

    def _renew(self) -> None:
        for name in self._names:
            fence = self._board.lease(name, self._desk.name, LEASE_S)
            if not fence:
                self._let_go(name)
                if name not in self._refused:
                    self._refused.add(name)
                    say(log, logging.INFO, "another alerter has the camera", camera=name)
                continue
            self._refused.discard(name)
            camera = self._cameras.get(name)
            if camera is not None and self._store.fence(name) > camera.fence:
                self._let_go(name)  # another has had it meanwhile
                camera = None
            self._desk.fences[name] = fence
            if camera is not None:
                camera.fence = fence
            else:
                self._cameras[name] = self._taken(name, fence)
        self._lease.done()

    def _taken(self, name: str, fence: int) -> CameraAlerts:
        desk = self._desk
        with self._store.transaction():  # from here on nobody else writes
            self._store.hold(name, fence)
        now_s = desk.now_s()
        camera = desk.site.cameras[name]
        return CameraAlerts(camera, desk.storage, self._store, desk.room, desk.metrics, fence=fence, now_s=now_s)

    def _let_go(self, name: str) -> None:
        self._desk.fences.pop(name, None)
        camera = self._cameras.pop(name, None)
        if camera is not None:
            camera.close()

    def _look_for_losses(self) -> None:
        """See whether the broker has lost data: scores are read from their begin then, and alerts written again."""
        for name, camera in self._cameras.items():
            if _place(self._reader.last_position(name)) < _place(camera.position):
                say(log, logging.WARNING, "the broker has lost scores, they are read from their begin", camera=name)
                camera.begin_anew()
                camera.excuse(self._desk.now_s())
        self._outbox.look()
        self._check.done()

    def _look_at_cameras(self) -> None:
        self._board.sign_in(self._note)
        now_s = self._desk.now_s()
        for name, status in self._board.read(list(self._cameras)).items():
            self._cameras[name].look(status, now_s)
        self._look.done()

    def _read(self) -> list[Entry]:
        shards: dict[int, dict[str, str]] = {}
        for name, camera in self._cameras.items():
            shards.setdefault(self._keys.shard(name), {})[name] = camera.position
        if not shards:
            self._desk.stop.wait(WAIT_MS / 1000)
            return []
        wait_ms = max(1, WAIT_MS // len(shards))
        return [entry for positions in shards.values() for entry in self._reader.read(positions, EACH, wait_ms)]

    def _take(self, entry: Entry, now_s: float) -> None:
        camera = self._cameras[entry.camera]
        try:
            message = score_message(entry.fields)
            if message.epoch > now_s * 1000 + AHEAD_MS:
                raise BusError("a message is unreadable: it is from the future.")
        except BusError as error:
            self._reader.bury(entry, str(error))
            self._desk.metrics.dead_letter(entry.camera, "unreadable")
            again.say(logging.WARNING, "a score was put aside", camera=entry.camera, error=str(error))
            camera.skip(entry.position)
            return
        camera.take(message, entry.position, now_s)

    def _commit(self) -> None:
        checkpoint = bool(self._point)
        writing = [camera for camera in self._cameras.values() if checkpoint or camera.unwritten]
        if writing:
            self._write(writing, checkpoint=checkpoint)
        if checkpoint:
            self._point.done()

    def _write(self, writing: Iterable[CameraAlerts], *, checkpoint: bool) -> None:
        """Write all that is to be written in one step, and hand over what can be made into clips."""
        now_s, lost, finished = self._desk.now_s(), [], list[Finished]()
        saved = []
        with self._store.transaction():
            for camera in writing:
                try:
                    camera.save(self._store, now_s, checkpoint=checkpoint)
                    saved.append(camera)
                except LeaseLost:
                    lost.append(camera.name)
        for camera in saved:
            finished += camera.saved()
        for name in lost:
            self._let_go(name)
        for job in finished:
            self._clipper.submit(job)

    def _tell(self) -> None:
        """Write how far each camera is: at once where an event is new or over, else when it is due."""
        everybody = bool(self._live_status)
        fields: dict[str, Mapping[str, object]] = {}
        for name, camera in self._cameras.items():
            news = camera.open_event, camera.pending + self._desk.pending[name]
            if everybody or news != self._told.get(name) or name in self._fast:
                fields[name] = self._standing(camera, *news)
                self._told[name] = news
        self._board.write(fields)
        self._status.done()
        if everybody:
            self._live_status.done()

    def _standing(self, camera: CameraAlerts, event: str, pending: int) -> Mapping[str, object]:
        return {
            "event": event,
            "alerted": camera.alerted,
            "pending": pending,
            "clips": "yes" if self._desk.room.enough else "no",
            "alerter": self._desk.name,
            "alerter_at": f"{self._desk.now_s():.3f}",
        }

    def _leave(self) -> None:
        """Write where everything stands, and leave the cameras to who comes next."""
        try:
            self._write(list(self._cameras.values()), checkpoint=True)
        except OutputError as error:
            say(log, logging.ERROR, "what was done last cannot be written, it is done again", error=error)
        names = list(self._cameras)
        try:
            self._outbox.publish(self._desk.now_s())
            for name in names:
                self._board.lease(name, self._desk.name, 0.001)
            self._board.sign_out(self._note)
        except (BusError, OutputError) as error:
            say(log, logging.INFO, "left without a word to the broker", error=str(error))
        for name in names:
            self._cameras.pop(name).close()


def _place(position: str) -> tuple[int, int]:
    first, _, second = position.partition("-")
    return int(first), int(second or 0)
