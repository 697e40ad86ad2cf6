"""Models on disk: `NAME.stillwatch`, safetensors with one JSON header, written whole or not at all.

Tensors: `mean` (P, D) and `whitening` (P, D(D+1)/2) float32; `mask` (H, W) uint8 where there is one; with a resumable
model `moments_mean` (P, D) and `moments_scatter` (P, D(D+1)/2) float64; those of motion in
`pipeline.model.moving_tensors`. Nothing in it is ever executed.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.errors import OutputError
from pipeline.files import output_error, written_whole
from pipeline.model.blocks import Block
from pipeline.model.card import FORMAT_VERSION, HEADER_KEY, check_file, check_threshold, cut_off, damaged, parse_header
from pipeline.model.gaussians import Gaussians, Moments, pack_triangle, unpack_triangle
from pipeline.model.moving_tensors import learned_of, moving_of, moving_shapes, moving_tensors
from pipeline.model.padim import Model
from pipeline.model.settings import Precision, Settings
from pipeline.model.threshold import Threshold
from pipeline.types import Geometry, Size

__all__ = ["FORMAT_VERSION", "Header", "load_model", "read_header", "save_model"]

TYPES = {"mean": torch.float32, "whitening": torch.float32, "mask": torch.uint8}
TYPES |= {"moments_mean": torch.float64, "moments_scatter": torch.float64}


class Header(BaseModel):
    """The JSON header of a model file; the meaning of its fields is that of `Model`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format_version: Literal[3]
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
    motion: bool

    @field_validator("blocks", mode="before")
    @classmethod
    def _without_motion_that_lingers(cls, blocks: object) -> object:
        """Files of this format used to say how motion lingers, which nothing looks at."""
        for block in blocks if isinstance(blocks, list) else []:
            kinds = block.get("motion") if isinstance(block, dict) else None
            for kind in kinds if isinstance(kinds, list) else []:
                if isinstance(kind, dict):
                    kind.pop("lingering", None)
        return blocks


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
    tensors |= moving_tensors(model)
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
        return parse_header(path, file.metadata(), Header)


def load_model(path: Path) -> Model:
    """Read a model.

    Raises:
        ModelError: the file is absent, cut off, damaged, of another version, or not ours.
    """
    with _opened(path) as file:
        header = parse_header(path, file.metadata(), Header)
        try:
            # Copies: safetensors gives a view of the file, and a process that looks at it when somebody cuts the file
            # to copy a new one over it is killed.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # not a dict
            _check_tensors(path, header, tensors)
            gaussians = Gaussians(tensors["mean"], tensors["whitening"])
            moments = _moments(header, tensors)
            movers, motion = learned_of(tensors) if header.motion else (None, None)
            moving = moving_of(tensors) if header.motion and header.resumable else None
        except (SafetensorError, KeyError) as error:
            raise damaged(path, f"{error} is missing or unreadable") from error
    mask = tensors["mask"].numpy() > 0 if "mask" in tensors else None
    kept = {name: getattr(header, name) for name in Header.model_fields}
    for name in ("format_version", "package_version", "resumable", "motion"):
        del kept[name]
    model = Model(gaussians=gaussians, mask=mask, moments=moments, **kept)
    return replace(model, movers=movers, motion=motion, moving=moving)


def _header_of(model: Model) -> Header:
    try:
        package_version = version("stillwatch")
    except PackageNotFoundError:  # imported from a bare checkout
        package_version = "unknown"
    values = {name: getattr(model, name) for name in Header.model_fields if hasattr(model, name)}
    own = {"format_version": FORMAT_VERSION, "package_version": package_version, "resumable": bool(model.moments)}
    own["motion"] = model.has_motion
    return Header.model_validate(values | own)


def _not_saved(path: Path, error: SafetensorError) -> OutputError:
    """safetensors gives the system's error as text alone, its number at the end."""
    number = re.search(r"os error (\d+)", str(error))
    return output_error(path, OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error)))


def _opened(path: Path) -> safe_open:
    check_file(path)
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise cut_off(path) from error


def _check_tensors(path: Path, header: Header, tensors: dict[str, Tensor]) -> None:
    height, width = header.geometry.size
    grid, dims = header.settings.grid, len(header.channels)
    positions = (height // grid) * (width // grid)
    packed = dims * (dims + 1) // 2
    shapes: dict[str, tuple[int, ...]] = {
        "mean": (positions, dims),
        "whitening": (positions, packed),
        "mask": (height, width),
    }
    shapes |= {"moments_mean": (positions, dims), "moments_scatter": (positions, packed)}
    types: dict[str, torch.dtype] = dict(TYPES)
    for name, (shape, kind) in moving_shapes(header.geometry.size, (height // grid, width // grid), dims).items():
        shapes[name], types[name] = shape, kind
    for name, tensor in tensors.items():
        if name in shapes and tuple(tensor.shape) != shapes[name]:
            raise damaged(path, f"{name} is {tuple(tensor.shape)}, its header says {shapes[name]}")
        if name in types and tensor.dtype != types[name]:
            raise damaged(path, f"{name} is {tensor.dtype}, expected {types[name]}")
        if not bool(torch.isfinite(tensor).all()):
            raise damaged(path, f"{name} holds values that are not numbers")
    check_threshold(path, header.threshold.value)


def _moments(header: Header, tensors: dict[str, Tensor]) -> Moments | None:
    if not header.resumable:
        return None
    packed = tensors["moments_scatter"]
    lower = unpack_triangle(packed, len(header.channels))
    scatter = lower + lower.transpose(1, 2)
    scatter.diagonal(dim1=1, dim2=2).mul_(0.5)
    return Moments(header.frames, tensors["moments_mean"], scatter)
