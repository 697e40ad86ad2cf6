"""What travels on the streams: one format, three kinds. `docs/reference/bus.md` has an example of each.

Every entry has the fields `v` (the version of the format), `head` (JSON) and, where there is something to carry,
`data` (bytes): the RGB of a frame, the JPEG of a preview, the levels of a coarse map. A small head in JSON costs a
tenth of what as many fields of their own would. Sizes are checked against the head before memory is taken.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

import numpy as np

from pipeline.errors import BusError
from pipeline.types import CoarseMap, Geometry, Image, Size

__all__ = [
    "VERSION",
    "Drop",
    "Dropped",
    "Ended",
    "Fields",
    "FrameMessage",
    "PreviewMessage",
    "ScoreMessage",
    "score_message",
]

VERSION = b"1"
# Far above what any camera gives at model or display size.
LONGEST_SIDE = 4096
MOST_JPEG_BYTES = 8 << 20
MOST_HEAD_BYTES = 4096

Fields = Mapping[bytes, bytes]


class Drop(StrEnum):
    """Why a captured frame has no score."""

    LATE = "late"  # older than max_age_s before a scorer had time for it, or pushed out by newer ones
    MEMORY = "memory"  # the broker is nearly full
    MODEL = "model"  # there is no model for it, or none for pictures of this size
    FAILED = "failed"  # scoring it failed three times, or nobody could read it
    BROKER = "broker"  # the broker was out of reach or lost it


@dataclass(frozen=True, slots=True, eq=False)
class FrameMessage:
    """A frame at model size on its way to the scorers; its stream id is EPOCH-INDEX.

    Attributes:
        epoch: unix time in ms at which this run of the source was opened.
        index: 0, 1, 2 … over the sampled frames of the epoch.
        time_s: seconds from the first frame of the epoch, by the stamps of the source.
        captured_at: unix time in seconds at which it was decoded, by the server's clock.
        source: (H, W) of the picture before resizing.
        pixels: (H, W, 3) uint8 RGB.
    """

    epoch: int
    index: int
    time_s: float
    captured_at: float
    source: Size
    pixels: Image

    @property
    def id(self) -> str:
        """Id of its entry."""
        return f"{self.epoch}-{self.index}"

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        height, width, _ = self.pixels.shape
        head = {"time_s": self.time_s, "captured_at": self.captured_at, "source": self.source, "size": (height, width)}
        return ["v", VERSION, "head", _dumped(head), "data", self.pixels.data.cast("B")]

    @classmethod
    def read(cls, name: bytes, fields: Fields) -> FrameMessage:
        """The message of an entry.

        Raises:
            BusError: it is of another version, or is not what it says.
        """
        epoch, index = _id(name)
        head, data = _opened(fields), fields.get(b"data", b"")
        height, width = _size(head, "size")
        if len(data) != height * width * 3:
            _refuse(f"its picture has {len(data)} bytes, not {height} x {width} x 3")
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        return cls(epoch, index, _number(head, "time_s"), _number(head, "captured_at"), _size(head, "source"), pixels)


@dataclass(frozen=True, slots=True, eq=False)
class PreviewMessage:
    """A frame as people see it; its stream id is that of the frame.

    Attributes:
        jpeg: its short side as the site file says.
    """

    epoch: int
    index: int
    time_s: float
    captured_at: float
    jpeg: bytes

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        head = {"time_s": self.time_s, "captured_at": self.captured_at}
        return ["v", VERSION, "head", _dumped(head), "data", self.jpeg]

    @classmethod
    def read(cls, name: bytes, fields: Fields) -> PreviewMessage:
        """The message of an entry; what is in the JPEG is not looked at.

        Raises:
            BusError: as `FrameMessage.read`.
        """
        epoch, index = _id(name)
        head, data = _opened(fields), fields.get(b"data", b"")
        if not 0 < len(data) <= MOST_JPEG_BYTES:
            _refuse(f"its JPEG has {len(data)} bytes")
        return cls(epoch, index, _number(head, "time_s"), _number(head, "captured_at"), data)


@dataclass(frozen=True, slots=True, eq=False)
class ScoreMessage:
    """What a model says about a frame.

    Attributes:
        epoch, index, time_s, captured_at, source: of the frame.
        scored_at: unix time in seconds at which the score was written, by the server's clock.
        score: raw score divided by the threshold: above 1 is anomalous.
        raw_score: maximum of the anomaly map outside the mask.
        peak: (x, y) of it, in pixels of the source.
        coarse: the anomaly map as alerting takes it.
        geometry: how the frame was made from the source's picture.
        model: digest of the model's file.
        lingering: the model's threshold of what lingers, as a share of that of a moment.
        scoring_ms: time that the batch it was in took, divided by its frames.
    """

    epoch: int
    index: int
    time_s: float
    captured_at: float
    source: Size
    scored_at: float
    score: float
    raw_score: float
    peak: tuple[float, float]
    coarse: CoarseMap
    geometry: Geometry
    model: str
    lingering: float
    scoring_ms: float

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        head = {
            "epoch": self.epoch,
            "index": self.index,
            "time_s": self.time_s,
            "captured_at": self.captured_at,
            "source": self.source,
            "scored_at": round(self.scored_at, 6),
            "score": self.score,
            "raw_score": self.raw_score,
            "peak": self.peak,
            "grid": self.coarse.levels.shape,
            "resize": self.geometry.resize,
            "crop": self.geometry.crop,
            "model": self.model,
            "lingering": self.lingering,
            "scoring_ms": round(self.scoring_ms, 3),
        }
        return ["v", VERSION, "head", _dumped(head), "data", self.coarse.levels.tobytes()]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A frame without a score, and why."""

    epoch: int
    index: int
    reason: Drop

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        return ["v", VERSION, "head", _dumped({"epoch": self.epoch, "index": self.index, "dropped": self.reason})]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an epoch; `index` is that of the frame that would have come next: how many there were."""

    epoch: int
    index: int

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        return ["v", VERSION, "head", _dumped({"epoch": self.epoch, "index": self.index, "ended": True})]


def score_message(fields: Fields) -> ScoreMessage | Dropped | Ended:
    """The message of an entry of a scores stream.

    Raises:
        BusError: it is of another version, or is not what it says.
    """
    head = _opened(fields)
    epoch, index = _whole(head, "epoch"), _whole(head, "index")
    if "dropped" in head:
        if head["dropped"] not in list(Drop):
            _refuse(f"it was dropped because of {str(head['dropped'])[:20]!r}")
        return Dropped(epoch, index, Drop(head["dropped"]))
    if "ended" in head:
        return Ended(epoch, index)
    grid, data = _size(head, "grid"), fields.get(b"data", b"")
    if len(data) != grid[0] * grid[1]:
        _refuse(f"its map has {len(data)} bytes, not {grid[0]} x {grid[1]}")
    levels = np.frombuffer(data, np.uint8).reshape(grid)
    peak = head.get("peak")
    if not (isinstance(peak, list) and len(peak) == 2):
        _refuse("its peak is not a point")
    crop = None if head.get("crop") is None else _whole(head, "crop")
    try:
        geometry = Geometry(_size(head, "resize"), crop)
    except ValueError as error:
        _refuse(str(error))
    return ScoreMessage(
        epoch=epoch,
        index=index,
        time_s=_number(head, "time_s"),
        captured_at=_number(head, "captured_at"),
        source=_size(head, "source"),
        scored_at=_number(head, "scored_at"),
        score=_number(head, "score"),
        raw_score=_number(head, "raw_score"),
        peak=(_finite(peak[0], "peak"), _finite(peak[1], "peak")),
        coarse=CoarseMap(levels),
        geometry=geometry,
        model=str(head.get("model", ""))[:64],
        lingering=_number(head, "lingering"),
        scoring_ms=_number(head, "scoring_ms"),
    )


def _dumped(head: Mapping[str, object]) -> bytes:
    return json.dumps(head, separators=(",", ":"), allow_nan=False).encode()


def _opened(fields: Fields) -> dict[str, Any]:
    version, text = fields.get(b"v", b""), fields.get(b"head", b"")
    if version != VERSION:
        _refuse(f"it has version {version[:8].decode('latin-1')!r}, this stillwatch reads {VERSION.decode()!r}")
    if len(text) > MOST_HEAD_BYTES:
        _refuse(f"its head has {len(text)} bytes")
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BusError("a message is unreadable: its head is not JSON.") from error
    if not isinstance(head, dict):
        _refuse("its head is not an object")
    return head


def _id(name: bytes) -> tuple[int, int]:
    epoch, _, index = name.partition(b"-")
    return int(epoch), int(index)


def _number(head: dict[str, Any], key: str) -> float:
    return _finite(head.get(key), key)


def _finite(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        _refuse(f"its {key} is not a number")
    return float(value)


def _whole(head: dict[str, Any], key: str) -> int:
    value = head.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        _refuse(f"its {key} is not a whole number")
    return value


def _size(head: dict[str, Any], key: str) -> Size:
    size = head.get(key)
    sides = size if isinstance(size, list) and len(size) == 2 else [0, 0]
    if not all(isinstance(side, int) and not isinstance(side, bool) and 0 < side <= 1 << 15 for side in sides):
        _refuse(f"its {key} is not a size")
    if key != "source" and max(sides) > LONGEST_SIDE:
        _refuse(f"its {key} is {sides[0]} x {sides[1]}, more than {LONGEST_SIDE}")
    return sides[0], sides[1]


def _refuse(what: str) -> NoReturn:
    raise BusError(f"a message is unreadable: {what}.")
