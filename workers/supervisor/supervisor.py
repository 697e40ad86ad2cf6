"""Starts the processes of a site, watches over them, and ends them in order.

It ends decoders first, since they bring new frames; scorers when the frames are scored; the alerter when it has dealt
with the scores; the broker, through which all of them speak, last.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pipeline.errors import BusError, StillwatchError
from workers.bus.broker import EmbeddedBroker, broker_address
from workers.bus.connection import Connection
from workers.bus.frames import FrameWriter
from workers.bus.keys import Keys
from workers.bus.status import Role
from workers.overview import Overview
from workers.process import child_environment
from workers.site.values import Site, Telemetry
from workers.supervisor.child import Child
from workers.supervisor.crew import Budget, Crew, GaveUp, Watched
from workers.supervisor.health import Health
from workers.supervisor.jobs import Job, Names, command_of, jobs_of
from workers.supervisor.watch import Totals, Watch, recordings_of
from workers.telemetry.http import Exporter
from workers.telemetry.logs import say
from workers.telemetry.metrics import Metrics
from workers.telemetry.sharing import shared_folder

__all__ = ["Outcome", "Plan", "Screen", "supervise"]

TICK_S = 0.1
DECODERS_S, SCORERS_S, ALERTERS_S = 10.0, 10.0, 20.0
# For how long a drain waits for frames to be scored.
EMPTY_S = 5.0

log = logging.getLogger(__name__)

Commands = Callable[[Job], list[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended.

    Attributes:
        by: the signal that asked for it; None where all recordings had ended.
        cut_off: whether a second signal did not let it finish.
        totals: what came of recordings.
    """

    by: signal.Signals | None
    cut_off: bool
    totals: Sequence[Totals] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a supervisor is to run.

    Attributes:
        broker_mb: memory of the embedded broker that it starts; None where the broker is somebody else's.
        commands: command lines of jobs; those of the workers by default.
    """

    site: Site
    roles: Sequence[Role]
    cameras: Sequence[str]
    names: Names
    broker_mb: int | None = None
    commands: Commands | None = None

    def command(self, job: Job) -> list[str]:
        """Command line of a job."""
        return self.commands(job) if self.commands else command_of(job, self.site.path)


@dataclass(frozen=True, slots=True)
class Screen:
    """What shows it to people.

    Attributes:
        line: takes a line that a worker wrote.
        show: takes what is known of the cameras, some times a second; None while nothing is.
    """

    line: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: T201 - as they are
    show: Callable[[Overview | None], None] = lambda overview: None


def supervise(plan: Plan, screen: Screen) -> Outcome:
    """Run what is planned until a signal asks for the end or all recordings have ended; from the main thread.

    Raises:
        GaveUp: a worker or the broker died too often.
        BusError: the embedded broker does not start.
        ConfigError: the telemetry's port is taken.
        OutputError: a folder cannot be made.
    """
    with ExitStack() as stack:
        signals = stack.enter_context(_signals())
        folder = stack.enter_context(shared_folder())
        os.environ.update(folder.environment)
        stack.callback(lambda: [os.environ.pop(name, None) for name in folder.environment])
        name = plan.names.next(Role.SUPERVISOR)
        metrics = Metrics(name)
        broker = EmbeddedBroker(plan.site.storage, plan.broker_mb) if plan.broker_mb is not None else None
        watch = Watch(plan.site, plan.cameras, name)
        watched = Watched(folder.died, metrics.worker_restarted, metrics.hung_decoder_replaced, lambda: watch.ended)
        crew = Crew(_maker(plan, screen), plan.names.next, recordings_of(plan.site), watched)
        health = Health(plan.cameras, plan.roles, crew, watch)
        if broker is not None:
            stack.callback(broker.stop)
            broker.start()
        if plan.site.telemetry.port is not None:
            stack.enter_context(_exporter(plan.site.telemetry, metrics, health))
        watch.start()
        stack.callback(watch.stop)
        stack.callback(crew.kill)
        return _Run(plan, screen, signals, crew, watch, health, broker, metrics).run()


class _Signals:
    """Counts the signals that ask for the end. A lock is taken nowhere: the main thread may hold any of them."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self.count = 0

    def __call__(self, number: int, frame: object) -> None:
        self.first = self.first or signal.Signals(number)
        self.count += 1

    @property
    def hurry(self) -> bool:
        """Whether a second one came."""
        return self.count > 1


