"""An alerter may die at any moment: whoever comes next goes on, and nothing is missing, nothing is there twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline.alerting.tracker import ChangeKind
from pipeline.types import Box
from tests.pipeline.video.test_clips import numbers_of
from tests.workers.alerter.feeding import (
    CAMERA,
    Feeder,
    alerter,
    alerts_of,
    direct,
    film,
    process,
    site_for,
    wait_for,
)
from workers.alert import Alert, AlertState
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import StatusBoard
from workers.site.values import Site

PERSON: Box = (2, 0, 3, 3)
EVENTS = 10
SHOWN = film((10, {}), *[part for _ in range(EVENTS) for part in ((12, {PERSON: 1.8}), (14, {}))])


def key(alert: Alert) -> tuple[int, int]:
    """Id of an alert, as it is ordered."""
    ms, _, seq = alert.id.partition("-")
    return int(ms), int(seq)


def check(connection: Connection, site: Site, epoch: int) -> None:
    """All events are told, each once, as a tracker sees them; each has its clip."""
    expected = [change.event for change in direct(SHOWN, epoch) if change.kind is ChangeKind.ENDED]
    alerts = alerts_of(connection)
    keys = [key(alert) for alert in alerts]
    assert keys == sorted(set(keys)), "ids rise, and none is given twice"
    told = Counter((alert.event, alert.state) for alert in alerts)
    names = [event.id for event in expected]
    assert told == Counter((name, state) for name in names for state in (AlertState.STARTED, AlertState.ENDED))
    over = {alert.event: alert for alert in alerts if alert.state is AlertState.ENDED}
    for event in expected:
        alert = over[event.id]
        assert (alert.score, alert.box, alert.reason) == (event.score, event.box, event.reason)
        assert alert.clip is not None
        first = round(event.begin_s * 5)
        assert numbers_of(site.storage / alert.clip) == [index % 256 for index in range(first - 5, first + 17)]
    assert not list((site.storage / "spool").iterdir())


def all_over(connection: Connection) -> bool:
    """Whether all events have ended."""
    return sum(alert.state is AlertState.ENDED for alert in alerts_of(connection)) >= EVENTS


@pytest.mark.parametrize("seed", [1, 2])
def test_an_alerter_that_is_killed_misses_and_repeats_nothing(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, seed: int
) -> None:
    site, feeder, chance = site_for(server, tmp_path), Feeder(connection), random.Random(seed)
    one = process(site)
    kills, index = 0, 0
    wait_for(lambda: StatusBoard(connection, Keys()).read([CAMERA])[CAMERA].get("alerter"))
    while index < len(SHOWN):
        count = chance.randint(5, 40)
        feeder.show(SHOWN[index : index + count], index)
        index += count
        time.sleep(chance.uniform(0.0, 0.4))  # the moment of its death, by chance
        one.send_signal(signal.SIGKILL)
        one.communicate()
        kills += 1
        one = process(site)
        if chance.random() < 0.7:
            wait_for(lambda: connection.do("HGET", Keys().status(CAMERA), "alerter") == b"test-alerter-1")
            connection.do("HDEL", Keys().status(CAMERA), "alerter")
    feeder.end(len(SHOWN))
    try:
        wait_for(lambda: all_over(connection), "the end of all events")
    finally:
        one.terminate()
        _, err = one.communicate(timeout=20)
    assert kills > 5
    assert " error " not in err
    check(connection, site, feeder.epoch)


def test_a_gap_that_was_given_up_stays_given_up(server: EmbeddedBroker, connection: Connection, tmp_path: Path) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    shown = film((10, {}), (3, {PERSON: 1.8}), (20, {}))
    status = StatusBoard(connection, Keys())

    def dealt_with(index: int) -> None:
        wait_for(lambda: status.read([CAMERA])[CAMERA].get("alerted") == f"{feeder.epoch}-{index}")

    one = process(site)
    try:
        for index, things in enumerate(shown):
            if index != 12:  # without it the person was there for too short a time
                feeder.say(feeder.message(index, things))
        dealt_with(32)
    finally:
        one.kill()
        one.communicate()
    # Now it comes, and stands in the stream behind the others; whoever read it in its place would find an event.
    feeder.say(feeder.message(12, shown[12]))
    with alerter(site):
        feeder.show(film((10, {})), 33)
        dealt_with(42)
    with sqlite3.connect(site.storage / "events.sqlite") as database:
        begun = database.execute("SELECT COUNT(*) FROM events WHERE kind = 'anomaly'").fetchone()[0]
    without = [change for change in direct(shown, feeder.epoch) if change.kind is ChangeKind.STARTED]
    assert without, "with the frame there is an event"
    assert begun == 0


def test_an_alerter_that_was_stopped_goes_on_in_the_middle_of_an_event(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    place, status = 0, StatusBoard(connection, Keys())
    for stop in (15, 19, 26, 31, 60, len(SHOWN)):
        with alerter(site, f"test-alerter-{stop}"):
            feeder.show(SHOWN[place:stop], place)
            place = stop
            if stop == len(SHOWN):
                feeder.end(stop)
                wait_for(lambda: all_over(connection))
            else:
                last = f"{feeder.epoch}-{stop - 1}"
                wait_for(lambda last=last: status.read([CAMERA])[CAMERA].get("alerted") == last)  # type: ignore[misc]
    check(connection, site, feeder.epoch)
