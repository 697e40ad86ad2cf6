"""What stands on the bus is what `replay` computes of the same pixels."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.model import pool
from pipeline.model.card import file_digest
from pipeline.model.detector import load_detector
from pipeline.model.model_file import load_model, save_model
from pipeline.model.openvino_engine import OpenVinoEngine
from pipeline.model.padim import Model, Scores
from pipeline.parts import Parts
from pipeline.scoring import scored_frames
from pipeline.types import Image
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.workers.scorer.running import FPS, Camera, frames_of, hardware, scoring, site_of, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.site.values import Site


def test_scores_are_those_of_a_replay(
    site: Site, server: EmbeddedBroker, gate: Camera, clip: Path, model: Model
) -> None:
    frames = frames_of(clip, model)
    gate.publish([frame.pixels for frame in frames], motions=[frame.motion for frame in frames])
    with scoring(site, server):
        until(lambda: len(gate.entries()) == len(frames))
    scores = gate.scores()
    (source,) = find_sources([clip])
    with open_recording(source) as recording:
        sampling = Sampling(model.geometry, FPS, motion=model.has_motion)
        with closing(scored_frames(recording, sampling, load_detector(model, hardware()))) as found:
            replayed = list(found)
    assert any(one.motion for one in replayed)
    assert sorted(scores) == [one.frame.index for one in replayed]
    for one in replayed:
        score = scores[one.frame.index]
        assert score.raw_score == pytest.approx(one.raw_score, rel=1e-6)
        assert score.score == pytest.approx(one.score, rel=1e-6)
        assert score.peak == one.peak
        assert np.array_equal(score.coarse.levels, one.coarse.levels)
        assert score.coarse.shares is not None
        assert one.coarse.shares is not None
        assert np.array_equal(score.coarse.shares, one.coarse.shares)
        assert score.coarse.still is not None
        assert one.coarse.still is not None
        assert np.array_equal(score.coarse.still, one.coarse.still)
        assert score.parts.share == pytest.approx(one.motion)


def test_a_score_carries_what_the_model_says_of_motion(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    def moving(parts: Any) -> list[Scores]:
        scored = pool.score_together(parts)
        return [replace(one, shares=np.full(one.cells.shape, 0.8, np.float32)) for one in scored]

    monkeypatch.setattr("workers.scorer.batch.score_together", moving)
    gate.publish(pictures[:2])
    with scoring(site, server):
        until(lambda: gate.status().get("scored") == "2")
        said = gate.status()
    for score in gate.scores().values():
        assert score.coarse.shares is not None
        assert set(score.coarse.shares.ravel().tolist()) == {204}
        assert score.parts == Parts.of(score.score, 0.8)
    parts = gate.scores()[1].parts
    assert parts.motion is not None
    assert parts.appearance is not None
    told = [str(round(part, 4)) for part in (parts.appearance, parts.motion)]
    assert [said["last_appearance"], said["last_motion"]] == told


def test_a_score_says_what_made_it(site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image]) -> None:
    gate.publish(pictures[:1])
    with scoring(site, server):
        until(gate.scores)
    (score,) = gate.scores().values()
    path = site.models / "gate.stillwatch"
    model = load_model(path)
    assert (score.model, score.geometry, score.lingering) == (
        file_digest(path),
        model.geometry,
        model.threshold.lingering,
    )
    assert score.scored_at > score.captured_at
    assert score.scoring_ms > 0


def test_a_frame_is_gone_once_its_score_is_written(
    site: Site, server: EmbeddedBroker, gate: Camera, connection: Connection, pictures: list[Image]
) -> None:
    gate.publish(pictures)
    with scoring(site, server):
        until(lambda: len(gate.scores()) == len(pictures))
        assert gate.waiting() == 0
        assert connection.do("XPENDING", gate.keys.frames("gate"), "scorers")[0] == 0


def test_cameras_of_one_backbone_are_embedded_in_one_pass(
    server: EmbeddedBroker,
    connection: Connection,
    model: Model,
    other_model: Model,
    pictures: list[Image],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = site_of(server, tmp_path, {"gate": {}, "dock": {}})
    save_model(model, site.models / "gate.stillwatch")
    save_model(other_model, site.models / "dock.stillwatch")
    passes: list[int] = []
    embed = OpenVinoEngine.embed

    def counted(engine: OpenVinoEngine, frames: Image) -> object:
        passes.append(len(frames))
        return embed(engine, frames)

    monkeypatch.setattr(OpenVinoEngine, "embed", counted)
    gate, dock = Camera(connection), Camera(connection, "dock")
    gate.publish(pictures[:4])
    dock.publish(pictures[:4])
    engines = pool.DetectorPool(hardware())
    with scoring(site, server, pool=engines):
        until(lambda: len(gate.scores()) == len(dock.scores()) == 4)
        assert len(engines) == 1
    assert passes == [1, 8]  # the first warms up
    for camera, fitted in ((gate, model), (dock, other_model)):
        raw = load_detector(fitted, hardware()).score(np.stack(pictures[:4])).raw_scores
        assert [camera.scores()[index].raw_score for index in range(4)] == pytest.approx(raw.tolist(), rel=1e-6)


def test_a_busy_camera_does_not_keep_another_waiting(
    server: EmbeddedBroker, connection: Connection, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    site = site_of(server, tmp_path, {"gate": {}, "dock": {}}, scorer={"batch": 4})
    for name in site.cameras:
        save_model(model, site.models / f"{name}.stillwatch")
    gate, dock = Camera(connection), Camera(connection, "dock")
    gate.publish(pictures)
    dock.publish(pictures[:2])
    with scoring(site, server):
        until(lambda: len(gate.scores()) == len(pictures) and len(dock.scores()) == 2)
    before = [score for score in gate.scores().values() if score.scored_at < dock.scores()[1].scored_at]
    assert len(before) <= 4


def test_cameras_of_several_shards_are_served(
    server: EmbeddedBroker, connection: Connection, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    names = ["gate", "dock", "yard", "roof"]
    site = site_of(server, tmp_path, {name: {} for name in names}, shards=3)
    for name in names:
        save_model(model, site.models / f"{name}.stillwatch")
    cameras = [Camera(connection, name, shards=3) for name in names]
    assert len({camera.keys.shard(camera.name) for camera in cameras}) > 1
    with scoring(site, server):
        for index in range(3):
            for camera in cameras:
                camera.publish(pictures[index : index + 1], first=index)
            until(lambda: all(camera.waiting() == 0 for camera in cameras))
    assert [sorted(camera.scores()) for camera in cameras] == [[0, 1, 2]] * 4


def test_status_says_what_is_scored(site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image]) -> None:
    with scoring(site, server):
        gate.publish(pictures[:5])
        until(lambda: gate.status().get("scored") == "5")
        said = gate.status()
    last = gate.scores()[4]
    assert said == {
        "model": file_digest(site.models / "gate.stillwatch"),
        "model_error": "",
        "scorer": "scorer-1",
        "scored": "5",
        "late": "0",
        "fps_scored": "1.0",
        "last_score": str(round(last.score, 4)),
        "last_score_at": str(round(last.scored_at, 3)),
        "last_appearance": str(round(last.score, 4)),
        "last_motion": "0.0",  # these frames came without
    }
