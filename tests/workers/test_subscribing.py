"""A subscriber gets every alert once, whatever happens to the broker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from queue import Queue

import pytest

from pipeline.types import EventKind
from tests.workers.brokers import running_broker
from workers.alert import Alert, AlertState
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Address, BusLost, Connection
from workers.bus.feed import AlertFeed
from workers.subscribing import Subscription

WAIT_S = 20.0


def alert(key: str, camera: str = "gate") -> Alert:
    moment = datetime(2026, 11, 24, 9, 0, 1, 500_000, UTC)
    return Alert(
        id=key,
        event=f"{camera}-1-2",
        camera=camera,
        state=AlertState.STARTED,
        kind=EventKind.ANOMALY,
        at=moment,
        begin_at=moment,
        text="something",
    )


def publish(address: Address, *alerts: Alert) -> None:
    with Connection(address) as connection:
        feed = AlertFeed(connection)
        for one in alerts:
            feed.publish(one.id, one.camera, one.json_line())


class Listener:
    """Reads a subscription in a thread of its own."""

    def __init__(self, address: Address, since_s: float | None = None, cameras: Sequence[str] = ("*",)) -> None:
        self.troubles: Queue[str] = Queue()
        self._alerts: Queue[Alert] = Queue()
        self._stop = threading.Event()
        self._subscription = Subscription(
            address, cameras=cameras, since_s=since_s, stop=self._stop, trouble=self.troubles.put
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for one in self._subscription:
            self._alerts.put(one)

    def next(self, count: int) -> list[str]:
        """Ids of the next alerts."""
        return [self._alerts.get(timeout=WAIT_S).id for _ in range(count)]

    def end(self) -> list[str]:
        """Ids of alerts that were given and not taken."""
        self._stop.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        return [self._alerts.get().id for _ in range(self._alerts.qsize())]


def past(address: Address, since_s: float, cameras: Sequence[str] = ("*",)) -> list[str]:
    """Ids of the alerts that are there."""
    return [one.id for one in Subscription(address, since_s=since_s, cameras=cameras, follow=False)]


def test_the_past_is_given_from_the_time_that_was_asked_for(server: EmbeddedBroker, connection: Connection) -> None:
    now_ms = int(connection.now_s() * 1000)
    ids = [f"{now_ms - 3_600_000}-0", f"{now_ms - 60_000}-0", f"{now_ms - 1000}-7"]
    publish(server.address, *map(alert, ids))
    assert past(server.address, 7200) == ids
    assert past(server.address, 120) == ids[1:]
    assert past(server.address, 0.1) == []


def test_cameras_are_picked_by_globs(server: EmbeddedBroker, connection: Connection) -> None:
    now_ms = int(connection.now_s() * 1000)
    publish(
        server.address, alert(f"{now_ms}-0", "gate"), alert(f"{now_ms}-1", "dock-2"), alert(f"{now_ms}-2", "dock-3")
    )
    assert past(server.address, 60, ["dock-*"]) == [f"{now_ms}-1", f"{now_ms}-2"]
    assert past(server.address, 60, ["gate", "*3"]) == [f"{now_ms}-0", f"{now_ms}-2"]


def test_what_is_no_alert_is_passed_over_and_said(server: EmbeddedBroker, connection: Connection) -> None:
    now_ms = int(connection.now_s() * 1000)
    AlertFeed(connection).publish(f"{now_ms}-0", "gate", "{}")
    publish(server.address, alert(f"{now_ms}-1"))
    listener = Listener(server.address, since_s=60)
    assert listener.next(1) == [f"{now_ms}-1"]
    said = f"the alert {now_ms}-0 is unreadable and was passed over; it may be of another version."
    assert listener.troubles.get(timeout=WAIT_S) == said
    assert listener.end() == []


def test_nothing_is_missed_or_repeated_when_the_broker_loses_its_data() -> None:
    with running_broker() as broker:
        with Connection(broker.address) as connection:
            first_ms = int(connection.now_s() * 1000)
        before = [alert(f"{first_ms}-{number}") for number in range(3)]
        publish(broker.address, *before)
        listener = Listener(broker.address, since_s=60)
        assert listener.next(3) == [one.id for one in before]
        broker.stop()
        assert "the broker is out of reach" in listener.troubles.get(timeout=WAIT_S)
        broker.start()
        after = [alert(f"{first_ms + 1000}-{number}") for number in range(2)]
        publish(broker.address, *before, *after)
        assert listener.next(2) == [one.id for one in after]
        assert listener.end() == []
        assert listener.troubles.empty()


def test_an_alert_that_changed_its_place_is_given_once(server: EmbeddedBroker, connection: Connection) -> None:
    now_ms = int(connection.now_s() * 1000)
    one, other = alert(f"{now_ms}-1"), alert(f"{now_ms}-5")
    publish(server.address, one, other)
    listener = Listener(server.address, since_s=60)
    assert listener.next(2) == [one.id, other.id]
    connection.do("DEL", "stillwatch:alerts")
    publish(server.address, other, one)
    publish(server.address, alert(f"{now_ms + 100_000}-0"))
    assert listener.next(1) == [f"{now_ms + 100_000}-0"]
    assert listener.end() == []


def test_a_broker_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(BusLost) as lost:
        next(iter(Subscription(Address("redis://127.0.0.1:1"))))
    assert str(lost.value) == ("127.0.0.1:1: the broker is out of reach (connection refused); check that it runs.")
