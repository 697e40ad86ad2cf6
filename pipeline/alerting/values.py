"""What goes into the tracker of events and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.alerting.combining import Combined
from pipeline.types import CoarseMap, Event, Geometry, Size, Spot

__all__ = ["ALARM", "Change", "ChangeKind", "Observation", "Seen", "View"]

# The level above which a cell is anomalous.
ALARM = CoarseMap.level(1)


class ChangeKind(StrEnum):
    """What became of an event."""

    STARTED = "started"
    UPDATED = "updated"  # its score rose
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Change:
    """An event as it is now, and what has just become of it."""

    kind: ChangeKind
    event: Event


@dataclass(frozen=True, slots=True)
class View:
    """What the tracker knows of a camera.

    Attributes:
        camera: its name.
        epoch: of the recording or connection, in the ids of events.
        geometry: how source pictures became model pictures.
        source: (H, W) of the source's pictures, whose pixels boxes are counted in.
        lingering: the threshold of what lingers, in units of the threshold of a moment.
    """

    camera: str
    epoch: int
    geometry: Geometry
    source: Size
    lingering: float = 1.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What the tracker is told of a frame: its index and time, its score and how much of it is motion, its coarse map.

    For a model of appearance alone `motion` is None, and the coarse map has its levels alone.
    """

    index: int
    time_s: float
    score: float
    coarse: CoarseMap
    motion: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a frame came to.

    Attributes:
        combined: its score and map with what lingers.
        changes: of events, in order.
        spots: of what is followed in this frame, also before it is an event; the keys are ids of events.
    """

    combined: Combined
    changes: tuple[Change, ...]
    spots: dict[str, Spot]