@contextmanager
def _signals() -> Iterator[_Signals]:
    signals = _Signals()
    before = {number: signal.signal(number, signals) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exporter(told: Telemetry, metrics: Metrics, health: Health) -> Exporter:
    token = told.token.get_secret_value() if told.token else None
    assert told.port is not None
    return Exporter(told.host, told.port, page=metrics.page, live=health.not_live, ready=health.not_ready, token=token)


def _maker(plan: Plan, screen: Screen) -> Callable[[Job], Child]:
    return lambda job: Child(job, plan.command(job), screen.line, child_environment())


@dataclass(slots=True)
class _Run:
    """One run, from the start of the children to their end."""

    plan: Plan
    screen: Screen
    signals: _Signals
    crew: Crew
    watch: Watch
    health: Health
    broker: EmbeddedBroker | None
    metrics: Metrics

    def run(self) -> Outcome:
        try:
            self._watch_over()
        except StillwatchError:
            self._drain("giving up, draining")
            raise
        self._drain("draining" if self.signals.count else "all recordings have ended")
        return Outcome(self.signals.first, self.signals.hurry, self.watch.totals)

    def _watch_over(self) -> None:
        budget = Budget()
        self.crew.start(jobs_of(self.plan.site, self.plan.roles, self.plan.cameras, self.plan.names))
        while not self.signals.count and not self._finished():
            self._look_after_broker(budget)
            self.crew.look()
            self._show()
            time.sleep(TICK_S)

    def _finished(self) -> bool:
        """Whether nothing is left to do: a site of recordings has come to its end."""
        if tuple(self.plan.roles) == (Role.DECODER,):
            return not self.crew.children or self.watch.ended >= set(self.plan.cameras)
        return Role.DECODER in self.plan.roles and self.watch.finished

    def _show(self) -> None:
        self.health.tick()
        overview = self.watch.overview
        if overview is not None:
            self.metrics.broker_memory(overview.memory_share)
        self.screen.show(overview)

    def _look_after_broker(self, budget: Budget) -> None:
        if self.broker is None or self.broker.alive:
            return
        if budget.died():
            raise GaveUp("the embedded broker died 5 times within 60 s; see its valkey.log.")
        say(log, logging.WARNING, "broker died, starting it again; what was on it is lost")
        self.broker.start()

    def _drain(self, why: str) -> None:
        say(log, logging.INFO, why)
        self._stop(Role.DECODER, DECODERS_S)
        self._wait_until_scored()
        self._stop(Role.SCORER, SCORERS_S)
        self._stop(Role.ALERTER, ALERTERS_S)

    def _stop(self, role: Role, within_s: float) -> None:
        self.crew.stop(role, within_s, lambda: self.signals.hurry)

    def _wait_until_scored(self) -> None:
        """Wait until no frame is left, as long as somebody is there who scores them."""
        scorers = [child for child in self.crew.children if child.job.role is Role.SCORER]
        deadline_s = time.monotonic() + EMPTY_S
        with Connection(broker_address(self.plan.site)) as connection:
            writer = FrameWriter(connection, Keys(self.plan.site.shards))
            while any(child.alive for child in scorers) and time.monotonic() < deadline_s and not self.signals.hurry:
                try:
                    if not any(writer.waiting(camera) for camera in self.plan.cameras):
                        return
                except BusError:
                    return  # nobody can score what nobody can read
                time.sleep(TICK_S)
