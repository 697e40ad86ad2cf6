"""Models on disk: `NAME.stillwatch`, safetensors with one JSON header, written whole or not at all.

Tensors: `mean` (P, D) and `whitening` (P, D(D+1)/2) float32; `mask` (H, W) uint8 where there is one; with a resumable
model `moments_mean` (P, D) and `moments_scatter` (P, D(D+1)/2) float64. Nothing in it is ever executed.
"""

from __future__ import annotations

import math
import os
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.errors import ModelError, OutputError
from pipeline.files import output_error, written_whole
from pipeline.model.gaussians import Gaussians, Moments, pack_triangle, unpack_triangle
from pipeline.model.padim import Model
from pipeline.model.settings import Precision, Settings
from pipeline.model.threshold import Block, Threshold
from pipeline.types import Geometry, Size

__all__ = ["FORMAT_VERSION", "Header", "load_model", "read_header", "save_model"]

FORMAT_VERSION: Literal[2] = 2
HEADER_KEY = "stillwatch"
TYPES = {"mean": torch.float32, "whitening": torch.float32, "mask": torch.uint8}
TYPES |= {"moments_mean": torch.float64, "moments_scatter": torch.float64}


class Header(BaseModel):
    """The JSON header of a model file; the meaning of its fields is that of `Model`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format_version: Literal[2]
    package_version: str
    settings: Settings
    geometry: Geometry
    source_size: Size
    weights_digest: str
    channels: tuple[int, ...]
    epsilon: float
    threshold: Threshold
    blocks: tuple[Block, ...]
    precision: Precision
    precisions: tuple[Precision, ...]
    frames: int
    footage_s: float
    fps: float | None
    merged: bool
    resumable: bool


def save_model(model: Model, path: Path) -> None:
    """Write a model; its moments go with it where it has them.

    Raises:
        OutputError: the file cannot be written; what was there before is untouched.
    """
    tensors = {"mean": model.gaussians.mean, "whitening": model.gaussians.whitening}
    if model.mask is not None:
        tensors["mask"] = torch.from_numpy(model.mask.astype(np.uint8))
    if model.moments is not None:
        tensors["moments_mean"] = model.moments.mean
        tensors["moments_scatter"] = pack_triangle(model.moments.scatter)
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as part:
        part.touch()  # the system's own word where the folder is missing or closed
        mode = part.stat().st_mode
        try:
            save_file(tensors, part, metadata={HEADER_KEY: _header_of(model).model_dump_json()})
        except SafetensorError as error:
            raise _not_saved(path, error) from error
        part.chmod(mode)  # safetensors writes files for their owner alone; the process that scores may be another's


def read_header(path: Path) -> Header:
    """The header alone, without the tensors.

    Raises:
        ModelError: as `load_model`.
    """
    with _opened(path) as file:
        return _parse_header(path, file.metadata())


def load_model(path: Path) -> Model:
    """Read a model.

    Raises:
        ModelError: the file is absent, cut off, damaged, of another version, or not ours.
    """
    with _opened(path) as file:
        header = _parse_header(path, file.metadata())
        try:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            _check_tensors(path, header, tensors)
            gaussians = Gaussians(tensors["mean"], tensors["whitening"])
            moments = _moments(header, tensors)
        except (SafetensorError, KeyError) as error:
            raise _damaged(path, f"{error} is missing or unreadable") from error
    mask = tensors["mask"].numpy() > 0 if "mask" in tensors else None
    kept = {name: getattr(header, name) for name in Header.model_fields}
    for name in ("format_version", "package_version", "resumable"):
        del kept[name]
    return Model(gaussians=gaussians, mask=mask, moments=moments, **kept)


def _header_of(model: Model) -> Header:
    try:
        package_version = version("stillwatch")
    except PackageNotFoundError:  # imported from a bare checkout
        package_version = "unknown"
    values = {name: getattr(model, name) for name in Header.model_fields if hasattr(model, name)}
    own = {"format_version": FORMAT_VERSION, "package_version": package_version, "resumable": bool(model.moments)}
    return Header.model_validate(values | own)


def _not_saved(path: Path, error: SafetensorError) -> OutputError:
    """safetensors gives the system's error as text alone, its number at the end."""
    number = re.search(r"os error (\d+)", str(error))
    return output_error(path, OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error)))


def _opened(path: Path) -> safe_open:
    if os.path.isdir(path):
        raise ModelError(f"{path}: is a folder; name the model in it.")
    if not os.path.isfile(path):  # Path.is_file raises inside a folder that may not be entered
        raise ModelError(f"{path}: no such model; make one with 'stillwatch fit FOOTAGE -o {path}'.")
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path}: is not a stillwatch model, or is cut off; copy it again or make one with 'stillwatch fit'."
        ) from error


def _parse_header(path: Path, metadata: dict[str, str] | None) -> Header:
    text = (metadata or {}).get(HEADER_KEY)
    if text is None:
        raise ModelError(f"{path}: is not a stillwatch model; make one with 'stillwatch fit FOOTAGE -o MODEL'.")
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("format_version",):
            raise ModelError(
                f"{path}: has format version {first['input']}, this stillwatch reads {FORMAT_VERSION}; "
                "fit the model again, or use the version that made it."
            ) from error
        place = ".".join(str(part) for part in first["loc"])
        part = f"its header's {place}" if place else "its header"
        raise _damaged(path, f"{part} is unreadable") from error


def _check_tensors(path: Path, header: Header, tensors: dict[str, Tensor]) -> None:
    height, width = header.geometry.size
    positions, dims = (height // header.settings.grid) * (width // header.settings.grid), len(header.channels)
    packed = dims * (dims + 1) // 2
    shapes = {"mean": (positions, dims), "whitening": (positions, packed), "mask": (height, width)}
    shapes |= {"moments_mean": (positions, dims), "moments_scatter": (positions, packed)}
    for name, tensor in tensors.items():
        if name in shapes and tuple(tensor.shape) != shapes[name]:
            raise _damaged(path, f"{name} is {tuple(tensor.shape)}, its header says {shapes[name]}")
        if name in TYPES and tensor.dtype != TYPES[name]:
            raise _damaged(path, f"{name} is {tensor.dtype}, expected {TYPES[name]}")
        if not bool(torch.isfinite(tensor).all()):
            raise _damaged(path, f"{name} holds values that are not numbers")
    if not (math.isfinite(header.threshold.value) and header.threshold.value > 0):
        raise _damaged(path, f"its threshold is {header.threshold.value:g}, expected a number above 0")


def _moments(header: Header, tensors: dict[str, Tensor]) -> Moments | None:
    if not header.resumable:
        return None
    packed = tensors["moments_scatter"]
    lower = unpack_triangle(packed, len(header.channels))
    scatter = lower + lower.transpose(1, 2)
    scatter.diagonal(dim1=1, dim2=2).mul_(0.5)
    return Moments(header.frames, tensors["moments_mean"], scatter)


def _damaged(path: Path, what: str) -> ModelError:
    return ModelError(f"{path}: the model is damaged, {what}; fit it again or restore a copy.")
