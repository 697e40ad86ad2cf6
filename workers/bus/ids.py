"""Ids of entries in streams: two numbers, A-B, in rising order; those of frames and of previews are EPOCH-INDEX."""

from __future__ import annotations

from pipeline.errors import BusError
from workers.bus.connection import Connection

__all__ = ["last_id", "numbers_of"]


def numbers_of(entry: str) -> tuple[int, int]:
    """Both numbers of an id, by which ids are in order; the second is 0 where it is left out."""
    first, _, second = entry.partition("-")
    return int(first), int(second or 0)


def last_id(connection: Connection, stream: str) -> str:
    """Id of the last entry that was ever written to a stream, wherever it is by now.

    It is "0-0" where there was none. An earlier one than before: the broker has lost data.
    """
    try:
        info = connection.do("XINFO STREAM", stream)
    except BusError as error:
        if "no such key" in str(error):
            return "0-0"
        raise
    last: bytes = info["last-generated-id"]
    return last.decode()
