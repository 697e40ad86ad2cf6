"""Who lives, how cameras do, and whose alerts they are."""

from __future__ import annotations

from dataclasses import replace

from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import Role, StatusBoard, WorkerNote

NOTE = WorkerNote("host-scorer-1", Role.SCORER, "host", 12, ("gate", "dock"), {"gate": "0123456789abcdef"})


def test_workers_write_their_own_fields_alone(connection: Connection) -> None:
    board = StatusBoard(connection, Keys())
    board.write({"gate": {"state": "online", "fps_in": 5.0}})
    board.write({"gate": {"model": "abc"}, "dock": {}})
    assert board.read(["gate", "dock"]) == {"gate": {"state": "online", "fps_in": "5.0", "model": "abc"}, "dock": {}}


def test_a_worker_signs_in_and_out(connection: Connection) -> None:
    board = StatusBoard(connection, Keys(4))
    board.sign_in(NOTE)
    (found,) = board.workers(4)
    assert replace(found, cameras=tuple(found.cameras), seen_at=0.0) == NOTE
    assert abs(found.seen_at - connection.now_s()) < 5
    board.sign_out(NOTE)
    assert board.workers(4) == []


def test_a_note_that_nobody_can_read_is_passed_over(connection: Connection) -> None:
    connection.do("HSET", Keys().workers(0), "x", "{", "y", '{"role": "cook"}', "z", "7")
    assert StatusBoard(connection, Keys()).workers(1) == []


def test_a_lease_is_held_by_one_and_its_number_rises_with_each_change(connection: Connection) -> None:
    board = StatusBoard(connection, Keys())
    first = board.lease("gate", "a", 60)
    assert first > 0
    assert board.lease("gate", "b", 60) == 0
    assert board.lease("gate", "a", 0) == first
    second = board.lease("gate", "b", 0)
    assert second > first
    assert board.lease("gate", "a", 60) > second


def test_a_shard_is_the_same_everywhere() -> None:
    assert [Keys(8).shard(camera) for camera in ("gate", "dock", "yard")] == [4, 1, 0]
    assert Keys(8).frames("gate") == "stillwatch:{4}:frames:gate"
