"""Tails against SciPy's generalised Pareto and gamma distributions, and against peaks whose distribution is known."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pipeline.model.tail import SCALE, SCALE_SPREAD, SCALES, SHAPE_SPREAD, SHAPES, Tail

DAY_S = 86400.0
Floats = NDArray[np.float64]

PEAKS = st.lists(st.floats(1, 1000), min_size=1, max_size=40).map(lambda peaks: sorted(peaks, reverse=True))
RATES = st.floats(1e-3, 1e3)


def peaks_above(level: float, shape: float, scale: float, count: int, seed: int) -> list[float]:
    """Falling peaks of one generalised Pareto distribution, its scale a share of the level; the level comes last."""
    excesses = stats.genpareto.rvs(shape, scale=scale * level, size=count, random_state=np.random.RandomState(seed))
    return [*(level + np.sort(excesses)[::-1]).tolist(), level]


def posterior(tail: Tail) -> tuple[Floats, Floats, Floats]:
    """Shapes, scales and their weights, by SciPy's densities alone."""
    shapes, scales = np.meshgrid(SHAPES, SCALES, indexing="ij")
    log = stats.norm.logpdf(shapes, 0, SHAPE_SPREAD) + stats.norm.logpdf(np.log(scales / SCALE), 0, SCALE_SPREAD)
    for excess in tail.excesses:
        log = log + stats.genpareto.logpdf(excess / tail.level, shapes, scale=scales)
    weights = np.exp(log - log.max())
    return shapes, scales, weights / weights.sum()


@pytest.mark.parametrize("count", [1, 2, 5, 30, 200])
@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
def test_expected_rates_are_those_of_scipys_densities(count: int, shape: float) -> None:
    tail = Tail.of(peaks_above(8.0, shape, 0.1, count, seed=count), 1800.0)
    shapes, scales, weights = posterior(tail)
    for score in (1.0, 8.0, 8.3, 9.0, 12.0, 30.0):
        beyond = stats.genpareto.sf(max(0.0, score / 8 - 1), shapes, scale=scales)
        # A Poisson rate's mean under Jeffreys' prior; of fifteen equal shares of it the highest are cut off.
        expected = (count + 0.5) * DAY_S / 1800 * float((weights * beyond).sum())
        assert tail.rate_a_day(score) == pytest.approx(expected, rel=0.02)


def test_without_a_peak_above_the_level_half_a_peak_is_expected_there() -> None:
    assert Tail.of([8.0], 1800.0).rate_a_day(8) == pytest.approx(0.5 * DAY_S / 1800, rel=0.02)


@pytest.mark.parametrize("count", [2, 5, 30])
@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.95])
def test_plausible_rates_are_quantiles_of_draws_from_the_posterior(count: int, quantile: float) -> None:
    tail = Tail.of(peaks_above(8.0, 0.0, 0.1, count, seed=count), 1800.0)
    shapes, scales, weights = posterior(tail)
    source = np.random.RandomState(0)
    drawn = source.choice(weights.size, 40_000, p=weights.ravel())
    levels = source.gamma(count + 0.5, 1, 40_000) * DAY_S / 1800
    for score in (8.0, 9.0, 11.0):
        rates = levels * stats.genpareto.sf(score / 8 - 1, shapes.ravel()[drawn], scale=scales.ravel()[drawn])
        found = tail.plausible_a_day(score, quantile)
        # Fifteen shares of a rate are a coarse grid: what is meant is the place among the draws, some of which are 0.
        assert float((rates < found).mean()) - 0.035 <= quantile <= float((rates <= found).mean()) + 0.035


@pytest.mark.parametrize(("shape", "scale"), [(0.0, 0.07), (0.1, 0.07), (-0.1, 0.1), (0.2, 0.05), (0.0, 0.3)])
def test_many_peaks_of_a_known_tail_give_its_rates(shape: float, scale: float) -> None:
    ratios: dict[float, list[float]] = {0.05: [], 0.005: []}
    for seed in range(60):
        count = int(np.random.RandomState(seed).poisson(200))  # 200 hours, one an hour
        tail = Tail.of(peaks_above(10.0, shape, scale, count, seed), 200 * 3600.0)
        for share, found in ratios.items():
            score = 10 * (1 + stats.genpareto.isf(share, shape, scale=scale))
            found.append(tail.rate_a_day(score) / (24 * share))
    # One in twenty peaks lies above the first score, ten of a sample; one in two hundred above the second, one of it.
    assert np.mean(ratios[0.05]) == pytest.approx(1, abs=0.1)
    assert np.std(np.log(ratios[0.05])) < 0.3
    # A single peak leaves a factor of two to chance, and the prior pulls the shape towards 0.
    assert 0.7 <= np.mean(ratios[0.005]) <= 1.5
    assert np.std(np.log(ratios[0.005])) < 0.8


