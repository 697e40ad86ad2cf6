"""What a threshold promises, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.model.threshold import Threshold


def a_threshold(asked: float, expected: float, low: float, high: float, seconds: float) -> Threshold:
    return Threshold(20.0, 100, seconds, 0.5, asked, expected, (low, high))


@pytest.mark.parametrize(
    ("threshold", "sentence"),
    [
        (
            a_threshold(1.0, 1.0, 0.0421, 4.04, 9000.0),
            "1 false alarms a day (0.042 to 4) are to be expected",
        ),
        (
            a_threshold(24.0, 23.6, 9.6, 1044.0, 9000.0),
            "24 false alarms a day (10 to 1,040) are to be expected",
        ),
        (
            a_threshold(1.0, 45.2, 3.35, 191.0, 191.0),
            "at most 45 false alarms a day (3.4 to 191): 3 minutes of footage cannot speak for fewer, "
            "2.4 hours could for the 1 asked for",
        ),
        (
            a_threshold(0.1, 2.4, 0.0, 9.4, 3600.0),
            "at most 2.4 false alarms a day (0 to 9.4): 1 hour of footage cannot speak for fewer, "
            "24 hours could for the 0.1 asked for",
        ),
        (
            replace(a_threshold(1.0, 45.2, 3.35, 191.0, 191.0), provisional=True),
            "45 false alarms a day (3.4 to 191), a guess: no part of the footage was scored by a model of all the rest",
        ),
        (Threshold(20.0, 12_345), "99% of 12,345 pictures that the model had not seen score lower"),
    ],
)
def test_a_threshold_says_in_a_sentence_what_it_promises(threshold: Threshold, sentence: str) -> None:
    assert threshold.promise == sentence


def test_footage_of_just_the_length_that_is_needed_is_enough() -> None:
    assert a_threshold(1.0, 1.0, 0.1, 4.0, 8640.0).needed_s == 8640
    assert not a_threshold(1.0, 1.0, 0.1, 4.0, 8640.0).at_most
    assert a_threshold(1.0, 1.0, 0.1, 4.0, 8639.9).at_most
    assert (Threshold(20.0, 100).needed_s, Threshold(20.0, 100).at_most) == (0, False)
