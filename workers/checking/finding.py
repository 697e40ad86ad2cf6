"""What a check found: how bad, of what, a sentence with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Level", "failed", "fine", "warned"]


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # it runs, and something will disappoint
    FAIL = "FAIL"  # a camera is not watched, or nothing runs


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: `gate source`, `broker`: the camera first, where it is about one.
        text: what was found; and what to do, unless it is fine.
    """

    level: Level
    what: str
    text: str


def fine(what: str, text: str) -> Finding:
    """Nothing is wrong."""
    return Finding(Level.OK, what, text)


def warned(what: str, text: str) -> Finding:
    """Something will disappoint."""
    return Finding(Level.WARN, what, text)


def failed(what: str, text: str) -> Finding:
    """Something must be done."""
    return Finding(Level.FAIL, what, text)
