"""What is removed, and when: events that are too old, then the oldest while they take too much, or the disk is full.

An event goes with its files and its alerts. The files go first: what is left of a removal that was cut short is a row
whose files are gone, and that goes the next time.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.errors import OutputError
from workers.alerter.database import DatabaseFull
from workers.alerter.store import Store
from workers.site.values import Site
from workers.telemetry.logs import say
from workers.telemetry.metrics import Metrics

__all__ = ["LOOK_S", "Janitor"]

log = logging.getLogger(__name__)

LOOK_S = 60.0
DAY_S = 86_400.0
# Removed at once: then it is looked again.
SOME = 20
# Removed when a write has failed: more than one clip takes, as a rule.
FEW = 3
ENDINGS = (".mp4", ".jpg", ".json")
OLDEST = "SELECT id, begin_at, size_bytes FROM events WHERE state = 'ended' AND end_at < ? ORDER BY end_at LIMIT ?"
EVER = 1e12
ORPHAN_S = 3600.0


class Janitor:
    """Removes events of one site. Each call opens the database for itself: any thread may call."""

    def __init__(self, site: Site, metrics: Metrics) -> None:
        self._storage, self._rules, self._metrics = site.storage, site.retention, metrics
        self._cameras = set(site.cameras)

    def tidy(self, now_s: float) -> bool:
        """Remove what is to go; whether more of the disk is free afterwards than must be.

        Args:
            now_s: unix time.
        Raises:
            OutputError: the database cannot be used.
        """
        with Store(self._storage) as store:
            self._end_of_removed_cameras(store)
            self._remove_spools(store, now_s)
            oldest_at = now_s - self._rules.days * DAY_S
            self._remove_while(store, lambda: True, "age", oldest_at)
            with store.transaction():
                old_ms = int(oldest_at * 1000)
                store.database.write(
                    "DELETE FROM alerts WHERE published = 1 AND ms < ? AND event NOT IN (SELECT id FROM events)", old_ms
                )
            most = self._rules.size_gb * 1e9
            self._remove_while(store, lambda: _taken(store) > most, "size", EVER)
            self._remove_while(store, lambda: not self._is_above_floor(), "floor", EVER)
        return self._is_above_floor()

    def make_room(self) -> bool:
        """Remove a few of the oldest events, since a write has failed; whether there were any."""
        try:
            with Store(self._storage) as store:
                return self._remove(store, EVER, FEW, "floor") > 0
        except DatabaseFull:
            return True  # the files are gone, and what was to be written may fit
        except OutputError as error:
            say(log, logging.ERROR, "nothing could be removed", error=error)
            return False

    def _end_of_removed_cameras(self, store: Store) -> None:
        """Events of cameras that the site file has no more would never end."""
        rows = store.database.read("SELECT id, camera FROM events WHERE state != 'ended'")
        with store.transaction():
            for row in rows:
                if row["camera"] not in self._cameras:
                    store.database.write("UPDATE events SET state = 'ended' WHERE id = ?", row["id"])
                    store.drop_clip(row["id"])

    def _remove_spools(self, store: Store, now_s: float) -> None:
        """Pictures of events that nobody knows: who collected them died before the event was written."""
        known = {row["event"] for row in store.database.read("SELECT event FROM clips")}
        for path in self._storage.glob("spool/*.spool"):
            with suppress(OSError):
                if path.stem not in known and now_s - path.stat().st_mtime > ORPHAN_S:
                    path.unlink()

    def _is_above_floor(self) -> bool:
        try:
            return shutil.disk_usage(self._storage).free >= self._rules.floor_gb * 1e9
        except OSError:
            return True

    def _remove_while(self, store: Store, needed: Callable[[], bool], reason: str, before_at: float) -> None:
        removed = 0
        while needed():
            count = self._remove(store, before_at, SOME if reason == "age" else 1, reason)
            removed += count
            if not count:
                break
        if removed:
            say(log, logging.INFO, "events removed", reason=reason, count=removed)

    def _remove(self, store: Store, before_at: float, most: int, reason: str) -> int:
        """Remove the oldest events; how many."""
        rows = store.database.read(OLDEST, before_at, most)
        names = [row["id"] for row in rows]
        for row in rows:
            self._remove_files(row["id"], row["begin_at"])
        with store.transaction():
            _forget(store, names)
        if names:
            self._metrics.events_removed(reason, len(names))
        return len(names)

    def _remove_files(self, name: str, begin_at: float) -> None:
        folder = self._storage / "events" / time.strftime("%Y-%m-%d", time.gmtime(begin_at))
        for ending in ENDINGS:
            with suppress(OSError):
                Path(folder, f"{name}{ending}").unlink(missing_ok=True)
        with suppress(OSError):  # others are in it
            folder.rmdir()


def _taken(store: Store) -> float:
    return float(store.database.read("SELECT COALESCE(SUM(size_bytes), 0) AS taken FROM events")[0]["taken"])


def _forget(store: Store, names: Sequence[str]) -> None:
    """Remove events and their alerts; what the bus or a webhook has not heard yet stays until it has."""
    for name in names:
        store.database.write("DELETE FROM alerts WHERE event = ? AND published = 1", name)
        store.database.write("DELETE FROM events WHERE id = ?", name)
