"""What a site file says of everything but its cameras: broker, scorers, webhooks, retention, telemetry."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from workers.site.addresses import is_loopback, split_url, wrong
from workers.site.kinds import Number, Part, Secret, Text, Whole, section

__all__ = ["Broker", "Retention", "ScorerOptions", "Telemetry", "Webhook"]

DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,2})?")
USER_IN_URL = re.compile(r"[^/?#]*:[^/?#]*@")


class Broker(Part):
    """Redis or Valkey, between the workers."""

    url: Text | None = Field(
        default=None,
        description="redis://, rediss:// or unix:// address, without the password; left out, the workers of `run` get "
        "a broker of their own on a Unix socket.",
    )
    password: Secret | None = Field(
        default=None, description="Password of the broker: `${NAME}` from the environment, or a file: password_file."
    )
    max_memory_mb: Annotated[Whole, Field(ge=32)] | None = Field(
        default=None,
        description="Memory of the embedded broker in MB; left out, it is computed from the cameras.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        if isinstance(value, str):
            return {} if value == "embedded" else {"url": value}
        return section(value)

    @field_validator("url")
    @classmethod
    def _whole_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        return broker_url(url, "embedded, ", "password_file")

    @field_validator("max_memory_mb")
    @classmethod
    def _of_our_own(cls, megabytes: int | None, info: ValidationInfo) -> int | None:
        if megabytes is not None and info.data.get("url") is not None:
            text = "is set, but only the embedded broker takes it; leave it out, and set maxmemory in the broker"
            raise wrong(text, beside="url")
        return megabytes

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.password is not None and self.url is None:
            raise wrong("is set, but the embedded broker has none; leave it out", "password")
        if self.password is None and self.url is not None and not self.url.startswith("unix:"):
            parts = split_url(self.url)
            if not is_loopback(parts.hostname):
                raise wrong(
                    f"is {self.url}, beyond this machine and without a password; give one with password_file", "url"
                )
        return self

    @property
    def embedded(self) -> bool:
        """Whether `run` starts the broker itself."""
        return self.url is None


def broker_url(url: str, or_else: str, password_in: str) -> str:
    """The address of a broker, checked.

    Args:
        or_else: what may stand there beside addresses, for the sentence that says what is wrong.
        password_in: where its password belongs.
    """
    scheme, separator, rest = url.partition("://")
    shown = f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}" if separator else url.rpartition("@")[2]
    if not separator or scheme not in ("redis", "rediss", "unix"):
        raise wrong(f"is {shown!r}, not {or_else}redis://HOST:PORT/DB, rediss://… or unix:///PATH; write one")
    # A client would take options from a query, the password among them.
    if USER_IN_URL.search(rest) or "?" in rest or (scheme != "unix" and "@" in rest.partition("/")[2]):
        raise wrong(f"is {shown} with a password or options in it; use {password_in}, and keep USER@ alone")
    if scheme != "unix":
        split_url(url)
    elif not rest.startswith("/"):
        raise wrong(f"is {shown}, without the path of a socket; write unix:///PATH")
    return url


class ScorerOptions(Part):
    """How frames are scored."""

    device: Text = Field(default="auto", description="`auto`, `cpu`, `cuda` or `cuda:N`.")
    threads: Annotated[Whole, Field(ge=1, le=1024)] | None = Field(
        default=None, description="CPU threads; left out, all cores."
    )
    batch: Whole = Field(default=32, ge=1, le=512, description="Frames that are scored at once, at the most.")
    batch_wait_ms: Number = Field(
        default=5, ge=0, le=1000, description="Milliseconds that a batch which is not full waits for more frames."
    )
    models_mb: Whole = Field(
        default=2048,
        ge=64,
        description="Memory for models in MB; beyond it the one that was not used for longest is put away.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Number format; `auto` is that of the model."
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not DEVICE.fullmatch(device):
            raise wrong(f"is {device!r}, not auto, cpu, cuda or cuda:N; choose one, or leave it out for auto")
        return device


class Webhook(Part):
    """An address that gets a POST for each alert."""

    url: Text = Field(repr=False, description="http or https address.")
    secret: Secret | None = Field(
        default=None,
        description="Key that each POST is signed with: `${NAME}` from the environment, or a file: secret_file.",
    )
    cameras: list[Text] = Field(
        default=["*"], min_length=1, description="Names or patterns of the cameras it hears about."
    )
    timeout_s: Number = Field(default=10, ge=0.1, le=300, description="Seconds after which a POST has failed.")

    @field_validator("url")
    @classmethod
    def _web(cls, url: str) -> str:
        if not url.lower().startswith(("http://", "https://")):
            raise wrong("is not an http:// or https:// address; write one")
        if "@" in split_url(url).netloc:
            raise wrong("holds a user name or a password; use secret_file, which signs each POST")
        return url

    @property
    def where(self) -> str:
        """The address for messages: without path and query, where people put tokens."""
        parts = split_url(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def in_the_clear(self) -> bool:
        """Whether alerts leave this machine without encryption."""
        parts = split_url(self.url)
        return parts.scheme == "http" and not is_loopback(parts.hostname)

    def hears(self, camera: str) -> bool:
        """Whether it is told about a camera."""
        return any(fnmatchcase(camera, pattern) for pattern in self.cameras)


class Retention(Part):
    """How long events and clips are kept; the oldest go first."""

    days: Number = Field(default=30, gt=0, description="Days that an event is kept.")
    size_gb: Number = Field(default=50, gt=0, description="Gigabytes that events may take.")
    floor_gb: Number = Field(
        default=1, ge=0, description="Gigabytes of free disk below which alerts come without clips."
    )


class Telemetry(Part):
    """Metrics, health and logs."""

    host: Text = Field(default="127.0.0.1", description="Address that metrics and health are served on.")
    port: Annotated[Whole, Field(ge=0, le=65_535)] | None = Field(
        default=9108,
        description="Their port; null, as `telemetry: false`, turns them off; 0 takes a free one.",
    )
    token: Secret | None = Field(
        default=None,
        description="What is asked for beyond this machine, `Authorization: Bearer TOKEN`: `${NAME}` from the "
        "environment, or a file: token_file.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What is logged.")

    @model_validator(mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        return {"port": None} if value is False else section(value)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.port is not None and self.token is None and not is_loopback(self.host):
            raise wrong(f"is {self.host}, beyond this machine and without a token; give one with token_file", "host")
        return self
