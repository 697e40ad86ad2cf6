"""Cameras that run for a while: what became of every frame, how late its score was, what each process took."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import psutil

from benchmarks.stream.stage import Stage
from benchmarks.stream.tally import Tally
from workers.bus.keys import ALERTS
from workers.bus.status import StatusBoard

__all__ = ["Figures", "load"]

Figures = dict[str, float | dict[str, float]]

# Model loading and the first connections are not what a month looks like.
WARM_S = 10.0
SAMPLE_S = 5.0


def load(
    footage: Path,
    cameras: int,
    seconds: float,
    *,
    scorers: int = 1,
    site: Mapping[str, object] | None = None,
    camera: Mapping[str, object] | None = None,
    settle_s: float = 300.0,
    program: str = "workers",
) -> Figures:
    """Figures of so many `realtime` cameras over so many seconds.

    Args:
        settle_s: memory is compared from here on, where the run is longer.
        program: the module that is started as a worker.
    """
    with Stage(footage, cameras, seconds + WARM_S + 30, site=site, camera=camera, program=program) as stage:
        _start(stage, scorers)
        with Tally(stage.broker.address, stage.names) as tally:
            stage.wait_for("a score of every camera", lambda: len({key[0] for key in tally.scores}) == cameras)
            time.sleep(WARM_S)
            tally.begin()
            before = tally.settled
            begun, memory, redis = time.monotonic(), _Memory(stage, settle_s), 0.0
            with stage.timed_cpu() as cpu:
                while time.monotonic() - begun < seconds:
                    time.sleep(min(SAMPLE_S, max(0.0, begun + seconds - time.monotonic())))
                    memory.look()
                    redis = max(redis, stage.connection.memory_share() * stage.memory_mb)
                measured = time.monotonic() - begun
                settled = tally.settled - before
            drops = dict(tally.reasons())
            stage.stop("decoder")
            stage.wait_for("an entry for every frame", lambda: len(tally.ends) >= cameras and not tally.missing())
            figures: Figures = {
                "cameras": cameras,
                "seconds": round(measured, 1),
                "captured": tally.captured,
                "scored": len(tally.scores),
                "dropped": len(tally.drops),
                "unaccounted": tally.captured - len(tally.scores) - len(tally.drops),
                "twice": tally.repeats,
                "dropped_share": sum(drops.values()) / max(1, settled),
                "frames_per_s": settled / measured,
                "score_p50_ms": tally.latency_ms(0.5),
                "score_p99_ms": tally.latency_ms(0.99),
                "cores": sum(cpu.values()) / measured,
                "cpu_ms_per_frame": {role: spent / max(1, settled) * 1e3 for role, spent in cpu.items()},
                "memory_mb": memory.last(),
                "memory_growth_mb": memory.growth(),
                "broker_mb": redis,
                "broker_mb_announced": stage.memory_mb,
            }
            late = ended_late_s(stage)
            if late:
                figures["ended_after_post_roll_s"] = max(late)
            if drops:
                figures["dropped_by_reason"] = {name: float(count) for name, count in drops.items()}
        return figures


def ended_late_s(stage: Stage) -> list[float]:
    """How long after the post-roll of each event its clip and last alert were there."""
    told = [json.loads(fields[b"alert"]) for _, fields in stage.connection.do("XRANGE", ALERTS, "-", "+")]
    ended = [one for one in told if one["state"] == "ended" and one.get("clip")]
    policy = stage.site.cameras[stage.names[0]].alert.policy
    return [(_moment(one["at"]) - _moment(one["end_at"])).total_seconds() - policy.post_roll_s for one in ended]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _start(stage: Stage, scorers: int) -> None:
    for _ in range(scorers):
        stage.start("scorer")
    board = StatusBoard(stage.connection, stage.keys)
    stage.wait_for("scorers", lambda: len(board.workers(1)) >= scorers)
    stage.start("alerter")
    stage.start_decoders()


class _Memory:
    """Memory of each process from a time on."""

    def __init__(self, stage: Stage, settle_s: float) -> None:
        self._stage, self._from_s = stage, time.monotonic() + settle_s
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def look(self) -> None:
        now = {f"{one.role}-{one.process.pid}": one.memory_mb() for one in self._stage.workers}
        now["broker"] = psutil.Process(self._stage.broker.pid).memory_full_info().uss / 1e6
        self._last = now
        if time.monotonic() >= self._from_s and not self._first:
            self._first = now

    def last(self) -> dict[str, float]:
        return {name: round(value, 1) for name, value in self._last.items()}

    def growth(self) -> dict[str, float]:
        """Since it settled; empty where the run was shorter."""
        return {name: round(value - self._first[name], 1) for name, value in self._last.items() if name in self._first}
