"""Alerts, clips and the database say how much of an event was appearance and how much motion."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.alerting.tracker import ChangeKind
from pipeline.parts import Parts
from pipeline.types import Box, EventKind, Image
from pipeline.video.clips import Scene
from tests.pipeline.alerting.painting import GRID
from tests.workers.alerter.feeding import CAMERA, Feeder, alerter, alerts_of, direct, film, process, site_for, wait_for
from workers.alert import Alert, AlertState
from workers.alerter.sentences import sentence
from workers.alerter.store import Store
from workers.alerter.values import EventRow
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import StatusBoard

PERSON: Box = (2, 0, 3, 3)
CAR: Box = (14, 9, 4, 2)
SHOWN = film((20, {}), (15, {PERSON: 1.8, CAR: 3.0}), (15, {}))


def halves() -> NDArray[np.float32]:
    """The left half of the picture moves, the right one, where the car is, hardly."""
    shares = np.full(GRID, 0.8, np.float32)
    shares[:, 10:] = 0.2
    return shares


def ended(connection: Connection) -> list[Alert]:
    return [alert for alert in alerts_of(connection) if alert.state is AlertState.ENDED]


def test_alerts_their_text_and_their_files_have_both_parts(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection, shares=halves())
    with alerter(site):
        feeder.show(SHOWN)
        feeder.end(len(SHOWN))
        wait_for(lambda: len(ended(connection)) == 2)
    expected = [c.event for c in direct(SHOWN, feeder.epoch, shares=halves()) if c.kind is ChangeKind.ENDED]
    assert sorted(event.motion or 0.0 for event in expected) == [0.2, 0.8]
    found = {alert.event: alert for alert in ended(connection)}
    with Store(site.storage) as store:
        for event in expected:
            alert, parts, row = found[event.id], Parts.of(event.score, event.motion), store.event(event.id)
            assert (alert.appearance, alert.motion) == (parts.appearance, parts.motion)
            assert row is not None
            assert (row.appearance, row.motion, row.as_event().motion) == (parts.appearance, parts.motion, event.motion)
            words = "motion 80%" if event.motion == 0.8 else "appearance 80%"
            assert f"{event.score:.1f} times the threshold ({words}), for 3 s; it is over" in alert.text
            assert alert.clip is not None
            note = json.loads((site.storage / alert.clip).with_suffix(".json").read_text())
            assert (note["appearance"], note["motion"]) == (parts.appearance, parts.motion)
    assert all(alert.motion is not None for alert in alerts_of(connection))


def test_who_goes_on_after_a_death_knows_the_parts_of_what_was_open(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection, shares=halves())
    first = process(site)
    feeder.show(SHOWN[:30], previews=False)
    wait_for(lambda: len(alerts_of(connection)) == 2)
    first.kill()
    first.communicate()
    with alerter(site, "test-alerter-2"):
        feeder.show(SHOWN[30:], 30, previews=False)
        feeder.end(len(SHOWN))
        wait_for(lambda: len(ended(connection)) == 2)
    shares = {alert.score: Parts(alert.appearance, alert.motion).share for alert in ended(connection)}
    expected = [c.event for c in direct(SHOWN, feeder.epoch, shares=halves()) if c.kind is ChangeKind.ENDED]
    assert shares == {event.score: event.motion for event in expected}


def test_pictures_are_drawn_with_the_share_of_their_frame(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float | None] = []
    draw = Scene.drawn

    def drawn(scene: Scene, ids: Collection[str]) -> Image:
        shares.append(scene.motion)
        return draw(scene, ids)

    monkeypatch.setattr(Scene, "drawn", drawn)
    site, feeder = site_for(server, tmp_path), Feeder(connection, shares=halves())
    with alerter(site):
        feeder.show(film((10, {}), (10, {PERSON: 1.8})))
        wait_for(lambda: alerts_of(connection))
    assert shares == [0.8]


def test_of_a_model_of_appearance_alone_no_alert_has_parts(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder = site_for(server, tmp_path), Feeder(connection)
    with alerter(site):
        feeder.show(SHOWN, previews=False)
        feeder.end(len(SHOWN))
        wait_for(lambda: len(ended(connection)) == 2)
        wait_for(lambda: StatusBoard(connection, Keys()).read([CAMERA])[CAMERA].get("pending") == "0")
    assert all("motion" not in alert.json_line() for alert in alerts_of(connection))
    assert all("appearance" not in alert.json_line() for alert in alerts_of(connection))


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.72, "gate: something at the top left, 2.0 times the threshold (motion 72%), for 5 s"),
        (0.5, "gate: something at the top left, 2.0 times the threshold (motion 50%, appearance 50%), for 5 s"),
        (None, "gate: something at the top left, 2.0 times the threshold, for 5 s"),
    ],
)
def test_the_sentence_names_the_larger_part(share: float | None, said: str) -> None:
    row = EventRow(
        id="gate-1-2",
        camera="gate",
        kind=EventKind.ANOMALY,
        begin_at=1.0,
        peak_at=2.0,
        end_at=6.0,
        score=2.0,
        box=(0, 0, 10, 10),
        picture=(100, 100),
    )
    parts = Parts.of(2.0, share)
    told = replace(row, appearance=parts.appearance, motion=parts.motion)
    assert sentence(told, AlertState.ENDED) == f"{said}; it is over"
