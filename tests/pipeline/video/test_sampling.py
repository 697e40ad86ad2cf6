"""Which frames are taken, from their times alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.types import Geometry
from pipeline.video.sampling import Sampler, Sampling

RATE = st.floats(0.5, 120)
JITTER = st.lists(st.floats(-0.32, 0.32), min_size=1, max_size=200)


def taken(times_s: list[float], fps: float | None) -> list[int]:
    sampler = Sampler(fps)
    return [index for index, time_s in enumerate(times_s) if sampler.takes(time_s)]


def jittered(jitter: list[float], rate: float) -> list[float]:
    return [0.0, *((index + share) / rate for index, share in enumerate(jitter, start=1))]


@given(rate=RATE, every=st.integers(1, 12), count=st.integers(1, 400))
def test_a_whole_divisor_of_the_rate_takes_every_nth_frame(rate: float, every: int, count: int) -> None:
    times_s = [index / rate for index in range(count)]
    assert taken(times_s, rate / every) == list(range(0, count, every))


@given(rate=RATE, every=st.integers(1, 12), jitter=JITTER)
def test_stamps_that_jitter_by_a_third_of_their_distance_neither_drop_nor_double(
    rate: float, every: int, jitter: list[float]
) -> None:
    times_s = jittered(jitter, rate)
    assert taken(times_s, rate / every) == list(range(0, len(times_s), every))


@given(rate=RATE, every=st.integers(1, 12))
def test_stamps_in_whole_milliseconds_take_every_nth_frame(rate: float, every: int) -> None:
    times_s = [round(index / rate, 3) for index in range(400)]
    assert taken(times_s, rate / every) == list(range(0, 400, every))


@given(rate=RATE, faster=st.floats(1, 10), jitter=JITTER)
def test_a_rate_above_the_sources_takes_every_frame(rate: float, faster: float, jitter: list[float]) -> None:
    times_s = jittered(jitter, rate)
    assert taken(times_s, rate * faster) == list(range(len(times_s)))


@given(gaps_s=st.lists(st.floats(0.001, 5), max_size=300), fps=RATE)
def test_never_more_than_asked_for_on_average(gaps_s: list[float], fps: float) -> None:
    times_s = [0.0]
    for gap_s in gaps_s:
        times_s.append(times_s[-1] + gap_s)
    picked = [times_s[index] for index in taken(times_s, fps)]
    for first in range(0, len(picked), 7):
        for last in range(first, len(picked), 7):
            assert last - first + 1 <= fps * (picked[last] - picked[first]) + 2.5 + 1e-3


@given(rate=st.sampled_from([10.0, 25.0, 29.97]), share=st.floats(0.02, 0.75), start=st.integers(0, 300))
def test_frames_are_the_same_wherever_reading_begins(rate: float, share: float, start: int) -> None:
    times_s, fps = [index / rate for index in range(400)], rate * share
    # The first moments after the start only tell how far apart frames and points are.
    settled = start + int(rate * (2 / fps + 1))
    whole = [index for index in taken(times_s, fps) if index >= settled]
    part = [index + start for index in taken(times_s[start:], fps) if index + start >= settled]
    assert part == whole


def test_without_a_rate_every_frame_is_taken() -> None:
    assert taken([0.0, 0.1, 5.0], None) == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fps": 0.0}, "a rate of 0 frames per second cannot be taken; choose one above 0."),
        ({"from_s": -1.0}, "a recording cannot be read from -1 s on; choose 0 or more."),
        (
            {"from_s": 5.0, "until_s": 5.0},
            "there is no time from 5 s until 5 s; choose an end after the beginning.",
        ),
        ({"display_short_side": 1}, "a display of 1 pixels cannot be drawn; choose 2 or more."),
    ],
)
def test_impossible_samplings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Sampling(Geometry((240, 432)), **settings)  # type: ignore[arg-type]
    assert str(caught.value) == message
