"""People on foot: what they look like, and how they stand, walk and run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.video.street.camera import Floats
from pipeline.video.street.figure import FOREARM, LEG, UPPER_ARM, Look, figure
from pipeline.video.street.shapes import Colour, Part, offset

__all__ = ["POSES", "RUN", "WALK", "Gait", "random_look", "striding"]

SKINS: tuple[Colour, ...] = ((236, 196, 168), (222, 176, 142), (198, 146, 110), (146, 98, 70), (98, 66, 48))
HAIRS: tuple[Colour, ...] = ((34, 28, 26), (62, 44, 32), (98, 70, 44), (160, 128, 84), (150, 148, 146))
TOPS: tuple[Colour, ...] = (
    (44, 54, 78), (36, 38, 42), (104, 46, 48), (186, 180, 170), (74, 92, 76), (138, 116, 88),
    (88, 104, 132), (150, 82, 70), (180, 152, 96), (112, 116, 120), (66, 108, 124), (212, 210, 206),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = ((40, 44, 58), (34, 34, 36), (58, 74, 104), (86, 82, 78), (140, 124, 100), (72, 84, 98))
SHOES: tuple[Colour, ...] = ((30, 28, 28), (58, 42, 32), (206, 204, 200))
BAGS: tuple[Colour, ...] = ((48, 52, 60), (120, 84, 54), (150, 54, 50), (88, 100, 72))


@dataclass(frozen=True, slots=True)
class Gait:
    """A way of moving, angles in radians.

    Attributes:
        cycle_m: ground covered by two steps.
        thigh, knee, arm: how far the thigh and the arm swing and the lifted knee bends.
        elbow, lean: how the elbow and the whole body are held.
    """

    cycle_m: float
    thigh: float
    knee: float
    arm: float
    elbow: float
    lean: float


# So many of a cycle: at the pictures a second of a camera, more cannot be told apart.
POSES = 24
WALK = Gait(cycle_m=1.45, thigh=0.42, knee=0.95, arm=0.42, elbow=0.25, lean=0.04)
RUN = Gait(cycle_m=2.7, thigh=0.72, knee=1.75, arm=0.75, elbow=1.5, lean=0.2)


def random_look(rng: np.random.RandomState) -> Look:
    """Somebody."""

    def one_of(colours: Sequence[Colour]) -> Colour:
        red, green, blue = np.clip(np.array(colours[rng.randint(len(colours))]) + rng.normal(0, 4, 3), 8, 248)
        return red, green, blue

    return Look(
        height_m=float(np.clip(rng.normal(1.72, 0.09), 1.5, 1.95)),
        breadth=float(rng.uniform(0.88, 1.16)),
        skin=one_of(SKINS),
        hair=one_of(HAIRS),
        long_hair=bool(rng.uniform() < 0.35),
        top=one_of(TOPS),
        trousers=one_of(TROUSERS),
        shoes=one_of(SHOES),
        coat=bool(rng.uniform() < 0.25),
        carries=("", "", "", "backpack", "shopping", "bag")[rng.randint(6)],
        bag=one_of(BAGS),
    )


@lru_cache(maxsize=512)
def striding(look: Look, gait: Gait, step: int, stride: float, stoop: float) -> Sequence[Part]:
    """A person on the move; kept, since everybody does the same steps again and again.

    Args:
        step: of the POSES of the cycle of two steps.
        stride: 1 for full steps, 0 for standing still.
        stoop: how far the back is bent, radians.
    """
    tall, phase = look.height_m, step / POSES * 2 * math.pi
    legs: list[tuple[Floats, Floats]] = []
    arms: list[tuple[Floats, Floats]] = []
    for side, turn in ((1, phase), (-1, phase + math.pi)):
        thigh = gait.thigh * math.sin(turn) * stride
        knee = 0.06 + gait.knee * max(0.0, math.cos(turn)) * stride
        upper = _swung(LEG * tall, thigh)
        legs.append((upper, upper + _swung(LEG * tall, thigh - knee)))
        arm = -gait.arm * math.sin(turn) * stride + gait.lean
        elbow = offset(_swung(UPPER_ARM * tall, arm), 0, 0.02 * side, 0)
        arms.append((elbow, elbow + _swung(FOREARM * tall, arm + 0.12 + (gait.elbow - 0.12) * stride)))
    # The lower ankle stands on the ground: so the hips go up and down with every step by themselves.
    hips = np.array([0.0, 0.0, 0.045 * tall - min(ankle[2] for _, ankle in legs)])
    return figure(look, hips, gait.lean + stoop, legs, arms)


def _swung(length: float, angle: float) -> Floats:
    """A limb that hangs down, swung ahead by an angle."""
    return np.array([length * math.sin(angle), 0.0, -length * math.cos(angle)])