def test_nine_in_ten_intervals_hold_the_true_rate() -> None:
    held = []
    for seed in range(150):
        source = np.random.RandomState(seed)
        shape, scale = source.normal(0, SHAPE_SPREAD), SCALE * np.exp(source.normal(0, SCALE_SPREAD))
        shape = min(max(shape, -0.45), 0.45)
        expected = float(np.exp(source.uniform(np.log(4), np.log(40))))  # peaks in the hour that is looked at
        count = int(source.poisson(expected))
        excesses = tuple(peak - 10 for peak in peaks_above(10.0, shape, scale, count, seed)[:-1])
        tail = Tail(10.0, excesses, 3600.0)
        for share in (0.5, 0.1, 0.01):
            score = 10 * (1 + stats.genpareto.isf(share, shape, scale=scale))
            low, high = (tail.plausible_a_day(score, quantile) for quantile in (0.05, 0.95))
            held.append(low <= share * expected * 24 <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.04)


@settings(max_examples=60, deadline=None)
@given(PEAKS, st.lists(st.floats(0, 3000), min_size=2, max_size=10).map(sorted), st.floats(0.01, 0.99))
def test_a_higher_score_never_has_a_higher_rate(peaks: list[float], scores: list[float], quantile: float) -> None:
    tail = Tail.of(peaks, 3600.0)
    expected = [tail.rate_a_day(score) for score in scores]
    plausible = [tail.plausible_a_day(score, quantile) for score in scores]
    assert expected == sorted(expected, reverse=True)
    assert plausible == sorted(plausible, reverse=True)
    assert min(*expected, *plausible) >= 0


@settings(max_examples=60, deadline=None)
@given(PEAKS, st.floats(0, 3000), st.floats(0.01, 0.98))
def test_more_of_what_is_plausible_never_has_a_lower_rate(peaks: list[float], score: float, quantile: float) -> None:
    tail = Tail.of(peaks, 3600.0)
    assert tail.plausible_a_day(score, quantile) <= tail.plausible_a_day(score, quantile + 0.01)


@settings(max_examples=60, deadline=None)
@given(PEAKS, RATES)
def test_a_score_of_a_rate_has_that_rate_or_is_the_level(peaks: list[float], a_day: float) -> None:
    tail = Tail.of(peaks, 3600.0)
    score = tail.score_at(a_day)
    assert tail.rate_a_day(score) <= a_day
    assert score == peaks[-1] if tail.rate_a_day(peaks[-1]) <= a_day else tail.rate_a_day(score * (1 - 2e-4)) > a_day


@settings(max_examples=60, deadline=None)
@given(PEAKS, RATES, RATES)
def test_fewer_a_day_never_have_a_lower_score(peaks: list[float], one: float, other: float) -> None:
    tail = Tail.of(peaks, 3600.0)
    assert tail.score_at(min(one, other)) >= tail.score_at(max(one, other))


@settings(max_examples=60, deadline=None)
@given(PEAKS, RATES, st.floats(1e-3, 1e3))
def test_scores_on_another_scale_have_their_threshold_on_it(peaks: list[float], a_day: float, factor: float) -> None:
    scaled = Tail.of([peak * factor for peak in peaks], 3600.0)
    assert scaled.score_at(a_day) == pytest.approx(factor * Tail.of(peaks, 3600.0).score_at(a_day), rel=3e-4)


@settings(max_examples=60, deadline=None)
@given(PEAKS, st.floats(0, 3000), st.floats(1e-3, 1e3))
def test_the_same_peaks_in_more_time_are_so_much_rarer(peaks: list[float], score: float, factor: float) -> None:
    expected = Tail.of(peaks, 3600.0).rate_a_day(score) / factor
    assert Tail.of(peaks, 3600.0 * factor).rate_a_day(score) == pytest.approx(expected, rel=1e-9, abs=1e-200)


@pytest.mark.parametrize(
    "peaks",
    [
        [5.0],
        [5.0] * 30,
        [1e-30] * 3,
        [1e9, *[5.0] * 29],
        [1e30, 5.0],
        [1e38, 1e30, 1.0],
        [5.0 + 1e-12, 5.0],
        [float(peak) for peak in range(4000, 0, -1)],
    ],
)
def test_strange_peaks_have_a_finite_score_above_0_at_once(peaks: list[float]) -> None:
    begin = time.perf_counter()
    tail = Tail.of(peaks, 60.0)
    for a_day in (1e-6, 1.0, 1e6):
        score = tail.score_at(a_day)
        assert peaks[-1] <= score < np.inf
        assert 0 <= tail.plausible_a_day(score, 0.05) <= tail.plausible_a_day(score, 0.95) < np.inf
    assert time.perf_counter() - begin < 5
