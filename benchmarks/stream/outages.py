"""A broker that dies, freezes or is full: seconds from its return until every camera has a new score."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.stream.stage import Stage
from benchmarks.stream.tally import Tally
from workers.bus.connection import Connection
from workers.bus.keys import ALERTS

__all__ = ["broker_outages"]

CAMERAS = 4
AWAY_S = 5.0
EMPTY_S = 5.0
KEEPS_ITS_DATA = {"appendonly": "yes", "appendfsync": "everysec"}


def broker_outages(footage: Path) -> dict[str, float]:
    """Each outage in turn, on sites of their own where the broker keeps its data or loses it."""
    figures: dict[str, float] = {}
    for name, options in (("kept", KEEPS_ITS_DATA), ("lost", {})):
        with _running(footage, options) as (stage, tally):
            stage.wait_for("an alert", lambda stage=stage: stage.connection.do("XLEN", ALERTS) > 0, 120)
            before = _alerts(stage)
            figures[f"killed_data_{name}_s"] = _back_s(stage, tally, lambda: _kill(stage))
            stage.wait_for("the alerts of before", lambda before=before: before <= _alerts(stage), 10)
            figures[f"alerts_missing_{name}"] = len(before - _alerts(stage))
            if name == "lost":
                figures["frozen_s"] = _back_s(stage, tally, lambda: _freeze(stage))
                figures["full_s"] = _back_s(stage, tally, lambda: _fill(stage))
    return figures


@contextmanager
def _running(footage: Path, options: dict[str, str]) -> Iterator[tuple[Stage, Tally]]:
    with Stage(footage, CAMERAS, 600, fit_s=EMPTY_S, broker=options) as stage:
        stage.start("scorer")
        stage.start("alerter")
        stage.start_decoders()
        with Tally(stage.broker.address, stage.names) as tally:
            stage.wait_for("a score of every camera", lambda: len({key[0] for key in tally.scores}) == CAMERAS)
            yield stage, tally


def _back_s(stage: Stage, tally: Tally, outage: Callable[[], None]) -> float:
    outage()
    back = time.monotonic()
    with Connection(stage.broker.address) as connection:
        now_s = connection.now_s()
    stage.wait_for("new scores of every camera", lambda: tally.cameras_since(now_s) == CAMERAS, 60)
    return time.monotonic() - back


def _kill(stage: Stage) -> None:
    assert stage.broker.pid is not None
    os.kill(stage.broker.pid, signal.SIGKILL)
    stage.broker.stop()
    time.sleep(AWAY_S)
    stage.broker.start()


def _freeze(stage: Stage) -> None:
    assert stage.broker.pid is not None
    os.kill(stage.broker.pid, signal.SIGSTOP)
    time.sleep(AWAY_S)
    os.kill(stage.broker.pid, signal.SIGCONT)


def _fill(stage: Stage) -> None:
    """Let the broker have less memory than it uses."""
    with Connection(stage.broker.address) as connection:
        connection.do("CONFIG SET", "maxmemory", "2mb")
        time.sleep(AWAY_S)
        connection.do("CONFIG SET", "maxmemory", f"{stage.memory_mb}mb")


def _alerts(stage: Stage) -> set[bytes]:
    with Connection(stage.broker.address) as connection:
        return {key for key, _ in connection.do("XRANGE", ALERTS, "-", "+")}
