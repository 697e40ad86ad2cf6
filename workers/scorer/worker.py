"""A scorer: frames in, scores out; one for each device, and all cores where that is the CPU."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, replace

from pipeline.errors import BusError
from pipeline.model.engine import choose_hardware
from pipeline.model.pool import DetectorPool
from pipeline.model.settings import Precision
from workers.bus.broker import broker_address
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.messages import Drop, ScoreMessage
from workers.bus.status import Role, StatusBoard, WorkerNote
from workers.scorer.batch import BatchScorer, Outcome
from workers.scorer.inbox import IDLE_MS, Inbox
from workers.scorer.models import ModelStore
from workers.scorer.sharing import living
from workers.site.values import Site
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics
from workers.timing import Due, Patience

__all__ = ["Scorer", "run_scorer"]

TELL_S = 1.0
# What a rate is a mean of.
RATE_S = 5.0
AWAY = "the broker is away, frames wait"

log = logging.getLogger(__name__)
again = Repeated(log)


def run_scorer(site: Site, cameras: Sequence[str], name: str, stop: threading.Event) -> int:
    """Score the frames of cameras until `stop` is set; the exit code.

    Args:
        cameras: names of those it may take; it shares them with the other scorers that live.
        name: the worker's, unlike any other's.
    """
    options = site.scorer
    hardware = choose_hardware(device=options.device, threads=options.threads)
    precision = None if options.precision == "auto" else Precision(options.precision)
    with Connection(broker_address(site)) as connection:
        scorer = Scorer(site, cameras, name, connection, DetectorPool(hardware, precision))
        say(log, logging.INFO, "scorer begins", device=str(hardware.device), threads=hardware.threads)
        scorer.run(stop)
    return 0


class Scorer:
    """One scorer.

    Args:
        idle_ms: frames that were delivered so long ago and not settled are claimed.
    """

    def __init__(
        self,
        site: Site,
        cameras: Sequence[str],
        name: str,
        connection: Connection,
        pool: DetectorPool,
        idle_ms: int = IDLE_MS,
    ) -> None:
        self._connection, keys, options = connection, Keys(site.shards), site.scorer
        self._metrics = Metrics(name)
        self._store = ModelStore(site, pool, self._metrics)
        self._inbox = Inbox(connection, keys, name, cameras, options.batch, options.batch_wait_ms, idle_ms)
        self._batches = BatchScorer(site, self._inbox.reader, self._store, self._metrics)
        self._board = StatusBoard(connection, keys)
        self._note = WorkerNote.of_this_process(name, Role.SCORER, cameras)
        self._shards = site.shards
        self._tally = _Tally()
        self._look = Due(TELL_S)
        self._owed: list[Outcome] = []

    def run(self, stop: threading.Event) -> None:
        """Score until `stop` is set; what was begun is finished."""
        patience = Patience(stop)
        self._warm_up()
        while not stop.is_set():
            try:
                self._turn()
                patience.reset()
            except BusError as error:
                again.say(logging.WARNING, AWAY, error=str(error))
                patience.wait()
        try:
            self._settle()
            self._board.sign_out(self._note)
        except BusError as error:
            say(log, logging.INFO, "left without a word to the broker", error=str(error))

    def _warm_up(self) -> None:
        """Load models before it signs in as ready, so that the first frame of a camera is scored as fast as any."""
        try:
            self._share()
        except BusError as error:
            again.say(logging.WARNING, AWAY, error=str(error))
        self._store.fill(self._inbox.mine)
        say(log, logging.INFO, "scorer ready", cameras=len(self._inbox.mine))

    def _turn(self) -> None:
        self._settle()
        if self._look:
            self._look.done()
            self._look_around()
        deliveries = self._inbox.take()
        if deliveries:
            self._owed = self._batches.score(deliveries, self._connection.now_s())
            self._settle()

    def _settle(self) -> None:
        """Settle what was scored; where the broker is away, again in the next turn, before anything else."""
        if self._owed:
            self._tally.add(self._batches.settle(self._owed))
            self._owed = []

    def _share(self) -> None:
        self._inbox.share(living(self._board.workers(self._shards), self._connection.now_s()))

    def _look_around(self) -> None:
        """Once a second: say that it lives and what it does, see who else does, look for new models."""
        self._store.refresh(self._inbox.mine)
        self._board.sign_in(replace(self._note, models=self._store.digests(self._note.cameras)))
        self._share()
        self._board.write({camera: self._fields(camera) for camera in self._inbox.mine})

    def _fields(self, camera: str) -> dict[str, object]:
        digest = self._store.digests([camera]).get(camera, "")
        own = {"model": digest, "model_error": self._store.problem(camera), "scorer": self._note.name}
        return own | self._tally.fields(camera)


class _Tally:
    """What was scored, by camera."""

    def __init__(self) -> None:
        self._scored, self._late = Counter[str](), Counter[str]()
        self._last: dict[str, ScoreMessage] = {}
        self._times_s: dict[str, deque[float]] = {}

    def add(self, outcomes: Sequence[Outcome]) -> None:
        now_s = time.monotonic()
        for one in outcomes:
            camera, message = one.delivery.camera, one.message
            if isinstance(message, ScoreMessage):
                self._scored[camera] += 1
                self._last[camera] = message
                self._times_s.setdefault(camera, deque()).append(now_s)
            else:
                self._late[camera] += message.reason is Drop.LATE

    def fields(self, camera: str) -> dict[str, object]:
        """Of the camera's status."""
        fields: dict[str, object] = {"scored": self._scored[camera], "late": self._late[camera]}
        times_s, now_s = self._times_s.get(camera, deque()), time.monotonic()
        while times_s and times_s[0] < now_s - RATE_S:
            times_s.popleft()
        fields["fps_scored"] = round(len(times_s) / RATE_S, 1)
        last = self._last.get(camera)
        if last is not None:
            fields |= {"last_score": round(last.score, 4), "last_score_at": round(last.scored_at, 3)}
            parts = asdict(last.parts)
            # Empty where nothing is told apart: a model of another kind may have had the camera before.
            fields |= {f"last_{name}": "" if part is None else round(part, 4) for name, part in parts.items()}
        return fields
