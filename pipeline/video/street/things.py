"""A bicycle with its rider, and a bag; axes are (ahead, left, up), metres."""

from __future__ import annotations

import math

import numpy as np

from pipeline.video.street.camera import Floats
from pipeline.video.street.figure import LEG, UPPER_ARM, Look, figure, hip_at, neck_at, shoulder_at
from pipeline.video.street.shapes import Colour, Part, darker, hull, limb, offset

__all__ = ["bag", "cyclist"]

# Ground covered by one turn of the pedals.
PEDALLED_M = 4.6

RUBBER: Colour = (26, 26, 28)
STEEL: Colour = (150, 154, 158)
CRANK_M = 0.17
WHEEL_M = 0.33
_ROUND = [(math.cos(turn), math.sin(turn)) for turn in np.linspace(0, 2 * math.pi, 16, endpoint=False)]


def cyclist(look: Look, paint: Colour, gone_m: float) -> list[Part]:
    """A bicycle that has gone so far, and who rides it."""
    phase = gone_m / PEDALLED_M * 2 * math.pi
    hips, lean = np.array([-0.2, 0.0, 1.0]), 0.5
    neck = neck_at(look, hips, lean)
    legs, arms = [], []
    for side, turn in ((1, phase), (-1, phase + math.pi)):
        pedal = np.array([0.02 + CRANK_M * math.cos(turn), side * 0.12, 0.36 - CRANK_M * math.sin(turn)])
        grip = np.array([0.42, side * 0.24, 1.04])
        legs.append(_bent(pedal - hip_at(look, hips, side), LEG * look.height_m, bend=1))
        arms.append(_bent(grip - shoulder_at(look, neck, side), UPPER_ARM * look.height_m, bend=-1))
    return _bicycle(paint, phase) + figure(look, hips, lean, legs, arms)


def _bicycle(paint: Colour, phase: float) -> list[Part]:
    rear, front = np.array([-0.52, 0, WHEEL_M]), np.array([0.56, 0, WHEEL_M])
    pedals, seat = np.array([0.02, 0, 0.34]), np.array([-0.2, 0, 0.9])
    head, bar = np.array([0.4, 0, 0.82]), np.array([0.42, 0, 1.02])
    tubes = [(pedals, seat), (pedals, head), (offset(seat, 0.03, 0, -0.1), head), (rear, pedals), (rear, seat)]
    parts = [limb(begin, end, 0.022, 0.022, paint) for begin, end in tubes]
    parts += [limb(head, front, 0.02, 0.016, STEEL), limb(head, bar, 0.018, 0.018, STEEL)]
    parts += [limb(offset(bar, 0, 0.27, 0), offset(bar, 0, -0.27, 0), 0.018, 0.018, RUBBER)]
    parts += [limb(offset(seat, -0.12, 0, 0.04), offset(seat, 0.1, 0, 0.04), 0.06, 0.03, RUBBER)]
    for hub in (rear, front):
        rim = [offset(hub, WHEEL_M * c, 0, WHEEL_M * s) for c, s in _ROUND]
        parts.append(Part(np.stack(rim), np.full(len(rim), 0.01), RUBBER, stroke_m=0.045))
        for spoke in range(3):
            turn = phase * 2 + spoke * math.pi / 3
            reach = np.array([math.cos(turn), 0, -math.sin(turn)]) * WHEEL_M
            parts.append(limb(hub - reach, hub + reach, 0.006, 0.006, STEEL))
    crank = np.array([math.cos(phase), 0, -math.sin(phase)]) * CRANK_M
    return [*parts, limb(pedals - crank, pedals + crank, 0.016, 0.016, STEEL)]


def bag(colour: Colour) -> list[Part]:
    """A sports bag, standing on the ground."""
    middle = np.array([0, 0, 0.17])
    ends = [offset(middle, x, y, z) for x in (-0.18, 0.18) for y in (-0.08, 0.08) for z in (-0.1, 0.1)]
    handle = [offset(middle, 0.14 * c, 0, 0.17 + 0.12 * s) for c, s in _ROUND[:9]]
    return [
        hull(ends, [0.07] * 8, colour),
        hull([offset(middle, x, 0, 0.16) for x in (-0.18, 0.18)], [0.03, 0.03], darker(colour, 1.35), 0.1),
        *(
            limb(offset(middle, x, -0.15, -0.12), offset(middle, x, -0.15, 0.1), 0.02, 0.02, RUBBER)
            for x in (-0.1, 0.1)
        ),
        Part(np.stack(handle), np.full(9, 0.005), RUBBER, 0.12, stroke_m=0.035),
    ]


def _bent(reach: Floats, segment_m: float, bend: int) -> tuple[Floats, Floats]:
    """Knee (bend 1: ahead) or elbow (−1) of a limb of two equal segments whose end is at `reach`, and that end."""
    length = min(float(np.linalg.norm(reach)), 1.98 * segment_m)
    end = reach * length / np.linalg.norm(reach)
    out = math.sqrt(segment_m**2 - (length / 2) ** 2)
    across = np.array([-end[2], 0.0, end[0]]) / math.hypot(end[0], end[2])
    return end / 2 + bend * out * across, end
