"""Kinds of values that a site file holds: numbers, paths, secrets, names, and what every part of it has in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo
from pydantic_core import PydanticKnownError

from workers.site.addresses import path_from

__all__ = ["CameraName", "Number", "Part", "Secret", "SitePath", "Text", "Whole", "folder_of", "section"]


def _number(value: object) -> object:
    # Python counts with yes and no; a site file that says `fps: yes` means something else.
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


def _whole(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticKnownError("int_type")
    return value


def _path(value: object, info: ValidationInfo) -> object:
    return path_from(str(value), folder_of(info)) if isinstance(value, str | Path) else value


def folder_of(info: ValidationInfo) -> Path | None:
    """Where relative paths begin: the folder of the site file, which the reader gives as context."""
    return info.context["folder"] if info.context else None


def section(value: object) -> object:
    """A heading with everything below it left out, or commented out, means the defaults."""
    return {} if value is None else value


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_whole)]
SitePath = Annotated[Path, BeforeValidator(_path)]
Secret = Annotated[SecretStr, Field(min_length=1)]
# Long enough for any address; a recording that was pasted in is not read back to people.
LONGEST_TEXT = 1000
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
CameraName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Part(BaseModel):
    """What every part of a site file has in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
