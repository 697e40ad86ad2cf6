"""A real broker for every test that talks to one; emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workers.brokers import running_broker
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedBroker]:
    """The embedded broker, for tests that neither stop nor fill it."""
    with running_broker() as one:
        yield one


@pytest.fixture
def connection(server: EmbeddedBroker) -> Iterator[Connection]:
    """A connection to an empty broker."""
    with Connection(server.address) as one:
        one.do("FLUSHALL")
        yield one
