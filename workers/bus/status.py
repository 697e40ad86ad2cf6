"""Who lives, and how each camera does: hashes of short texts. Times are unix seconds by the server's clock.

A worker writes its own fields and nobody else's; a reader judges by their age.

Fields of a camera that others wait for: `state` is `ended` when a recording was read to its end; `alerted`
(EPOCH-INDEX) is the last frame that the alerter has dealt with; `pending` is how many of its events have not ended yet,
or have no clip yet. A run of recordings ends by itself when all have ended, all is dealt with and nothing is pending.
"""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from workers.bus.connection import Connection, Script
from workers.bus.keys import Keys

__all__ = ["DEAD_S", "CameraState", "Role", "StatusBoard", "WorkerNote", "number_in"]

# Workers write each second: one that was silent for so long is dead, or out of reach.
DEAD_S = 5.0

# Written at the memory limit too: somebody has to say why.
WRITE = Script("return redis.call('HSET', KEYS[1], unpack(ARGV))")

# KEYS: lease. ARGV: who, milliseconds. The fencing number of the holder, or 0 where it is another.
LEASE = Script("""
local holder = redis.call('HGET', KEYS[1], 'who')
local fence = tonumber(redis.call('HGET', KEYS[1], 'fence') or '0')
local now = redis.call('TIME')
local ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
local till = tonumber(redis.call('HGET', KEYS[1], 'till') or '0')
if holder ~= ARGV[1] then
  if holder and till > ms then return 0 end
  fence = math.max(fence + 1, ms)
end
redis.call('HSET', KEYS[1], 'who', ARGV[1], 'fence', fence, 'till', ms + tonumber(ARGV[2]))
return fence
""")


class CameraState(StrEnum):
    """How a camera does."""

    CONNECTING = "connecting"
    ONLINE = "online"
    STALLED = "stalled"  # connected, and no frame for stall_s
    OFFLINE = "offline"  # out of reach; tried again and again
    ENDED = "ended"  # a recording that was read to its end


class Role(StrEnum):
    """What a worker does."""

    DECODER = "decoder"
    SCORER = "scorer"
    ALERTER = "alerter"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class WorkerNote:
    """What a worker says of itself, each second.

    Attributes:
        name: unlike any other's: HOST-ROLE-NUMBER.
        cameras: those it works on.
        models: digests of the models it holds, by camera.
        seen_at: when it wrote this.
    """

    name: str
    role: Role
    host: str
    pid: int
    cameras: Sequence[str] = ()
    models: Mapping[str, str] | None = None
    seen_at: float = 0.0

    @classmethod
    def of_this_process(cls, name: str, role: Role, cameras: Sequence[str]) -> WorkerNote:
        """What the worker in this process says."""
        return cls(name, role, socket.gethostname(), os.getpid(), tuple(cameras))

    def lives(self, now_s: float) -> bool:
        """Whether it has spoken lately."""
        return now_s - self.seen_at <= DEAD_S


class StatusBoard:
    """Reads and writes states."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection, self._keys = connection, keys

    def write(self, fields: Mapping[str, Mapping[str, object]]) -> None:
        """Set fields of cameras' states, by camera; what is not named stays."""
        calls = [
            ((self._keys.status(camera),), [part for pair in one.items() for part in (pair[0], str(pair[1]))])
            for camera, one in fields.items()
            if one
        ]
        self._connection.run(WRITE, calls)

    def read(self, cameras: Sequence[str]) -> dict[str, dict[str, str]]:
        """All fields of cameras' states; empty where a camera has none."""
        replies = self._connection.all([("HGETALL", self._keys.status(camera)) for camera in cameras])
        return {
            camera: _texts(reply) if isinstance(reply, dict) else {}
            for camera, reply in zip(cameras, replies, strict=True)
        }

    def sign_in(self, note: WorkerNote) -> None:
        """Say that a worker lives, in every shard of its cameras."""
        text = json.dumps(asdict(note) | {"seen_at": self._connection.now_s()})
        shards = {self._keys.shard(camera) for camera in note.cameras} or {0}
        self._connection.run(WRITE, [((self._keys.workers(shard),), (note.name, text)) for shard in sorted(shards)])

    def sign_out(self, note: WorkerNote) -> None:
        """Say that a worker has ended."""
        shards = {self._keys.shard(camera) for camera in note.cameras} or {0}
        self._connection.all([("HDEL", self._keys.workers(shard), note.name) for shard in sorted(shards)])

    def workers(self, shards: int) -> list[WorkerNote]:
        """What every worker last said, of all shards; those who died are among them, see `seen_at`."""
        found: dict[str, WorkerNote] = {}
        for reply in self._connection.all([("HGETALL", self._keys.workers(shard)) for shard in range(shards)]):
            for name, text in _texts(reply).items() if isinstance(reply, dict) else ():
                note = _note(text)
                if note is not None:
                    found[name] = note
        return list(found.values())

    def lease(self, camera: str, who: str, seconds: float) -> int:
        """Take or keep a camera's alerts: a number that rises with each change of hands; 0 where another has it."""
        keys = (self._keys.lease(camera),)
        return int(self._connection.run(LEASE, [(keys, (who, int(seconds * 1000)))])[0])


def number_in(status: Mapping[str, str], field: str) -> float | None:
    """A field of a camera's state that is a number; None where it says none."""
    try:
        number = float(status.get(field, ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _texts(reply: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in reply.items()}


def _note(text: str) -> WorkerNote | None:
    try:
        said = json.loads(text)
        said["role"] = Role(said["role"])
        return WorkerNote(**said)
    except (ValueError, TypeError, KeyError):
        return None
