"""What an alerter knows, in tables: events, clips that are collected, where it was, alerts and who is to hear them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import StillwatchError
from pipeline.types import EndReason, EventKind, Geometry
from workers.alert import Alert, AlertState
from workers.alerter.database import Database
from workers.alerter.sentences import sentence
from workers.alerter.values import Checkpoint, ClipRow, Draft, EventRow, EventState
from workers.bus.bounds import ALERTS_KEPT
from workers.site.values import Webhook

__all__ = ["HOOK_HOURS", "LeaseLost", "Store", "hook_name", "moment"]

# How long a webhook may be away.
HOOK_HOURS = 24
# An alert's second number: 30 bits that are this database's own, then the place within its millisecond.
PLACE_BITS = 20

EVENT_FIELDS = [field.name for field in fields(EventRow)]
SAVE_EVENT = (
    f"INSERT INTO events ({', '.join(EVENT_FIELDS)}) VALUES ({', '.join('?' * len(EVENT_FIELDS))}) "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in EVENT_FIELDS[1:])
)


class LeaseLost(StillwatchError):
    """Another alerter has the camera by now; nothing was written."""


def hook_name(hook: Webhook) -> str:
    """What stands for a webhook in the database: its address may hold a token."""
    return hashlib.sha256(hook.url.encode()).hexdigest()[:24]


def moment(unix_s: float) -> datetime:
    """A wall time."""
    return datetime.fromtimestamp(unix_s, UTC)


class Store:
    """The tables of one database, for one thread; what is written belongs into a transaction.

    Args:
        hooks: who is to hear of alerts that are added.
    """

    def __init__(self, storage: Path, hooks: Sequence[Webhook] = ()) -> None:
        self.database = Database(storage)
        self.transaction = self.database.transaction
        self._hooks = [(hook_name(hook), hook) for hook in hooks]

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def hold(self, camera: str, fence: int) -> None:
        """Write nothing about a camera that another alerter has by now.

        Raises:
            LeaseLost: one with a higher number has written.
        """
        rows = self.database.read("SELECT fence FROM leases WHERE camera = ?", camera)
        if rows and rows[0]["fence"] > fence:
            raise LeaseLost(f"{camera}: another alerter has taken over.")
        if not rows or rows[0]["fence"] < fence:
            self.database.write("INSERT OR REPLACE INTO leases VALUES (?, ?)", camera, fence)

    def fence(self, camera: str) -> int:
        """Number of the alerter that wrote last; 0 for none."""
        rows = self.database.read("SELECT fence FROM leases WHERE camera = ?", camera)
        return int(rows[0]["fence"]) if rows else 0

    def event(self, name: str) -> EventRow | None:
        """An event."""
        rows = self.database.read("SELECT * FROM events WHERE id = ?", name)
        return _event(rows[0]) if rows else None

    def unfinished(self, camera: str) -> list[EventRow]:
        """Events of a camera that go on, or have no clip yet."""
        rows = self.database.read("SELECT * FROM events WHERE camera = ? AND state != 'ended'", camera)
        return [_event(row) for row in rows]

    def save(self, row: EventRow) -> None:
        """Write an event as it is now; its review mark stays."""
        self.database.write(SAVE_EVENT, *(_column(value) for value in asdict(row).values()))

    def clips(self, camera: str) -> dict[str, ClipRow]:
        """Clips of a camera that are being collected, by event."""
        rows = self.database.read("SELECT * FROM clips WHERE camera = ?", camera)
        return {row["event"]: _clip(row) for row in rows}

    def save_clip(self, clip: ClipRow) -> None:
        """Write how far a clip is."""
        resize, source = json.dumps(clip.geometry.resize), json.dumps(clip.source)
        values = (clip.event, clip.camera, clip.epoch, clip.until_s, resize, clip.geometry.crop, source, clip.stem)
        self.database.write("INSERT OR REPLACE INTO clips VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values)

    def drop_clip(self, event: str) -> None:
        """A clip is made, or will never be."""
        self.database.write("DELETE FROM clips WHERE event = ?", event)

    def checkpoint(self, camera: str) -> Checkpoint | None:
        """Where the alerter was with a camera."""
        rows = self.database.read("SELECT * FROM checkpoints WHERE camera = ?", camera)
        if not rows:
            return None
        row = rows[0]
        closed = bool(row["closed"])
        return Checkpoint(camera, row["position"], row["epoch"], row["frame"], closed, row["tracker"], row["seen"])

    def save_checkpoint(self, one: Checkpoint) -> None:
        """Write where the alerter is with a camera."""
        values = (one.camera, one.position, one.epoch, one.index, int(one.closed), one.tracker, one.seen)
        self.database.write("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)", *values)

    def add_alert(self, draft: Draft, now_s: float) -> bool:
        """Write an alert and who is to hear it; whether it was not there yet."""
        row = draft.row
        known = "SELECT 1 FROM alerts WHERE event = ? AND state = ? AND frame = ?"
        if self.database.read(known, row.id, draft.state, draft.index):
            return False
        ms, seq = self._next_id(now_s)
        body = _alert(draft, f"{ms}-{seq}").json_line()
        values = (ms, seq, row.id, row.camera, row.kind, draft.state, draft.index, draft.frame_at, body)
        self.database.write("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", *values)
        for name, hook in self._hooks:
            if hook.hears(row.camera):
                until_s = now_s + HOOK_HOURS * 3600
                self.database.write(
                    "INSERT INTO deliveries VALUES (?, ?, ?, 0, ?, ?, ?)", name, ms, seq, now_s, until_s, body
                )
        return True

    def unpublished(self, most: int) -> list[sqlite3.Row]:
        """Alerts that are not on the bus, in the order of their ids."""
        return self.database.read("SELECT * FROM alerts WHERE published = 0 ORDER BY ms, seq LIMIT ?", most)

    def mark_published(self, alerts: Iterable[sqlite3.Row]) -> None:
        """They are on the bus."""
        for row in alerts:
            self.database.write("UPDATE alerts SET published = 1 WHERE ms = ? AND seq = ?", row["ms"], row["seq"])

    def last_published(self) -> tuple[int, int]:
        """Id of the last alert that went to the bus; zeros for none."""
        rows = self.database.read("SELECT ms, seq FROM alerts WHERE published = 1 ORDER BY ms DESC, seq DESC LIMIT 1")
        return (rows[0]["ms"], rows[0]["seq"]) if rows else (0, 0)

    def forget_published(self, after: tuple[int, int]) -> int:
        """The bus has lost what came after an id: it is to be published again, as far as the feed keeps it."""
        newest = "SELECT ms, seq FROM alerts ORDER BY ms DESC, seq DESC LIMIT ?"
        return self.database.write(
            f"UPDATE alerts SET published = 0 WHERE published = 1 AND (ms, seq) > (?, ?) AND (ms, seq) IN ({newest})",  # noqa: S608
            *after,
            ALERTS_KEPT,
        )

    def _next_id(self, now_s: float) -> tuple[int, int]:
        known = {row["name"]: int(row["value"]) for row in self.database.read("SELECT * FROM meta")}
        ms, place = int(now_s * 1000), 0
        if ms <= known.get("ms", 0):  # clocks are set back
            ms, place = known["ms"], known["place"] + 1
        for name, value in (("ms", ms), ("place", place)):
            self.database.write("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)
        return ms, (known["base"] << PLACE_BITS) + place


def _alert(draft: Draft, name: str) -> Alert:
    row = draft.row
    seen, over = row.kind is not EventKind.CAMERA, draft.state is AlertState.ENDED
    return Alert(
        id=name,
        event=row.id,
        camera=row.camera,
        state=draft.state,
        kind=row.kind,
        at=moment(draft.found_at),
        begin_at=moment(row.begin_at),
        peak_at=moment(row.peak_at) if seen else None,
        end_at=moment(row.end_at) if over else None,
        score=row.score if seen else None,
        appearance=row.appearance,
        motion=row.motion,
        box=row.box,
        picture=row.picture,
        reason=row.reason,
        text=sentence(row, draft.state),
        clip=row.clip,
        thumbnail=row.thumbnail,
        model=row.model,
    )


def _column(value: object) -> object:
    return json.dumps(value) if isinstance(value, tuple | list) else value


def _event(row: sqlite3.Row) -> EventRow:
    values = {name: row[name] for name in EVENT_FIELDS}
    box, picture = values["box"], values["picture"]
    return EventRow(
        **values
        | {
            "kind": EventKind(values["kind"]),
            "state": EventState(values["state"]),
            "reason": None if values["reason"] is None else EndReason(values["reason"]),
            "box": None if box is None else tuple(json.loads(box)),
            "picture": None if picture is None else tuple(json.loads(picture)),
        }
    )


def _clip(row: sqlite3.Row) -> ClipRow:
    height, width = json.loads(row["resize"])
    source = json.loads(row["source"])
    geometry = Geometry((height, width), row["crop"])
    size = (source[0], source[1])
    return ClipRow(row["event"], row["camera"], row["epoch"], row["until_s"], geometry, size, row["stem"])
