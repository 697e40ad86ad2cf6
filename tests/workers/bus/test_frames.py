"""Every published frame ends in one entry of the scores stream, whatever happens to who handles it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from pipeline.errors import BusError
from tests.workers.brokers import REDIS_SERVER, running_broker
from tests.workers.bus.making import CAMERA, EPOCH, frame, preview, score
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import BusFull, Connection
from workers.bus.frames import Delivery, FrameReader, FrameWriter, Settlement, TakenOver
from workers.bus.keys import Keys
from workers.bus.messages import Drop, Dropped, Ended, FrameMessage, ScoreMessage, score_message
from workers.bus.scores import ScoreReader

KEYS = Keys()
NEEDS_REDIS = pytest.mark.skipif(REDIS_SERVER is None, reason="redis-server is not installed")


@pytest.fixture(params=["embedded", pytest.param("redis-server", marks=NEEDS_REDIS)])
def bus(request: pytest.FixtureRequest, server: EmbeddedBroker) -> Iterator[Callable[[], Connection]]:
    """Makes connections to an empty broker, the embedded one and Debian's."""
    with ExitStack() as opened:
        own = server if request.param == "embedded" else opened.enter_context(running_broker(REDIS_SERVER))

        def connected() -> Connection:
            return opened.enter_context(Connection(own.address))

        connected().do("FLUSHALL")
        yield connected


def settled(bus: Callable[[], Connection]) -> list[ScoreMessage | Dropped | Ended]:
    """Everything in the scores stream."""
    return [score_message(entry.fields) for entry in ScoreReader(bus(), KEYS).read({CAMERA: "0"}, 10_000, 0)]


def publish(writer: FrameWriter, *indices: int) -> None:
    for index in indices:
        writer.publish(CAMERA, frame(index), None, 50)


def scored(delivery: Delivery) -> Settlement:
    index = int(delivery.id.partition(b"-")[2])
    return Settlement(CAMERA, delivery.id, score(index).fields())


def test_a_frame_arrives_as_it_was_published(bus: Callable[[], Connection]) -> None:
    writer, reader = FrameWriter(bus(), KEYS), FrameReader(bus(), KEYS, "a")
    reader.join([CAMERA])
    assert writer.publish(CAMERA, frame(0), preview(0), 50) == 1
    (delivery,) = reader.read([CAMERA], 8, 1000)
    assert np.array_equal(FrameMessage.read(delivery.id, delivery.fields).pixels, frame(0).pixels)
    assert [one.jpeg for one in ScoreReader(bus(), KEYS).previews(CAMERA, EPOCH, 0, 9)] == [b"jpeg 0"]


def test_frames_published_before_the_first_scorer_came_are_read(bus: Callable[[], Connection]) -> None:
    publish(FrameWriter(bus(), KEYS), 0, 1)
    reader = FrameReader(bus(), KEYS, "a")
    reader.join([CAMERA])
    reader.join([CAMERA])
    assert len(reader.read([CAMERA], 8, 0)) == 2


def test_a_frame_that_is_published_twice_is_there_once(bus: Callable[[], Connection]) -> None:
    writer = FrameWriter(bus(), KEYS)
    publish(writer, 0, 1, 1)
    assert writer.waiting(CAMERA) == 2


def test_a_decoder_that_was_replaced_is_told(bus: Callable[[], Connection]) -> None:
    writer = FrameWriter(bus(), KEYS)
    writer.publish(CAMERA, frame(0, EPOCH + 1), None, 50)
    with pytest.raises(TakenOver) as told:
        publish(writer, 5)
    assert str(told.value) == "another decoder writes the frames of this camera; stop one of the two."
    assert writer.last_frame(CAMERA) == (EPOCH + 1, 0)


def test_settling_writes_the_score_and_deletes_the_frame(bus: Callable[[], Connection]) -> None:
    writer, reader = FrameWriter(bus(), KEYS), FrameReader(bus(), KEYS, "a")
    reader.join([CAMERA])
    publish(writer, 0, 1)
    assert reader.settle([scored(one) for one in reader.read([CAMERA], 8, 0)]) == [True, True]
    assert writer.waiting(CAMERA) == 0
    assert [one.index for one in settled(bus)] == [0, 1]
    assert reader.claim([CAMERA], 0, 8) == []


def test_a_frame_that_two_have_scored_counts_once(bus: Callable[[], Connection]) -> None:
    publish(FrameWriter(bus(), KEYS), 0)
    slow, quick = FrameReader(bus(), KEYS, "slow"), FrameReader(bus(), KEYS, "quick")
    slow.join([CAMERA])
    held = slow.read([CAMERA], 8, 0)
    claimed = quick.claim([CAMERA], 0, 8)
    assert [one.times for one in claimed] == [2]
    assert quick.settle([scored(one) for one in claimed]) == [True]
    assert slow.settle([scored(one) for one in held]) == [False]
    assert len(settled(bus)) == 1


