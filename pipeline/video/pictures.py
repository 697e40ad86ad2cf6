"""What the readers of recordings and of images have in common: pictures on a clock, decoded when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import av

from pipeline.types import Size
from pipeline.video.resizing import Turn

__all__ = ["Picture", "Reader"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a source, before it is resized.

    Attributes:
        time_s: seconds from the source's first picture; strictly rising.
        load: gives the decoded picture, or None when it is damaged.
        name: the file it lies in, where each picture has its own.
    """

    time_s: float
    load: Callable[[], av.VideoFrame | None]
    name: str | None = None


class Reader(Protocol):
    """Reads one source once, from its beginning to its end."""

    @property
    def size(self) -> Size:
        """(H, W) of the first picture, upright."""

    @property
    def turn(self) -> Turn:
        """How the camera was held: what makes its pictures upright."""

    @property
    def duration_s(self) -> float | None:
        """Seconds on the clock of the pictures; None where that is unknown."""

    @property
    def rate(self) -> float | None:
        """Pictures per second; None where that is unknown, or where pictures have no clock."""

    @property
    def damaged(self) -> int:
        """Packets and pictures skipped so far because they could not be decoded."""

    def pictures(self, from_s: float, until_s: float | None) -> Iterator[Picture]:
        """Pictures in the order of their times; some before `from_s` and after `until_s` may be among them.

        Raises:
            SourceError: the source ends, or breaks, before `until_s`.
        """

    def close(self) -> None:
        """Give back files and connections; waits for a read in another thread."""
