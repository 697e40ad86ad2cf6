"""Frames on the bus: written by decoders, settled by scorers.

The entry of a frame is a token. Whoever deletes it writes the frame's entry in the scores stream, in the same step of
the server (`SETTLE`); for everybody else there is nothing left to settle. A frame that was delivered twice is scored
twice and counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import BusError
from workers.bus.bounds import SCORES_KEPT
from workers.bus.connection import Command, Connection, Script
from workers.bus.dead import TELL, note_dead
from workers.bus.ids import last_id, numbers_of
from workers.bus.keys import GROUP, Keys
from workers.bus.messages import Drop, Dropped, Ended, Fields, FrameMessage, PreviewMessage

__all__ = ["Delivery", "FrameReader", "FrameWriter", "Settlement", "TakenOver"]

# KEYS: frames, scores. ARGV: group, entries to keep of scores, id, fields of the score. 1 if it was still to settle.
SETTLE = Script("""
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
if redis.call('XDEL', KEYS[1], ARGV[3]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 4))
return 1
""")

# KEYS: frames, scores. ARGV: group, entries to keep of scores, frames to keep, version, reason. How many were dropped.
SHORTEN = Script("""
local many = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[3])
if many <= 0 then return 0 end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', many)) do
  local epoch, index = string.match(entry[1], '(%d+)-(%d+)')
  local head = '{"epoch":' .. epoch .. ',"index":' .. index .. ',"dropped":"' .. ARGV[5] .. '"}'
  redis.call('XACK', KEYS[1], ARGV[1], entry[1])
  redis.call('XDEL', KEYS[1], entry[1])
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'v', ARGV[4], 'head', head)
end
return many
""")

# KEYS: frames. ARGV: group. Nothing where it is there; made at the memory limit too, since only scorers free memory.
JOIN = Script("""
local done = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if type(done) == 'table' and done.err and not string.find(done.err, 'BUSYGROUP') then return done end
""")


class TakenOver(BusError):
    """Another decoder writes the frames of this camera."""


class FrameWriter:
    """The decoder's side."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection, self._keys = connection, keys

    def publish(self, camera: str, frame: FrameMessage, preview: PreviewMessage | None, previews_kept: int) -> int:
        """Write a frame, and its preview under the same id; how many frames of the camera now wait.

        A frame that was written before, in an attempt whose answer was lost, is not written again.

        Raises:
            TakenOver: the stream has a later id.
            BusFull: there is no memory left for it.
            BusLost: the broker is out of reach; the frame may have been written.
        """
        stream = self._keys.frames(camera)
        commands: list[Command] = [("XADD", stream, frame.id, *frame.fields()), ("XLEN", stream)]
        if preview is not None:
            entry = ("MAXLEN", "~", previews_kept, frame.id, *preview.fields())
            commands.insert(1, ("XADD", self._keys.previews(camera), *entry))
        replies = self._connection.all(commands)
        if isinstance(replies[0], BusError):
            self._check_order(stream, frame, replies[0])
        if isinstance(replies[-1], BusError):
            raise replies[-1]
        return int(replies[-1])

    def shorten(self, camera: str, kept: int, reason: Drop = Drop.LATE) -> int:
        """Drop the oldest frames beyond a number, each with its reason; how many were."""
        keys = (self._keys.frames(camera), self._keys.scores(camera))
        arguments = (GROUP, SCORES_KEPT, kept, "1", str(reason))
        return int(self._connection.run(SHORTEN, [(keys, arguments)])[0])

    def waiting(self, camera: str) -> int:
        """How many frames of a camera wait to be scored, or are being scored."""
        return int(self._connection.do("XLEN", self._keys.frames(camera)))

    def tell(self, camera: str, said: Sequence[Dropped | Ended]) -> None:
        """Say why captured frames were not published, or that an epoch is over."""
        calls = [((self._keys.scores(camera),), (SCORES_KEPT, *one.fields())) for one in said]
        self._connection.run(TELL, calls)

    def last_frame(self, camera: str) -> tuple[int, int]:
        """Epoch and index of the frame that was published last, wherever it is by now; zeros where there was none."""
        return numbers_of(last_id(self._connection, self._keys.frames(camera)))

    def _check_order(self, stream: str, frame: FrameMessage, error: BusError) -> None:
        if "equal or smaller" not in str(error):
            raise error
        last = self._connection.do("XINFO STREAM", stream)["last-generated-id"]
        if last != frame.id.encode():
            raise TakenOver("another decoder writes the frames of this camera; stop one of the two.") from error