def test_what_a_dead_scorer_had_is_not_claimed_before_its_time(bus: Callable[[], Connection]) -> None:
    publish(FrameWriter(bus(), KEYS), 0)
    dead, living = FrameReader(bus(), KEYS, "dead"), FrameReader(bus(), KEYS, "living")
    dead.join([CAMERA])
    dead.read([CAMERA], 8, 0)
    assert living.claim([CAMERA], 60_000, 8) == []
    assert living.read([CAMERA], 8, 0) == []


def test_frames_beyond_the_bound_are_dropped_with_their_reason(bus: Callable[[], Connection]) -> None:
    writer, reader = FrameWriter(bus(), KEYS), FrameReader(bus(), KEYS, "a")
    reader.join([CAMERA])
    publish(writer, *range(6))
    held = reader.read([CAMERA], 2, 0)
    assert writer.shorten(CAMERA, 3) == 3
    assert settled(bus) == [Dropped(EPOCH, index, Drop.LATE) for index in range(3)]
    assert reader.settle([scored(one) for one in held]) == [False, False]
    assert writer.shorten(CAMERA, 3) == 0


def test_a_failed_frame_leaves_a_note_without_its_picture(bus: Callable[[], Connection]) -> None:
    publish(FrameWriter(bus(), KEYS), 0)
    reader = FrameReader(bus(), KEYS, "a")
    reader.join([CAMERA])
    (delivery,) = reader.read([CAMERA], 8, 0)
    assert reader.bury(delivery, "it failed")
    assert not reader.bury(delivery, "it failed")
    ((_, note),) = bus().do("XRANGE", KEYS.dead(0), "-", "+")
    name = f"{EPOCH}-0".encode()
    assert note == {b"v": b"1", b"camera": b"gate", b"id": name, b"times": b"1", b"why": b"it failed"}
    assert settled(bus) == [Dropped(EPOCH, 0, Drop.FAILED)]


def test_scores_and_drops_are_written_at_the_memory_limit(bus: Callable[[], Connection]) -> None:
    writer, reader = FrameWriter(bus(), KEYS), FrameReader(bus(), KEYS, "a")
    reader.join([CAMERA])
    publish(writer, 0, 1, 2)
    deliveries = reader.read([CAMERA], 2, 0)
    owner = bus()
    owner.do("CONFIG SET", "maxmemory", "1mb")
    try:
        with pytest.raises(BusFull) as full:
            publish(writer, 3)
        assert "the broker is at its memory limit and refuses XADD; raise it." in str(full.value)
        assert reader.settle([scored(one) for one in deliveries]) == [True, True]
        writer.tell(CAMERA, [Dropped(EPOCH, 3, Drop.MEMORY), Ended(EPOCH, 4)])
        assert writer.shorten(CAMERA, 0, Drop.MEMORY) == 1
    finally:
        owner.do("CONFIG SET", "maxmemory", "128mb")
    assert sorted(one.index for one in settled(bus)) == [0, 1, 2, 3, 4]


def test_a_group_that_was_lost_is_said_and_made_anew(bus: Callable[[], Connection]) -> None:
    writer, reader = FrameWriter(bus(), KEYS), FrameReader(bus(), KEYS, "a")
    reader.join([CAMERA])
    bus().do("FLUSHALL")
    bus().do("SCRIPT FLUSH")
    publish(writer, 0)
    with pytest.raises(BusError, match="NOGROUP"):
        reader.read([CAMERA], 8, 0)
    reader.join([CAMERA])
    assert reader.settle([scored(one) for one in reader.read([CAMERA], 8, 0)]) == [True]


def test_a_script_that_the_broker_forgot_is_sent_again(bus: Callable[[], Connection]) -> None:
    writer = FrameWriter(bus(), KEYS)
    writer.tell(CAMERA, [Dropped(EPOCH, 0, Drop.LATE)])
    bus().do("SCRIPT FLUSH")
    writer.tell(CAMERA, [Dropped(EPOCH, 1, Drop.LATE), Ended(EPOCH, 2)])
    assert [one.index for one in settled(bus)] == [0, 1, 2]


def test_several_cameras_are_read_in_one_call(bus: Callable[[], Connection]) -> None:
    writer, reader = FrameWriter(bus(), KEYS), FrameReader(bus(), KEYS, "a")
    cameras = ["gate", "dock", "yard"]
    reader.join(cameras)
    for camera in cameras[:2]:
        for index in range(4):
            writer.publish(camera, frame(index), None, 50)
    found = reader.read(cameras, 3, 0)
    assert [(one.camera, one.id) for one in found] == [
        (camera, f"{EPOCH}-{index}".encode()) for camera in cameras[:2] for index in range(3)
    ]
