"""Who is found walking."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.evaluation.synthetic.walkers import background_of, find_walkers
from pipeline.types import Image

SIZE = (96, 144)


def ground() -> Image:
    coarse = np.random.RandomState(1).randint(60, 160, (12, 18, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, SIZE[::-1]), np.uint8)


def walk(pace: float, frames: int = 40, *, width: int = 8, height: int = 16, lost: int | None = None) -> Image:
    """(T, 96, 144, 3) something white that goes to the right; not there in one frame, if so asked."""
    pictures = np.stack([ground()] * frames)
    for number, picture in enumerate(pictures):
        if number != lost:
            left = 20 + round(number * pace)
            picture[40 : 40 + height, left : left + width] = 250
    return pictures


def test_the_background_is_what_stays() -> None:
    assert np.array_equal(background_of([walk(2), walk(1)]), ground())


def test_a_walker_is_followed_from_frame_to_frame() -> None:
    pictures = walk(2)
    (walker,) = find_walkers(pictures, ground())
    assert len(walker.sightings) == 40
    assert walker.pace == pytest.approx(2, abs=0.05)
    assert walker.moved[1] == 0
    sighting = walker.sightings[10]
    left, top, (height, width) = sighting.x, sighting.y, sighting.size
    assert abs(left - 40) <= 2
    assert abs(top - 40) <= 2
    assert np.array_equal(sighting.pixels, pictures[10, top : top + height, left : left + width])
    assert sighting.cover.mean() > 0.8


@pytest.mark.parametrize(
    "pictures",
    [walk(0.1), walk(2, width=40, height=16), walk(2, width=1, height=1), walk(2, frames=11)],
    ids=["stands", "wide", "small", "short"],
)
def test_what_does_not_walk_is_left_alone(pictures: Image) -> None:
    assert find_walkers(pictures, ground()) == []


def test_who_is_lost_for_a_frame_is_another_afterwards() -> None:
    found = find_walkers(walk(2, lost=20), ground())
    assert [len(walker.sightings) for walker in found] == [20, 19]
