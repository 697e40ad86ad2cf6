"""Thresholds from blocks: which of them count, and what comes of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError, ModelError
from pipeline.model.blocks import TAIL, Block, Peaks
from pipeline.model.calibration import FOREIGN_MOTION, LEAST_MOTION, QUANTILE
from pipeline.model.calibration import calibrated as calibrated_in
from pipeline.model.threshold import Threshold
from pipeline.policy import Policy

HOUR_S, DAY_S = 3600.0, 86400.0
POLICY = Policy()
# Seconds of footage, and the share that is left of what first seconds add.
FADES = [(3.0, 1.0), (10.0, 1.0), (60.0, 0.534), (HOUR_S, 0.1275), (DAY_S, 0.0419)]


def footage_block(seed: int = 0, *, seconds: float = 6 * HOUR_S, model_frames: int = 10**6, peaks: int = 40) -> Block:
    """Block with a peak every few minutes, of gamma distributed heights, and half as high ones of what lingers."""
    source = np.random.RandomState(seed)
    tail, stays = (np.sort(level + source.gamma(2, 1, peaks))[::-1] for level in (10, 5))
    return Block(model_frames, round(seconds * 5), seconds, tuple(tail.tolist()), tuple(stays.tolist()))


def moving_block(seed: int = 0, *, stays: bool = True, usual: tuple[float, float, float] = (6.0, 0.5, 1.5)) -> Block:
    """As `footage_block`, with speeds about 5 and directions about 8."""
    block, source = footage_block(seed), np.random.RandomState(seed + 100)

    def tail(level: float) -> tuple[float, ...]:
        return tuple(np.sort(level + source.gamma(2, 0.5, 40))[::-1].tolist())

    kinds = [Peaks(tail(5), usual[1]), Peaks(tail(8), usual[2])]
    return replace(block, lingering=block.lingering if stays else (), usual=usual[0], motion=tuple(kinds))


def of_one(block: Block, number: int) -> Block:
    """The block of a camera with one kind of evidence alone."""
    peaks, lingering = block.peaks[number], () if number else block.lingering
    return replace(block, tail=peaks.tail, lingering=lingering, usual=peaks.usual, motion=())


def picture_block(scores: list[float], model_frames: int = 100) -> Block:
    return Block.of_pictures(model_frames, scores)


def calibrated(blocks: Iterable[Block], dims: int, a_day: float = 1.0) -> Threshold:
    """Threshold in a scene all of whose places look alike, so that footage alone speaks."""
    return calibrated_in(blocks, dims, 0.0, a_day)


# Motion


def test_each_evidence_may_give_a_third_of_the_false_events_and_appearance_alone_lingers() -> None:
    blocks = [moving_block(1), moving_block(2)]
    threshold = calibrated(blocks, 10, 24.0)
    appearance, speed, direction = (
        calibrated([of_one(block, number) for block in blocks], 10, 8.0) for number in range(3)
    )
    assert (threshold.value, threshold.lingering) == (appearance.value, appearance.lingering)
    assert threshold.motion == (speed.value, direction.value)
    assert appearance.lingering < 1


def test_what_is_expected_is_the_sum_over_all_evidence() -> None:
    blocks = [moving_block(1, stays=False), moving_block(2, stays=False)]
    threshold = calibrated(blocks, 10, 24.0)
    assert (threshold.asked_a_day, threshold.lingering) == (24.0, 1.0)
    assert threshold.expected_a_day == pytest.approx(24, rel=0.01)
    alone = [calibrated([of_one(block, number) for block in blocks], 10, 8.0) for number in range(3)]
    assert threshold.expected_a_day == pytest.approx(sum(one.expected_a_day or 0 for one in alone))
    low, high = threshold.interval_a_day or (0, 0)
    assert low == pytest.approx(sum((one.interval_a_day or (0, 0))[0] for one in alone))
    assert 0 < low < 24 < high


def test_what_is_usual_of_motion_is_raised_to_the_share_of_1_that_it_is_of_appearance() -> None:
    blocks = [moving_block(1, usual=(6.0, 0.5, 1.5)), moving_block(2, usual=(8.0, 1.0, 2.0))]
    blocks[1] = replace(blocks[1], frames=3 * blocks[0].frames)
    threshold = calibrated(blocks, 10, 24.0)
    usual = [0.25 * first + 0.75 * second for first, second in ((6.0, 8.0), (0.5, 1.0), (1.5, 2.0))]
    for level, of_motion, power in zip(threshold.motion, usual[1:], threshold.powers, strict=True):
        assert 0.25 < power < 1
        assert (of_motion / level) ** power == pytest.approx(usual[0] / threshold.value)


@pytest.mark.parametrize(("usual", "power"), [((1.0, 4.0, 7.0), 1.0), ((9.9, 0.0, 0.0), 0.25)])
def test_motion_is_never_raised_to_more_than_1_nor_to_less_than_a_quarter(
    usual: tuple[float, float, float], power: float
) -> None:
    assert calibrated([moving_block(1, usual=usual)], 10, 24.0).powers == (power, power)


def nothing_moves(block: Block) -> Block:
    return replace(block, motion=(Peaks((0.0,) * 40), Peaks((0.4, 0.2))))


def test_where_nothing_moves_motion_is_unusual_from_three_deviations_on() -> None:
    block = moving_block(1)
    threshold = calibrated([nothing_moves(block)], 10, 24.0)
    assert threshold.motion == (3.0, 3.0)
    assert threshold.value == calibrated([block], 10, 24.0).value


@pytest.mark.parametrize(("seconds", "share"), FADES)
def test_in_the_first_seconds_motion_takes_more_to_be_unusual_and_that_fades(seconds: float, share: float) -> None:
    short = replace(moving_block(1), seconds=seconds)
    floor = max(LEAST_MOTION, FOREIGN_MOTION * share)
    assert calibrated([nothing_moves(short)], 10).motion == pytest.approx((floor, floor), rel=1e-3)
    # What has been seen to move faster counts all the same.
    levels = (4 * FOREIGN_MOTION, 0.5)
    fast = replace(short, motion=tuple(Peaks((level,) * 40, 0.5) for level in levels))
    speed, direction = calibrated([fast], 10).motion
    assert speed >= levels[0]
    assert direction == pytest.approx(floor, rel=1e-3)


@pytest.mark.parametrize("times", [0.5, 1.0, 1.5])
def test_what_stays_may_take_more_than_a_moment_where_movers_excuse_moments(times: float) -> None:
    block = moving_block(1)
    block = replace(block, lingering=tuple(times * peak for peak in block.tail))
    threshold = calibrated([block], 10, 24.0)
    # A third is for appearance: a quarter of that for moments, the rest for what stays.
    alone = [
        calibrated([replace(block, tail=tail, lingering=(), motion=())], 10, asked)
        for tail, asked in ((block.tail, 2.0), (block.lingering, 6.0))
    ]
    assert threshold.value == alone[0].value
    assert threshold.value * threshold.lingering == pytest.approx(alone[1].value)
    assert (threshold.lingering > 1) == (times > 1)
    assert threshold.expected_a_day == pytest.approx(24, rel=0.01)


def test_frames_too_far_apart_for_anything_to_be_seen_moving_have_a_threshold_of_motion_all_the_same() -> None:
    times_s = [number * 10.0 for number in range(40)]
    said = [[level] * 40 for level in (7.0, 0.0, 0.0)]
    threshold = calibrated([Block.of_footage(70, times_s, said, [None] * 40, POLICY)], 10)
    assert (threshold.motion, threshold.powers, threshold.asked_a_day) == ((3.0, 3.0), (1.0, 1.0), None)


# Which blocks count


def test_blocks_of_models_that_had_seen_less_than_twice_the_numbers_of_an_embedding_do_not_count() -> None:
    few, enough = footage_block(1, model_frames=199), footage_block(2, model_frames=200)
    assert calibrated([few, enough], dims=100) == calibrated([enough], dims=100)
    assert calibrated([few, enough], dims=99) != calibrated([enough], dims=99)


def test_blocks_of_models_that_had_seen_less_than_a_quarter_of_the_last_do_not_count() -> None:
    last = footage_block(3, model_frames=4000)
    few, enough = footage_block(1, model_frames=999), footage_block(2, model_frames=1000)
    assert calibrated([few, enough, last], dims=10) == calibrated([enough, last], dims=10)
    assert calibrated([few, enough, last], dims=10).frames == enough.frames + last.frames


def test_without_any_that_count_the_last_block_stands_in() -> None:
    blocks = [footage_block(seed, model_frames=60 + seed) for seed in range(3)]
    assert calibrated(blocks, dims=100) == calibrated(blocks[-1:], dims=10)


def test_blocks_may_come_from_anywhere_once() -> None:
    blocks = [footage_block(seed) for seed in range(3)]
    assert calibrated(iter(blocks), dims=4) == calibrated(blocks[::-1], dims=4)


# Footage


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.sampled_from([1, 3]), st.floats(0, 1))
def test_what_was_asked_for_is_expected_where_the_footage_can_speak_of_it(seed: int, count: int, place: float) -> None:
    blocks = [footage_block(seed + number) for number in range(count)]
    seconds = count * 6 * HOUR_S
    # From the fewest that may be spoken of to a fifth of the peaks there are.
    fewest, most = DAY_S / seconds / 10, 8 * count * DAY_S / seconds
    asked = fewest * (most / fewest) ** place * 1.000001
    threshold = calibrated(blocks, 10, asked)
    assert threshold.expected_a_day == pytest.approx(asked, rel=0.01)
    assert (threshold.asked_a_day, threshold.at_most, threshold.provisional) == (asked, False, False)
    assert (threshold.frames, threshold.held_out_s) == (sum(block.frames for block in blocks), seconds)
    assert threshold.interval_a_day is not None
    low, high = threshold.interval_a_day
    assert 0 <= low < asked < high < math.inf
    assert 0 < threshold.lingering < 1 < threshold.value


@pytest.mark.parametrize("seconds", [60.0, HOUR_S, 6 * HOUR_S])
def test_no_fewer_are_spoken_of_than_one_in_ten_times_the_footage(seconds: float) -> None:
    block = footage_block(seconds=seconds, peaks=20)
    fewest = DAY_S / (10 * seconds)
    threshold = calibrated([block], 10, fewest / 50)
    assert threshold.at_most
    assert threshold.needed_s == pytest.approx(50 * seconds)
    assert threshold.expected_a_day == pytest.approx(fewest, rel=0.01)
    assert replace(threshold, asked_a_day=fewest * 1.000001) == calibrated([block], 10, fewest * 1.000001)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.floats(0.5, 100), st.floats(0.5, 100))
def test_fewer_false_alarms_never_have_lower_thresholds(seed: int, one: float, other: float) -> None:
    strict, lax = (calibrated([footage_block(seed)], 10, asked) for asked in sorted((one, other)))
    assert strict.value >= lax.value


def test_scores_on_another_scale_have_their_threshold_on_it() -> None:
    block = footage_block()
    tails = [tuple(7 * score for score in tail) for tail in (block.tail, block.lingering)]
    scaled, threshold = calibrated([replace(block, tail=tails[0], lingering=tails[1])], 10), calibrated([block], 10)
    assert scaled.value == pytest.approx(7 * threshold.value, rel=1e-3)
    assert scaled.lingering == pytest.approx(threshold.lingering, rel=1e-3)


def test_where_what_lingers_is_as_high_as_a_moment_there_is_one_threshold_for_all_that_is_allowed() -> None:
    block = footage_block()
    threshold = calibrated([replace(block, lingering=tuple(1.5 * peak for peak in block.tail))], 10)
    assert threshold.lingering == 1
    assert threshold.expected_a_day == pytest.approx(1, rel=0.01)


def test_where_nothing_can_have_lingered_there_is_no_threshold_of_its_own_for_it() -> None:
    # Recordings too short for it say nothing of it, and least of all that it is low.
    block = replace(footage_block(), lingering=())
    threshold = calibrated([block], 10)
    assert threshold.lingering == 1
    assert threshold.expected_a_day == pytest.approx(1, rel=0.01)


def test_below_the_lowest_peak_of_a_block_that_kept_no_more_nothing_is_counted() -> None:
    full = Block(10**6, 10**5, 6 * HOUR_S, tuple(np.linspace(30, 20, TAIL).tolist()), (5.0, 4.0))
    # What the second block kept below 20 is not all there was in that time: the first may have had as much.
    above, below = tuple(np.linspace(29, 21, 10).tolist()), tuple(np.linspace(19, 12, 30).tolist())
    others = [Block(10**6, 10**5, 6 * HOUR_S, tail, (5.0, 4.0)) for tail in (above + below, above)]
    for asked in (1.0, 100.0, 1e4):
        assert calibrated([full, others[0]], 10, asked) == calibrated([full, others[1]], 10, asked)
        assert calibrated([full, others[0]], 10, asked).value >= 20


def test_of_more_peaks_than_a_tail_is_fitted_to_the_highest_alone_matter() -> None:
    block = footage_block(peaks=63)
    lower = replace(block, tail=(*block.tail[:31], *(1.5 for _ in range(32))))
    assert calibrated([lower], 10).value == calibrated([block], 10).value


@pytest.mark.parametrize(
    ("tail", "lingering"),
    [
        ((0.0,) * 20, (0.0,) * 20),  # a frozen picture, scored exactly
        ((2e-6,) * 64, (1e-6,) * 64),  # and by rounding
        ((7.0,) * 30, (3.0,) * 30),
        ((7.0,), (3.0,)),
        ((7.0,), (0.0,)),
        ((1e9, 7.0, 6.5, 6.0), (1e9, 3.0, 2.5, 2.0)),
        ((3e38, *[7.0] * 63), (3e38, *[3.0] * 63)),
        ((5.0, 0.0, 0.0, 0.0), (4.0, 0.0, 0.0, 0.0)),
    ],
)
@pytest.mark.parametrize("asked", [1e-3, 1.0, 1e5])
def test_strange_tails_have_a_finite_threshold_at_once(
    tail: tuple[float, ...], lingering: tuple[float, ...], asked: float
) -> None:
    begin = time.perf_counter()
    threshold = calibrated([Block(10**6, 3000, 600.0, tail, lingering)], 10, asked)
    assert time.perf_counter() - begin < 5
    assert 1 <= threshold.value < math.inf
    assert 0 < threshold.lingering <= 1
    assert threshold.value * threshold.lingering >= 1 - 1e-9
    assert threshold.expected_a_day is not None
    assert threshold.interval_a_day is not None
    low, high = threshold.interval_a_day
    assert 0 <= low <= high < math.inf
    assert threshold.expected_a_day <= high
    assert threshold.promise


@pytest.mark.parametrize("score", [0.0, 2e-6, 0.5])
def test_a_frozen_picture_is_promised_no_less_than_its_length_can_speak_of(score: float) -> None:
    threshold = calibrated([Block(10**6, 3000, 600.0, (score,) * 20, (score,) * 20)], 10)
    assert threshold.expected_a_day == pytest.approx(DAY_S / 6000, rel=0.01)
    assert threshold.value < 2


@pytest.mark.parametrize(("seconds", "share"), FADES)
def test_no_threshold_lies_below_a_share_of_the_distance_of_another_place_that_fades(
    seconds: float, share: float
) -> None:
    block = footage_block(seconds=seconds)
    threshold = calibrated_in([block], 10, 5000.0, 1e4)
    assert threshold.value == pytest.approx(5000 * share, rel=1e-3)
    assert threshold.lingering == 1
    assert threshold.expected_a_day == pytest.approx(DAY_S / (10 * seconds))  # no fewer can be spoken of


def test_another_place_that_is_near_changes_nothing() -> None:
    for asked in (0.5, 20.0):
        assert calibrated_in([footage_block()], 10, 15.0, asked) == calibrated([footage_block()], 10, asked)


def test_another_place_may_raise_the_threshold_of_what_lingers_alone() -> None:
    low = calibrated([footage_block(seconds=10.0)], 10)
    between = low.value * (1 + low.lingering) / 2
    raised = calibrated_in([footage_block(seconds=10.0)], 10, between)
    assert raised.value == low.value
    assert raised.value * raised.lingering == pytest.approx(between)


# Pictures without a clock


@pytest.mark.parametrize("frames", [16, 40, 201, 419, 2000])
def test_the_threshold_of_pictures_is_numpys_quantile_of_the_held_out_scores(frames: int) -> None:
    scores = np.random.RandomState(frames).gamma(3, 2, frames)
    blocks = [picture_block(part.tolist()) for part in np.array_split(scores, math.ceil(frames / 60))]
    threshold = calibrated(blocks, dims=4)
    # The lowest score that this share of the pictures does not exceed.
    assert threshold.value == np.quantile(scores, QUANTILE, method="inverted_cdf")
    assert threshold == Threshold(threshold.value, frames)
    assert np.mean(scores <= threshold.value) >= QUANTILE


@pytest.mark.parametrize("frames", [9000, 100_000])
def test_pictures_that_a_full_tail_did_not_keep_raise_the_threshold(frames: int) -> None:
    scores = np.random.RandomState(frames).gamma(3, 2, frames)
    blocks = [picture_block(part.tolist()) for part in np.array_split(scores, 4)]
    kept = max(block.tail[-1] for block in blocks)
    assert calibrated(blocks, dims=4).value == max(np.quantile(scores, QUANTILE, method="inverted_cdf"), kept)


def test_pictures_that_all_score_nothing_have_a_threshold_of_one_standard_deviation() -> None:
    assert calibrated([picture_block([0.0] * 30)], dims=4).value == 1


# What is refused


@pytest.mark.parametrize("asked", [0.0, -1.0, math.inf, math.nan])
def test_a_number_of_false_alarms_that_cannot_be_aimed_at_is_refused(asked: float) -> None:
    with pytest.raises(ConfigError) as caught:
        calibrated([footage_block()], 10, asked)
    assert str(caught.value) == f"{asked:g} false alarms a day cannot be aimed at; ask for a number above 0."


def test_no_block_gives_no_threshold() -> None:
    with pytest.raises(ModelError) as caught:
        calibrated([], dims=4)
    assert str(caught.value) == "a threshold needs 16 frames; fit on more footage."
