"""Every frame ends in one entry, whatever is wrong with it; nothing stops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.model.model_file import save_model
from pipeline.model.padim import Model, Scores
from pipeline.model.pool import Part, score_together
from pipeline.types import PLANES, Image, Motion
from pipeline.video.flow import MotionReader
from tests.workers.scorer.running import EPOCH, FPS, SIZE, Camera, scoring, site_of, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.scorer import batch
from workers.site.values import Site

# A picture that a patched scorer fails on.
POISON = np.full((*SIZE, 3), 13, np.uint8)


def fail_on_poison(parts: Sequence[Part]) -> list[Scores]:
    if any((frame == POISON).all() for _, frames, _ in parts for frame in frames):
        raise RuntimeError("no score for 13")
    return score_together(parts)


def test_what_is_too_old_is_dropped_before_it_is_scored(
    server: EmbeddedBroker, connection: Connection, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    site = site_of(server, tmp_path, {"gate": {"pace": "realtime", "max_age_s": 30}, "dock": {"max_age_s": 30}})
    for name in site.cameras:
        save_model(model, site.models / f"{name}.stillwatch")
    gate, dock = Camera(connection), Camera(connection, "dock")
    for camera in (gate, dock):
        camera.publish(pictures[:2], age_s=31)
        camera.publish(pictures[2:4], first=2)
    with scoring(site, server):
        until(lambda: len(gate.entries()) == len(dock.entries()) == 4)
        until(lambda: gate.status().get("late") == "2")
    assert gate.drops() == {0: "late", 1: "late"}
    assert sorted(gate.scores()) == [2, 3]
    assert sorted(dock.scores()) == [0, 1, 2, 3]  # `fast` loses nothing


def test_messages_that_nobody_can_read_are_buried_and_the_rest_is_scored(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image]
) -> None:
    head = '{"time_s":0,"captured_at":1,"source":[72,96],"size":[%s]}'
    gate.publish(pictures[:1])
    gate.put(1, "v", "1", "head", "garbage", "data", "garbage")
    gate.put(2, "v", "2", "head", head % "64,80", "data", b"0" * (64 * 80 * 3))
    gate.put(3, "v", "1", "head", head % "5000,5000", "data", "0")
    gate.put(4, "v", "1", "head", head % "64,80", "data", "0")
    gate.put(5, "nothing", "of", "ours", "here")
    gate.publish(pictures[:1], first=6)
    with scoring(site, server):
        until(lambda: len(gate.entries()) == 7)
    assert sorted(gate.scores()) == [0, 6]
    assert gate.drops() == dict.fromkeys(range(1, 6), "failed")
    assert [(note["camera"], note["id"], note["times"]) for note in gate.dead()] == [
        ("gate", f"{EPOCH}-{index}", "1") for index in range(1, 6)
    ]
    assert [note["why"] for note in gate.dead()] == [
        "a message is unreadable: its head is not JSON.",
        "a message is unreadable: it has version '2', this stillwatch reads '1'.",
        "a message is unreadable: its size is 5000 x 5000, more than 4096.",
        "a message is unreadable: its picture has 1 bytes, not 64 x 80 x 3.",
        "a message is unreadable: it has version '', this stillwatch reads '1'.",
    ]


def test_the_motion_of_each_frame_reaches_its_model_and_a_missing_one_stops_nothing(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Motion | None] = []

    def noted(parts: Sequence[Part]) -> list[Scores]:
        for _, frames, motions in parts:
            assert motions is not None
            assert len(motions) == len(frames)
            given.extend(motions)
        return score_together(parts)

    monkeypatch.setattr(batch, "score_together", noted)
    reader = MotionReader(SIZE)
    motions = [reader.add(pixels, index / FPS) for index, pixels in enumerate(pictures[:4])]
    # As they lie there when a model was fitted again: of one with motion, of one without, of another version.
    gate.publish(pictures[:6], motions=motions)
    head = '{"time_s":0,"captured_at":1,"source":[72,96],"size":[64,80],"planes":%d,"motion_frames":3}'
    gate.put(6, "v", "1", "head", head % 60, "data", pictures[6].tobytes(), "motion", bytes(60 * 80))
    gate.put(7, "v", "1", "head", head % PLANES, "data", pictures[7].tobytes(), "motion", b"0")
    with scoring(site, server):
        until(lambda: len(gate.entries()) == 8)
    assert (sorted(gate.scores()), gate.drops()) == ([0, 1, 2, 3, 4, 5, 6], {7: "failed"})
    assert gate.dead()[0]["why"] == f"a message is unreadable: its motion has 1 bytes, not {PLANES} x 8 x 10."
    known = [None if motion is None else (motion.frames, motion.planes.tobytes()) for motion in given]
    assert known == [(motion.frames, motion.planes.tobytes()) for motion in motions] + [None] * 3


def test_a_frame_that_fails_three_times_is_given_up_and_its_neighbours_are_scored(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "score_together", fail_on_poison)
    gate.publish([*pictures[:2], POISON, *pictures[2:4]])
    with scoring(site, server):
        until(lambda: len(gate.scores()) == 4)
        assert gate.dead() == []
        until(gate.dead)
    assert gate.drops() == {2: "failed"}
    assert gate.dead() == [
        {
            "v": "1",
            "camera": "gate",
            "id": f"{EPOCH}-2",
            "times": "3",
            "why": "RuntimeError: no score for 13",
        }
    ]


def test_a_frame_that_fails_once_is_scored_when_it_comes_back(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True, True])  # in the batch, and alone

    def fail_at_first(parts: Sequence[Part]) -> list[Scores]:
        if next(failures, False):
            raise MemoryError
        return score_together(parts)

    monkeypatch.setattr(batch, "score_together", fail_at_first)
    gate.publish(pictures[:1])
    with scoring(site, server):
        until(gate.scores)
    assert (gate.drops(), gate.dead()) == ({}, [])


def test_what_was_begun_is_settled_before_the_end(
    site: Site, server: EmbeddedBroker, gate: Camera, connection: Connection, pictures: list[Image]
) -> None:
    with scoring(site, server):
        gate.publish(pictures)
        until(gate.entries)
    assert connection.do("XPENDING", gate.keys.frames("gate"), "scorers")[0] == 0
    assert len(gate.scores()) + gate.waiting() == len(pictures)
