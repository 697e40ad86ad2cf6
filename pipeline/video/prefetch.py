"""Reading ahead in another thread: decoding and scoring overlap, and at most `depth` items wait in between."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["prefetched"]

T = TypeVar("T")

# A batch of scoring takes this many; more would only take memory.
DEPTH = 8


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def prefetched(frames: Iterable[T], depth: int = DEPTH) -> Generator[T, None, None]:
    """The same items in the same order, made by a thread of their own that runs at most `depth` ahead.

    What the producer raises is raised here, after the items before it. The thread starts with the first item asked
    for; closing the generator stops it after the item it is at, and waits for it. Only that thread iterates
    `frames`, and closes it if it can be closed.
    """
    queue: Queue[_Item[T] | _End] = Queue(depth)
    stop = Event()
    thread = Thread(target=_produce, args=(frames, queue, stop), name="prefetch", daemon=True)
    thread.start()
    try:
        while isinstance(entry := queue.get(), _Item):
            yield entry.value
        if entry.error is not None:
            raise entry.error
    finally:
        stop.set()
        _drain(queue)  # after `stop` the producer puts at most one entry more, for which there is room now
        thread.join()


def _produce(frames: Iterable[T], queue: Queue[_Item[T] | _End], stop: Event) -> None:
    error: BaseException | None = None
    try:
        _pass_on(frames, queue, stop)
    except BaseException as raised:  # it belongs to whoever reads the items
        error = raised
    if not stop.is_set():
        queue.put(_End(error))


def _pass_on(frames: Iterable[T], queue: Queue[_Item[T] | _End], stop: Event) -> None:
    try:
        for value in frames:
            queue.put(_Item(value))
            if stop.is_set():
                return
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()


def _drain(queue: Queue[_Item[T] | _End]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
