"""Scores on the bus become the events that a tracker makes of them, with alerts and clips."""

from __future__ import annotations

import json
import random
from pathlib import Path

from pipeline.alerting.tracker import ChangeKind
from pipeline.types import Box
from pipeline.video.jpeg import decode_jpeg
from tests.pipeline.alerting.painting import ALL
from tests.pipeline.video.test_clips import numbers_of
from tests.workers.alerter.feeding import CAMERA, Feeder, alerter, alerts_of, direct, film, site_for, wait_for
from workers.alert import Alert, AlertState
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.messages import Drop, Dropped
from workers.bus.status import StatusBoard

# Away from the middle, where pictures show their number.
PERSON: Box = (2, 0, 3, 3)
CAR: Box = (14, 9, 4, 2)
SHOWN = film((20, {}), (25, {PERSON: 1.8}), (15, {}), (10, {CAR: 3.0}), (20, {}))


def ended(connection: Connection) -> list[Alert]:
    """Alerts that say that an event is over."""
    return [alert for alert in alerts_of(connection) if alert.state is AlertState.ENDED]


def test_events_are_those_of_a_tracker_that_is_fed_directly(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    with alerter(site):
        messages = [feeder.message(index, things) for index, things in enumerate(SHOWN)]
        shuffled = [messages[i : i + 6] for i in range(0, len(messages), 6)]
        for part in shuffled:
            random.Random(1).shuffle(part)
            for message in [*part, part[0]]:
                feeder.say(message)
        feeder.end(len(SHOWN))
        wait_for(lambda: len(ended(connection)) == 2)
    expected = [change.event for change in direct(SHOWN, feeder.epoch) if change.kind is ChangeKind.ENDED]
    found = [(alert.event, alert.score, alert.box, alert.reason, alert.kind) for alert in ended(connection)]
    assert found == [(event.id, event.score, event.box, event.reason, event.kind) for event in expected]
    begin = feeder.epoch / 1000
    times = [
        tuple(
            round(moment.timestamp() - begin, 3) for moment in (alert.begin_at, alert.peak_at, alert.end_at) if moment
        )
        for alert in ended(connection)
    ]
    assert times == [(event.begin_s, event.peak_s, event.end_s) for event in expected]


def test_an_event_is_told_with_a_picture_and_ends_with_a_clip(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    with alerter(site):
        feeder.show(SHOWN[:30])
        wait_for(lambda: alerts_of(connection))
        started = alerts_of(connection)[0]
        assert started.thumbnail is not None
        assert (site.storage / started.thumbnail).is_file()
        feeder.show(SHOWN[30:60], 30)
        wait_for(lambda: ended(connection))
        status = StatusBoard(connection, Keys())
        wait_for(lambda: status.read([CAMERA])[CAMERA].get("pending") == "0")
        assert status.read([CAMERA])[CAMERA]["alerted"] == f"{feeder.epoch}-59"
    last = ended(connection)[0]
    assert [alert.state for alert in alerts_of(connection)] == [AlertState.STARTED, AlertState.ENDED]
    assert last.clip is not None
    assert numbers_of(site.storage / last.clip) == list(range(15, 50))
    assert last.thumbnail is not None
    decode_jpeg((site.storage / last.thumbnail).read_bytes(), 1 << 20)
    assert not list((site.storage / "spool").iterdir())
    note = json.loads((site.storage / last.clip).with_suffix(".json").read_text())
    assert (note["id"], note["clip"], note["score"]) == (last.event, last.clip, last.score)
    assert last.text == "gate: something at the top left, 1.8 times the threshold, for 5 s; it is over"


def test_an_event_that_rises_is_told_again_after_ten_seconds(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    shown = film((10, {}), (20, {PERSON: 1.5}), (20, {PERSON: 2.0}), (80, {PERSON: 2.5}), (10, {}))
    with alerter(site):
        feeder.show(shown, previews=False)
        feeder.end(len(shown))
        wait_for(lambda: ended(connection))
    told = [(alert.state.value, alert.score) for alert in alerts_of(connection)]
    assert told == [("started", 1.5), ("updated", 2.5), ("ended", 2.5)]
    assert ended(connection)[0].clip is None


def test_no_event_comes_from_a_gap_between_epochs(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, first = site_for(server, tmp_path), Feeder(connection)
    second = Feeder(connection, epoch=first.epoch + 60_000)
    with alerter(site):
        first.show(film((10, {}), (10, {ALL: 2.0})))
        first.end(20)
        second.show(film((2, {PERSON: 2.0}), (20, {})))
        second.end(22)
        wait_for(lambda: StatusBoard(connection, Keys()).read([CAMERA])[CAMERA].get("alerted") == f"{second.epoch}-21")
        wait_for(lambda: ended(connection))
    assert [(alert.event, alert.reason) for alert in ended(connection)] == [(f"gate-{first.epoch}-10", "footage")]


def test_another_model_ends_what_the_first_has_seen(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    with alerter(site):
        feeder.show(film((10, {}), (10, {PERSON: 2.0})), previews=False)
        for index in range(20, 40):
            feeder.say(feeder.message(index, {}, model="fedcba9876543210"))
        feeder.end(40)
        wait_for(lambda: ended(connection))
    assert [(alert.reason, alert.model) for alert in ended(connection)] == [("footage", "0123456789abcdef")]


def test_dropped_frames_hold_nothing_up(server: EmbeddedBroker, connection: Connection, tmp_path: Path) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    with alerter(site):
        for index in range(40):
            dropped = Dropped(feeder.epoch, index, Drop.LATE)
            feeder.say(dropped if index % 3 else feeder.message(index, {}))
        wait_for(lambda: StatusBoard(connection, Keys()).read([CAMERA])[CAMERA].get("alerted") == f"{feeder.epoch}-39")


def test_what_nobody_can_read_is_buried(server: EmbeddedBroker, connection: Connection, tmp_path: Path) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    with alerter(site):
        scores, dead = Keys().scores(CAMERA), Keys().dead(0)
        feeder.say(feeder.message(0, {}))
        connection.do("XADD", scores, "*", "v", "9", "head", "{}")
        connection.do("XADD", scores, "*", "v", "1", "head", "{")
        connection.do("XADD", scores, "*", "v", "1", "head", '{"epoch":9000000000000,"index":1,"ended":true}')
        feeder.say(feeder.message(1, {}))
        wait_for(lambda: StatusBoard(connection, Keys()).read([CAMERA])[CAMERA].get("alerted") == f"{feeder.epoch}-1")
        notes = connection.do("XRANGE", dead, "-", "+")
    assert [fields[b"why"].decode() for _, fields in notes] == [
        "a message is unreadable: it has version '9', this stillwatch reads '1'.",
        "a message is unreadable: its head is not JSON.",
        "a message is unreadable: it is from the future.",
    ]
