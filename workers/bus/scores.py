"""Scores on the bus, and the previews beside them: read by alerters, followed by whoever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import BusError
from workers.bus.connection import Connection
from workers.bus.dead import note_dead
from workers.bus.ids import last_id
from workers.bus.keys import Keys
from workers.bus.messages import Fields, PreviewMessage

__all__ = ["Entry", "ScoreReader"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a scores stream.

    Attributes:
        position: its id in the stream, to go on after it; "0" is before the first.
    """

    camera: str
    position: str
    fields: Fields


class ScoreReader:
    """Reads the scores streams of cameras, each from where the reader says; no group, nothing is taken away."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection, self._keys = connection, keys

    def read(self, positions: Mapping[str, str], each: int, wait_ms: int) -> list[Entry]:
        """Entries after the positions of cameras of one shard, at most so many of each.

        Args:
            wait_ms: for how long to wait for the first; 0 does not wait.
        """
        streams = {self._keys.scores(camera).encode(): camera for camera in positions}
        waiting = ("BLOCK", wait_ms) if wait_ms else ()
        reply = self._connection.do("XREAD", "COUNT", each, *waiting, "STREAMS", *streams, *positions.values())
        return [
            Entry(streams[name], key.decode(), fields)
            for name, entries in reply or []
            for key, fields in entries
            if fields
        ]

    def last_position(self, camera: str) -> str:
        """Id of the last entry that was ever written; "0-0" for none. An earlier one than before: data was lost."""
        return last_id(self._connection, self._keys.scores(camera))

    def previews(self, camera: str, epoch: int, first: int, last: int) -> list[PreviewMessage]:
        """Previews of the frames from index `first` to `last` of an epoch that are still there; unreadable ones not."""
        ids = (f"{epoch}-{first}", f"{epoch}-{last}")
        found = []
        for key, fields in self._connection.do("XRANGE", self._keys.previews(camera), *ids):
            try:
                found.append(PreviewMessage.read(key, fields))
            except BusError:
                continue
        return found

    def bury(self, entry: Entry, why: str) -> None:
        """Keep a note of an entry that nobody can read."""
        note_dead(self._connection, self._keys, entry.camera, entry.position, why)
