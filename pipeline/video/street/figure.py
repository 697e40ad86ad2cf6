"""A human figure as parts, from where its joints are.

Its own axes are (ahead, left, up) in metres, with the ground beneath its hips at (0, 0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.video.street.camera import Floats
from pipeline.video.street.shapes import Colour, Part, box, darker, hull, limb, offset

__all__ = ["FOREARM", "LEG", "UPPER_ARM", "Look", "figure", "hip_at", "neck_at", "shoulder_at"]

# Of the height: hips to neck, each half of a leg, upper arm, forearm.
BACK, LEG, UPPER_ARM, FOREARM = 0.3, 0.245, 0.17, 0.16


@dataclass(frozen=True, slots=True)
class Look:
    """What one person looks like.

    Attributes:
        height_m: from the ground to the top of the head.
        breadth: of the shoulders and limbs, 1 is average.
        coat: a long one, over the thighs.
        carries: "", "backpack", "shopping" or "bag".
    """

    height_m: float
    breadth: float
    skin: Colour
    hair: Colour
    long_hair: bool
    top: Colour
    trousers: Colour
    shoes: Colour
    coat: bool
    carries: str
    bag: Colour


def figure(
    look: Look,
    hips: Floats,
    lean: float,
    legs: Sequence[tuple[Floats, Floats]],
    arms: Sequence[tuple[Floats, Floats]],
) -> list[Part]:
    """A figure from where its joints are.

    Args:
        hips: the point between them.
        lean: of the back, radians ahead.
        legs: left and right, knee and ankle as seen from their hip.
        arms: left and right, elbow and hand as seen from their shoulder.
    """
    broad = look.breadth
    neck = neck_at(look, hips, lean)
    sleeve = darker(look.top, 0.9)
    parts = [_torso(look, hips, neck), *_head(look, neck, lean)]
    for side, (knee, ankle), (elbow, hand) in zip((1, -1), legs, arms, strict=True):
        hip, shoulder = hip_at(look, hips, side), shoulder_at(look, neck, side)
        foot = hip + ankle
        parts += [
            limb(hip, hip + knee, 0.088 * broad, 0.062, look.trousers),
            limb(hip + knee, foot, 0.06, 0.045, look.trousers),
            limb(offset(foot, -0.04, 0, -0.02), offset(foot, 0.15, 0, -0.04), 0.05, 0.038, look.shoes),
            limb(shoulder, shoulder + elbow, 0.056 * broad, 0.046, sleeve),
            limb(shoulder + elbow, shoulder + hand, 0.045, 0.036, sleeve),
            limb(shoulder + hand, shoulder + hand * 1.04, 0.042, 0.036, look.skin),
        ]
    right_hand = shoulder_at(look, neck, -1) + arms[1][1]
    return parts + _worn(look, hips, neck, right_hand)


def hip_at(look: Look, hips: Floats, side: int) -> Floats:
    """The left (side 1) or right (−1) hip."""
    return offset(hips, 0, side * 0.05 * look.height_m, 0)


def neck_at(look: Look, hips: Floats, lean: float) -> Floats:
    """Where the back ends that leans ahead by so many radians."""
    return offset(hips, math.sin(lean) * BACK * look.height_m, 0, math.cos(lean) * BACK * look.height_m)


def shoulder_at(look: Look, neck: Floats, side: int) -> Floats:
    """The left (side 1) or right (−1) shoulder."""
    return offset(neck, 0, side * 0.108 * look.height_m * look.breadth, -0.012 * look.height_m)


def _torso(look: Look, hips: Floats, neck: Floats) -> Part:
    tall, broad = look.height_m, look.breadth
    shoulders = [offset(neck, 0, side * 0.095 * tall * broad, -0.02 * tall) for side in (1, -1)]
    waist = [offset(hips, 0, side * 0.06 * tall * broad, 0.02 * tall) for side in (1, -1)]
    chest = offset((hips + neck) / 2, 0.05, 0, 0.05 * tall)
    return hull([*shoulders, *waist, chest], [0.075, 0.075, 0.09 * broad, 0.09 * broad, 0.11 * broad], look.top)


def _head(look: Look, neck: Floats, lean: float) -> list[Part]:
    up_m = 0.102 * look.height_m
    head = offset(neck, 0.02 + math.sin(lean) * up_m, 0, math.cos(lean) * up_m)
    crown = offset(head, -0.022, 0, 0.03)
    ends = offset(crown, -0.03, 0, -0.16 if look.long_hair else -0.03)
    return [
        limb(neck, head, 0.055, 0.055, darker(look.skin, 0.85)),
        hull([offset(head, 0, 0, 0.02), offset(head, 0.015, 0, -0.05)], [0.098, 0.075], look.skin, 0.03),
        hull([crown, ends], [0.108, 0.085], look.hair, 0.03),
    ]


def _worn(look: Look, hips: Floats, neck: Floats, hand: Floats) -> list[Part]:
    """The skirts of a long coat, and what is carried."""
    parts = []
    if look.coat:
        tall, broad = look.height_m, look.breadth
        hem = [offset(hips, 0, side * 0.1, -0.2 * tall) for side in (1, -1)]
        waist = [offset(hips, 0, side * 0.1 * broad, 0.05 * tall) for side in (1, -1)]
        parts.append(hull([*waist, *hem], [0.1, 0.1, 0.11, 0.11], look.top, 0.02))
    if look.carries == "backpack":
        parts.append(box(offset(neck, -0.17, 0, -0.15 * look.height_m), (0.06, 0.12, 0.16), look.bag))
    if look.carries == "bag":
        parts.append(box(offset(hand, 0, -0.05, -0.17), (0.2, 0.08, 0.11), look.bag))
    if look.carries == "shopping":
        parts.append(box(offset(hand, 0, -0.03, -0.2), (0.11, 0.04, 0.11), look.bag))
    return parts
