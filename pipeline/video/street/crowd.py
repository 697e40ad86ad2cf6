"""Who walks when: the people of one day, drawn for each slot of time by its own random numbers.

So any moment can be asked for, at the same cost, and nobody needs to know who walked before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from pipeline.video.street.actors import Actor, person
from pipeline.video.street.camera import Camera, Floats
from pipeline.video.street.furniture import OBSTACLES
from pipeline.video.street.people import random_look
from pipeline.video.street.routes import WALKWAYS_M, across, clashes, course

__all__ = ["Crowd"]

SLOT_S = 5.0
# Nobody is longer on the way: 30 m at 0.8 m/s and the longest stop.
LONGEST_S = 50.0
# New people in a slot, on average, and how many of them come with a friend, stop, or change to another walkway.
ARRIVALS = 1.35
WITH_A_FRIEND = 0.22
STOPPING = 0.08
CROSSING = 0.35
WALKWAY_SHARES = (0.42, 0.26, 0.32)
# So far outside the picture people begin and end their way, beside each other they walk, and past things.
BORDER_M, BESIDE_M, PAST_M = 0.6, 0.62, 0.3


class Crowd:
    """The people of one day of a street.

    Args:
        key: seeds the day's random numbers.
        others: who and what is there besides; whoever would walk into them stays at home.
    """

    def __init__(self, camera: Camera, key: Sequence[int], others: Sequence[Actor]) -> None:
        self._camera = camera
        self._key = key
        self._others = others
        self._slot = lru_cache(maxsize=4 * int(LONGEST_S / SLOT_S))(self._draw_slot)

    def present(self, time_s: float) -> Iterator[Actor]:
        """Everybody who is on the way at a time."""
        last = math.floor(time_s / SLOT_S)
        for slot in range(last - math.ceil(LONGEST_S / SLOT_S), last + 1):
            yield from (actor for actor in self._slot(slot) if actor.way.begin_s <= time_s < actor.way.end_s)

    def _draw_slot(self, slot: int) -> list[Actor]:
        rng = np.random.RandomState([*self._key, slot % 2**32])
        people = [actor for _ in range(rng.poisson(ARRIVALS)) for actor in self._draw_party(rng, slot)]
        return [one for one in people if not any(clashes(one.way, other.way, other.room_m) for other in self._others)]

    def _draw_party(self, rng: np.random.RandomState, slot: int) -> Iterator[Actor]:
        """One person, or two side by side."""
        points, beside = self._draw_lines(rng)
        begin_s = (slot + rng.uniform()) * SLOT_S
        way = course(points, begin_s, float(np.clip(rng.normal(1.3, 0.17), 0.9, 1.7)))
        if rng.uniform() < STOPPING:
            way = replace(way, stop_m=rng.uniform(0.3, 0.7) * way.lengths[-1], stop_s=rng.uniform(2, 6))
        yield person(random_look(rng), way, rng.uniform())
        if rng.uniform() < WITH_A_FRIEND:
            yield person(random_look(rng), replace(way, points=beside), rng.uniform())

    def _draw_lines(self, rng: np.random.RandomState) -> tuple[Floats, Floats]:
        """A line across the picture and one beside it, both past everything that stands on the street."""
        while True:
            begin_y = end_y = rng.uniform(*WALKWAYS_M[rng.choice(3, p=WALKWAY_SHARES)])
            if rng.uniform() < CROSSING:
                end_y = rng.uniform(*WALKWAYS_M[rng.randint(3)])
            points = across(self._camera, begin_y, end_y, int(rng.choice((-1, 1))), BORDER_M)
            # On the side away from the houses there, and from the picture's lower edge here.
            beside = np.add(points, (0, -BESIDE_M if begin_y > WALKWAYS_M[2][0] else BESIDE_M))
            if _leads_past(points) and _leads_past(beside):
                return points, beside


def _leads_past(points: Floats) -> bool:
    gaps = np.linalg.norm(points[:, None] - OBSTACLES[:, :2], axis=-1) - OBSTACLES[:, 2]
    return bool(gaps.min() > PAST_M)
