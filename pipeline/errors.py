"""Every error that stillwatch raises on purpose.

StillwatchError
├── ConfigError         an option, a mask or a site file is wrong          never retried
├── SourceError         a camera or a recording
│   ├── SourceLost          may come back                                  retried with back-off
│   └── SourceCorrupt       this packet or this picture is unreadable      skipped and counted
├── OutputError         a result cannot be written (full disk, no permission)
├── ModelError          a model file or weights: absent, damaged, of another version
│   └── ShapeError          two sizes that must agree do not
└── BusError            the broker is out of reach, or a message is unreadable

A message is one sentence: where, what was found and what was expected, and what to do about it.
"""

from __future__ import annotations

__all__ = [
    "BusError",
    "ConfigError",
    "ModelError",
    "OutputError",
    "ShapeError",
    "SourceCorrupt",
    "SourceError",
    "SourceLost",
    "StillwatchError",
]


class StillwatchError(Exception):
    """Root of the tree: catching it catches everything stillwatch raises on purpose."""


class ConfigError(StillwatchError, ValueError):
    """An option, a mask or a site file says something that cannot be done."""


class SourceError(StillwatchError, OSError):
    """A camera or a recording cannot be read."""


class SourceLost(SourceError, ConnectionError):
    """A source that delivered frames, or should have, is out of reach; it may come back."""


class SourceCorrupt(SourceError):
    """One packet or one picture is unreadable; the ones around it may be fine."""


class OutputError(StillwatchError, OSError):
    """A result cannot be written."""


class ModelError(StillwatchError, ValueError):
    """A model file or weights are absent, damaged, of another version or of another make."""


class ShapeError(ModelError):
    """Two sizes that must agree do not.

    Attributes:
        expected: what was wanted, as a tuple or as words.
        actual: what was found.
    """

    def __init__(self, what: str, expected: object, actual: object, remedy: str = "") -> None:
        self.expected = expected
        self.actual = actual
        tail = f"; {remedy}" if remedy else ""
        super().__init__(f"{what} is {actual}, expected {expected}{tail}.")


class BusError(StillwatchError, ConnectionError):
    """The broker is out of reach, or a message on it is unreadable."""
