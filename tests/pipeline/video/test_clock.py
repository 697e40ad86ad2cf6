"""Times from stamps that are missing, stand still or jump."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.video.clock import Clock

STAMPS = st.lists(st.none() | st.floats(-1e5, 1e5), max_size=100)


def times_s(stamps: list[float | None], interval_s: float = 0.1) -> list[float]:
    clock = Clock(interval_s)
    return [clock.time_s(stamp) for stamp in stamps]


@given(stamps=STAMPS)
def test_times_begin_at_0_and_strictly_rise_whatever_the_stamps(stamps: list[float | None]) -> None:
    times = times_s(stamps)
    assert times[:1] in ([], [0.0])
    assert all(before < after for before, after in pairwise(times))


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([5.0, 5.1, 5.3, 9.0], [0.0, 0.1, 0.3, 4.0]),  # good stamps are kept, gaps too
        ([None, None, None], [0.0, 0.1, 0.2]),  # none at all: the rate
        ([None, 0.02, 0.12], [0.0, 0.1, 0.2]),  # as cameras begin
        ([0.0, 0.1, 0.1, 0.2, 0.3], [0.0, 0.1, 0.15, 0.2, 0.3]),  # one repeated: the next are right again
        ([0.0, 0.1, 0.05, 0.2], [0.0, 0.1, 0.15, 0.2]),  # disorder
        ([100.0, 100.1, 0.0, 0.1, None, 0.3], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),  # a new beginning
    ],
)
def test_stamps_become_times(stamps: list[float | None], expected: list[float]) -> None:
    assert times_s(stamps) == pytest.approx(expected)


def test_after_a_rewind_earlier_frames_keep_their_times() -> None:
    clock = Clock(0.1)
    assert [clock.time_s(stamp) for stamp in (7.0, 9.0)] == [0.0, 2.0]
    clock.rewind()
    assert clock.time_s(8.0) == 1.0
