"""The broker goes away and comes back, with its data or without; two alerters want one camera; a camera is away."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.types import Box
from tests.workers.alerter.feeding import CAMERA, Feeder, alerter, alerts_of, film, site_for, wait_for
from tests.workers.brokers import running_broker
from workers.alert import Alert, AlertState
from workers.alerter.presence import GRACE_S, Presence
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import ALERTS, Keys
from workers.bus.status import DEAD_S, CameraState, StatusBoard

PERSON: Box = (2, 0, 3, 3)
SHOWN = film((10, {}), (10, {PERSON: 1.8}), (12, {}))


def ended(connection: Connection) -> list[Alert]:
    """Alerts that say that an event is over."""
    return [alert for alert in alerts_of(connection) if alert.state is AlertState.ENDED]


def test_alerts_are_written_again_in_their_places_after_the_broker_lost_them(tmp_path: Path) -> None:
    with running_broker() as server, Connection(server.address) as connection:
        site, feeder = site_for(server, tmp_path), Feeder(connection)
        with alerter(site):
            feeder.show(SHOWN)
            wait_for(lambda: ended(connection))
            before = connection.do("XRANGE", ALERTS, "-", "+")
            server.stop()
            server.start()
            connection.close()
            wait_for(lambda: ended(connection), "the alerts again")
            assert connection.do("XRANGE", ALERTS, "-", "+") == before
            second = Feeder(connection, epoch=feeder.epoch + 60_000)
            second.show(SHOWN)
            wait_for(lambda: len(ended(connection)) == 2)
    assert [alert.event for alert in ended_of(before)] == [f"gate-{feeder.epoch}-10"]


def ended_of(entries: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Alert]:
    """Those of the entries that say that an event is over."""
    alerts = [Alert.model_validate_json(fields[b"alert"]) for _, fields in entries]
    return [alert for alert in alerts if alert.state is AlertState.ENDED]


def test_an_event_goes_on_while_the_broker_loses_everything(tmp_path: Path) -> None:
    with running_broker() as server, Connection(server.address) as connection:
        site, feeder = site_for(server, tmp_path), Feeder(connection)
        with alerter(site):
            feeder.show(SHOWN[:15])
            wait_for(lambda: alerts_of(connection))
            server.stop()
            server.start()
            connection.close()
            feeder.show(SHOWN[15:], 15)
            wait_for(lambda: ended(connection))
        told = [(alert.event, alert.state.value) for alert in alerts_of(connection)]
    assert told == [(f"gate-{feeder.epoch}-10", "started"), (f"gate-{feeder.epoch}-10", "ended")]


def test_of_two_alerters_one_works_and_the_other_takes_over(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, feeder, status = site_for(server, tmp_path), Feeder(connection), StatusBoard(connection, Keys())
    with alerter(site, "other-alerter-2"):
        wait_for(lambda: status.read([CAMERA])[CAMERA].get("alerter") == "other-alerter-2")
        with alerter(site, "test-alerter-1") as stop:
            feeder.show(SHOWN[:15])
            wait_for(lambda: alerts_of(connection))
            stop.set()
    assert status.read([CAMERA])[CAMERA]["alerter"] == "other-alerter-2"
    with alerter(site, "test-alerter-1"):
        feeder.show(SHOWN[15:], 15)
        wait_for(lambda: ended(connection))
        wait_for(lambda: status.read([CAMERA])[CAMERA]["alerter"] == "test-alerter-1")
    told = [(alert.event, alert.state.value) for alert in alerts_of(connection)]
    assert told == [(f"gate-{feeder.epoch}-10", "started"), (f"gate-{feeder.epoch}-10", "ended")]


def test_a_camera_that_is_away_is_told_of_and_that_it_is_back(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path
) -> None:
    site, status = site_for(server, tmp_path), StatusBoard(connection, Keys())
    since = time.time() - 100

    def decoder(state: CameraState, error: str = "") -> None:
        fields = {"state": state, "since": since, "decoder_at": time.time(), "error": error}
        status.write({CAMERA: fields})

    with alerter(site):

        def told(count: int, state: CameraState, error: str = "") -> bool:
            decoder(state, error)
            return len(alerts_of(connection)) == count

        wait_for(lambda: told(1, CameraState.OFFLINE, "rtsp://127.0.0.1:9/gate: connection refused."))
        wait_for(lambda: told(2, CameraState.ONLINE))
    lost, back = alerts_of(connection)
    assert (lost.event, lost.state, lost.kind) == (f"gate-{int(since * 1000)}-offline", "started", "camera")
    assert lost.text.startswith("gate: out of reach since ")
    assert lost.text.endswith(" UTC (rtsp://127.0.0.1:9/gate: connection refused)")
    assert (back.event, back.state, back.reason) == (lost.event, "ended", "back")


def test_a_camera_is_away_once_it_was_for_longer_than_it_may() -> None:
    presence = Presence(30.0, 1000.0)
    away = {"state": "offline", "since": "1020", "error": "no route."}
    assert presence.look(away | {"decoder_at": "1049"}, 1050.0) is None
    assert presence.look(away | {"decoder_at": "1051"}, 1050.5) is True
    assert (presence.lost_at, presence.error) == (1020.0, "no route.")
    assert presence.look({"state": "online", "decoder_at": "1060"}, 1060.0) is False


def test_tries_to_connect_do_not_begin_the_time_anew() -> None:
    presence = Presence(30.0, 1000.0)
    for now_s in range(1020, 1050):
        state = {"state": "offline" if now_s % 2 else "connecting", "since": str(now_s), "decoder_at": str(now_s)}
        assert presence.look(state, float(now_s)) is None
    assert presence.look({"state": "connecting", "since": "1051", "decoder_at": "1051"}, 1051.0) is True


def test_a_camera_that_nobody_decodes_is_away() -> None:
    presence = Presence(30.0, 1000.0)
    status = {"state": "online", "decoder_at": "1010"}
    assert presence.look(status, 1010.0 + DEAD_S) is False
    assert presence.look(status, 1041.0) is True
    assert presence.error == "no decoder reads it"


def test_whoever_has_just_begun_or_found_the_broker_says_nothing_yet() -> None:
    presence = Presence(1.0, 1000.0)
    away = {"state": "offline", "since": "900", "decoder_at": "2000"}
    assert presence.look(away, 1000.0 + GRACE_S - 0.1) is None
    assert presence.look(away, 1000.0 + GRACE_S) is True
    presence.excuse(1100.0)
    assert presence.look(away, 1101.0) is None


def test_a_recording_that_has_ended_is_not_away() -> None:
    presence = Presence(1.0, 1000.0)
    assert presence.look({"state": "ended", "decoder_at": "1000"}, 5000.0) is False
