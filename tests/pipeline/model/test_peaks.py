"""Peaks against a slow search that follows the words of the definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.peaks import lasting, peaks_of
from pipeline.policy import Policy
from tests.pipeline.model import plain

# Binary fractions, so that sums are exact: frames, pauses, gaps, jumps back, stamps that repeat.
STEPS = st.lists(
    st.sampled_from([0.125, 0.25, 0.25, 0.25, 0.5, 1.0, 1.75, 2.25, 4.5, 6.0, -3.0, -30.0, 0.0]), max_size=80
)
SCORES = st.integers(0, 12).map(float) | st.floats(0, 1e6)


def series(frames: int, *, seed: int = 0) -> tuple[list[float], list[float]]:
    """Times of 5 frames/s and scores that hang together."""
    noise = np.random.RandomState(seed).gamma(3, 2, frames + 4)
    return [number / 5 for number in range(frames)], np.convolve(noise, np.ones(5) / 5, "valid").tolist()


@settings(max_examples=300, deadline=None)
@given(STEPS, st.data(), st.sampled_from([0.25, 0.75, 1.0, 3.0]), st.sampled_from([0.4, 2.0, 7.0]), st.integers(1, 5))
def test_peaks_are_those_of_a_plain_search(
    steps: list[float], data: st.DataObject, duration_s: float, gap_s: float, most: int
) -> None:
    times_s = np.cumsum([100.0, *steps]).tolist()
    scores = data.draw(st.lists(SCORES, min_size=len(times_s), max_size=len(times_s)))
    policy = Policy(min_duration_s=duration_s, gap_s=gap_s)
    for asked in (most, 64):
        assert list(peaks_of(times_s, scores, policy, asked)) == plain.peaks(times_s, scores, gap_s, duration_s, asked)


@settings(max_examples=100, deadline=None)
@given(STEPS, st.data(), st.sampled_from([0.0, 0.25, 1.0]), st.sampled_from([0.4, 2.0]))
def test_what_lasted_is_the_least_of_its_duration_on_a_clock_that_rises(
    steps: list[float], data: st.DataObject, duration_s: float, gap_s: float
) -> None:
    times_s = np.cumsum([100.0, *steps]).tolist()
    scores = data.draw(st.lists(SCORES, min_size=len(times_s), max_size=len(times_s)))
    found = list(lasting(times_s, scores, Policy(min_duration_s=duration_s, gap_s=gap_s)))
    expected = plain.lasting(times_s, scores, gap_s, duration_s)
    assert [least for _, least in found] == [row[1] for rows in expected for row in rows]
    clock = [time_s for time_s, _ in found]
    assert clock == sorted(clock)
    place = 0
    for rows in expected:  # within a stretch the clock is that of the recording; the next is five seconds off or more
        here = clock[place : place + len(rows)]
        assert np.diff(here).tolist() == np.diff([row[0] for row in rows]).tolist()
        assert not here or place == 0 or here[0] - clock[place - 1] >= 5
        place += len(rows)


def test_a_peak_that_lasts_a_frame_less_than_an_event_must_counts_no_more_than_what_is_around_it() -> None:
    times_s = [number / 5 for number in range(100)]
    for frames, expected in ((5, 1.0), (6, 9.0), (7, 9.0)):  # six frames of 5 a second span one second
        scores = [9.0 if 40 <= number < 40 + frames else 1.0 for number in range(100)]
        assert peaks_of(times_s, scores, Policy(), 64)[0] == expected


def test_of_peaks_five_seconds_apart_or_less_the_highest_alone_is_kept() -> None:
    times_s = [number / 4 for number in range(400)]
    policy = Policy(min_duration_s=0.25)
    for apart, expected in ((16, [9.0]), (19, [9.0]), (22, [9.0, 8.0])):  # 22 quarters, less the duration before one
        scores = np.zeros(400)
        scores[200:202], scores[200 + apart : 202 + apart] = 9, 8
        assert [peak for peak in peaks_of(times_s, scores.tolist(), policy, 64) if peak] == expected


def test_recordings_are_never_joined() -> None:
    # Half a second high at the end of one and at the beginning of the next, also where the second goes on in time.
    one = [number / 5 for number in range(50)]
    scores = [1.0] * 47 + [9.0] * 3
    for begin_s in (0.0, 9.8, 12.0, 1e6):
        both = [*one, *(begin_s + time_s for time_s in one)]
        assert peaks_of(both, scores + scores[::-1], Policy(), 64) == (1.0,) * 4


def test_the_peaks_of_recordings_are_those_of_each() -> None:
    parts = [series(200, seed=seed) for seed in range(3)]
    times_s, scores = (list(itertools.chain.from_iterable(values)) for values in zip(*parts, strict=True))
    together = peaks_of(times_s, scores, Policy(), 64)
    alone = [peak for part in parts for peak in peaks_of(*part, Policy(), 64)]
    assert list(together) == sorted(alone, reverse=True)


@pytest.mark.parametrize(("times_s", "scores"), [([3.0], [7.0]), ([0.0, 0.2], [3.0, 7.0]), ([0.0, 60.0], [7.0, 3.0])])
def test_where_nothing_lasted_the_highest_score_stands_in(times_s: list[float], scores: list[float]) -> None:
    assert peaks_of(times_s, scores, Policy(), 64) == (7.0,)


def test_no_frames_have_no_peaks() -> None:
    assert peaks_of([], [], Policy(), 64) == ()


def test_no_more_are_kept_than_asked_for_and_they_are_the_highest() -> None:
    times_s, scores = series(5 * 3600)
    every = peaks_of(times_s, scores, Policy(), 10**6)
    assert len(every) > 300
    assert list(every) == sorted(every, reverse=True)
    assert peaks_of(times_s, scores, Policy(), 64) == every[:64]
