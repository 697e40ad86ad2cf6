"""The children of a supervisor: what dies is started again, within a budget; a decoder that hung is divided."""

from __future__ import annotations

import logging
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.errors import StillwatchError
from workers.bus.status import Role
from workers.exits import EXIT_HUNG
from workers.supervisor.child import Child
from workers.supervisor.jobs import Job, without
from workers.telemetry.logs import say

__all__ = ["Budget", "Crew", "GaveUp", "Watched"]

# What dies so often is not helped by another start.
DEATHS, WITHIN_S = 5, 60.0
POLL_S = 0.02

log = logging.getLogger(__name__)


class GaveUp(StillwatchError):
    """Something died again and again."""


class Budget:
    """How often something may die: fewer than `DEATHS` times in `WITHIN_S` seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deaths: deque[float] = deque(maxlen=DEATHS)

    def died(self) -> bool:
        """Count a death; whether it was one too many."""
        self._deaths.append(self._clock())
        return len(self._deaths) == DEATHS and self._deaths[-1] - self._deaths[0] <= WITHIN_S


@dataclass(frozen=True, slots=True)
class Watched:
    """Who wants to know what happens to workers.

    Attributes:
        died: name of a worker that has ended, before its successor is started.
        restarted: name of a worker that was started again.
        hung: a camera whose source held its decoder up.
        ended: recordings that were read to their end by now: nobody reads them again.
    """

    died: Callable[[str], None]
    restarted: Callable[[str], None]
    hung: Callable[[str], None]
    ended: Callable[[], frozenset[str]]


@dataclass(slots=True)
class _Place:
    """A child and how often its like has died."""

    child: Child
    budget: Budget = field(default_factory=Budget)


class Crew:
    """Starts children and looks after them; from the main thread.

    Args:
        make: a child of a job, not yet started.
        name: a new name of a role.
        recordings: cameras that are recordings: a decoder that has read all of its own may end.
    """

    def __init__(
        self,
        make: Callable[[Job], Child],
        name: Callable[[Role], str],
        recordings: frozenset[str],
        watched: Watched,
    ) -> None:
        self._make, self._name, self._recordings, self._watched = make, name, recordings, watched
        self._places: list[_Place] = []

    @property
    def children(self) -> list[Child]:
        """All that are meant to run."""
        return [place.child for place in self._places]

    def start(self, jobs: Sequence[Job]) -> None:
        """Start a child for each job."""
        for job in jobs:
            place = _Place(self._make(job))
            self._places.append(place)
            place.child.start()

    def look(self) -> None:
        """Start again what has died.

        Raises:
            GaveUp: one died too often.
        """
        for place in list(self._places):
            code = place.child.code
            if code is not None:
                place.child.read_out()
                self._watched.died(place.child.job.name)
                self._replace(place, code)

    def stop(self, role: Role, within_s: float, hurry: Callable[[], bool]) -> None:
        """Ask all of a role to end, wait until they have, and kill those that do not.

        Args:
            hurry: whether not to wait any longer.
        """
        going = [child for child in self.children if child.job.role is role and child.alive]
        for child in going:
            child.terminate()
        deadline_s = time.monotonic() + within_s
        while any(child.alive for child in going) and time.monotonic() < deadline_s and not hurry():
            time.sleep(POLL_S)
        for child in going:
            if child.alive and not hurry():
                say(log, logging.WARNING, "worker did not end, killed it", name=child.job.name, after_s=within_s)
            child.kill()
            child.read_out()

    def kill(self) -> None:
        """End all at once."""
        for child in self.children:
            child.kill()

    def _replace(self, place: _Place, code: int) -> None:
        child, job = place.child, place.child.job
        hung = [camera for camera in dict.fromkeys(child.hung) if camera in job.cameras]
        if code == EXIT_HUNG and hung:
            self._divide(place, hung)
            return
        ended = self._watched.ended()
        if code == 0 and job.role is Role.DECODER and set(job.cameras) <= self._recordings:
            ended = self._recordings
        elif place.budget.died():
            raise GaveUp(_epitaph(child, code))
        else:
            say(log, logging.WARNING, "worker died, starting it again", name=job.name, ended=_how(code))
        self._go_on(place, _going_on(job, ended))

    def _divide(self, place: _Place, hung: Sequence[str]) -> None:
        """Give each camera that hung a process of its own; its neighbours go on without it.

        That is no death, and not counted as one: a source that hangs must not end the whole, however often it does.
        """
        job = place.child.job
        for camera in hung:
            say(log, logging.WARNING, "source hung, its decoder was replaced", camera=camera, name=job.name)
            self._watched.hung(camera)
        # Where all of them hung, the first keeps the process.
        leaving = hung if set(hung) != set(job.cameras) else hung[1:]
        self._go_on(place, _going_on(without(job, leaving), self._watched.ended()))
        self.start([Job(self._name(Role.DECODER), Role.DECODER, (camera,)) for camera in leaving])

    def _go_on(self, place: _Place, job: Job) -> None:
        if not job.cameras:
            self._places.remove(place)
            return
        place.child = self._make(job)
        place.child.start()
        self._watched.restarted(job.name)


def _going_on(job: Job, ended: frozenset[str]) -> Job:
    """What is left to do of a job when it is done again: a decoder reads no recording twice."""
    return without(job, list(ended)) if job.role is Role.DECODER else job


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _epitaph(child: Child, code: int) -> str:
    words = f"correct what it said last: {child.last_line}" if child.last_line else "it said nothing."
    return f"{child.job.name} died {DEATHS} times within {WITHIN_S:.0f} s, at last with {_how(code)}; {words}"
