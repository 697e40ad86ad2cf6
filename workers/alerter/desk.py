"""What the threads of an alerter share: the clock, the leases, the room on the disk, and that there is news."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

from workers.alerter.retention import Janitor
from workers.alerter.room import Room
from workers.site.values import Site
from workers.telemetry.metrics import Metrics

__all__ = ["Desk"]


class Desk:
    """Made by the main thread; the others use it.

    Attributes:
        offset_s: of the broker's clock to this process's monotonic one; set by the main thread.
        fences: numbers of the leases that this alerter has, by camera; set by the main thread.
        pending: clips that are being made or wait for it, by camera.
        kicked: there may be something to remove.
    """

    def __init__(self, site: Site, name: str, metrics: Metrics, stop: threading.Event) -> None:
        self.site, self.name, self.metrics, self.stop = site, name, metrics, stop
        self.storage: Path = site.storage
        self.offset_s = time.time() - time.monotonic()
        self.fences: dict[str, int] = {}
        self.pending: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.kicked = threading.Event()
        self.janitor = Janitor(site, metrics)
        self.room = Room(self.janitor.make_room)

    def now_s(self) -> float:
        """Unix time by the broker's clock as it was last seen; asks nobody."""
        return time.monotonic() + self.offset_s

    def count(self, camera: str, by: int) -> None:
        """So many more clips are to be made."""
        with self.lock:
            self.pending[camera] += by
