"""Counts what became of every frame, as anybody who reads the scores streams can."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipeline.errors import BusError
from pipeline.parts import Parts
from workers.bus.connection import Address, Connection
from workers.bus.keys import Keys
from workers.bus.messages import Dropped, Ended, ScoreMessage, score_message
from workers.bus.scores import ScoreReader

__all__ = ["Tally"]

WAIT_MS = 500


class Tally:
    """Reads the scores of cameras in a thread; a context manager.

    Attributes:
        scores: when a frame was captured and scored, its raw score and model, by (camera, epoch, index).
        parts: how its score was made of appearance and motion, by the same.
        drops: reasons by the same.
        repeats: entries beyond the first of a frame.
        ends: how many frames an epoch had, by (camera, epoch).
    """

    def __init__(self, address: Address, cameras: Sequence[str]) -> None:
        self._address, self._positions = address, dict.fromkeys(cameras, "0")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.scores: dict[tuple[str, int, int], tuple[float, float, float, str]] = {}
        self.parts: dict[tuple[str, int, int], Parts] = {}
        self.drops: dict[tuple[str, int, int], str] = {}
        self.ends: dict[tuple[str, int], int] = {}
        self.repeats = 0
        self._first_s, self._dropped_before = 0.0, Counter[str]()

    def __enter__(self) -> Tally:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def begin(self) -> None:
        """Let latencies, and the reasons of drops, count from here."""
        self._first_s = max((captured_at for captured_at, *_ in list(self.scores.values())), default=0.0)
        self._dropped_before = Counter(self.drops.values())

    @property
    def settled(self) -> int:
        """Frames that have a score or a reason."""
        return len(self.scores) + len(self.drops)

    @property
    def captured(self) -> int:
        """Frames of the epochs that have ended."""
        return sum(self.ends.values())

    def missing(self) -> list[tuple[str, int, int]]:
        """Frames of ended epochs without an entry."""
        return [
            (camera, epoch, index)
            for (camera, epoch), count in self.ends.items()
            for index in range(count)
            if (camera, epoch, index) not in self.scores and (camera, epoch, index) not in self.drops
        ]

    def reasons(self) -> Counter[str]:
        """How many frames were dropped since the beginning, by the reason."""
        return Counter(list(self.drops.values())) - self._dropped_before

    def latency_ms(self, share: float) -> float:
        """Quantile of the time from capture to the written score."""
        late = [
            (scored_at - captured_at) * 1e3
            for captured_at, scored_at, *_ in list(self.scores.values())
            if captured_at > self._first_s
        ]
        return float(np.quantile(late, share)) if late else float("nan")

    def cameras_since(self, at: float) -> int:
        """How many cameras have a score of a frame that was captured after a time."""
        return len({key[0] for key, (captured_at, *_) in list(self.scores.items()) if captured_at > at})

    def _read(self) -> None:
        with Connection(self._address) as connection:
            reader = ScoreReader(connection, Keys())
            while not self._stop.is_set():
                try:
                    entries = reader.read(self._positions, 500, WAIT_MS)
                except BusError:
                    self._stop.wait(0.1)
                    continue
                for entry in entries:
                    self._positions[entry.camera] = entry.position
                    self._count(entry.camera, score_message(entry.fields))

    def _count(self, camera: str, message: ScoreMessage | Dropped | Ended) -> None:
        if isinstance(message, Ended):
            self.ends[camera, message.epoch] = message.index
            return
        key = camera, message.epoch, message.index
        self.repeats += key in self.scores or key in self.drops
        if isinstance(message, Dropped):
            self.drops[key] = str(message.reason)
        else:
            self.parts[key] = message.parts
            self.scores[key] = (message.captured_at, message.scored_at, message.raw_score, message.model)
