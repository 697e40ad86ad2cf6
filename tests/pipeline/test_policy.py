"""What makes an event, and what contradicts itself."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from pipeline.errors import ConfigError
from pipeline.policy import Policy

NAMES = [field.name for field in fields(Policy)]


def refused(**numbers: float) -> str:
    with pytest.raises(ConfigError) as caught:
        Policy(**numbers)
    return str(caught.value)


def test_the_defaults_hold_together() -> None:
    assert Policy() == Policy(1.0, 0.8, 2.0, 0.0, 300.0, 0.5, 5.0, 5.0, 60.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("value", "shown"), [(-1.0, "-1"), (math.nan, "nan"), (math.inf, "inf"), (-0.001, "-0.001")])
def test_what_is_no_number_of_0_or_more_is_refused(name: str, value: float, shown: str) -> None:
    assert refused(**{name: value}) == f"alert.{name} is {shown}, expected 0 or more."


@pytest.mark.parametrize("release", [0.0, 0.1, 1.01, 5.0])
def test_a_release_above_the_threshold_or_below_the_scale_is_refused(release: float) -> None:
    assert refused(release=release) == (
        f"alert.release is {release:g}, expected 0.125 to 1: an event begins at 1 and lasts while its region is above "
        "the release."
    )


@pytest.mark.parametrize("share", [0.0, 1.01, 50.0])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    assert refused(view_share=share) == f"alert.view_share is {share:g}, expected a share of the picture, 0 to 1."


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (
            {"min_duration_s": 300},
            "alert.max_event_s is 300, not above alert.min_duration_s of 300; raise the one or lower the other.",
        ),
        (
            {"max_event_s": 0.5},
            "alert.max_event_s is 0.5, not above alert.min_duration_s of 1; raise the one or lower the other.",
        ),
        (
            {"max_event_s": 30, "gap_s": 45},
            "alert.max_event_s is 30, not above alert.gap_s of 45; raise the one or lower the other.",
        ),
        (
            {"pre_roll_s": 60},
            "alert.max_clip_s is 60, not above alert.pre_roll_s of 60; raise the one or lower the other.",
        ),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(numbers: dict[str, float], sentence: str) -> None:
    assert refused(**numbers) == sentence


@pytest.mark.parametrize(
    "numbers",
    [
        {"min_duration_s": 0, "gap_s": 0, "cooldown_s": 0, "pre_roll_s": 0, "post_roll_s": 0},
        {"release": 0.125},
        {"release": 1},
        {"view_share": 1},
        {"cooldown_s": 86400},
        {"max_event_s": 2.5},
        {"max_clip_s": 5.1},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(numbers: dict[str, float]) -> None:
    policy = Policy(**numbers)
    assert {name: getattr(policy, name) for name in numbers} == numbers
