"""How a site does, as the bus tells it: one row a camera, who works, what is wrong.

Times are unix seconds by the server's clock; ages are seconds before `now_s`. Nothing is remembered: two readers of the
same bus see the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers.bus.bounds import FULL_SHARE
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import DEAD_S, CameraState, Role, StatusBoard, WorkerNote, number_in
from workers.site.values import Site

__all__ = ["CameraRow", "Overview", "read_overview"]


@dataclass(frozen=True, slots=True)
class CameraRow:
    """How one camera does; None where nobody has said it, or whoever said it is dead.

    Attributes:
        state: as its decoder says; None where no decoder works on it.
        since_s: for how long it has been in that state.
        fps_in, fps_scored: frames a second sampled, and scored.
        score: of the frame scored last, 1 is the threshold; and its age.
        appearance, motion: what of that score is either; None for a model of appearance alone.
        captured, dropped: frames since its decoder began; of these, frames that got no score.
        alerted: EPOCH-INDEX of the last frame that was looked at for events.
        pending: events that have not ended, or have no clip yet.
        event: the open one with the highest score.
        errors: sentences, the most telling first.
    """

    camera: str
    state: CameraState | None = None
    since_s: float | None = None
    epoch: int = 0
    fps_in: float | None = None
    fps_scored: float | None = None
    score: float | None = None
    score_age_s: float | None = None
    appearance: float | None = None
    motion: float | None = None
    captured: int = 0
    dropped: int = 0
    reconnects: int = 0
    alerted: str = ""
    alerter_age_s: float | None = None
    pending: int | None = None
    event: str = ""
    model: str = ""
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """How all cameras do.

    Attributes:
        workers: everybody who has spoken; see `alive`.
        memory_share: of the broker's limit that is used.
    """

    now_s: float
    cameras: tuple[CameraRow, ...]
    workers: tuple[WorkerNote, ...] = ()
    memory_share: float = 0.0

    def age_s(self, worker: WorkerNote) -> float:
        """For how long a worker has been silent."""
        return max(0.0, self.now_s - worker.seen_at)

    def alive(self, role: Role) -> list[WorkerNote]:
        """Workers of a role that have spoken lately."""
        return [worker for worker in self.workers if worker.role is role and worker.lives(self.now_s)]

    @property
    def notes(self) -> list[str]:
        """What is wrong with the whole, a sentence each."""
        found = []
        if not self.alive(Role.SCORER):
            found.append("no scorer is alive: frames wait and are dropped; see 'stillwatch worker scorer'.")
        if not self.alive(Role.ALERTER):
            found.append("no alerter is alive: there are no alerts; see 'stillwatch worker alerter'.")
        if self.memory_share >= FULL_SHARE:
            found.append(f"the broker's memory is {self.memory_share:.0%} full: frames are dropped; raise its limit.")
        return found


def read_overview(connection: Connection, site: Site, cameras: Sequence[str] | None = None) -> Overview:
    """Ask the bus.

    Args:
        cameras: those to tell about; all of the site's by default.
    Raises:
        BusError: the broker is out of reach, or refuses.
    """
    keys = Keys(site.shards)
    board = StatusBoard(connection, keys)
    said = board.read(list(site.cameras) if cameras is None else cameras)
    now_s = connection.now_s()
    return Overview(
        now_s,
        tuple(_row(camera, fields, now_s) for camera, fields in said.items()),
        tuple(sorted(board.workers(site.shards), key=lambda note: (note.role, note.name))),
        connection.memory_share(),
    )


def _row(camera: str, said: Mapping[str, str], now_s: float) -> CameraRow:
    state = _state(said, now_s)
    scored_at, alerter_at = number_in(said, "last_score_at"), number_in(said, "alerter_at")
    return CameraRow(
        camera,
        state=state,
        since_s=_age(number_in(said, "since"), now_s),
        epoch=_count(said, "epoch"),
        fps_in=number_in(said, "fps_in") if state not in (None, CameraState.ENDED) else None,
        fps_scored=number_in(said, "fps_scored") if _recent(scored_at, now_s) else None,
        score=number_in(said, "last_score"),
        score_age_s=_age(scored_at, now_s),
        appearance=number_in(said, "last_appearance"),
        motion=number_in(said, "last_motion"),
        captured=_count(said, "captured"),
        dropped=_count(said, "dropped") + _count(said, "late"),
        reconnects=_count(said, "reconnects"),
        alerted=said.get("alerted", ""),
        alerter_age_s=_age(alerter_at, now_s),
        pending=_count(said, "pending") if "pending" in said else None,
        event=said.get("event", ""),
        model=said.get("model", ""),
        errors=tuple(said[name] for name in ("error", "model_error") if said.get(name)),
    )


def _state(said: Mapping[str, str], now_s: float) -> CameraState | None:
    try:
        state = CameraState(said.get("state", ""))
    except ValueError:
        return None
    # A recording stays ended, whoever is alive.
    return state if state is CameraState.ENDED or _recent(number_in(said, "decoder_at"), now_s) else None


def _recent(moment: float | None, now_s: float) -> bool:
    return moment is not None and now_s - moment <= DEAD_S


def _age(moment: float | None, now_s: float) -> float | None:
    return None if moment is None else max(0.0, now_s - moment)


def _count(said: Mapping[str, str], name: str) -> int:
    return int(number_in(said, name) or 0)
