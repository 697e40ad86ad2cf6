"""The part of a model file that is of motion and movers: its tensors, by name, and what they make again.

Of cells (h', w') = (H / 8, W / 8), positions (h, w), P = h·w, and D numbers an embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import torch
from torch import Tensor

from pipeline.model.gaussians import Gaussians
from pipeline.model.motion import MotionGaussians, MotionMoments
from pipeline.model.movers import MoverMoments, Movers
from pipeline.model.moving import Moving, cells_of
from pipeline.model.padim import Model
from pipeline.types import Size

__all__ = ["learned_of", "moving_of", "moving_shapes", "moving_tensors"]

Shapes = dict[str, tuple[tuple[int, ...], torch.dtype]]


def moving_shapes(size: Size, grid: Size, dims: int) -> Shapes:
    """Shape and type of each tensor that may be there, by name."""
    (rows, columns), cells, packed = grid, cells_of(size), dims * (dims + 1) // 2
    scoring = {
        "motion_mean": (*cells, 3),
        "motion_whitening": (*cells, 4),
        "movers_mean": (rows, dims),
        "movers_whitening": (rows, packed),
        "movers_factors": (rows * columns,),
    }
    going_on = {
        "moved_weight": cells,
        "moved_first": (*cells, 3),
        "moved_second": (*cells, 4),
        "moving_count": (rows,),
        "moving_first": (rows, dims),
        "moving_second": (rows, dims, dims),
        "moving_present_s": grid,
        "moving_seconds": (),
    }
    shapes: Shapes = {name: (shape, torch.float32) for name, shape in scoring.items()}
    return shapes | {name: (shape, torch.float64) for name, shape in going_on.items()}


def moving_tensors(model: Model) -> dict[str, Tensor]:
    """What a model has of motion and movers."""
    tensors: dict[str, Tensor] = {}
    if model.motion is not None:
        tensors["motion_mean"] = torch.from_numpy(model.motion.mean)
        tensors["motion_whitening"] = torch.from_numpy(model.motion.whitening)
    if model.movers is not None:
        tensors["movers_mean"] = model.movers.gaussians.mean
        tensors["movers_whitening"] = model.movers.gaussians.whitening
        tensors["movers_factors"] = model.movers.factors
    if model.moving is not None:
        motion, movers = model.moving.motion, model.moving.movers
        tensors |= {f"moved_{field.name}": torch.from_numpy(getattr(motion, field.name)) for field in fields(motion)}
        tensors |= {f"moving_{field.name}": getattr(movers, field.name) for field in fields(movers)}
    return tensors


def learned_of(tensors: Mapping[str, Tensor]) -> tuple[Movers | None, MotionGaussians]:
    """Movers and motion of a model that has motion.

    Raises:
        KeyError: a tensor is missing.
    """
    motion = MotionGaussians(tensors["motion_mean"].numpy(), tensors["motion_whitening"].numpy())
    if not any(name.startswith("movers_") for name in tensors):
        return None, motion
    gaussians = Gaussians(tensors["movers_mean"], tensors["movers_whitening"])
    return Movers(gaussians, tensors["movers_factors"]), motion


def moving_of(tensors: Mapping[str, Tensor]) -> Moving:
    """The moments of a resumable model that has motion.

    Raises:
        KeyError: a tensor is missing.
    """
    motion = MotionMoments(*(tensors[f"moved_{field.name}"].numpy() for field in fields(MotionMoments)))
    return Moving(motion, MoverMoments(*(tensors[f"moving_{field.name}"] for field in fields(MoverMoments))))
