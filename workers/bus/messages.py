"""What travels on the streams: one format, three kinds. `docs/reference/bus.md` has an example of each.

Every entry has the fields `v` (the version of the format), `head` (JSON) and, where there is something to carry,
`data` (bytes): the RGB of a frame, the JPEG of a preview, the levels of a coarse map; a frame may have `motion` beside
it, a coarse map `shares` and `still`. A small head in JSON costs a tenth of what as many fields of their own would.
Sizes are checked against the head before memory is taken.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np

from pipeline.parts import WHOLE, Parts
from pipeline.types import CoarseMap, Geometry, Image, Motion, Size
from workers.bus.heads import Fields, entry, finite, number, opened, refuse, size, whole
from workers.bus.ids import numbers_of
from workers.bus.planes import coarse_in, motion_in, said_of

__all__ = [
    "Drop",
    "Dropped",
    "Ended",
    "Fields",
    "FrameMessage",
    "PreviewMessage",
    "ScoreMessage",
    "score_message",
]

# Far above what any camera gives at display size.
MOST_JPEG_BYTES = 8 << 20


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
        motion: what moved up to it; None where the camera's model has no motion, and where it is not known.
    """

    epoch: int
    index: int
    time_s: float
    captured_at: float
    source: Size
    pixels: Image
    motion: Motion | None = None

    @property
    def id(self) -> str:
        """Id of its entry."""
        return f"{self.epoch}-{self.index}"

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        height, width, _ = self.pixels.shape
        head = {"time_s": self.time_s, "captured_at": self.captured_at, "source": self.source, "size": (height, width)}
        fields = entry(head | said_of(self.motion), self.pixels.data.cast("B"))
        return fields if self.motion is None else [*fields, "motion", self.motion.planes.tobytes()]

    @classmethod
    def read(cls, name: bytes, fields: Fields) -> FrameMessage:
        """The message of an entry.

        Raises:
            BusError: it is of another version, or is not what it says.
        """
        epoch, index = numbers_of(name.decode())
        head, data = opened(fields), fields.get(b"data", b"")
        height, width = size(head, "size")
        if len(data) != height * width * 3:
            refuse(f"its picture has {len(data)} bytes, not {height} x {width} x 3")
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        motion = motion_in(head, fields, (height, width))
        times = number(head, "time_s"), number(head, "captured_at")
        return cls(epoch, index, *times, size(head, "source"), pixels, motion)


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
        return entry(head, self.jpeg)

    @classmethod
    def read(cls, name: bytes, fields: Fields) -> PreviewMessage:
        """The message of an entry; what is in the JPEG is not looked at.

        Raises:
            BusError: as `FrameMessage.read`.
        """
        epoch, index = numbers_of(name.decode())
        head, data = opened(fields), fields.get(b"data", b"")
        if not 0 < len(data) <= MOST_JPEG_BYTES:
            refuse(f"its JPEG has {len(data)} bytes")
        return cls(epoch, index, number(head, "time_s"), number(head, "captured_at"), data)


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
        lingering: the model's threshold of what lingers, in units of that of a moment.
        scoring_ms: time that the batch it was in took, divided by its frames.
        parts: what of the score is appearance and what is motion; the coarse map then has its other planes, too.
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
    parts: Parts = WHOLE

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
        levels, shares, still = self.coarse.levels.tobytes(), self.coarse.shares, self.coarse.still
        if shares is None or still is None:
            return entry(head, levels)
        planes = ["shares", shares.tobytes(), "still", still.tobytes()]
        return [*entry(head | asdict(self.parts), levels), *planes]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A frame without a score, and why."""

    epoch: int
    index: int
    reason: Drop

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        return entry({"epoch": self.epoch, "index": self.index, "dropped": self.reason})


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of an epoch; `index` is that of the frame that would have come next: how many there were."""

    epoch: int
    index: int

    def fields(self) -> list[object]:
        """Names and values of the entry."""
        return entry({"epoch": self.epoch, "index": self.index, "ended": True})


def score_message(fields: Fields) -> ScoreMessage | Dropped | Ended:
    """The message of an entry of a scores stream.

    Raises:
        BusError: it is of another version, or is not what it says.
    """
    head = opened(fields)
    epoch, index = whole(head, "epoch"), whole(head, "index")
    if "dropped" in head:
        if head["dropped"] not in list(Drop):
            refuse(f"it was dropped because of {str(head['dropped'])[:20]!r}")
        return Dropped(epoch, index, Drop(head["dropped"]))
    if "ended" in head:
        return Ended(epoch, index)
    grid, data = size(head, "grid"), fields.get(b"data", b"")
    if len(data) != grid[0] * grid[1]:
        refuse(f"its map has {len(data)} bytes, not {grid[0]} x {grid[1]}")
    levels = np.frombuffer(data, np.uint8).reshape(grid)
    coarse, parts = coarse_in(head, fields, levels)
    peak = head.get("peak")
    if not (isinstance(peak, list) and len(peak) == 2):
        refuse("its peak is not a point")
    crop = None if head.get("crop") is None else whole(head, "crop")
    try:
        geometry = Geometry(size(head, "resize"), crop)
    except ValueError as error:
        refuse(str(error))
    return ScoreMessage(
        epoch=epoch,
        index=index,
        time_s=number(head, "time_s"),
        captured_at=number(head, "captured_at"),
        source=size(head, "source"),
        scored_at=number(head, "scored_at"),
        score=number(head, "score"),
        raw_score=number(head, "raw_score"),
        peak=(finite(peak[0], "peak"), finite(peak[1], "peak")),
        coarse=coarse,
        geometry=geometry,
        model=str(head.get("model", ""))[:64],
        lingering=number(head, "lingering"),
        scoring_ms=number(head, "scoring_ms"),
        parts=parts,
    )
