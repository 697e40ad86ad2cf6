"""Alerts on their way to the bus: in the order of their ids, each until it is there, again after the bus lost them."""

from __future__ import annotations

import logging
import sqlite3

from workers.alerter.store import Store
from workers.bus.feed import AlertFeed, FeedLost
from workers.bus.ids import numbers_of
from workers.telemetry.logs import say
from workers.telemetry.metrics import Metrics

__all__ = ["Outbox"]

log = logging.getLogger(__name__)

MOST = 100


class Outbox:
    """Publishes what stands in the store; for the main thread."""

    def __init__(self, store: Store, feed: AlertFeed, metrics: Metrics) -> None:
        self._store, self._feed, self._metrics = store, feed, metrics
        self._highest = store.last_published()
        # How far the feed has come. A broker that was started anew between two commands shows it by nothing else.
        self._reached = self._highest

    def publish(self, now_s: float) -> None:
        """Publish what is not there yet.

        Raises:
            BusLost: the rest is published by the next call.
        """
        while rows := self._store.unpublished(MOST):
            try:
                for row in rows:
                    self._publish(row, now_s)
            except FeedLost:
                self.look()
                continue
            with self._store.transaction():
                self._store.mark_published(rows)

    def look(self) -> None:
        """See whether the bus has lost alerts; they are to be published again then."""
        last = numbers_of(self._feed.last_id())
        if last >= self._reached:
            return
        with self._store.transaction():
            count = self._store.forget_published(last)
        self._reached = last
        say(log, logging.WARNING, "the broker has lost alerts, they are published again", count=count)

    def _publish(self, row: sqlite3.Row, now_s: float) -> None:
        key = (row["ms"], row["seq"])
        self._feed.publish(_id(key), row["camera"], row["body"], after=_id(self._reached))
        self._reached = max(self._reached, key)
        if key > self._highest:
            self._highest = key
            self._metrics.alert_published(row["camera"], row["kind"], max(0.0, now_s - row["frame_at"]))


def _id(key: tuple[int, int]) -> str:
    return f"{key[0]}-{key[1]}"
