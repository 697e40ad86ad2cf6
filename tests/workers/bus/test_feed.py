"""Alerts keep their places, also after the broker lost them."""

from __future__ import annotations

import pytest
import redis

from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.feed import AlertFeed, FeedLost


def test_an_alert_is_written_once_and_told(server: EmbeddedBroker, connection: Connection) -> None:
    feed = AlertFeed(connection)
    heard = redis.Redis.from_url(server.address.url).pubsub()  # type: ignore[no-untyped-call]
    heard.subscribe("stillwatch:alerts", "stillwatch:alerts:gate")
    assert [heard.get_message(timeout=1)["type"] for _ in range(2)] == ["subscribe", "subscribe"]
    assert feed.publish("100-0", "gate", '{"n":1}')
    assert not feed.publish("100-0", "gate", '{"n":1}')
    told = [heard.get_message(timeout=1) for _ in range(3)]
    assert [one and (one["channel"], one["data"]) for one in told[:2]] == [
        (b"stillwatch:alerts", b'{"n":1}'),
        (b"stillwatch:alerts:gate", b'{"n":1}'),
    ]
    assert told[2] is None
    heard.close()


def test_a_reader_goes_on_after_the_last_it_saw(connection: Connection) -> None:
    feed = AlertFeed(connection)
    assert feed.last_id() == "0-0"
    for number in range(3):
        feed.publish(f"100-{number}", "gate", str(number))
    assert feed.read("100-0", 10, 0) == [("100-1", b"1"), ("100-2", b"2")]
    assert feed.read("100-2", 10, 50) == []
    assert feed.last_id() == "100-2"


def test_after_a_loss_alerts_take_their_old_places(connection: Connection) -> None:
    feed = AlertFeed(connection)
    for number in range(3):
        feed.publish(f"100-{number}", "gate", str(number))
    connection.do("FLUSHALL")
    for number in range(4):
        feed.publish(f"100-{number}", "gate", str(number))
    assert feed.read("100-2", 10, 0) == [("100-3", b"3")]


def test_an_alert_that_comes_too_late_for_its_place_gets_the_next(connection: Connection) -> None:
    feed = AlertFeed(connection)
    feed.publish("200-0", "gate", "later")
    assert feed.publish("100-0", "dock", "earlier")
    assert [message for _, message in feed.read("0", 10, 0)] == [b"later", b"earlier"]


def test_nothing_is_written_past_a_loss(connection: Connection) -> None:
    feed = AlertFeed(connection)
    feed.publish("100-8", "gate", "8")
    assert feed.publish("100-10", "gate", "10", after="100-8")
    assert feed.publish("101-2", "gate", "2", after="100-9")
    connection.do("FLUSHALL")
    with pytest.raises(FeedLost, match=r"^the alerts up to 101-2 are lost from the broker; write them again\.$"):
        feed.publish("101-3", "gate", "3", after="101-2")
    assert feed.last_id() == "0-0"
