"""Room on the disk: whether clips are written at all, and what is done when a write fails."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.errors import OutputError

__all__ = ["Room"]


class Room:
    """Shared by the threads of an alerter.

    Args:
        make: removes the oldest events, for want of room; whether there were any.
    Attributes:
        enough: whether more of the disk is free than must be.
    """

    def __init__(self, make: Callable[[], bool]) -> None:
        self._make = make
        self.enough = True

    def attempt(self, write: Callable[[], object]) -> None:
        """Write; where that fails, make room and write once more.

        Raises:
            OutputError: it failed again, or nothing could be removed.
        """
        try:
            write()
        except OutputError:
            if not self._make():
                raise
            write()
