"""The head of a message: written, and read as far as a stranger's can be trusted.

An entry has the fields `v` (the version of the format), `head` (JSON) and, where there is something to carry, `data`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from pipeline.errors import BusError
from pipeline.types import Size

__all__ = ["VERSION", "Fields", "Head", "entry", "finite", "number", "opened", "refuse", "size", "whole"]

VERSION = b"1"
# Far above what any camera gives at model or display size.
LONGEST_SIDE = 4096
MOST_HEAD_BYTES = 4096

Fields = Mapping[bytes, bytes]
Head = dict[str, Any]  # whatever JSON holds, until it is looked at


def entry(head: Mapping[str, object], data: object = None) -> list[object]:
    """Names and values of an entry."""
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
    return ["v", VERSION, "head", text] + ([] if data is None else ["data", data])


def opened(fields: Fields) -> Head:
    """The head of an entry.

    Raises:
        BusError: it is of another version, too long, or no JSON object.
    """
    version, text = fields.get(b"v", b""), fields.get(b"head", b"")
    if version != VERSION:
        refuse(f"it has version {version[:8].decode('latin-1')!r}, this stillwatch reads {VERSION.decode()!r}")
    if len(text) > MOST_HEAD_BYTES:
        refuse(f"its head has {len(text)} bytes")
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BusError("a message is unreadable: its head is not JSON.") from error
    if not isinstance(head, dict):
        refuse("its head is not an object")
    return head


def number(head: Head, key: str) -> float:
    """A number of a head; this and all below raise BusError where it is none."""
    return finite(head.get(key), key)


def finite(value: object, key: str) -> float:
    """A value of a key, if it is a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        refuse(f"its {key} is not a number")
    return float(value)


def whole(head: Head, key: str) -> int:
    """A whole number from 0 on."""
    value = head.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        refuse(f"its {key} is not a whole number")
    return value


def size(head: Head, key: str) -> Size:
    """(H, W)."""
    found = head.get(key)
    sides = found if isinstance(found, list) and len(found) == 2 else [0, 0]
    if not all(isinstance(side, int) and not isinstance(side, bool) and 0 < side <= 1 << 15 for side in sides):
        refuse(f"its {key} is not a size")
    if key != "source" and max(sides) > LONGEST_SIDE:
        refuse(f"its {key} is {sides[0]} x {sides[1]}, more than {LONGEST_SIDE}")
    return sides[0], sides[1]


def refuse(what: str) -> NoReturn:
    """Raise the error of a message that is not what it says."""
    raise BusError(f"a message is unreadable: {what}.")
