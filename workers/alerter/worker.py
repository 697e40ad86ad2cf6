"""An alerter: one thread reads and decides, one makes clips, one calls webhooks, one removes what is old.

What it knows is in the store; what it reads again after its death, or a loss of the broker, changes nothing there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence

from pipeline.errors import BusError, OutputError
from workers.alerter.camera import CameraAlerts
from workers.alerter.clipping import Clipper
from workers.alerter.database import DatabaseFull
from workers.alerter.desk import Desk
from workers.alerter.leases import RENEW_S, Leases
from workers.alerter.outbox import Outbox
from workers.alerter.retention import LOOK_S
from workers.alerter.standing import Standing
from workers.alerter.store import LeaseLost, Store
from workers.alerter.values import Finished
from workers.alerter.webhooks import Webhooks
from workers.bus.broker import broker_address
from workers.bus.connection import Connection
from workers.bus.feed import AlertFeed
from workers.bus.ids import numbers_of
from workers.bus.keys import Keys
from workers.bus.messages import score_message
from workers.bus.scores import Entry, ScoreReader
from workers.bus.status import Role, StatusBoard, WorkerNote
from workers.site.values import Site
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics
from workers.timing import Due, Patience

__all__ = ["run_alerter"]

log = logging.getLogger(__name__)
again = Repeated(log)

CHECKPOINT_S = 5.0
LOOK_AT_S = 1.0
CHECK_S = 5.0
EACH = 256
WAIT_MS = 200
# Scores of several frames are dealt with together: nobody sees the difference, and each round has a price.
PAUSE_S = 0.1
# How long to wait before a commit is tried again that found no room.
FULL_S = 1.0
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


class _Alerter:
    """The main thread."""

    def __init__(
        self, desk: Desk, cameras: Sequence[str], store: Store, connection: Connection, clipper: Clipper
    ) -> None:
        self._desk, self._store, self._clipper = desk, store, clipper
        self._connection, self._keys = connection, Keys(desk.site.shards)
        self._reader, self._board = ScoreReader(connection, self._keys), StatusBoard(connection, self._keys)
        self._outbox = Outbox(store, AlertFeed(connection), desk.metrics)
        self._leases = Leases(desk, cameras, store, self._board)
        self._cameras = self._leases.cameras
        self._standing = Standing(desk, self._board)
        self._note = WorkerNote.of_this_process(desk.name, Role.ALERTER, cameras)
        self._lease, self._look, self._check = Due(RENEW_S), Due(LOOK_AT_S), Due(CHECK_S)
        self._point = Due(CHECKPOINT_S)

    def run(self) -> None:
        """Until the end is asked for."""
        patience = Patience(self._desk.stop)
        while not self._desk.stop.is_set():
            try:
                self._round()
                patience.reset()
            except BusError as error:
                self._lost(error)
                patience.wait()
            except DatabaseFull as error:
                again.say(logging.ERROR, "alerts cannot be written", error=error)
                self._desk.janitor.make_room()
                self._desk.stop.wait(FULL_S)
        self._leave()

    def _round(self) -> None:
        self._desk.offset_s = self._connection.now_s() - time.monotonic()
        if self._lease:
            self._leases.renew()
            self._lease.done()
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
        self._standing.tell(self._cameras)
        if entries:
            self._desk.stop.wait(PAUSE_S)

    def _lost(self, error: BusError) -> None:
        again.say(logging.WARNING, "the broker is away, alerts wait", error=str(error))
        # What is true of it may be another when it is back.
        self._lease, self._check = Due(RENEW_S), Due(CHECK_S)
        for camera in self._cameras.values():
            camera.excuse(self._desk.now_s())

    def _look_for_losses(self) -> None:
        """See whether the broker has lost data: scores are read from their begin then, and alerts written again."""
        for name, camera in self._cameras.items():
            if numbers_of(self._reader.last_position(name)) < numbers_of(camera.position):
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
        writing = [
            camera for camera in self._cameras.values() if camera.events.unwritten or (checkpoint and camera.moved)
        ]
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
            finished += camera.saved(checkpoint=checkpoint)
        for name in lost:
            self._leases.let_go(name)
        for job in finished:
            self._clipper.submit(job)

    def _leave(self) -> None:
        """Write where everything stands, and leave the cameras to who comes next."""
        try:
            self._write(list(self._cameras.values()), checkpoint=True)
        except OutputError as error:
            say(log, logging.ERROR, "what was done last cannot be written, it is done again", error=error)
        try:
            self._outbox.publish(self._desk.now_s())
            self._leases.give_back()
            self._board.sign_out(self._note)
        except (BusError, OutputError) as error:
            say(log, logging.INFO, "left without a word to the broker", error=str(error))
        self._leases.close()
