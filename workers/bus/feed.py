"""Alerts on the bus: a stream that keeps the last ones, and a channel for who listens now.

The id of an alert in the stream is its own, given by the alerter that keeps it on disk: written again, after the broker
lost its data, it stands in its old place, so a reader that goes on after the last id it saw misses and repeats nothing.
Only where several alerters share a broker may one come too late for its place; it then gets the next one, and readers
know a repeat by the id inside the message.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import BusError
from workers.bus.bounds import ALERTS_KEPT
from workers.bus.connection import Command, Connection, Script
from workers.bus.ids import last_id
from workers.bus.keys import ALERTS

__all__ = ["AlertFeed", "FeedLost"]

# KEYS: alerts. ARGV: entries to keep, id that the stream has reached, id, fields.
# 0 if it was there, 1 if it has its place now, 2 if another one, -1 if the stream has lost what it had.
PUBLISH = Script("""
local ms, seq = string.match(ARGV[2], '(%d+)-(%d+)')
local last_ms, last_seq = '0', '0'
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not info.err then
  for place = 1, #info, 2 do
    if info[place] == 'last-generated-id' then last_ms, last_seq = string.match(info[place + 1], '(%d+)-(%d+)') end
  end
end
ms, seq, last_ms, last_seq = tonumber(ms), tonumber(seq), tonumber(last_ms), tonumber(last_seq)
if last_ms < ms or (last_ms == ms and last_seq < seq) then return -1 end
local done = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], unpack(ARGV, 3))
if type(done) ~= 'table' or not done.err then return 1 end
if #redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3]) > 0 then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 4))
return 2
""")


class FeedLost(BusError):
    """The broker has lost alerts: they have to be written again before new ones are."""


class AlertFeed:
    """Writes and reads the alerts of a site."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def publish(self, key: str, camera: str, message: str, after: str = "0-0") -> bool:
        """Write an alert, JSON, under its id; whether it was not there yet. In order of their ids.

        Args:
            after: id that the stream has reached, as the writer knows.
        Raises:
            BusLost: it may not have been written: try again.
            FeedLost: the stream does not reach so far any more; nothing was written.
        """
        arguments = (ALERTS_KEPT, after, key, "v", "1", "alert", message)
        done = self._connection.run(PUBLISH, [((ALERTS,), arguments)])[0]
        if done == -1:
            raise FeedLost(f"the alerts up to {after} are lost from the broker; write them again.")
        if done == 0:
            return False
        tell: list[Command] = [("PUBLISH", channel, message) for channel in (ALERTS, f"{ALERTS}:{camera}")]
        self._connection.all(tell)
        return True

    def last_id(self) -> str:
        """Id of the last alert that was written; "0-0" where the stream is new, or was lost."""
        return last_id(self._connection, ALERTS)

    def read(self, after: str, most: int, wait_ms: int) -> Sequence[tuple[str, bytes]]:
        """Alerts after an id: their ids and their JSON, as it is there; "0" reads from the first that is kept."""
        waiting = ("BLOCK", wait_ms) if wait_ms else ()
        reply = self._connection.do("XREAD", "COUNT", most, *waiting, "STREAMS", ALERTS, after)
        entries = reply[0][1] if reply else []
        return [(key.decode(), fields.get(b"alert", b"")) for key, fields in entries]