@dataclass(frozen=True, slots=True)
class Delivery:
    """An entry of a frames stream as a scorer gets it.

    Attributes:
        id: EPOCH-INDEX.
        times: how often it was delivered by now; 1 for what is new.
    """

    camera: str
    id: bytes
    fields: Fields
    times: int = 1


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of a delivery: the fields of its entry in the scores stream."""

    camera: str
    id: bytes
    fields: Sequence[object]


class FrameReader:
    """The scorer's side: one member of the group of scorers.

    Args:
        name: of this member, unlike any other's.
    """

    def __init__(self, connection: Connection, keys: Keys, name: str) -> None:
        self._connection, self._keys, self._name = connection, keys, name

    def join(self, cameras: Sequence[str]) -> None:
        """Make the group where there is none: at the start, and after the broker lost its data."""
        self._connection.run(JOIN, [((self._keys.frames(camera),), (GROUP,)) for camera in cameras])

    def read(self, cameras: Sequence[str], each: int, wait_ms: int) -> list[Delivery]:
        """New frames of cameras of one shard, at most so many of each, in one call.

        Args:
            wait_ms: for how long to wait for the first; 0 does not wait.
        Raises:
            BusError: "NOGROUP" in its text: somebody has to `join` again.
        """
        streams = {self._keys.frames(camera).encode(): camera for camera in cameras}
        waiting = ("BLOCK", wait_ms) if wait_ms else ()
        reply = self._connection.do(
            "XREADGROUP",
            "GROUP",
            GROUP,
            self._name,
            "COUNT",
            each,
            *waiting,
            "STREAMS",
            *streams,
            *[">"] * len(streams),
        )
        return [Delivery(streams[name], key, fields) for name, entries in reply or [] for key, fields in entries]

    def abandoned(self, cameras: Sequence[str], idle_ms: int) -> list[str]:
        """The cameras of which frames were delivered so long ago and not settled: there is something to `claim`."""
        replies = self._connection.all(
            [("XPENDING", self._keys.frames(camera), GROUP, "IDLE", idle_ms, "-", "+", 1) for camera in cameras]
        )
        for reply in replies:
            if isinstance(reply, BusError):
                raise reply
        return [camera for camera, reply in zip(cameras, replies, strict=True) if reply]

    def claim(self, cameras: Sequence[str], idle_ms: int, most: int) -> list[Delivery]:
        """Frames that were delivered so long ago and not settled: who had them is dead, or failed with them."""
        found = self._connection.all(
            [
                ("XAUTOCLAIM", self._keys.frames(camera), GROUP, self._name, idle_ms, "0", "COUNT", most)
                for camera in cameras
            ]
        )
        claimed: list[tuple[str, bytes, Fields]] = []
        for camera, reply in zip(cameras, found, strict=True):
            if isinstance(reply, BusError):
                raise reply
            claimed += [(camera, key, fields) for key, fields in reply[1] if fields]
        return [Delivery(*entry, times) for entry, times in zip(claimed, self._times(claimed), strict=True)]

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Write what became of frames, acknowledge and delete them; whether each was still to settle."""
        calls = [
            (
                (self._keys.frames(one.camera), self._keys.scores(one.camera)),
                (GROUP, SCORES_KEPT, one.id, *one.fields),
            )
            for one in settlements
        ]
        return [reply == 1 for reply in self._connection.run(SETTLE, calls)]

    def bury(self, delivery: Delivery, why: str) -> bool:
        """Give up a frame that failed too often or is unreadable: drop it, and keep a note without its picture."""
        dropped = Dropped(*numbers_of(delivery.id.decode()), Drop.FAILED)
        done = self.settle([Settlement(delivery.camera, delivery.id, dropped.fields())])[0]
        if done:
            note_dead(self._connection, self._keys, delivery.camera, delivery.id.decode(), why, delivery.times)
        return done

    def _times(self, claimed: Sequence[tuple[str, bytes, Fields]]) -> list[int]:
        replies = self._connection.all(
            [("XPENDING", self._keys.frames(camera), GROUP, key, key, 1) for camera, key, _ in claimed]
        )
        return [_delivered(reply) for reply in replies]


def _delivered(reply: object) -> int:
    """How often an entry was delivered, out of the answer about it; 1 where somebody has settled it meanwhile."""
    if isinstance(reply, list) and reply and isinstance(reply[0], list):
        return int(reply[0][3])
    return 1
