"""An alert: the message about an event, as it stands on the bus, goes to webhooks and is printed by `subscribe`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from pipeline.types import EndReason, EventKind

__all__ = ["Alert", "AlertState", "alert_schema"]


class AlertState(StrEnum):
    """What has become of the event."""

    STARTED = "started"
    UPDATED = "updated"  # it is higher than was said before
    ENDED = "ended"


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(_stamp, return_type=str, when_used="json")]


class Alert(BaseModel):
    """A message about an event. Times are UTC, scores in units of the threshold, boxes in pixels of the source."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    v: Literal[1] = 1
    id: str = Field(pattern=r"^\d+-\d+$", description="Of this message; they rise, and each is given once.")
    event: str = Field(description="Id of the event: CAMERA-EPOCH-INDEX of the frame it began with.")
    camera: str = Field(description="Name of the camera.")
    state: AlertState = Field(description="What has become of the event.")
    kind: EventKind = Field(description="anomaly: in a part of the picture; view: all of it; camera: out of reach.")
    at: Moment = Field(description="When this was found.")
    begin_at: Moment = Field(description="Capture of the first frame above 1, or when the camera was lost.")
    peak_at: Moment | None = Field(default=None, description="Capture of the frame with the highest score.")
    end_at: Moment | None = Field(default=None, description="Capture of the last frame of it; absent while it lasts.")
    score: float | None = Field(default=None, ge=0, description="The highest so far: 1 is the threshold.")
    appearance: float | None = Field(
        default=None, ge=0, description="What of the score is appearance; absent for a model of appearance alone."
    )
    motion: float | None = Field(
        default=None, ge=0, description="What of it is motion: the two add up to it, where and when it was highest."
    )
    box: tuple[int, int, int, int] | None = Field(
        default=None, description="x, y, width, height around it at the peak."
    )
    picture: tuple[int, int] | None = Field(
        default=None, description="Height and width of the pictures the box is counted in."
    )
    reason: EndReason | None = Field(default=None, description="Why it ended.")
    text: str = Field(description="The same in a sentence.")
    clip: str | None = Field(
        default=None, description="Path of the clip, in the storage folder; absent while it lasts."
    )
    thumbnail: str | None = Field(default=None, description="Path of a picture of it, in the storage folder.")
    model: str | None = Field(default=None, description="Digest of the model that scored it.")

    def json_line(self) -> str:
        """JSON in one line, without what is absent."""
        return self.model_dump_json(exclude_none=True)


def alert_schema() -> dict[str, object]:
    """JSON Schema of the messages."""
    return Alert.model_json_schema(mode="serialization")
