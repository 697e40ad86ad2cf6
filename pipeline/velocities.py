"""Planes of motion and what they stand for: the mean velocity of what moves in each cell, as four bytes.

Velocities travel on a logarithmic scale, fine where people walk: a step is about 0.3 px/s for speeds and 0.6 for their
parts across and down at 10 px/s, and 2 and 4 % far above. Pixels are those of the model picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_PX_S", "Velocities", "planes_of", "velocities_of"]

Floats = NDArray[np.float32]

# What moves less, in pixels a second, does not move: leaves, noise.
LEAST_PX_S = 5.0
# Logarithmic from SLOW on, up to FAST, in pixels a second.
SLOW, FAST = 5.0, 1000.0
SIGNED, UNSIGNED = 127, 255


@dataclass(frozen=True, slots=True, eq=False)
class Velocities:
    """What planes of motion say of (B, h, w) cells.

    Attributes:
        across, down: (B, h, w) float32 mean velocity of what moves in a cell, in pixels a second.
        speed: (B, h, w) float32 mean of its speeds, which also has what cancels out in the velocity.
        share: (B, h, w) float32, 0 to 1, of the cell's surroundings that moves.
    """

    across: Floats
    down: Floats
    speed: Floats
    share: Floats


def planes_of(across: Floats, down: Floats, speed: Floats, share: Floats) -> NDArray[np.uint8]:
    """(4, h, w) planes of one frame's cells, each (h, w)."""
    levels = [
        SIGNED * _logarithm(across) + 128,
        SIGNED * _logarithm(down) + 128,
        UNSIGNED * _logarithm(speed),
        UNSIGNED * share,
    ]
    return np.clip(np.rint(np.stack(levels)), 0, 255).astype(np.uint8)


def velocities_of(planes: NDArray[np.uint8]) -> Velocities:
    """What (B, 4, h, w) planes stand for."""
    across, down, speed, share = planes.transpose(1, 0, 2, 3)
    return Velocities(_SIGNED[across], _SIGNED[down], _UNSIGNED[speed], share.astype(np.float32) / UNSIGNED)


def _logarithm(velocity: Floats) -> Floats:
    """-1 to 1: the logarithm of a velocity from SLOW on, with its sign."""
    return np.asarray(np.sign(velocity) * np.log1p(np.abs(velocity) / SLOW) / math.log1p(FAST / SLOW), np.float32)


def _velocity(logarithm: NDArray[np.float64]) -> Floats:
    return (np.sign(logarithm) * SLOW * np.expm1(np.abs(logarithm) * math.log1p(FAST / SLOW))).astype(np.float32)


_SIGNED = _velocity((np.arange(256) - 128.0) / SIGNED)
_UNSIGNED = _velocity(np.arange(256.0) / UNSIGNED)
