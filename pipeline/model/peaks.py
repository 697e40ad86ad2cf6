"""The highest scores that lasted, one for each stretch of time: what would have been events at a lower threshold.

Scores here are raw. Peaks have to be independent of each other to speak of the ones to come, so that of neighbouring
ones the highest alone counts (declustering by runs).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.policy import Policy

__all__ = ["lasting", "peaks_of"]

# Whoever crosses a picture is in it for about ten seconds.
APART_S = 5.0
# Stamps of 5 frames/s are 0.2 s apart, more or less.
TOLERANCE_S = 0.05


def peaks_of(times_s: Sequence[float], scores: Sequence[float], policy: Policy, most: int) -> tuple[float, ...]:
    """Peaks of what lasted as long as an event must, at least five seconds apart, falling; at most `most` of them.

    Args:
        times_s: rising; where a time falls or is more than a gap later, another stretch begins.
        scores: raw, as many.
    Returns:
        Empty without scores. Where nothing lasted long enough, the highest score alone.
    """
    if not len(scores):
        return ()
    kept = list(lasting(times_s, scores, policy))
    if not kept:
        return (max(scores),)
    clock = np.array([time_s for time_s, _ in kept])
    values = np.array([score for _, score in kept])
    free = np.ones(len(values), np.bool_)
    peaks: list[float] = []
    for place in np.argsort(-values, kind="stable"):
        if not free[place]:
            continue
        peaks.append(float(values[place]))
        if len(peaks) == most:
            break
        free &= np.abs(clock - clock[place]) > APART_S
    return tuple(peaks)


def lasting(times_s: Sequence[float], scores: Sequence[float], policy: Policy) -> Iterator[tuple[float, float]]:
    """For each frame before which so much was seen: its time, and the least score over an event's shortest duration.

    Times are made to rise over all stretches, a gap apart at least.
    """
    window: deque[tuple[float, float]] = deque()
    shift_s = begin_s = 0.0
    previous_s: float | None = None
    for stamp_s, score in zip(times_s, scores, strict=True):
        time_s = stamp_s + shift_s
        if previous_s is None or not 0 < time_s - previous_s <= policy.gap_s:
            if previous_s is not None:
                shift_s += max(0.0, previous_s + APART_S - time_s)
                time_s = stamp_s + shift_s
            window.clear()
            begin_s = time_s
        # The lowest come first: what is higher than a later score can never be the least again.
        while window and window[-1][1] >= score:
            window.pop()
        window.append((time_s, score))
        while window[0][0] < time_s - policy.min_duration_s - TOLERANCE_S:
            window.popleft()
        if time_s - begin_s >= policy.min_duration_s - TOLERANCE_S:
            yield time_s, window[0][1]
        previous_s = time_s
