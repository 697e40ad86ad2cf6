"""The threshold: the raw score above which so many false events a day are to be expected.

It comes from footage that the model had not seen when it scored it, in blocks (see `pipeline.model.fitting`): in-sample
distances are no guide, with 200 frames and D = 100 they are about 12 where the next normal seconds give 154. What is
counted is what would have been an event, not frames: neighbouring frames are alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.errors import ConfigError, ModelError
from pipeline.model.peaks import peaks_of
from pipeline.model.tail import Tail
from pipeline.policy import Policy

__all__ = ["MIN_FRAMES", "Block", "Tails", "Threshold", "calibrated"]

MIN_FRAMES = 16
# Peaks, or highest scores of pictures, that a block leaves behind.
TAIL = 64
# Peaks that a tail is fitted to, where there are so many: fewer know little of it, more are not its tail.
FITTED = 30
# Share of pictures without a clock that are to lie at or below the threshold: there is no day to count by.
QUANTILE = 0.99
# A frozen picture repeats itself exactly and scores 0. Under one standard deviation nothing is unusual.
LEAST = 1.0
# Under so many standard deviations no speed and no direction is unusual.
LEAST_MOTION = 3.0
# So many times the length of the footage may be spoken about.
REACH = 10
# Models that had seen less than this share of what the last one had score too high to speak for it.
GROWN_SHARE = 0.25
# Share of the frames that score no more than is usual. Where it is with one kind of evidence, it is with the others: so
# the powers are chosen that motion is raised to (docs/decisions/0009-motion.md), within these bounds.
USUAL, LEAST_POWER, MOST_POWER = 0.9, 0.25, 1.0
# Of the false events that are allowed, the share that may come from what lasts for a moment; the rest may linger.
# Chosen on normal footage with still objects pasted in (docs/decisions/0006-threshold.md).
OF_MOMENTS = 0.25
# In the first seconds nobody has seen how the light changes, who comes, what is moved: there only what looks like
# another place altogether is unusual. That falls with the power FADING of the footage's length (decision 0006).
FIRST_S, FADING = 10.0, 0.35
# The interval leaves out a twentieth on each side.
INTERVAL = (0.05, 0.95)
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Tails:
    """What a held-out block leaves behind of one evidence.

    Attributes:
        tail: the highest raw scores that lasted, some seconds apart, falling, at most 64; without a clock the highest
            raw scores of its pictures.
        lingering: the same of what stayed in one place.
        usual: the raw score that a tenth of the frames is above.
    """

    tail: tuple[float, ...]
    lingering: tuple[float, ...] = ()
    usual: float = 0.0

    @classmethod
    def of_footage(
        cls, times_s: Sequence[float], scores: Sequence[float], lingering: Sequence[float | None], policy: Policy
    ) -> Tails:
        """Tails of frames, from their times, their raw scores, and the raw scores of what lingers in them."""
        stays = [(time_s, score) for time_s, score in zip(times_s, lingering, strict=True) if score is not None]
        stayed = peaks_of([time_s for time_s, _ in stays], [score for _, score in stays], policy, TAIL)
        usual = float(np.quantile(np.array(scores, np.float64), USUAL)) if len(scores) else 0.0
        return cls(peaks_of(times_s, scores, policy, TAIL), stayed, usual)


@dataclass(frozen=True, slots=True)
class Block:
    """What a held-out block leaves behind.

    Attributes:
        model_frames: frames the scoring model had seen.
        frames: frames of the block.
        seconds: its length; 0 for pictures without a clock.
        tail, lingering, usual: its tails of appearance.
        motion: its tails of speed and of direction; empty for a model of appearance alone.
    """

    model_frames: int
    frames: int
    seconds: float
    tail: tuple[float, ...]
    lingering: tuple[float, ...] = ()
    motion: tuple[Tails, ...] = ()
    usual: float = 0.0

    @classmethod
    def of_pictures(cls, model_frames: int, scores: Sequence[float]) -> Block:
        """Block of pictures without a clock, from their raw scores."""
        return cls(model_frames, len(scores), 0.0, tuple(sorted(scores, reverse=True)[:TAIL]))

    @classmethod
    def of_footage(cls, model_frames: int, times_s: Sequence[float], tails: Sequence[Tails], policy: Policy) -> Block:
        """Block of frames, from their times and the tails of all evidence, that of appearance first."""
        steps = [later - earlier for earlier, later in itertools.pairwise(times_s)]
        seconds = math.fsum(step for step in steps if 0 < step <= policy.gap_s)
        appearance, *motion = tails
        return cls(
            model_frames=model_frames,
            frames=len(times_s),
            seconds=round(seconds, 3),
            tail=appearance.tail,
            lingering=appearance.lingering,
            motion=tuple(motion),
            usual=appearance.usual,
        )

    @property
    def tails(self) -> tuple[Tails, ...]:
        """Of all evidence, that of appearance first."""
        return (Tails(self.tail, self.lingering, self.usual), *self.motion)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A raw score that normal footage rarely exceeds, and how rarely.

    Attributes:
        value: the raw score that people see as 1.
        lingering: threshold of what stays in one place for some seconds, as a share of `value`; at most 1.
        frames, held_out_s: held-out frames behind it, and their length.
        asked_a_day: false events a day that were asked for; None for pictures without a clock.
        expected_a_day: what is to be expected; more than was asked for where the footage is too short to speak about
            so few: then it is at most so many.
        interval_a_day: from and to, with nine tenths of what is plausible between them.
        provisional: models were merged whose parts were not scored by all the others.
        motion: distances of speed and of direction that people see as 1; empty for a model of appearance alone.
        powers: what those distances, divided by `motion`, are raised to, so that they rise to 1 as appearance does.
    """

    value: float
    frames: int
    held_out_s: float = 0.0
    lingering: float = 1.0
    asked_a_day: float | None = None
    expected_a_day: float | None = None
    interval_a_day: tuple[float, float] | None = None
    provisional: bool = False
    motion: tuple[float, ...] = ()
    powers: tuple[float, ...] = ()

    @property
    def promise(self) -> str:
        """What it promises, in a plain sentence, and what more footage would buy."""
        if self.asked_a_day is None or self.expected_a_day is None or self.interval_a_day is None:
            return f"99% of {self.frames:,} pictures that the model had not seen score lower"
        low, high = (_number(rate) for rate in self.interval_a_day)
        expected = f"{_number(self.expected_a_day)} false alarms a day ({low} to {high})"
        if self.provisional:
            return f"{expected}, a guess: no part of the footage was scored by a model of all the rest"
        if not self.at_most:
            return f"{expected} are to be expected"
        return (
            f"at most {expected}: {_span(self.held_out_s)} of footage cannot speak for fewer, "
            f"{_span(self.needed_s)} could for the {_number(self.asked_a_day)} asked for"
        )

    @property
    def at_most(self) -> bool:
        """Whether the footage was too short for what was asked."""
        return self.needed_s > self.held_out_s

    @property
    def needed_s(self) -> float:
        """Held-out footage that it takes to speak about as few false events as were asked for; 0 without a clock."""
        return DAY_S / self.asked_a_day / REACH if self.asked_a_day else 0.0


