"""When things are done again."""

from __future__ import annotations

import threading
import time

from workers.timing import Due, Patience, backoff_s


def test_the_wait_doubles_up_to_its_limit() -> None:
    for failures in range(1, 100):
        whole_s = min(30.0, 0.5 * 2.0 ** (failures - 1))
        assert whole_s / 2 <= backoff_s(failures, 0.5, 30.0) <= whole_s


def test_those_who_failed_together_do_not_come_back_in_step() -> None:
    assert len({backoff_s(3, 0.5, 30.0) for _ in range(20)}) == 20


def test_what_is_done_every_so_often_is_due_at_once_and_not_again_before_its_time() -> None:
    due = Due(3600.0)
    assert due
    due.done()
    assert not due
    assert Due(0.0)


def test_an_attempt_that_went_well_makes_the_next_wait_short_again() -> None:
    patience = Patience(threading.Event())
    for _ in range(3):
        patience.wait()
    patience.reset()
    began_s = time.monotonic()
    patience.wait()
    assert time.monotonic() - began_s >= 0.05


def test_a_stop_ends_a_wait() -> None:
    stop = threading.Event()
    stop.set()
    patience, began_s = Patience(stop), time.monotonic()
    for _ in range(100):
        patience.wait()
    assert time.monotonic() - began_s < 10.0
