"""What an alerter keeps of an event, its clip and its camera. `_at` is unix time in seconds, `_s` that of the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.parts import Parts
from pipeline.types import Box, EndReason, Event, EventKind, Geometry, Size
from workers.alert import AlertState

__all__ = ["NO_FRAME", "Checkpoint", "ClipRow", "Draft", "EventRow", "EventState", "Finished"]

# An index that no frame has, for what a frame did not bring.
NO_FRAME = -1


class EventState(StrEnum):
    """How far an event is."""

    OPEN = "open"
    CLIPPING = "clipping"  # it has ended, and its clip is not made yet
    ENDED = "ended"


@dataclass(slots=True, kw_only=True)
class EventRow:
    """An event as it is kept. Changed by who follows its camera; then by who makes its clip.

    Attributes:
        epoch: it happened in; 0 for what is about the camera itself.
        appearance, motion: what of the score is either; None for a model of appearance alone.
        told_s, told_score: when it was last told of, in seconds of the epoch, and what.
        error: what the decoder said, for a camera that is out of reach.
        size_bytes: of its files.
    """

    id: str
    camera: str
    kind: EventKind
    state: EventState = EventState.OPEN
    epoch: int = 0
    begin_at: float
    peak_at: float
    end_at: float
    begin_s: float = 0.0
    peak_s: float = 0.0
    end_s: float = 0.0
    score: float = 0.0
    appearance: float | None = None
    motion: float | None = None
    box: Box | None = None
    picture: Size | None = None
    reason: EndReason | None = None
    clip: str | None = None
    thumbnail: str | None = None
    model: str | None = None
    told_s: float = 0.0
    told_score: float = 0.0
    error: str = ""
    size_bytes: int = 0

    def as_event(self) -> Event:
        """As `pipeline` knows it."""
        assert self.box is not None
        return Event(
            self.id,
            self.camera,
            self.kind,
            self.begin_s,
            self.peak_s,
            self.end_s,
            self.score,
            self.box,
            self.reason,
            Parts(self.appearance, self.motion).share,
        )


@dataclass(slots=True)
class ClipRow:
    """A clip that is being collected.

    Attributes:
        until_s: time of the last frame in it.
        stem: path of its files in the storage folder, without their endings.
    """

    event: str
    camera: str
    epoch: int
    until_s: float
    geometry: Geometry
    source: Size
    stem: str


@dataclass(frozen=True, slots=True)
class Finished:
    """An event whose clip can be made.

    Attributes:
        clip: None where nothing was collected for one.
        max_clip_s: how long it may be.
    """

    row: EventRow
    clip: ClipRow | None
    max_clip_s: float


@dataclass(frozen=True, slots=True)
class Draft:
    """An alert that is to be written.

    Attributes:
        row: the event as it was then.
        index: of the frame that brought it; with event and state it tells a repeat.
        found_at: unix time at which it was found.
        frame_at: unix time of the capture of that frame.
    """

    row: EventRow
    state: AlertState
    index: int
    found_at: float
    frame_at: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where an alerter was with a camera.

    Attributes:
        position: in the scores stream; what comes after it is to be read again.
        epoch, index: of the frame that comes next.
        closed: whether the epoch is over.
        tracker: its state; empty for none.
        seen: JSON, what belongs to it: the view and the wall times.
    """

    camera: str
    position: str
    epoch: int
    index: int
    closed: bool
    tracker: bytes
    seen: str