def calibrated(
    blocks: Iterable[Block], dims: int, foreign: float, a_day: float = 1.0, *, provisional: bool = False
) -> Threshold:
    """Threshold of held-out blocks.

    Counted are blocks whose model had seen 2·D frames and a quarter of what the last one's had; where there are none,
    the last block stands in, which errs on the high side.

    Args:
        dims: D.
        foreign: distance at which another place of the scene lies (`pipeline.model.movers.foreign`).
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
    least = max(LEAST, foreign * min(1.0, (FIRST_S / seconds) ** FADING))
    leasts = (least, *(LEAST_MOTION for _ in used[0].motion))
    allowed = max(a_day, fewest) / len(leasts)
    tails = [[block.tails[number] for block in used] for number in range(len(leasts))]
    # Alerting looks at how appearance lingers, and at that alone.
    tails[1:] = [[replace(tail, lingering=()) for tail in of_one] for of_one in tails[1:]]
    levels = [_Levels.of(of_one, seconds, allowed, least) for of_one, least in zip(tails, leasts, strict=True)]
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
        lingering: that of what stays, as a share of `moment`.
        tails: of moments, and of what stays where that was looked for.
    """

    moment: float
    lingering: float
    tails: tuple[Tail, ...]

    @classmethod
    def of(cls, blocks: Sequence[Tails], seconds: float, allowed: float, least: float) -> _Levels:
        """Levels above which so many false events a day are to be expected, none of them below `least`."""
        shares = (OF_MOMENTS, 1 - OF_MOMENTS)
        sides = ([block.tail for block in blocks], [block.lingering for block in blocks])
        tails = tuple(_tail(side, seconds, allowed * share) for side, share in zip(sides, shares, strict=True))
        values = [max(tail.score_at(allowed * share), least) for tail, share in zip(tails, shares, strict=True)]
        # Recordings too short for anything to linger tell nothing of it, and least of all that it is low; and where it
        # is as high as a moment, whatever lingers is above the threshold of a moment already.
        if any(block.lingering for block in blocks) and values[1] < values[0]:
            return cls(values[0], values[1] / values[0], tails)
        tail = _tail(sides[0], seconds, allowed)
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
        math.fsum(block.tails[number].usual * block.frames for block in blocks) / frames / moment
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


def _number(rate: float) -> str:
    """A rate as people say it.

    >>> _number(0.0421), _number(1.04), _number(23.6), _number(1044.0)
    ('0.042', '1', '24', '1,040')
    """
    if rate >= 100:
        return f"{float(f'{rate:.3g}'):,.0f}"
    return f"{rate:.0f}" if rate >= 9.5 else f"{rate:.1f}".removesuffix(".0") if rate >= 0.95 else f"{rate:.2g}"


def _span(seconds: float) -> str:
    """A length of footage as people say it.

    >>> _span(40), _span(191), _span(8640), _span(0.5)
    ('40 seconds', '3 minutes', '2.4 hours', '1 second')
    """
    if seconds >= 3600:
        count, unit = f"{seconds / 3600:.1f}".removesuffix(".0"), "hour"
    elif seconds >= 60:
        count, unit = f"{seconds / 60:.0f}", "minute"
    else:
        count, unit = f"{max(1.0, seconds):.0f}", "second"
    return f"{count} {unit}{'' if count == '1' else 's'}"
