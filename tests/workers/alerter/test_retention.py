"""What is old, or too much, goes: with its files, the oldest first, and never what is open."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pipeline.types import Box, EventKind, Image
from tests.stillwatch.running import files_up_to
from tests.workers.alerter.feeding import CAMERA, Feeder, alerter, alerts_of, film, site_for, wait_for
from workers.alert import Alert, AlertState
from workers.alerter.retention import DAY_S, Janitor
from workers.alerter.store import Store
from workers.alerter.values import Draft, EventRow, EventState
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import StatusBoard
from workers.site.values import Site
from workers.telemetry.metrics import Metrics

PERSON: Box = (2, 0, 3, 3)
SHOWN = film((10, {}), (10, {PERSON: 1.8}), (12, {}))
NOW_S = 1_795_000_000.0


class Usage(NamedTuple):
    """Of a disk, in bytes."""

    total: int
    used: int
    free: int


def noise(index: int) -> Image:
    """A picture that takes 60 kB."""
    return np.random.RandomState(index).randint(0, 256, (240, 320, 3)).astype(np.uint8)


def told(connection: Connection, feeder: Feeder) -> list[Alert]:
    """Alerts about what a feeder has shown."""
    return [alert for alert in alerts_of(connection) if str(feeder.epoch) in alert.event]


def kept(site: Site, count: int, size_bytes: int = 1000, state: EventState = EventState.ENDED) -> list[str]:
    """Events in a store, a day apart, the first a day old; their ids, the oldest first."""
    names = []
    with Store(site.storage) as store, store.transaction():
        for number in range(count, 0, -1):
            at, name = NOW_S - number * DAY_S, f"gate-{number}-{state}"
            row = EventRow(
                id=name, camera=CAMERA, kind=EventKind.ANOMALY, state=state, begin_at=at, peak_at=at, end_at=at
            )
            row.size_bytes = size_bytes
            store.save(row)
            store.add_alert(Draft(row, AlertState.ENDED, -1, at, at), at)
            folder = site.storage / "events" / row_day(at)
            folder.mkdir(parents=True, exist_ok=True)
            for ending in ("mp4", "jpg", "json"):
                (folder / f"{name}.{ending}").write_bytes(b"x")
            names.append(name)
        store.database.write("UPDATE alerts SET published = 1")
    return names


def row_day(at: float) -> str:
    """Name of the folder of a day."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def left(site: Site) -> tuple[list[str], list[str], list[str]]:
    """Events, events with alerts, and events with files, that are left, the oldest first."""
    with Store(site.storage) as store:
        rows = store.database.read("SELECT id FROM events ORDER BY end_at")
        alerts = store.database.read("SELECT event FROM alerts ORDER BY ms, seq")
    files = sorted((site.storage / "events").rglob("*.mp4"))
    return [row["id"] for row in rows], [row["event"] for row in alerts], [path.stem for path in files]


def test_events_go_by_age_with_their_files(server: EmbeddedBroker, tmp_path: Path) -> None:
    site = site_for(server, tmp_path, more="retention: {days: 2.5, floor_gb: 0}")
    names = kept(site, 5)
    metrics = Metrics("test-alerter-1")
    assert Janitor(site, metrics).tidy(NOW_S)
    assert left(site) == (names[3:], names[3:], names[3:])
    assert b'stillwatch_events_removed_total{reason="age"} 3.0' in metrics.page()
    assert len(list((site.storage / "events").iterdir())) == 2, "empty folders go too"


def test_the_oldest_go_while_events_take_too_much(server: EmbeddedBroker, tmp_path: Path) -> None:
    site = site_for(server, tmp_path, more="retention: {size_gb: 0.01, floor_gb: 0}")
    names = kept(site, 5, size_bytes=4_000_000)
    Janitor(site, Metrics("test-alerter-1")).tidy(NOW_S)
    assert left(site)[0] == names[3:]


def test_events_that_go_on_are_never_removed(server: EmbeddedBroker, tmp_path: Path) -> None:
    site = site_for(server, tmp_path, more="retention: {days: 0.1, size_gb: 0.000001, floor_gb: 0}")
    names = kept(site, 2, state=EventState.OPEN)
    Janitor(site, Metrics("test-alerter-1")).tidy(NOW_S)
    assert left(site)[0] == names


def test_below_the_floor_the_oldest_go_and_alerts_come_without_clips(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_for(server, tmp_path, more="retention: {floor_gb: 1, days: 36500}")
    kept(site, 3)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 10**8))
    status, feeder = StatusBoard(connection, Keys()), Feeder(connection)
    with alerter(site):
        wait_for(lambda: status.read([CAMERA])[CAMERA].get("clips") == "no")
        assert left(site)[0] == []
        feeder.show(SHOWN)
        wait_for(lambda: len(told(connection, feeder)) == 2)
    assert [(alert.state.value, alert.clip, alert.thumbnail) for alert in told(connection, feeder)] == [
        ("started", None, None),
        ("ended", None, None),
    ]


def test_where_no_picture_can_be_written_alerts_go_on(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path, more="retention: {floor_gb: 0}"), Feeder(connection)
    site.storage.mkdir()
    (site.storage / "spool").write_text("in the way")
    with alerter(site):
        feeder.show(SHOWN)
        wait_for(lambda: len(alerts_of(connection)) == 2)
    assert [(alert.state.value, alert.clip) for alert in alerts_of(connection)] == [("started", None), ("ended", None)]


def test_pictures_that_do_not_fit_remove_the_oldest_events_and_are_done_without(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site = site_for(server, tmp_path, more="retention: {floor_gb: 0, days: 36500}")
    feeder = Feeder(connection, picture=noise)
    names = kept(site, 5)
    with files_up_to(1_200_000), alerter(site):
        feeder.show(film((10, {}), (30, {PERSON: 1.8}), (12, {})))
        wait_for(lambda: len(told(connection, feeder)) == 2)
    started, ended = told(connection, feeder)
    assert (started.thumbnail is not None, ended.clip) == (True, None)
    assert left(site)[0] == [*names[3:], ended.event]
