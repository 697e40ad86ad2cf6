"""The two parts of a score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.parts import Parts, both, mainly
from pipeline.types import SHARE_STEPS

steps = st.integers(0, SHARE_STEPS)


@given(st.floats(0, 1e6), steps)
def test_parts_are_never_negative_and_add_up_to_the_score(score: float, step: int) -> None:
    parts = Parts.of(score, step / SHARE_STEPS)
    assert parts.appearance is not None
    assert parts.motion is not None
    assert min(parts.appearance, parts.motion) >= 0
    assert parts.appearance + parts.motion == pytest.approx(score, rel=1e-12)


@given(st.floats(1e-3, 1e6), steps)
def test_the_share_comes_back_exactly_also_from_six_digits(score: float, step: int) -> None:
    parts = Parts.of(score, step / SHARE_STEPS)
    written = Parts(*(float(f"{part:.6g}") for part in (parts.appearance, parts.motion)))
    assert parts.share == written.share == step / SHARE_STEPS


def test_a_score_of_0_has_no_share_of_anything() -> None:
    assert Parts.of(0.0, 1.0).share == 0.0


def test_what_is_not_told_apart_has_neither_parts_nor_words() -> None:
    assert Parts.of(3.0, None) == Parts(None, None)
    assert Parts().share is None
    assert (mainly(None), both(None)) == ("", "")


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "appearance 100%"),
        (0.39, "appearance 61%"),
        (0.4, "motion 40%, appearance 60%"),
        (0.5, "motion 50%, appearance 50%"),
        (0.6, "motion 60%, appearance 40%"),
        (0.61, "motion 61%"),
        (1.0, "motion 100%"),
    ],
)
def test_the_larger_part_is_named_and_near_the_half_both(share: float, words: str) -> None:
    assert mainly(share) == words
    assert words in both(share)


@given(st.floats(0, 1))
def test_percents_add_up(share: float) -> None:
    motion, appearance = (int(word.strip("%,")) for word in both(share).split()[1::2])
    assert motion + appearance == 100
