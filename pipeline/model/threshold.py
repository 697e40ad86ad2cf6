"""The threshold: the raw score above which so many false events a day are to be expected, and what it promises.

How it is set is in `pipeline.model.calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DAY_S", "REACH", "Threshold"]

# So many times the length of the footage may be spoken about.
REACH = 10
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """A raw score that normal footage rarely exceeds, and how rarely.

    Attributes:
        value: the raw score that people see as 1.
        lingering: threshold of what stays in one place for some seconds, in units of `value`.
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
