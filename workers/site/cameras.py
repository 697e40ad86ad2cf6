"""Cameras of a site file: where their pictures come from, how they are looked at, when they raise an alert.

Times are seconds (`_s`); sizes are the short sides of pictures, in pixels.
"""

from __future__ import annotations

import math
import re
from dataclasses import fields, replace
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from pipeline.errors import ConfigError
from pipeline.policy import Policy
from pipeline.video.sources import Source, SourceKind
from workers.site.addresses import opened, source_from, with_credentials, wrong
from workers.site.kinds import CameraName, Number, Part, Secret, SitePath, Text, Whole, folder_of, section

__all__ = ["AlertOptions", "Camera", "CameraDefaults", "Pace"]

# What comes before a preview is needed lies behind it: an event is found out about, and its scores are put in order.
PREVIEW_SLACK_S = 15
# A recording that loses nothing fills what there is, and then waits for the scorers.
FAST_FRAMES = 64
POLICY = Policy()


class Pace(StrEnum):
    """How fast a source is read."""

    LIVE = "live"  # as it comes: it runs by its own clock
    REALTIME = "realtime"  # a recording by its own times, like a live camera: what is late is dropped
    FAST = "fast"  # a recording as fast as it is scored: nothing is dropped


class AlertOptions(Part):
    """When scores become an event, and what is recorded of it."""

    min_duration_s: Number = Field(
        default=POLICY.min_duration_s,
        ge=0,
        description="A region must be above 1 for so many seconds before it is an event.",
    )
    release: Number = Field(
        default=POLICY.release, ge=0.125, le=1, description="An event lasts while its region is above this score."
    )
    gap_s: Number = Field(
        default=POLICY.gap_s,
        ge=0,
        description="Seconds within which what comes back near the same place is the same event.",
    )
    cooldown_s: Number = Field(
        default=POLICY.cooldown_s, ge=0, description="Seconds after an event in which its place raises no other."
    )
    max_event_s: Number = Field(
        default=POLICY.max_event_s,
        gt=0,
        description="Seconds after which an event ends; its region is muted until it is normal. More than gap_s and "
        "min_duration_s.",
    )
    view_share: Number = Field(
        default=POLICY.view_share,
        gt=0,
        le=1,
        description="Share of the picture above 1 from which on the view itself has changed.",
    )
    pre_roll_s: Number = Field(default=POLICY.pre_roll_s, ge=0, description="Seconds of its clip before an event.")
    post_roll_s: Number = Field(default=POLICY.post_roll_s, ge=0, description="Seconds of its clip after an event.")
    max_clip_s: Number = Field(
        default=POLICY.max_clip_s,
        gt=0,
        description="Seconds of a clip at most; the event may go on. More than pre_roll_s.",
    )
    offline_s: Number = Field(
        default=30,
        ge=1,
        le=86_400,
        description="Seconds without a frame after which an alert says that the camera is away.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        try:
            _ = self.policy
        except ConfigError as error:
            key, _, text = str(error).removeprefix("alert.").partition(" ")
            beside = re.search(r"alert\.(\w+)", text)
            raise wrong(text.removesuffix("."), key, beside=beside[1] if beside else "") from error
        return self

    @property
    def policy(self) -> Policy:
        """The same, as `pipeline` takes it."""
        return Policy(**{field.name: getattr(self, field.name) for field in fields(Policy)})


class CameraDefaults(Part):
    """Everything that cameras may have in common; `defaults` of the site file says it for all of them."""

    pace: Pace | None = Field(
        default=None,
        description="`live`: as it comes, for addresses and devices; `realtime`: a recording by its own times, like a "
        "live camera; `fast`: a recording as fast as it is scored, without a loss. Left out, the source decides.",
    )
    fps: Number = Field(default=5, ge=0.1, le=60, description="Frames a second that are looked at.")
    size: Whole = Field(
        default=240, ge=32, le=4096, description="Short side of the picture that the model sees, in pixels."
    )
    mask: SitePath | None = Field(
        default=None,
        description="Parts of the picture that never raise an alarm, for the next fit: polygons, or a picture.",
    )
    model: SitePath | None = Field(
        default=None, description="Model file; left out, it is NAME.stillwatch in models_dir."
    )
    false_alarms_per_day: Number = Field(
        default=1, gt=0, description="False events a day that the threshold of the next fit aims at."
    )
    alert: Annotated[AlertOptions, BeforeValidator(section)] = Field(
        default=AlertOptions(), description="When scores become an event, and what is recorded of it."
    )
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="How RTSP sends its packets.")
    stall_s: Number = Field(
        default=10, ge=2, le=600, description="Seconds without a frame after which the connection is made anew."
    )
    hold_off_s: Number = Field(
        default=1,
        ge=0,
        le=60,
        description="Seconds after connecting in which frames are passed over: they are often damaged.",
    )
    max_age_s: Number = Field(
        default=2,
        ge=0.2,
        le=60,
        description="Seconds after which a frame that was not scored is dropped; never with `fast`.",
    )
    previews: bool = Field(default=True, description="Whether pictures are kept for clips and the live page.")
    preview_size: Whole = Field(default=480, ge=64, le=2160, description="Short side of these pictures, in pixels.")


