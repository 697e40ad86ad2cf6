"""Figures that follow from how much of each class lies above a falling threshold.

Arrays here are histograms: entry i belongs to the i-th score in rising order and says how many things of one
class have it, or what these weigh together. Neither class may be empty; who calls makes sure of that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Histogram", "area", "best_f1", "caught"]

Histogram = NDArray[np.int64] | NDArray[np.float64]


def area(negatives: Histogram, gains: Histogram, limit: float = 1.0) -> float:
    """Area under the share of `gains` over the share of false positives up to `limit`, divided by `limit`.

    With positives as gains this is the AUROC, and equal scores of both classes count half, as in the
    Mann-Whitney statistic, since the curve between two points is a straight line.

    Args:
        negatives: (n,) how many normal things have each score.
        gains: (n,) how many abnormal things, or their weight.
        limit: share of false positives up to which the curve counts, above 0 and at most 1.
    Returns:
        0 to 1.
    """
    false_positives, gained = _shares_above(negatives), _shares_above(gains)
    inside = false_positives <= limit
    x = np.append(false_positives[inside], limit)
    y = np.append(gained[inside], np.interp(limit, false_positives, gained))
    return float(np.trapezoid(y, x)) / limit


def best_f1(negatives: Histogram, positives: Histogram) -> float:
    """Highest F1 score (0 to 1) that any threshold gives."""
    hits = np.cumsum(positives[::-1])
    alarms = hits + np.cumsum(negatives[::-1])
    return float(np.max(2 * hits / (alarms + hits[-1])))


def caught(negatives: Histogram, positives: Histogram, limit: float) -> float:
    """Highest share of positives (0 to 1) above a threshold that no more than a share `limit` of negatives is above."""
    false_positives, found = _shares_above(negatives), _shares_above(positives)
    return float(found[false_positives <= limit][-1])


def _shares_above(histogram: Histogram) -> NDArray[np.float64]:
    """(n + 1,) share at or above each score as the threshold falls: from 0, with nothing above it, to 1."""
    above = np.concatenate([[0.0], np.cumsum(histogram[::-1])])
    shares: NDArray[np.float64] = above / above[-1]
    return shares
