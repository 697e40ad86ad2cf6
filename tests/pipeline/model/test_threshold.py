"""Blocks that do not depend on how footage comes in, and the quantile of what they held out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.model.threshold import FIRST_BLOCK, MIN_FRAMES, QUANTILE, TAIL, Block, block_end, provisional_threshold


def blocks_of(scores: list[float], dims: int) -> tuple[list[Block], list[float]]:
    """Blocks of a fit in which frame n had the raw score scores[n], and the scores that count for the threshold."""
    blocks, counted, seen = [], [], FIRST_BLOCK
    while seen < len(scores):
        held_out = scores[seen : block_end(seen)]
        blocks.append(Block.of(seen, held_out))
        counted += held_out if seen >= 2 * dims else []
        seen += len(held_out)
    return blocks, counted


@given(st.integers(0, 10**9))
def test_a_block_ends_after_it_begins_and_holds_at_most_half_of_what_was_seen_or_32(seen: int) -> None:
    end = block_end(seen)
    assert end > seen
    assert end == FIRST_BLOCK or end <= max(1.5 * seen, seen + 32)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_frame_of_a_block_sees_the_same_end(seen: int, more: int) -> None:
    end = block_end(seen)
    assert block_end(min(seen + more, end - 1)) == end
    assert block_end(seen + more) >= end


def test_a_day_of_footage_needs_few_blocks() -> None:
    ends, seen = 0, 0
    while seen < 24 * 3600 * 5:
        seen = block_end(seen)
        ends += 1
    assert ends <= 30


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_a_block_keeps_its_highest_scores_falling(scores: list[float]) -> None:
    block = Block.of(30, scores)
    assert (block.model_frames, block.frames) == (30, len(scores))
    assert list(block.tail) == sorted(scores)[: -TAIL - 1 : -1]


@pytest.mark.parametrize("frames", [MIN_FRAMES, 40, 201, 419, 2000, 9000])
def test_the_threshold_is_numpys_quantile_of_the_held_out_scores(frames: int) -> None:
    scores = np.random.RandomState(frames).gamma(3, 2, frames).tolist()
    blocks, counted = blocks_of(scores, dims=4)
    threshold = provisional_threshold(blocks, dims=4)
    # The lowest score that this share of the frames does not exceed.
    assert threshold.value == np.quantile(counted, QUANTILE, method="inverted_cdf")
    assert threshold.frames == len(counted)
    assert threshold.quantile == pytest.approx(np.mean(np.array(counted) <= threshold.value))
    assert threshold.quantile >= QUANTILE


@pytest.mark.parametrize("hours", [1, 3, 24])
def test_the_threshold_of_long_footage_has_the_quantile_it_claims(hours: int) -> None:
    scores = np.random.RandomState(hours).gamma(3, 2, hours * 3600 * 5).tolist()
    blocks, counted = blocks_of(scores, dims=100)
    threshold = provisional_threshold(blocks, dims=100)
    assert np.mean(np.array(counted) <= threshold.value) >= QUANTILE
    assert threshold.quantile <= np.mean(np.array(counted) <= threshold.value)


def test_blocks_of_a_model_that_saw_little_do_not_count() -> None:
    early, late = Block.of(8, [100.0] * 4), Block.of(12, [1.0, 2.0, 3.0])
    assert provisional_threshold([early, late], dims=6).value == 3


def test_without_any_other_the_last_block_stands_in() -> None:
    first, last = Block.of(8, [100.0] * 4), Block.of(12, [1.0, 2.0, 3.0])
    threshold = provisional_threshold([first, last], dims=100)
    assert (threshold.value, threshold.frames, threshold.quantile) == (3, 3, 1)


def test_blocks_may_come_from_anywhere_once() -> None:
    blocks = [Block.of(50, [float(score) for score in range(count)]) for count in (700, 30, 5)]
    assert provisional_threshold(iter(blocks), dims=4) == provisional_threshold(blocks[::-1], dims=4)


def test_no_block_gives_no_threshold() -> None:
    with pytest.raises(ModelError) as caught:
        provisional_threshold([], dims=4)
    assert str(caught.value) == "a threshold needs 16 frames; fit on more footage."
