"""Vehicles: a van and a car. Axes are (ahead, left, up) in metres; outlines, seen from the right, are (ahead, up)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.video.street.shapes import Colour, Part, darker, hull, limb, offset

__all__ = ["car", "van"]

Outline = Sequence[tuple[float, float]]

GLASS: Colour = (46, 58, 70)
RUBBER: Colour = (26, 26, 28)
STEEL: Colour = (150, 154, 158)
SILL: Colour = (52, 54, 58)
STRIPE: Colour = (64, 108, 152)
WHITE_LIGHT: Colour = (250, 246, 226)
RED_LIGHT: Colour = (168, 36, 32)
WHEEL_M, WHEEL_ARCH_M, HUB_M = 0.33, 0.42, 0.19


def van(paint: Colour) -> list[Part]:
    """A delivery van."""
    profile = [(-2.35, 0.4), (-2.35, 2.05), (1.0, 2.05), (1.78, 1.22), (2.35, 1.05), (2.4, 0.4)]
    window = [(1.52, 1.22), (0.94, 1.86), (0.22, 1.86), (0.22, 1.22)]
    stripe = [(2.3, 0.84), (2.3, 0.94), (-2.3, 1.06), (-2.3, 0.92)]
    return [
        *_coachwork(profile, 0.94, paint, wheels=(-1.5, 1.55)),
        *_on_both_sides(window, 0.95, GLASS),
        *_on_both_sides(stripe, 0.95, STRIPE),
        _across((-2.3, 2.1), (1.0, 2.1), 0.86, darker(paint, 1.1)),
        _across((1.08, 2.0), (1.74, 1.3), 0.82, GLASS),
        _across((1.86, 1.22), (2.36, 1.08), 0.84, darker(paint, 1.06)),
    ]


def car(paint: Colour) -> list[Part]:
    """A small car."""
    profile = [(-1.95, 0.4), (-2.0, 0.95), (1.95, 0.86), (2.05, 0.4)]
    back_window = [(-0.32, 0.98), (-0.32, 1.4), (-1.2, 1.36), (-1.45, 0.98)]
    front_window = [(0.82, 0.96), (0.3, 1.36), (-0.2, 1.4), (-0.2, 0.98)]
    cabin = [(-1.75, 0.95, 0.78), (-1.35, 1.42, 0.66), (0.35, 1.42, 0.66), (1.05, 0.92, 0.78)]
    corners = [np.array([ahead, side * half, up]) for ahead, up, half in cabin for side in (1, -1)]
    return [
        *_coachwork(profile, 0.84, paint, wheels=(-1.25, 1.3)),
        hull(corners, [0.06] * len(corners), darker(paint, 0.96), 0.05),
        *_on_both_sides(back_window, 0.74, GLASS),
        *_on_both_sides(front_window, 0.74, GLASS),
        _across((-1.25, 1.48), (0.3, 1.48), 0.64, darker(paint, 1.12)),
        _across((0.42, 1.42), (1.04, 1.0), 0.68, GLASS),
        _across((-1.42, 1.42), (-1.78, 1.02), 0.68, GLASS),
        _across((1.15, 0.96), (1.95, 0.9), 0.74, darker(paint, 1.08)),
    ]


def _coachwork(profile: Outline, half_m: float, paint: Colour, wheels: tuple[float, float]) -> list[Part]:
    """The body of an outline, with sills, lamps and wheels at two places ahead of the middle."""
    corners = [np.array([ahead, side * (half_m - 0.06), up]) for ahead, up in profile for side in (1, -1)]
    behind, before = wheels[0] + WHEEL_ARCH_M, wheels[1] - WHEEL_ARCH_M
    sill = [(before, 0.36), (before, 0.5), (behind, 0.5), (behind, 0.36)]
    parts = [hull(corners, [0.06] * len(corners), paint), *_on_both_sides(sill, half_m, SILL)]
    for side in (1, -1):
        head = np.array([profile[-1][0] + 0.05, side * 0.6, 0.72])
        tail = np.array([profile[0][0] - 0.05, side * 0.72, 0.82])
        parts.append(limb(offset(head, 0, -0.08, 0), offset(head, 0, 0.08, 0), 0.085, 0.085, WHITE_LIGHT))
        parts.append(limb(offset(tail, 0, 0, -0.12), offset(tail, 0, 0, 0.12), 0.07, 0.07, RED_LIGHT))
    for ahead in wheels:
        for layer, (radius, colour) in enumerate(
            ((WHEEL_ARCH_M, darker(paint, 0.45)), (WHEEL_M, RUBBER), (HUB_M, STEEL))
        ):
            turns = np.linspace(0, 2 * math.pi, 16, endpoint=False)
            disc = [(ahead + radius * math.cos(t), max(WHEEL_M + radius * math.sin(t), 0.02)) for t in turns]
            parts += _on_both_sides(disc, half_m, colour, layer)
    return parts


def _on_both_sides(outline: Outline, half_m: float, colour: Colour, layer: int = 0) -> list[Part]:
    """A flat part on each side, seen from its side only, over the body and over lower layers.

    The outline runs anticlockwise.
    """
    return [
        replace(
            hull(
                [np.array([ahead, side * half_m, up]) for ahead, up in outline[::side]], [0.01] * len(outline), colour
            ),
            # Seen from one side, it never covers wrongly: so it may be far before everything, a front wheel too.
            nearer_m=1.5 + 0.05 * layer,
            one_sided=True,
        )
        for side in (1, -1)
    ]


def _across(begin: tuple[float, float], end: tuple[float, float], half_m: float, colour: Colour) -> Part:
    """A flat part from the left to the right, over two points (ahead, up): a roof, a windscreen."""
    corners = [np.array([ahead, side * half_m, up]) for ahead, up in (begin, end) for side in (1, -1)]
    return hull(corners, [0.04] * 4, colour, 0.3)
