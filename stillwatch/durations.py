"""Spans of time as people type them: 90s, 10m, 24h, 7d."""

from __future__ import annotations

import re

import click

__all__ = ["DURATION", "seconds_of"]

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> float | None:
    """Seconds of a span; None where it is none.

    >>> seconds_of("90s"), seconds_of("1.5h"), seconds_of("1 day")
    (90.0, 5400.0, None)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    return float(found[1]) * UNITS[found[2]] if found else None


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, above 0."""
        seconds = seconds_of(str(value))
        if not seconds:
            self.fail(f"{value!r} is no span of time; write 90s, 10m, 24h or 7d.", param, ctx)
        return seconds


DURATION = _Duration()
