"""Alerts reach the bus in the order of their ids, whenever it loses what it had."""

from __future__ import annotations

from pathlib import Path

from pipeline.types import EventKind
from workers.alert import AlertState
from workers.alerter.outbox import Outbox
from workers.alerter.store import Store
from workers.alerter.values import Draft, EventRow
from workers.bus.connection import Connection
from workers.bus.feed import AlertFeed
from workers.telemetry.metrics import Metrics


def add(store: Store, index: int) -> None:
    """An alert."""
    row = EventRow(id=f"gate-1-{index}", camera="gate", kind=EventKind.ANOMALY, begin_at=1.0, peak_at=1.0, end_at=1.0)
    with store.transaction():
        store.add_alert(Draft(row, AlertState.STARTED, index, 1.0, 1.0), 100.0 + index)


def stands(connection: Connection) -> list[str]:
    """Seconds in the ids of the alerts on the bus."""
    return [key.partition("-")[0] for key, _ in AlertFeed(connection).read("0", 100, 0)]


def test_a_loss_that_nobody_noticed_is_made_good_before_anything_new(connection: Connection, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        outbox = Outbox(store, AlertFeed(connection), Metrics("test-alerter-1"))
        for index in range(3):
            add(store, index)
        outbox.publish(200.0)
        connection.do("FLUSHALL")
        add(store, 3)
        outbox.publish(200.0)
    assert stands(connection) == ["100000", "101000", "102000", "103000"]


def test_a_part_that_was_lost_is_written_again(connection: Connection, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        outbox = Outbox(store, AlertFeed(connection), Metrics("test-alerter-1"))
        for index in range(3):
            add(store, index)
        outbox.publish(200.0)
        kept = store.database.read("SELECT * FROM alerts ORDER BY ms LIMIT 1")[0]
        connection.do("FLUSHALL")
        AlertFeed(connection).publish(f"{kept['ms']}-{kept['seq']}", "gate", kept["body"])
        outbox.look()
        outbox.publish(200.0)
    assert stands(connection) == ["100000", "101000", "102000"]


def test_whoever_comes_after_a_death_publishes_what_was_not(connection: Connection, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        add(store, 0)
        Outbox(store, AlertFeed(connection), Metrics("test-alerter-1")).publish(200.0)
        add(store, 1)
    with Store(tmp_path) as store:
        Outbox(store, AlertFeed(connection), Metrics("test-alerter-1")).publish(200.0)
        assert store.unpublished(10) == []
    assert stands(connection) == ["100000", "101000"]
