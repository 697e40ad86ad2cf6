"""What nobody could read or score: a note of it without its content, for people. Written at the memory limit too."""

from __future__ import annotations

from workers.bus.bounds import DEAD_KEPT
from workers.bus.connection import Connection, Script
from workers.bus.keys import Keys

__all__ = ["TELL", "note_dead"]

# KEYS: scores, or what is dead. ARGV: entries to keep, fields.
TELL = Script("return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 2))")


def note_dead(connection: Connection, keys: Keys, camera: str, entry: str, why: str, times: int = 1) -> None:
    """Note an entry of a camera.

    Args:
        entry: its id.
        times: how often it was tried.
    """
    note = ("camera", camera, "id", entry, "times", times, "why", why)
    connection.run(TELL, [((keys.dead(keys.shard(camera)),), (DEAD_KEPT, "v", "1", *note))])
