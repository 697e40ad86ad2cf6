"""What stands on the street: trees, lamp posts, bollards, a bench, tubs with shrubs."""

from __future__ import annotations

import math

import numpy as np

from pipeline.video.street.shapes import Colour, Part, Thing, box, darker, hull, limb, offset, placed
from pipeline.video.street.surfaces import KERBS_M

__all__ = ["OBSTACLES", "furniture"]

BARK: Colour = (92, 78, 64)
IRON: Colour = (52, 56, 58)
WOOD: Colour = (134, 98, 64)
LEAVES: Colour = (92, 122, 58)
STONE: Colour = (160, 154, 146)

TREES = ((-3.4, 10.15), (8.4, 10.15), (18.5, 10.15))
LAMPS = ((1.6, 16.0), (13.2, 16.0))
BENCH = (5.6, 18.2)
TUBS = ((-1.2, 18.3), (10.2, 18.3), (15.0, 18.3))
BOLLARDS = tuple((x, KERBS_M[1] + 0.25) for x in np.arange(-5.0, 20.0, 2.6))

# What nobody walks into, (n, 3): x, y and radius in metres. What is long is several round things in a row.
OBSTACLES = np.array(
    [(*at, 0.3) for at in TREES]
    + [(*at, 0.1) for at in (*LAMPS, *BOLLARDS)]
    + [(x + along, y, 0.35) for x, y in (*TUBS, BENCH) for along in (-0.5, 0.0, 0.5)]
)


def furniture(rng: np.random.RandomState) -> list[Thing]:
    """Everything, each thing on its place."""
    things = [placed(_tree(rng), at, 0.0) for at in TREES]
    things += [placed(_lamp(), at, -math.pi / 2) for at in LAMPS]
    things += [placed(_bollard(), at, 0.0) for at in BOLLARDS]
    things += [placed(_tub(rng), at, 0.0) for at in TUBS]
    return [*things, placed(_bench(), BENCH, 0.0)]


def _tree(rng: np.random.RandomState) -> list[Part]:
    fork = np.array([0, 0, 2.5])
    parts = [limb(np.zeros(3), fork, 0.16, 0.11, BARK), box(np.zeros(3), (0.55, 0.55, 0.01), (84, 74, 62))]
    for turn in np.linspace(0, 2 * math.pi, 5, endpoint=False):
        parts += [limb(fork, offset(fork, 0.8 * math.cos(turn), 0.8 * math.sin(turn), 1.3), 0.07, 0.03, BARK)]
    for _ in range(900):
        way = rng.normal(0, 1, 3)
        leaf = np.array([0, 0, 4.2]) + way / np.linalg.norm(way) * rng.uniform(0.4, 1) ** 0.6 * (1.5, 1.5, 1.1)
        # Outer leaves and those above get more of the light.
        light = 0.66 + 0.3 * (leaf[2] - 4.2) / 1.1 - 0.08 * leaf[0] + rng.uniform(-0.2, 0.2)
        parts.append(hull([leaf], [rng.uniform(0.05, 0.13)], darker(LEAVES, light)))
    return parts


def _lamp() -> list[Part]:
    top = np.array([0, 0, 4.3])
    return [
        limb(np.zeros(3), top, 0.06, 0.045, IRON),
        limb(np.zeros(3), np.array([0, 0, 0.5]), 0.1, 0.09, IRON),
        limb(top, np.array([0.7, 0, 4.45]), 0.03, 0.03, IRON),
        box(np.array([0.75, 0, 4.38]), (0.2, 0.08, 0.03), (190, 188, 176)),
    ]


def _bollard() -> list[Part]:
    return [
        limb(np.zeros(3), np.array([0, 0, 0.8]), 0.06, 0.055, IRON),
        hull([np.array([0, 0, 0.85])], [0.075], darker(IRON, 1.2)),
        limb(np.array([0, 0, 0.66]), np.array([0, 0, 0.7]), 0.062, 0.062, (188, 184, 172)),
    ]


def _tub(rng: np.random.RandomState) -> list[Part]:
    parts = [box(np.array([0, 0, 0.25]), (0.55, 0.3, 0.22), STONE)]
    for _ in range(70):
        leaf = np.array([0, 0, 0.62]) + rng.uniform(-1, 1, 3) * (0.55, 0.3, 0.26)
        parts.append(hull([leaf], [rng.uniform(0.06, 0.12)], darker(LEAVES, rng.uniform(0.5, 1.05)), leaf[2] * 0.4))
    return parts


def _bench() -> list[Part]:
    slats = [
        box(np.array([0, -0.2 + 0.14 * k, 0.45]), (0.9, 0.03, 0.005), darker(WOOD, 0.9 + 0.05 * k)) for k in range(4)
    ]
    backs = [box(np.array([0, 0.3, 0.62 + 0.15 * k]), (0.9, 0.005, 0.03), WOOD) for k in range(2)]
    feet = [
        limb(np.array([x, y, 0.0]), np.array([x, y, 0.42]), 0.03, 0.03, IRON) for x in (-0.7, 0.7) for y in (-0.2, 0.25)
    ]
    return [*feet, *slats, *backs]
