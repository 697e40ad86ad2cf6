"""A tracker as bytes: whoever follows a camera can die at any moment, and another goes on where it was.

A head (what this is, its version, how long the body is, a checksum of what follows), then the body, compressed: the
length of a JSON text, the text, and the cells of the arrays that it names. Nothing is unpickled, and what a head says
takes no memory before it is checked.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerting.tracker import EventTracker
from pipeline.alerting.values import View
from pipeline.policy import Policy
from pipeline.types import CELL_PX, Size

__all__ = ["restore_tracker", "store_tracker"]

MAGIC = b"SWTR"
# Rises when the same state means something else, or lies elsewhere.
VERSION = 3
HEAD = struct.Struct("<4sIII")
TEXT_LENGTH = struct.Struct("<I")
# A hundred tracks on a large grid, and six seconds of its maps at 30 frames/s, are far below.
MOST_BYTES = 64 << 20
# Level 1 takes a third of the time of the default, for a tenth more.
LEVEL = 1

TYPES = {"bool": np.bool_, "uint8": np.uint8, "float32": np.float32, "float64": np.float64}


def store_tracker(tracker: EventTracker) -> bytes:
    """All that a tracker remembers; to be called between two frames."""
    arrays = _Arrays()
    made_for = [asdict(tracker.policy), asdict(tracker.view)]
    text = json.dumps({"made_for": made_for, "state": tracker.state()}, default=arrays.named).encode()
    body = b"".join([TEXT_LENGTH.pack(len(text)), text, *arrays.parts])
    packed = zlib.compress(body, LEVEL)
    return HEAD.pack(MAGIC, VERSION, len(body), zlib.crc32(packed)) + packed


def restore_tracker(data: bytes, policy: Policy, view: View) -> EventTracker | None:
    """The tracker that was stored; whoever gets None begins anew.

    Returns:
        None where the bytes are damaged or of another version, or where policy, view or grid are others.
    """
    body = _body_of(data)
    if body is None:
        return None
    tracker = EventTracker(policy, view)
    try:
        (length,) = TEXT_LENGTH.unpack_from(body)
        begin = TEXT_LENGTH.size + length
        arrays = _Named(body[begin:], _grid_of(view))
        stored = json.loads(body[TEXT_LENGTH.size : begin], object_hook=arrays.found)
        if stored["made_for"] != json.loads(json.dumps([asdict(policy), asdict(view)])):
            return None
        tracker.resume(stored["state"])
    except (KeyError, TypeError, ValueError, struct.error):  # whole, but written by who remembers something else
        return None
    return tracker


def _body_of(data: bytes) -> bytes | None:
    if len(data) < HEAD.size:
        return None
    magic, version, length, checksum = HEAD.unpack_from(data)
    packed = memoryview(data)[HEAD.size :]
    if (magic, version) != (MAGIC, VERSION) or length > MOST_BYTES or zlib.crc32(packed) != checksum:
        return None
    unpacking = zlib.decompressobj()
    try:
        # A length of 0 would mean: as long as it is.
        body = unpacking.decompress(packed, max(1, length))
    except zlib.error:
        return None
    return body if len(body) == length and not unpacking.unconsumed_tail else None


def _grid_of(view: View) -> Size:
    height, width = view.geometry.size
    return height // CELL_PX, width // CELL_PX


class _Arrays:
    """Arrays on their way out: JSON gets their names, `parts` their cells."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._length = 0

    def named(self, array: NDArray[Any]) -> dict[str, Any]:
        """What stands in the JSON for an array: its type, its shape, and where its cells begin."""
        # Masks are most of what is stored: a bit a cell.
        cells = np.packbits(array) if array.dtype == np.bool_ else array
        name = {"array": [array.dtype.name, array.shape, self._length]}
        self.parts.append(cells.tobytes())
        self._length += cells.nbytes
        return name


class _Named:
    """Arrays on their way back."""

    def __init__(self, cells: bytes, grid: Size) -> None:
        self._cells, self._grid = cells, grid

    def found(self, thing: dict[str, Any]) -> Any:  # what JSON holds, or an array
        """An array in the place of its name; all else as it is.

        Raises:
            ValueError: it is of another grid, or its cells are not all there.
        """
        if "array" not in thing:
            return thing
        name, shape, begin = thing["array"]
        if tuple(shape) != self._grid:
            raise ValueError("an array is of another grid")
        kind, count = TYPES[name], self._grid[0] * self._grid[1]
        if kind is np.bool_:
            bits = np.frombuffer(self._cells, np.uint8, -(-count // 8), begin)
            return np.unpackbits(bits, count=count).view(np.bool_).reshape(self._grid)
        # A copy: the tracker writes into them.
        return np.frombuffer(self._cells, kind, count, begin).reshape(self._grid).copy()
