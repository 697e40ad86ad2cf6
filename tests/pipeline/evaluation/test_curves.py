"""Areas and F1 scores worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.curves import area, best_f1, caught


def test_area_counts_a_tie_as_half() -> None:
    # Of the four pairs two are right, one is wrong, one is a tie: 2.5 of 4.
    assert area(np.array([1, 1, 0]), np.array([1, 0, 1])) == pytest.approx(2.5 / 4)


def test_area_up_to_a_limit_is_cut_within_a_segment() -> None:
    # From (0, 0.5) straight to (1, 1): at 0.3 the curve stands at 0.65, so the mean height is 0.575.
    assert area(np.array([1, 0]), np.array([1, 1]), limit=0.3) == pytest.approx(0.575)


def test_area_up_to_a_limit_is_cut_at_a_vertical_step() -> None:
    # The curve runs along 0 up to the limit, where it jumps to 1: nothing is gained before.
    assert area(np.array([7, 0, 3]), np.array([0, 1, 0]), limit=0.3) == pytest.approx(0.0)


def test_area_weighs_gains_by_what_they_are_worth() -> None:
    # Half a region is found before any false positive and the other half after all of them.
    assert area(np.array([0, 4, 0]), np.array([0.5, 0.0, 0.5])) == pytest.approx(0.5)


def test_best_f1_is_the_best_over_all_thresholds() -> None:
    # Thresholds from the top down: 1 of 1 right and 2 missed, 2 of 2, 2 of 4, 3 of 5: F1 1/2, 4/5, 4/7, 3/4.
    assert best_f1(np.array([0, 2, 0, 0]), np.array([1, 0, 1, 1])) == pytest.approx(4 / 5)


def test_what_is_caught_lies_above_the_lowest_threshold_with_few_enough_false_ones() -> None:
    # From the top down 0, 1, 1, 3 of 100 normal frames are above, and 1, 1, 3, 4 of 4 abnormal ones.
    negatives, positives = np.array([97, 2, 0, 1, 0]), np.array([0, 1, 2, 0, 1])
    assert caught(negatives, positives, 0.01) == 3 / 4
    assert caught(negatives, positives, 0.009) == 1 / 4
    assert caught(negatives, positives, 0.03) == 1.0


def test_nothing_is_caught_where_the_highest_scores_are_ties_with_too_many_normal_ones() -> None:
    assert caught(np.array([98, 2]), np.array([0, 5]), 0.01) == 0.0
