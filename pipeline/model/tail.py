"""How often something higher than ever seen is to be expected: peaks over a threshold, generalised Pareto.

The excesses of peaks over a high level follow a generalised Pareto distribution (Pickands 1975) with a scale and a
shape; how many peaks there are is Poisson. Both are known as well as the peaks tell, so everything here is asked of
their posterior on a grid. Without it, ten peaks would promise what they cannot know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tail"]

Floats = NDArray[np.float64]

# Scores of distances have tails near the exponential's (shape 0). Few peaks tell nothing of a shape, and then a free
# one promises the impossible or nothing at all: the prior is normal about 0.
SHAPE_SPREAD = 0.15
SHAPES = np.linspace(-0.5, 0.5, 31)
# Scales as shares of the level. On the footage that this was made with they are 0.03 to 0.15, which five peaks could
# not tell by themselves: the prior's logarithm is normal about SCALE.
SCALES = np.geomspace(0.004, 2, 64)
SCALE, SCALE_SPREAD = 0.07, 0.6
# A Poisson rate's posterior is looked at in so many equal shares.
RATES = (np.arange(15) + 0.5) / 15
DAY_S = 86400.0


@dataclass(frozen=True)
class Tail:
    """What peaks say of the ones to come.

    Attributes:
        level: peaks above it are counted; above 0.
        excesses: of the peaks over it, above 0.
        observed_s: how long they were looked for.
    """

    level: float
    excesses: tuple[float, ...]
    observed_s: float

    @classmethod
    def of(cls, peaks: Sequence[float], observed_s: float) -> Tail:
        """Tail of peaks, falling, at least one; the lowest is the level."""
        level = peaks[-1]
        return cls(level, tuple(peak - level for peak in peaks if peak > level), observed_s)

    def rate_a_day(self, score: float) -> float:
        """Peaks a day that are to be expected above a score: the mean over all that is plausible."""
        return float(self._level_rates.mean() * (self._weights * self._survival(score)).sum())

    def plausible_a_day(self, score: float, quantile: float) -> float:
        """A quantile of what is plausible for the peaks a day above a score."""
        rates = (self._level_rates[:, None, None] * self._survival(score)).ravel()
        weights = np.tile(self._weights.ravel(), len(RATES)) / len(RATES)
        order = np.argsort(rates)
        place = int(np.searchsorted(np.cumsum(weights[order]), quantile))
        return float(rates[order[min(place, len(order) - 1)]])

    def score_at(self, a_day: float) -> float:
        """The score that so many peaks a day are expected above; the level where it takes no more."""
        low = high = self.level
        while self.rate_a_day(high) > a_day:
            low, high = high, high * 1.1
        while high - low > 1e-4 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self.rate_a_day(middle) > a_day else (low, middle)
        return high

    @cached_property
    def _weights(self) -> Floats:
        """(shapes, scales) posterior, its sum 1."""
        log = -0.5 * (SHAPES[:, None] / SHAPE_SPREAD) ** 2 - 0.5 * (np.log(SCALES / SCALE) / SCALE_SPREAD) ** 2
        for excess in self.excesses:
            log = log + _log_density(excess / self.level)
        weights = np.exp(log - log.max())
        return np.asarray(weights / weights.sum())

    @cached_property
    def _level_rates(self) -> Floats:
        """Rates a day of peaks above the level, at equal steps of their posterior (Jeffreys' prior)."""
        return _gamma_quantiles(len(self.excesses) + 0.5) * DAY_S / self.observed_s

    def _survival(self, score: float) -> Floats:
        """(shapes, scales) chance that a peak above the level is above a score."""
        return np.exp(_log_survival(max(0.0, score / self.level - 1)))


def _log_survival(excess: float) -> Floats:
    shape, scaled = SHAPES[:, None], excess / SCALES
    inside = 1 + shape * scaled
    with np.errstate(divide="ignore", invalid="ignore"):
        bent = np.where(inside > 0, -np.log(np.maximum(inside, 1e-300)) / shape, -np.inf)
    return np.where(np.abs(shape) < 1e-9, -scaled, bent)


def _log_density(excess: float) -> Floats:
    inside = 1 + SHAPES[:, None] * excess / SCALES
    with np.errstate(divide="ignore"):
        return np.where(
            inside > 0, _log_survival(excess) - np.log(np.maximum(inside, 1e-300)) - np.log(SCALES), -np.inf
        )


def _gamma_quantiles(shape: float) -> Floats:
    """Quantiles of a gamma distribution of scale 1 at `RATES`, by adding up its density."""
    spread = math.sqrt(shape)
    values = np.linspace(0, shape + 8 * spread + 8, 4001)[1:]
    log = (shape - 1) * np.log(values) - values
    mass = np.cumsum(np.exp(log - log.max()))
    return np.interp(RATES, mass / mass[-1], values)
