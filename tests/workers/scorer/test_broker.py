"""The broker goes away, forgets, freezes, is full: a scorer goes on by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.model_file import save_model
from pipeline.model.padim import Model
from pipeline.types import Image
from tests.workers.brokers import running_broker
from tests.workers.scorer.running import Camera, scoring, site_of, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import BusFull, BusLost, Connection
from workers.bus.frames import FrameReader
from workers.site.values import Site


@pytest.fixture
def own() -> Iterator[EmbeddedBroker]:
    """A broker that a test may stop, freeze and fill."""
    with running_broker(memory_mb=32) as one:
        yield one


@pytest.fixture
def own_site(own: EmbeddedBroker, model: Model, tmp_path: Path) -> Site:
    site = site_of(own, tmp_path, {"gate": {}})
    save_model(model, site.models / "gate.stillwatch")
    return site


def test_a_scorer_goes_on_after_the_broker_was_restarted_without_its_data(
    own: EmbeddedBroker, own_site: Site, pictures: list[Image]
) -> None:
    with scoring(own_site, own):
        with Connection(own.address) as connection:
            gate = Camera(connection)
            gate.publish(pictures[:3])
            until(lambda: len(gate.scores()) == 3)
        own.stop()
        own.start()
        with Connection(own.address) as connection:
            gate = Camera(connection)
            gate.publish(pictures[:3], first=10)
            until(lambda: sorted(gate.scores()) == [10, 11, 12], 5)


def test_a_scorer_waits_for_a_broker_that_is_not_there_yet(
    own: EmbeddedBroker, own_site: Site, pictures: list[Image]
) -> None:
    own.stop()
    with scoring(own_site, own):
        own.start()
        with Connection(own.address) as connection:
            gate = Camera(connection)
            gate.publish(pictures[:3])
            until(lambda: len(gate.scores()) == 3, 5)


def test_a_scorer_goes_on_after_the_broker_was_frozen(
    own: EmbeddedBroker, own_site: Site, pictures: list[Image]
) -> None:
    with scoring(own_site, own), Connection(own.address) as connection:
        gate = Camera(connection)
        gate.publish(pictures[:3])
        until(lambda: len(gate.scores()) == 3)
        assert own.pid is not None
        os.kill(own.pid, signal.SIGSTOP)
        try:
            until(lambda: not answers(own))
        finally:
            os.kill(own.pid, signal.SIGCONT)
        gate.publish(pictures[3:6], first=3)
        until(lambda: len(gate.scores()) == 6, 5)


def test_a_scorer_empties_a_broker_that_is_full(own: EmbeddedBroker, own_site: Site, pictures: list[Image]) -> None:
    with Connection(own.address) as connection:
        gate = Camera(connection)
        with pytest.raises(BusFull):
            gate.publish(pictures * 100)  # some 60 MB
        waiting = gate.waiting()
        with scoring(own_site, own):
            until(lambda: gate.status().get("scored") == str(waiting))
        assert (gate.waiting(), gate.drops()) == (0, {})


def test_a_batch_that_could_not_be_settled_is_settled_when_the_broker_is_back(
    own: EmbeddedBroker, own_site: Site, pictures: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, losses = FrameReader.settle, iter([True, True])

    def lost_at_first(reader: FrameReader, settlements: list[object]) -> list[bool]:
        if next(losses, False):
            raise BusLost("gone")
        return settle(reader, settlements)  # type: ignore[arg-type]

    monkeypatch.setattr(FrameReader, "settle", lost_at_first)
    with scoring(own_site, own), Connection(own.address) as connection:
        gate = Camera(connection)
        gate.publish(pictures[:3])
        until(lambda: len(gate.scores()) == 3)
        assert gate.drops() == {}


def answers(server: EmbeddedBroker) -> bool:
    with Connection(server.address) as connection:
        try:
            return bool(connection.do("PING"))
        except ConnectionError:
            return False
