"""One model of what several fits saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.errors import ModelError
from pipeline.model.calibration import calibrated
from pipeline.model.learned import Learned
from pipeline.model.padim import Model

__all__ = ["merge_models"]


def merge_models(models: Sequence[Model], a_day: float = 1.0) -> Model:
    """One model of what several fits saw.

    Its threshold is provisional: no block was scored by a model of everything but itself.

    Args:
        a_day: false events a day to aim at.
    Raises:
        ModelError: fewer than two models, or they differ in anything but footage, or lack their moments.
    """
    if len(models) < 2:
        raise ModelError("a merge needs two models or more.")
    first = models[0]
    learned = Learned.nothing(first.geometry.size, first.grid, len(first.channels), motion=first.has_motion)
    for model in models:
        _check_mergeable(first, model)
        assert model.moments is not None
        learned.merge(Learned(model.moments, model.moving))
    known = learned.known(first.settings)
    blocks = tuple(block for model in models for block in model.blocks)
    foreign = known.gaussians.foreign()
    return replace(
        first,
        gaussians=known.gaussians,
        epsilon=known.epsilon,
        threshold=calibrated(blocks, len(first.channels), foreign, a_day, provisional=True),
        blocks=blocks,
        precisions=tuple(p for p in first.precisions if all(p in model.precisions for model in models)),
        frames=learned.moments.count,
        footage_s=math.fsum(model.footage_s for model in models),
        merged=True,
        moments=learned.moments,
        moving=learned.moving,
        movers=known.movers,
        motion=known.motion,
    )


def _check_mergeable(first: Model, model: Model) -> None:
    if model.moments is None:
        raise ModelError("a model to merge was saved without its moments; fit it again with --resumable.")
    for name in ("settings", "geometry", "weights_digest", "channels", "precision", "fps"):
        if getattr(model, name) != getattr(first, name):
            raise ModelError(
                f"the models to merge differ in {name}: {getattr(first, name)} and {getattr(model, name)}; "
                "fit them with the same options."
            )
    mask, other = model.mask, first.mask
    same = mask is other if mask is None or other is None else np.array_equal(mask, other)
    if not same:
        raise ModelError("the models to merge differ in their masks; fit them with the same mask.")
