"""What the scores stream of one camera says, put in order: scorers work side by side, and deliver twice.

Times are seconds of one clock that the caller reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workers.bus.ids import numbers_of
from workers.bus.messages import Dropped, Ended, ScoreMessage

__all__ = ["REORDER_S", "Lost", "Over", "Reorder", "Turn"]

# A scorer that lives is never so far behind another; what a dead one had comes later than anybody wants to wait.
REORDER_S = 2.0

Message = ScoreMessage | Dropped | Ended


@dataclass(frozen=True, slots=True)
class Lost:
    """Frames of an epoch, from `first` to `last`, of which nothing was heard in time."""

    epoch: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Over:
    """The end of an epoch, said by its decoder or by the next epoch.

    Attributes:
        told: whether its decoder has said so.
    """

    epoch: int
    told: bool


Turn = ScoreMessage | Dropped | Lost | Over


@dataclass(slots=True, eq=False)
class _Waiting:
    message: Message
    position: str
    read_s: float


class Reorder:
    """Entries of one camera in, turns in the order of (epoch, index) out, each index once.

    Args:
        epoch, index: of the frame that comes next; what is before it is a repeat.
        closed: whether the epoch is over.
    """

    def __init__(self, epoch: int = 0, index: int = 0, *, closed: bool = False) -> None:
        self.epoch, self.index, self.closed = epoch, index, closed
        self._epochs: dict[int, dict[int, _Waiting]] = {}
        self._ends: dict[int, _Waiting] = {}

    def add(self, message: Message, position: str, now_s: float) -> bool:
        """Take in an entry; whether it was new.

        Args:
            position: of the entry before it in the stream.
        """
        if not self._is_new(message):
            return False
        waiting = _Waiting(message, position, now_s)
        if isinstance(message, Ended):
            return self._ends.setdefault(message.epoch, waiting) is waiting
        return self._epochs.setdefault(message.epoch, {}).setdefault(message.index, waiting) is waiting

    def turns(self, now_s: float) -> Iterator[Turn]:
        """What comes next, as far as it is there or was waited for."""
        while turn := self._next(now_s):
            yield turn

    def held_after(self) -> str | None:
        """Position after which to read so that everything that waits here is read again; None where nothing waits."""
        waiting = list(self._all())
        return min(waiting, key=lambda one: numbers_of(one.position)).position if waiting else None

    def is_past(self, epoch: int) -> bool:
        """Whether an epoch is over."""
        return epoch < self.epoch or (epoch == self.epoch and self.closed)

    def _all(self) -> Iterator[_Waiting]:
        for waiting in self._epochs.values():
            yield from waiting.values()
        yield from self._ends.values()

    def _is_new(self, message: Message) -> bool:
        if message.epoch != self.epoch:
            return message.epoch > self.epoch
        return not self.closed and (isinstance(message, Ended) or message.index >= self.index)

    def _next(self, now_s: float) -> Turn | None:
        later = self._later()
        if self.closed or not self.epoch:
            if later is None:
                return None
            self.epoch, self.index, self.closed = later, 0, False
            later = self._later()
        here, end = self._epochs.get(self.epoch, {}), self._ends.get(self.epoch)
        if self.index in here:
            message = here.pop(self.index).message
            assert not isinstance(message, Ended)
            self.index += 1
            return message
        if end is not None and end.message.index <= self.index:
            return self._close(told=True)
        if self._waited(later, now_s):
            return self._give_up(end)
        return None

    def _later(self) -> int | None:
        epochs = [epoch for epoch in (*self._epochs, *self._ends) if epoch > self.epoch]
        return min(epochs) if epochs else None

    def _waited(self, later: int | None, now_s: float) -> bool:
        """Whether what lies behind the gap has been there for long enough."""
        behind = [one.read_s for one in self._epochs.get(self.epoch, {}).values()]
        if self.epoch in self._ends:
            behind.append(self._ends[self.epoch].read_s)
        if later is not None:
            behind += [one.read_s for one in self._all() if one.message.epoch > self.epoch]
        return bool(behind) and now_s - min(behind) >= REORDER_S

    def _give_up(self, end: _Waiting | None) -> Turn:
        here, first = self._epochs.get(self.epoch, {}), self.index
        if here:
            self.index = min(here)
        elif end is not None:
            self.index = end.message.index
        else:
            return self._close(told=False)
        return Lost(self.epoch, first, self.index - 1)

    def _close(self, *, told: bool) -> Over:
        self.closed = True
        # What says that it comes after the end is a mistake, or from a decoder that was replaced.
        self._epochs.pop(self.epoch, None)
        self._ends.pop(self.epoch, None)
        return Over(self.epoch, told)
