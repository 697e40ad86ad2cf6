"""What artificial clips show, and where."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from pipeline.evaluation.synthetic.anomalies import BEGIN, CONTROL, MOVING, SHOWN, STILL, Clip, Kind, Maker
from pipeline.evaluation.synthetic.counting import LEAST_AREA
from pipeline.evaluation.synthetic.folds import CLIP_FRAMES, Stretch
from tests.pipeline.evaluation.synthetic.conftest import FPS, SIZE


@pytest.fixture(scope="module")
def maker(stretches: list[Stretch]) -> Maker:
    return Maker(stretches, FPS, (0, 0))


def untouched(clip: Clip, stretches: list[Stretch]) -> np.ndarray:
    """The frames that a clip was made of."""
    (found,) = (one for one in stretches if clip.times_s[0] in one.times_s)
    begin = int(np.flatnonzero(found.times_s == clip.times_s[0])[0])
    return found.frames[begin : begin + CLIP_FRAMES]


def middle(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def paces(clip: Clip) -> list[float]:
    """Pixels that an object moves in a frame, where it is wholly seen."""
    whole = clip.masks.sum(axis=(1, 2)) > 0.95 * clip.masks.sum(axis=(1, 2)).max()
    pairs = [(one, one + 1) for one in range(CLIP_FRAMES - 1) if whole[one] and whole[one + 1]]
    return [math.dist(middle(clip.masks[one]), middle(clip.masks[other])) for one, other in pairs]


def test_every_kind_is_moving_still_or_the_control() -> None:
    assert sorted([*MOVING, *STILL, CONTROL]) == sorted(Kind)


def test_somebody_walks_in_the_street(maker: Maker) -> None:
    assert maker.walkers
    assert maker.kinds == list(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_mask_lies_where_pixels_changed_and_nothing_else_did(
    kind: Kind, maker: Maker, stretches: list[Stretch]
) -> None:
    for number in range(3):
        clip = maker.clip(kind, number)
        changed = (clip.frames != untouched(clip, stretches)).any(axis=3)
        around = np.stack([cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) for mask in clip.masks]) > 0
        seen = clip.masks.sum(axis=(1, 2)) >= LEAST_AREA
        assert not changed[:BEGIN].any()
        assert not changed[BEGIN + SHOWN :].any()
        assert not (changed & ~around)[seen].any()
        assert changed[clip.masks].mean() > 0.9


@pytest.mark.parametrize("kind", Kind)
def test_the_same_number_is_the_same_clip_whatever_else_was_made(kind: Kind, stretches: list[Stretch]) -> None:
    first, again, other = (Maker(stretches, FPS, seed) for seed in ((0, 0), (0, 0), (0, 1)))
    for earlier in Kind:
        again.clip(earlier, 7)
    one, same, next_one, foreign = first.clip(kind, 0), again.clip(kind, 0), first.clip(kind, 1), other.clip(kind, 0)
    assert np.array_equal(one.frames, same.frames)
    assert np.array_equal(one.masks, same.masks)
    assert not np.array_equal(one.masks, next_one.masks)
    assert not np.array_equal(one.masks, foreign.masks)


def test_a_box_lies_still(maker: Maker) -> None:
    clip = maker.clip(Kind.BOX, 0)
    assert (clip.masks[BEGIN : BEGIN + SHOWN] == clip.masks[BEGIN]).all()
    assert clip.masks[BEGIN].sum() >= LEAST_AREA


def test_paces_are_those_of_their_kinds(maker: Maker) -> None:
    usual = float(np.median([walker.pace for walker in maker.walkers]))
    for kind, least, most in ((Kind.GLIDE, 1.5, 3), (Kind.ODD, 0.8, 1.5), (Kind.THROWN, 2, 4), (Kind.SLOW, 0.3, 1)):
        found = [np.median(pace) / usual for number in range(6) if (pace := paces(maker.clip(kind, number)))]
        assert found
        assert all(least * 0.9 <= pace <= most * 1.1 for pace in found)


def test_a_fast_walker_is_two_to_three_times_as_fast_as_one_at_his_own_pace(maker: Maker) -> None:
    own, fast = (
        np.mean([pace for number in range(8) for pace in paces(maker.clip(kind, number))])
        for kind in (Kind.WALK, Kind.FAST)
    )
    assert 1.5 < fast / own < 4


def test_where_nobody_walks_there_are_patches_alone() -> None:
    frames = np.full((CLIP_FRAMES, *SIZE, 3), 120, np.uint8)
    maker = Maker([Stretch(frames, np.arange(CLIP_FRAMES) / FPS)], FPS, (0, 0))
    assert maker.kinds == [Kind.THROWN, Kind.BOX, Kind.SLOW]
    assert all(maker.clip(kind, 0).masks.any() for kind in maker.kinds)


def test_patches_are_grey_where_the_scene_is_grey(stretches: list[Stretch]) -> None:
    grey = [
        Stretch(np.repeat(one.frames.mean(axis=3, keepdims=True).astype(np.uint8), 3, axis=3), one.times_s)
        for one in stretches
    ]
    clip = Maker(grey, FPS, (0, 0)).clip(Kind.BOX, 0)
    assert (clip.frames == clip.frames[..., :1]).all()
