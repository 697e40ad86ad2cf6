"""Which calls into the library are taken for hung."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.workers.decoder.running import until
from workers.decoder import calls
from workers.decoder.calls import Calls, watch_calls


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "HANG_S", 0.3)
    monkeypatch.setattr(calls, "LOOK_S", 0.02)


@contextmanager
def watched(**cameras: Calls) -> Iterator[list[list[str]]]:
    hung: list[list[str]] = []
    stop = threading.Event()
    thread = threading.Thread(target=watch_calls, args=(cameras, hung.append, stop))
    thread.start()
    yield hung
    stop.set()
    thread.join()


def test_a_call_that_does_not_come_back_is_noticed_once() -> None:
    gate, dock = Calls(), Calls()
    with watched(gate=gate, dock=dock) as hung, gate.inside():
        with dock.inside():
            pass
        until(lambda: hung)
    assert hung == [["gate"]]
    assert gate.took_s > 0.3


def test_a_call_that_goes_on_is_left_alone() -> None:
    gate, pause, steps = Calls(), threading.Event(), 0
    with watched(gate=gate) as hung, gate.inside():
        while steps < 30:
            pause.wait(0.03)
            gate.beat()
            steps += 1
    assert hung == []
    assert gate.lasting_s == 0


def test_a_process_that_was_stopped_itself_hangs_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LATE_S", -1.0)  # every look is late
    gate, pause = Calls(), threading.Event()
    with watched(gate=gate) as hung, gate.inside():
        pause.wait(0.8)
    assert hung == []
