"""Reading ahead in another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.video.prefetch import prefetched

DEADLINE_S = 10


class Producer:
    """Counts up, remembers how far it came, who asked and whether it was closed; may fail or wait on the way."""

    def __init__(self, count: int, fails_at: int | None = None) -> None:
        self.given = 0
        self.threads: set[int] = set()
        self.closed_by: int | None = None
        self.progress = threading.Condition()
        self._count, self._fails_at = count, fails_at

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self.threads.add(threading.get_ident())
        if self.given == self._fails_at:
            raise OSError("the camera fell down")
        if self.given == self._count:
            raise StopIteration
        with self.progress:
            self.given += 1
            self.progress.notify_all()
        return self.given - 1

    def close(self) -> None:
        self.closed_by = threading.get_ident()

    def wait_until_given(self, count: int) -> bool:
        with self.progress:
            return self.progress.wait_for(lambda: self.given >= count, DEADLINE_S)


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@given(items=st.lists(st.integers()), depth=st.integers(1, 5))
def test_the_same_items_come_in_the_same_order(items: list[int], depth: int) -> None:
    assert list(prefetched(items, depth)) == items


def test_one_other_thread_iterates_and_closes_the_producer() -> None:
    producer = Producer(20)
    assert list(prefetched(producer)) == list(range(20))
    assert producer.threads == {producer.closed_by}
    assert threading.get_ident() not in producer.threads
    assert prefetch_threads() == []


def test_the_producer_runs_ahead_but_no_further_than_the_depth() -> None:
    producer = Producer(100)
    frames = prefetched(producer, depth=3)
    assert next(frames) == 0
    assert producer.wait_until_given(5)  # one out, three waiting, one in hand
    assert producer.given == 5
    frames.close()


def test_nothing_is_produced_before_the_first_item_is_asked_for() -> None:
    producer = Producer(5)
    frames = prefetched(producer)
    assert prefetch_threads() == []
    frames.close()
    assert producer.given == 0


def test_an_error_comes_after_the_items_before_it() -> None:
    producer = Producer(100, fails_at=4)
    frames = prefetched(producer, depth=2)
    assert [next(frames) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(OSError, match="the camera fell down"):
        next(frames)
    assert producer.closed_by is not None
    assert prefetch_threads() == []


def test_an_error_of_closing_is_not_lost() -> None:
    def frames() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise OSError("the tape is torn")

    with pytest.raises(OSError, match="the tape is torn"):
        list(prefetched(frames()))


@pytest.mark.parametrize("depth", [1, 3])
def test_closing_stops_the_thread_and_waits_for_it(depth: int) -> None:
    producer = Producer(10**9)
    frames = prefetched(producer, depth)
    next(frames)
    assert producer.wait_until_given(depth + 2)  # it now waits for room
    frames.close()
    assert prefetch_threads() == []
    assert producer.closed_by is not None
    assert producer.given <= depth + 3


def test_leaving_a_loop_early_stops_the_thread() -> None:
    for number in prefetched(Producer(10**9)):
        if number == 3:
            break
    assert prefetch_threads() == []
