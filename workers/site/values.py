"""What a site file says, checked: its models, their defaults and their ranges, written here and nowhere else.

Times are seconds (`_s`) unless a name says milliseconds (`_ms`) or days; sizes are the short sides of pictures, in
pixels. Paths are absolute once a site file was read. Secrets are `SecretStr`: no repr, log or error shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from workers.site.addresses import wrong
from workers.site.cameras import AlertOptions, Camera, CameraDefaults, Pace
from workers.site.kinds import CameraName, Part, SitePath, Whole, section
from workers.site.services import Broker, Retention, ScorerOptions, Telemetry, Webhook

__all__ = [
    "AlertOptions",
    "Broker",
    "Camera",
    "CameraDefaults",
    "Pace",
    "Retention",
    "ScorerOptions",
    "Site",
    "Telemetry",
    "Webhook",
]


def _items(value: object) -> object:
    return [] if value is None else value


def _some_camera(cameras: object) -> object:
    if cameras is None or cameras == {}:
        raise wrong("is empty; name at least one camera")
    return cameras


class Site(Part):
    """What there is to watch, how, and where all of it goes."""

    path: Path = Field(description="The site file itself.")
    storage: SitePath = Field(description="Folder of events and clips, and of models unless models_dir names another.")
    broker: Broker = Field(default=Broker(), description="`embedded`, or the address of a Redis or Valkey.")
    models_dir: SitePath | None = Field(default=None, description="Folder of models; left out, `models` in storage.")
    shards: Whole = Field(
        default=1, ge=1, le=64, description="Parts that cameras are spread over on the bus; one is read in one call."
    )
    cameras_per_process: Whole = Field(default=8, ge=1, le=64, description="Cameras that one decoder process reads.")
    defaults: Annotated[CameraDefaults, BeforeValidator(section)] = Field(
        default=CameraDefaults(), description="What each camera has unless it says otherwise."
    )
    cameras: Annotated[dict[CameraName, Camera], BeforeValidator(_some_camera)] = Field(
        description="Each camera under its name: small letters, digits and hyphens, 40 at the most."
    )
    scorer: Annotated[ScorerOptions, BeforeValidator(section)] = Field(
        default=ScorerOptions(), description="How frames are scored."
    )
    webhooks: Annotated[list[Webhook], BeforeValidator(_items)] = Field(
        default=[], description="Addresses that get a POST for each alert."
    )
    retention: Annotated[Retention, BeforeValidator(section)] = Field(
        default=Retention(), description="How long events and clips are kept; the oldest go first."
    )
    telemetry: Telemetry = Field(default=Telemetry(), description="Metrics, health and logs; `false` serves none.")

    @model_validator(mode="before")
    @classmethod
    def _merge(cls, value: object) -> object:
        return with_defaults(value) if isinstance(value, Mapping) else value

    @field_validator("webhooks")
    @classmethod
    def _known_cameras(cls, webhooks: list[Webhook], info: ValidationInfo) -> list[Webhook]:
        cameras = info.data.get("cameras", {})
        for place, webhook in enumerate(webhooks):
            for pattern in webhook.cameras:
                if cameras and not any(fnmatchcase(name, pattern) for name in cameras):
                    raise wrong(f"holds {pattern!r}, which matches no camera; correct it", place, "cameras")
        return webhooks

    @property
    def models(self) -> Path:
        """Folder of models."""
        return self.models_dir or self.storage / "models"

    def model_of(self, camera: Camera) -> Path:
        """Where a camera's model lies."""
        return camera.model or self.models / f"{camera.name}.stillwatch"


def with_defaults(site: Mapping[Any, Any]) -> dict[Any, Any]:
    """The site file's mapping with what `defaults` says written under each camera, and each camera's name.

    What has the wrong type is left as it is, for the models to refuse. Cameras that are values already stay so.
    """
    shared, cameras = site.get("defaults"), site.get("cameras")
    if not isinstance(cameras, Mapping):
        return dict(site)
    shared = shared if isinstance(shared, Mapping) else {}
    # What is unknown is refused where it stands, once.
    shared = {key: value for key, value in shared.items() if key in CameraDefaults.model_fields}
    merged = {
        name: {"name": name, **_merged(shared, own)} if isinstance(own, Mapping) else own
        for name, own in cameras.items()
    }
    return {**site, "cameras": merged}


def _merged(shared: Mapping[Any, Any], own: Mapping[Any, Any]) -> dict[Any, Any]:
    both = {**shared, **own}
    own_alert = {} if own.get("alert") is None else own["alert"]
    if isinstance(shared.get("alert"), Mapping) and isinstance(own_alert, Mapping):
        both["alert"] = {**shared["alert"], **own_alert}
    return both
