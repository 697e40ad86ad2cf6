"""The broker fails, fills, freezes and loses its data; another decoder comes: every index is accounted for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import pytest

from tests.pipeline.video.clips import write_clip
from tests.workers.brokers import running_broker
from tests.workers.decoder.http_camera import http_camera, jpegs
from tests.workers.decoder.running import Bus, decoding, site_of, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.messages import Drop
from workers.decoder import camera as camera_module
from workers.decoder import outbox


@pytest.fixture
def own_server() -> Iterator[EmbeddedBroker]:
    with running_broker(memory_mb=32) as one:
        yield one


@contextmanager
def steady_camera() -> Iterator[str]:
    """Twenty pictures a second, for ever."""
    with http_camera(lambda: repeat(jpegs(1)[0])) as url:
        yield url


def epochs(bus: Bus) -> list[int]:
    return sorted({epoch for epoch, _ in bus.ids()} | {one.epoch for one in bus.told()})


def test_a_broker_that_is_killed_and_loses_its_data_is_filled_again(own_server: EmbeddedBroker, tmp_path: Path) -> None:
    with steady_camera() as url, Connection(own_server.address) as connection:
        bus = Bus(connection)
        with decoding(site_of(own_server, tmp_path, {"gate": {"source": url}})):
            until(lambda: len(bus.ids()) >= 5)
            (epoch,) = epochs(bus)
            before = bus.ids()[-1][1]
            assert own_server.pid is not None
            os.kill(own_server.pid, signal.SIGKILL)
            own_server.stop()
            until(lambda: not own_server.alive)
            own_server.start()
            until(lambda: len(bus.ids()) >= 5, deadline_s=5)
            until(lambda: bus.state() == "online", deadline_s=2)
        # What was published before is gone with the broker; what was captured while it was away is told.
        (ended,) = bus.ended()
        accounted = bus.accounted(epoch)
        assert epochs(bus) == [epoch]
        assert accounted == list(range(accounted[0], ended.index))
        assert accounted[0] <= before + 12
        assert {one.reason for one in bus.dropped()} <= {Drop.BROKER, Drop.LATE}


def test_a_broker_that_is_frozen_costs_nothing_but_drops(own_server: EmbeddedBroker, tmp_path: Path) -> None:
    with steady_camera() as url, Connection(own_server.address) as connection:
        bus = Bus(connection)
        with decoding(site_of(own_server, tmp_path, {"gate": {"source": url}})):
            until(lambda: len(bus.ids()) >= 5)
            assert own_server.pid is not None
            os.kill(own_server.pid, signal.SIGSTOP)
            try:
                until_frozen(own_server)
            finally:
                os.kill(own_server.pid, signal.SIGCONT)
            count = bus.ids()[-1][1]
            until(lambda: bus.ids()[-1][1] >= count + 10, deadline_s=8)
            until(lambda: bus.dropped(), deadline_s=5)
        (ended,) = bus.ended()
        assert bus.accounted(ended.epoch) == list(range(ended.index))
        reasons = {(one.index, one.reason) for one in bus.dropped()}
        assert len(reasons) == len({index for index, _ in reasons})
        assert {reason for _, reason in reasons} <= {Drop.BROKER, Drop.LATE}


def until_frozen(server: EmbeddedBroker) -> None:
    """Until somebody was refused an answer."""
    with pytest.raises(ConnectionError), Connection(server.address) as connection:
        connection.do("PING")


def test_a_full_broker_gets_drops_instead_of_frames(own_server: EmbeddedBroker, tmp_path: Path) -> None:
    with steady_camera() as url, Connection(own_server.address) as connection:
        bus = Bus(connection)
        with decoding(site_of(own_server, tmp_path, {"gate": {"source": url}})):
            until(lambda: len(bus.ids()) >= 3)
            for number in range(27):
                connection.do("SET", f"ballast-{number}", bytes(1 << 20))
            until(lambda: len([one for one in bus.dropped() if one.reason is Drop.MEMORY]) >= 5)
            until(lambda: int(bus.status()["dropped"]) >= 5)
            connection.do("DEL", *[f"ballast-{number}" for number in range(27)])
            last = bus.ids()[-1]
            until(lambda: bus.ids()[-1][1] >= last[1] + 5)
            assert bus.state() == "online"
        (ended,) = bus.ended()
        assert bus.accounted(ended.epoch) == list(range(ended.index))
        status = bus.status()
        assert (int(status["captured"]), int(status["dropped"])) == (ended.index, len(bus.dropped()))


def test_a_fast_recording_waits_until_the_broker_has_room(own_server: EmbeddedBroker, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "gate.mp4", 30)
    with Connection(own_server.address) as connection:
        bus = Bus(connection)
        for number in range(27):
            connection.do("SET", f"ballast-{number}", bytes(1 << 20))
        with decoding(site_of(own_server, tmp_path, {"gate": {"source": clip, "pace": "fast"}})):
            until(lambda: bus.status().get("captured") == "1")
            assert bus.ids() == []
            connection.do("DEL", *[f"ballast-{number}" for number in range(27)])
            until(lambda: bus.state() == "ended")
        assert [index for _, index in bus.ids()] == list(range(30))


def test_no_more_is_kept_than_scorers_can_use(server: EmbeddedBroker, connection: Connection, tmp_path: Path) -> None:
    bus = Bus(connection)
    with steady_camera() as url:
        site = site_of(server, tmp_path, {"gate": {"source": url, "max_age_s": 0.2}})
        kept = site.cameras["gate"].frames_kept
        with decoding(site):
            until(lambda: len(bus.dropped()) >= 5)
            assert len(bus.ids()) <= kept
    (ended,) = bus.ended()
    assert bus.accounted(ended.epoch) == list(range(ended.index))
    assert {one.reason for one in bus.dropped()} == {Drop.LATE}
    assert int(bus.status()["dropped"]) == len(bus.dropped())


def test_only_so_many_drops_are_remembered(
    own_server: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_OWED", 5)
    with steady_camera() as url, Connection(own_server.address) as connection:
        bus = Bus(connection)
        with decoding(site_of(own_server, tmp_path, {"gate": {"source": url}})):
            until(lambda: len(bus.ids()) >= 3)
            own_server.stop()
            until_lost(own_server)
            own_server.start()
            until(lambda: len(bus.ids()) >= 3)
        assert len([one for one in bus.dropped() if one.reason is Drop.BROKER]) <= 5


def until_lost(server: EmbeddedBroker) -> None:
    """Until a second has passed without a broker: ten frames."""
    with pytest.raises(AssertionError):
        until(lambda: server.alive, deadline_s=1)


def test_the_decoder_that_came_last_has_a_camera_for_as_long_as_it_lives(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "TAKEN_OVER_S", 1.5)  # a decoder tells of itself once a second
    monkeypatch.setattr(camera_module, "DEAD_S", 2.0)
    bus = Bus(connection)
    with steady_camera() as url:
        site = site_of(server, tmp_path, {"gate": {"source": url}})
        with decoding(site, "one-decoder-1"):
            until(lambda: len(bus.ids()) >= 3)
            with decoding(site, "two-decoder-1"):
                until(lambda: len(epochs(bus)) == 2)
                until(lambda: bus.status().get("decoder") == "two-decoder-1" and bus.state() == "online")
                first, second = epochs(bus)
                last = bus.ids()[-1][1]
                until(lambda: bus.ids()[-1][1] >= last + 10)
                assert bus.ids()[-1][0] == second
                assert (bus.status()["decoder"], bus.status()["error"]) == ("two-decoder-1", "")
            until(lambda: bus.status()["decoder"] == "one-decoder-1", deadline_s=8)
            until(lambda: bus.state() == "online")
    third = epochs(bus)[-1]
    assert third > second > first
    for one in bus.ended():
        assert bus.accounted(one.epoch) == list(range(one.index))
