"""Blocks keep the highest scores of held-out footage, and how long it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.blocks import TAIL, Block, Peaks
from pipeline.policy import Policy
from tests.pipeline.model import plain

POLICY = Policy()


def footage_of(
    model_frames: int, times_s: Sequence[float], scores: Sequence[float], stays: Sequence[float | None]
) -> Block:
    return Block.of_footage(model_frames, times_s, [scores], stays, POLICY)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_a_block_of_pictures_keeps_its_highest_scores_falling(scores: list[float]) -> None:
    block = Block.of_pictures(30, scores)
    assert (block.model_frames, block.frames, block.seconds, block.lingering) == (30, len(scores), 0, ())
    assert list(block.tail) == sorted(scores)[: -TAIL - 1 : -1]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([0.25, 0.25, 0.25, 0.5, 1.0, 2.0, 2.25, 6.0, -3.0, -30.0]), min_size=1, max_size=80),
    st.data(),
)
def test_a_block_of_footage_keeps_peaks_and_the_time_without_gaps(steps: list[float], data: st.DataObject) -> None:
    times_s = np.cumsum([0.0, *steps]).tolist()
    frames = len(times_s)
    scores, stays = (
        data.draw(st.lists(st.floats(0, 100), min_size=frames, max_size=frames)) for _ in ("of a moment", "lingering")
    )
    block = footage_of(70, times_s, scores, stays)
    assert (block.model_frames, block.frames) == (70, frames)
    assert block.seconds == sum(step for step in steps if 0 < step <= 2)
    assert list(block.tail) == plain.peaks(times_s, scores, 2, 1)
    assert list(block.lingering) == plain.peaks(times_s, stays, 2, 1)


def test_a_long_block_of_footage_keeps_64_peaks() -> None:
    noise = np.random.RandomState(0).gamma(3, 2, (2, 5 * 3600)).tolist()
    block = footage_of(70, [number / 5 for number in range(5 * 3600)], noise[0], noise[1])
    assert len(block.tail) == len(block.lingering) == TAIL == 64
    assert block.seconds == 3599.8


def test_frames_before_anything_can_have_stayed_leave_nothing_of_what_lingers() -> None:
    times_s = [number / 5 for number in range(100)]
    known = [None] * 25 + [float(number % 40) for number in range(75)]
    block = footage_of(70, times_s, [1.0] * 100, known)
    assert list(block.lingering) == plain.peaks(times_s[25:], [score for score in known if score is not None], 2, 1)
    assert footage_of(70, times_s, [1.0] * 100, [None] * 100).lingering == ()


def test_a_block_keeps_the_peaks_of_each_evidence_and_what_is_usual_and_of_appearance_what_lingers() -> None:
    source = np.random.RandomState(3)
    times_s = [number / 5 for number in range(200)]
    said = source.gamma(2, 3, (3, 200))
    stays = (said[0] / 2).tolist()
    block = Block.of_footage(70, times_s, said.tolist(), stays, POLICY)
    assert (block.frames, block.seconds, len(block.motion)) == (200, 39.8, 2)
    assert block.peaks == (Peaks(block.tail, block.usual), *block.motion)
    assert list(block.lingering) == plain.peaks(times_s, stays, 2, 1)
    for found, scores in zip(block.peaks, said, strict=True):
        assert list(found.tail) == plain.peaks(times_s, scores.tolist(), 2, 1)
        # Three of a hundred frames are above it.
        assert (scores > found.usual).sum() == 6