class _Origin(Part):
    """What is each camera's own."""

    name: CameraName = Field(description="Small letters, digits and hyphens, 40 at the most.")
    source: Text = Field(
        repr=False,
        description="Address (rtsp, rtsps, http, https, v4l2, file), device (/dev/video0) or path of a recording, "
        "without user name and password.",
    )
    username: Text | None = Field(default=None, description="User name of the camera.")
    password: Secret | None = Field(
        default=None, description="Password of the camera: `${NAME}` from the environment, or a file: password_file."
    )

    @field_validator("source")
    @classmethod
    def _whole_source(cls, source: str, info: ValidationInfo) -> str:
        return source_from(source, folder_of(info))

    @field_validator("username")
    @classmethod
    def _for_addresses(cls, username: str | None, info: ValidationInfo) -> str | None:
        source = info.data.get("source")
        if username is not None and source is not None and opened(source).kind is not SourceKind.URL:
            raise wrong("is set, but the source has no address to log in at; leave it out", beside="source")
        return username

    @field_validator("password")
    @classmethod
    def _with_a_name(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if password is not None and info.data.get("username", "") is None:
            raise wrong("is set without a username; set that too", beside="username")
        return password


class Camera(CameraDefaults, _Origin):
    """One camera, or one recording that stands for one."""

    @field_validator("pace")
    @classmethod
    def _suits(cls, pace: Pace | None, info: ValidationInfo) -> Pace | None:
        source = info.data.get("source")
        if pace is None or source is None:
            return pace
        found = opened(source)
        if found.kind is SourceKind.FILE and pace is Pace.LIVE:
            text = "is live, but the source is a recording; choose realtime or fast, or leave it out for realtime"
            raise wrong(text, beside="source")
        if found.live and pace is not Pace.LIVE:
            text = f"is {pace}, but the source runs by its own clock; choose live, or leave it out for live"
            raise wrong(text, beside="source")
        return pace

    @property
    def paced(self) -> Pace:
        """The pace, resolved."""
        if self.pace is not None:
            return self.pace
        return Pace.REALTIME if opened(self.source).kind is SourceKind.FILE else Pace.LIVE

    @property
    def where(self) -> str:
        """The source for messages: without user name, password and query."""
        return opened(self.source).where

    @property
    def frames_kept(self) -> int:
        """Entries that its frames stream may hold: what is younger than max_age_s, and a few under way."""
        return FAST_FRAMES if self.paced is Pace.FAST else math.ceil(self.fps * self.max_age_s) + 4

    @property
    def previews_kept(self) -> int:
        """Entries that its previews stream may hold: what the beginning of a clip needs, found out about late."""
        kept_s = self.alert.pre_roll_s + self.alert.min_duration_s + self.alert.gap_s + PREVIEW_SLACK_S
        return math.ceil(self.fps * kept_s) + (FAST_FRAMES if self.paced is Pace.FAST else 0)

    def opened_as(self) -> Source:
        """The source to open, user name and password in its address; its repr and `where` show neither."""
        source = replace(opened(self.source), transport=self.transport, is_live=self.paced is Pace.LIVE)
        if self.username is None:
            return source
        password = self.password.get_secret_value() if self.password else ""
        return replace(source, location=with_credentials(source.location, self.username, password))
