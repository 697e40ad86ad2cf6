"""How a threshold is set: from footage that the model had not seen when it scored it, in blocks.

In-sample distances are no guide: with 200 frames and D = 100 they are about 12 where the next normal seconds give 154.
What is counted is what would have been an event, not frames: neighbouring frames are alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigError, ModelError
from pipeline.model.blocks import TAIL, Block
from pipeline.model.tail import Tail
from pipeline.model.threshold import DAY_S, REACH, Threshold

__all__ = ["LEAST", "MIN_FRAMES", "QUANTILE", "calibrated"]

MIN_FRAMES = 16
# Peaks that a tail is fitted to, where there are so many: fewer know little of it, more are not its tail.
FITTED = 30
# Share of pictures without a clock that are to lie at or below the threshold: there is no day to count by.
QUANTILE = 0.99
# A frozen picture repeats itself exactly and scores 0. Under one standard deviation nothing is unusual.
LEAST = 1.0
# Under so many standard deviations no speed and no direction is unusual; and under so many in the first seconds, in
# which nobody has seen who comes: those fade, too.
LEAST_MOTION, FOREIGN_MOTION = 3.0, 14.0
# Models that had seen less than this share of what the last one had score too high to speak for it.
GROWN_SHARE = 0.25
# Where what is usual lies with one kind of evidence, it does with the others: so the powers are chosen that motion is
# raised to (docs/decisions/0009-motion.md), within these bounds.
LEAST_POWER, MOST_POWER = 0.25, 1.0
# Of the false events that are allowed, the share that may come from what lasts for a moment; the rest may linger.
# Chosen on normal footage with still objects pasted in (docs/decisions/0006-threshold.md).
OF_MOMENTS = 0.25
# In the first seconds nobody has seen how the light changes, who comes, what is moved: there only what looks like
# another place altogether is unusual. That falls with the power FADING of the footage's length (decision 0006).
FIRST_S, FADING = 10.0, 0.35
# The interval leaves out a twentieth on each side.
INTERVAL = (0.05, 0.95)


def calibrated(
    blocks: Iterable[Block], dims: int, foreign: float, a_day: float = 1.0, *, provisional: bool = False
) -> Threshold:
    """Threshold of held-out blocks.

    Counted are blocks whose model had seen 2·D frames and a quarter of what the last one's had; where there are none,
    the last block stands in, which errs on the high side.

    Args:
        dims: D.
        foreign: distance at which another place of the scene lies (`Gaussians.foreign`).
        a_day: false events a day to aim at.
    Raises:
        ConfigError: a number that is not above 0 is asked for.
        ModelError: there are no blocks.
    """
    if not 0 < a_day < math.inf:
        raise ConfigError(f"{a_day:g} false alarms a day cannot be aimed at; ask for a number above 0.")
    used = _grown(list(blocks), dims)
    frames, seconds = sum(block.frames for block in used), math.fsum(block.seconds for block in used)
    if not seconds:
        # Frames so far apart that nothing is seen to move from one to the next: motion has its least.
        kinds = len(used[0].motion)
        least_of_motion, powers = (LEAST_MOTION,) * kinds, (1.0,) * kinds
        return Threshold(
            _quantile(used, frames), frames, provisional=provisional, motion=least_of_motion, powers=powers
        )
    fewest = DAY_S / (REACH * seconds)
    faded = min(1.0, (FIRST_S / seconds) ** FADING)
    of_motion = max(LEAST_MOTION, FOREIGN_MOTION * faded)
    leasts = (max(LEAST, foreign * faded), *(of_motion for _ in used[0].motion))
    allowed = max(a_day, fewest) / len(leasts)
    tails = [[block.peaks[number].tail for block in used] for number in range(len(leasts))]
    # What moves does not stay: appearance alone lingers.
    stays: list[list[tuple[float, ...]]] = [[block.lingering for block in used], *([] for _ in leasts[1:])]
    sides = zip(tails, stays, leasts, strict=True)
    apart = len(leasts) > 1
    levels = [_Levels.of(moments, stay, least, seconds, allowed, apart=apart) for moments, stay, least in sides]
    expected = max(math.fsum(level.rate_a_day() for level in levels), fewest)
    low, high = (math.fsum(level.plausible_a_day(quantile) for level in levels) for quantile in INTERVAL)
    return Threshold(
        value=levels[0].moment,
        frames=frames,
        held_out_s=round(seconds, 3),
        lingering=levels[0].lingering,
        motion=tuple(level.moment for level in levels[1:]),
        powers=_powers(used, frames, [level.moment for level in levels]),
        asked_a_day=a_day,
        expected_a_day=expected,
        interval_a_day=(low, max(high, expected)),
        provisional=provisional,
    )


@dataclass(frozen=True, slots=True)
class _Levels:
    """The threshold of one evidence, and the tails that it is from.

    Attributes:
        moment: threshold of what lasts for a moment.
        lingering: that of what stays, in units of `moment`.
        tails: of moments, and of what stays where that was looked for.
    """

    moment: float
    lingering: float
    tails: tuple[Tail, ...]

    @classmethod
    def of(
        cls,
        moments: Sequence[tuple[float, ...]],
        stays: Sequence[tuple[float, ...]],
        least: float,
        seconds: float,
        allowed: float,
        *,
        apart: bool,
    ) -> _Levels:
        """Levels above which so many false events a day are to be expected, none of them below `least`.

        Args:
            moments, stays: tails of each block, of what lasts for a moment and of what stays.
            apart: what stays is judged by other distances than what lasts for a moment.
        """
        # Recordings too short for anything to linger tell nothing of it, and least of all that it is low; and where
        # the same is as high as a moment, whatever lingers is above the threshold of a moment already.
        if any(stays):
            shares = (OF_MOMENTS, 1 - OF_MOMENTS)
            sides = zip((moments, stays), shares, strict=True)
            tails = tuple(_tail(side, seconds, allowed * share) for side, share in sides)
            values = [max(tail.score_at(allowed * share), least) for tail, share in zip(tails, shares, strict=True)]
            if apart or values[1] < values[0]:
                return cls(values[0], values[1] / values[0], tails)
        tail = _tail(moments, seconds, allowed)
        return cls(max(tail.score_at(allowed), least), 1.0, (tail,))

    def rate_a_day(self) -> float:
        """False events a day that are to be expected."""
        return math.fsum(tail.rate_a_day(value) for tail, value in self._values())

    def plausible_a_day(self, quantile: float) -> float:
        """A quantile of what is plausible for them."""
        return math.fsum(tail.plausible_a_day(value, quantile) for tail, value in self._values())

    def _values(self) -> list[tuple[Tail, float]]:
        return list(zip(self.tails, (self.moment, self.moment * self.lingering), strict=False))


def _powers(blocks: Sequence[Block], frames: int, moments: Sequence[float]) -> tuple[float, ...]:
    """What each evidence of motion is raised to, so that what is usual is the same share of 1 as with appearance."""
    usual = [
        math.fsum(block.peaks[number].usual * block.frames for block in blocks) / frames / moment
        for number, moment in enumerate(moments)
    ]
    first, *others = (math.log(min(max(share, 1e-3), 0.99)) for share in usual)
    return tuple(min(max(first / other, LEAST_POWER), MOST_POWER) for other in others)


def _grown(blocks: list[Block], dims: int) -> list[Block]:
    if not blocks:
        raise ModelError(f"a threshold needs {MIN_FRAMES} frames; fit on more footage.")
    least = max(2 * dims, GROWN_SHARE * max(block.model_frames for block in blocks))
    return [block for block in blocks if block.model_frames >= least] or blocks[-1:]


def _quantile(blocks: Sequence[Block], frames: int) -> float:
    tails = [block.tail for block in blocks]
    ranked = sorted((score for tail in tails for score in tail), reverse=True)
    rank = min(math.floor(frames * (1 - QUANTILE)), len(ranked) - 1)
    return max(ranked[rank], _complete_from(tails), LEAST)


def _tail(tails: Sequence[tuple[float, ...]], seconds: float, a_day: float) -> Tail:
    """Tail of the higher half of all peaks, of no more than a fit takes or than twice as many as are asked for.

    What lies under `LEAST` counts as being there: from peaks of 0 or of rounding nothing can be told.
    """
    least = _complete_from(tails)
    peaks = sorted((max(peak, LEAST) for tail in tails for peak in tail if peak >= least), reverse=True)
    wanted = max(FITTED, 2 * math.ceil(a_day * seconds / DAY_S))
    half = -(-len(peaks) // 2) if least == 0 else len(peaks)
    return Tail.of(peaks[: min(wanted, half + 1)] or [LEAST], seconds)


def _complete_from(tails: Sequence[tuple[float, ...]]) -> float:
    """Below the lowest peak that a full tail has kept, peaks of its block are missing: no count holds there."""
    return max((tail[-1] for tail in tails if len(tail) >= TAIL), default=0.0)
