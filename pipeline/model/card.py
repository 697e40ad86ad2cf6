"""What a model file says of itself, read without torch: for those who prepare pictures and judge scores.

A model is a safetensors file (see `pipeline.model.model_file`): 8 bytes of length, a JSON head of so many bytes, then
the tensors. Only the head is parsed here; the tensors are read once for the file's digest.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ModelError
from pipeline.types import Geometry, Size

__all__ = [
    "FORMAT_VERSION",
    "HEADER_KEY",
    "ModelCard",
    "check_file",
    "check_threshold",
    "cut_off",
    "damaged",
    "file_digest",
    "parse_header",
    "read_card",
]

FORMAT_VERSION: Literal[3] = 3
HEADER_KEY = "stillwatch"
# Ours is some kilobytes long; a file that is none of ours may claim any length.
LONGEST_HEAD = 16 << 20
# Hexadecimal digits of a digest: it tells files apart, it guards nothing.
DIGITS = 16

Header = TypeVar("Header", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is to be known of a model before its tensors are loaded.

    Attributes:
        digest: of the whole file, as `file_digest` has it: a model that was fitted again has another.
        geometry: how source pictures become model pictures.
        source_size: (H, W) of the pictures it was fitted on.
        fps: sampling rate it was fitted at; None for pictures without a clock.
        lingering: threshold of what stays in one place, in units of that of a moment.
        threshold: raw score that is a score of 1.
        provisional: whether the threshold waits for `stillwatch calibrate`.
        has_motion: whether it scores what moves, too.
        bytes: length of the file.
    """

    digest: str
    geometry: Geometry
    source_size: Size
    fps: float | None
    lingering: float
    threshold: float
    provisional: bool
    has_motion: bool
    bytes: int


class _Threshold(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    value: float
    lingering: float = 1.0
    provisional: bool = False


class _Named(BaseModel):
    """The part of the header that a card names."""

    model_config = ConfigDict(allow_inf_nan=False)

    format_version: Literal[3]
    geometry: Geometry
    source_size: Size
    fps: float | None
    threshold: _Threshold
    motion: bool


def read_card(path: Path) -> ModelCard:
    """What a model says of itself; head and digest are of one and the same file, even while it is replaced.

    Raises:
        ModelError: as `pipeline.model.model_file.load_model`; the tensors themselves are not looked at.
    """
    check_file(path)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            named = parse_header(path, _metadata(path, file, size), _Named)
            file.seek(0)
            digest = _digest(file)
    except OSError as error:
        raise cut_off(path) from error
    check_threshold(path, named.threshold.value)
    return ModelCard(
        digest=digest,
        geometry=named.geometry,
        source_size=named.source_size,
        fps=named.fps,
        lingering=named.threshold.lingering,
        threshold=named.threshold.value,
        provisional=named.threshold.provisional,
        has_motion=named.motion,
        bytes=size,
    )


def file_digest(path: Path) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256.

    Raises:
        ModelError: there is no such file, or it cannot be read.
    """
    check_file(path)
    try:
        with open(path, "rb") as file:
            return _digest(file)
    except OSError as error:
        raise cut_off(path) from error


def check_file(path: Path) -> None:
    """Refuse what is not a file.

    Raises:
        ModelError: it is absent, or a folder.
    """
    if os.path.isdir(path):
        raise ModelError(f"{path}: is a folder; name the model in it.")
    if not os.path.isfile(path):  # Path.is_file raises inside a folder that may not be entered
        raise ModelError(f"{path}: no such model; make one with 'stillwatch fit FOOTAGE -o {path}'.")


def parse_header(path: Path, metadata: dict[str, str] | None, header: type[Header]) -> Header:
    """Our JSON of a safetensors file's metadata, as a model of pydantic's that begins with `format_version`.

    Raises:
        ModelError: the file is not ours, of another version, or damaged.
    """
    text = (metadata or {}).get(HEADER_KEY)
    if text is None:
        raise ModelError(f"{path}: is not a stillwatch model; make one with 'stillwatch fit FOOTAGE -o MODEL'.")
    try:
        return header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("format_version",):
            raise ModelError(
                f"{path}: has format version {first['input']}, this stillwatch reads {FORMAT_VERSION}; "
                "fit the model again, or use the version that made it."
            ) from error
        place = ".".join(str(part) for part in first["loc"])
        part = f"its header's {place}" if place else "its header"
        raise damaged(path, f"{part} is unreadable") from error


def check_threshold(path: Path, value: float) -> None:
    """Refuse a threshold by which scores cannot be divided.

    Raises:
        ModelError: it is not above 0.
    """
    if not value > 0:
        raise damaged(path, f"its threshold is {value:g}, expected a number above 0")


def cut_off(path: Path) -> ModelError:
    """What to say of a file that is no safetensors file, or not a whole one."""
    return ModelError(
        f"{path}: is not a stillwatch model, or is cut off; copy it again or make one with 'stillwatch fit'."
    )


def damaged(path: Path, what: str) -> ModelError:
    """What to say of a model that has something wrong in it."""
    return ModelError(f"{path}: the model is damaged, {what}; fit it again or restore a copy.")


def _digest(file: BinaryIO) -> str:
    digest = sha256()
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()[:DIGITS]


def _metadata(path: Path, file: BinaryIO, size: int) -> dict[str, str] | None:
    """The metadata of a safetensors file of `size` bytes whose tensors fill it to its end."""
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(LONGEST_HEAD, size - 8):
        raise cut_off(path)
    try:  # what is no JSON, or not of the form, fails in one of many ways
        head: dict[str, dict[str, Any]] = json.loads(file.read(length))
        metadata = head.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in head.values()), default=0)
        texts = metadata is None or all(isinstance(text, str) for text in metadata.values())
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        RecursionError,
    ) as error:  # not JSON, or not of its form
        raise cut_off(path) from error
    if not texts or 8 + length + end != size:
        raise cut_off(path)
    return metadata
