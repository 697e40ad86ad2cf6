"""A camera's model: missing, broken, of another size, exchanged while frames flow, put away for others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.model.card import file_digest
from pipeline.model.detector import load_detector
from pipeline.model.model_file import save_model
from pipeline.model.padim import Model
from pipeline.model.pool import DetectorPool
from pipeline.types import Image
from tests.workers.scorer.running import Camera, hardware, scoring, site_of, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.scorer.models import ModelStore
from workers.site.values import Site
from workers.telemetry.metrics import Metrics


def raw_scores(model: Model, pictures: list[Image]) -> list[float]:
    scores: list[float] = load_detector(model, hardware()).score(np.stack(pictures)).raw_scores.tolist()
    return scores


def remedy(site: Site) -> str:
    return f"make one with 'stillwatch fit -c {site.path} --camera gate --for 24h'."


def test_without_a_model_frames_are_dropped_until_there_is_one(
    server: EmbeddedBroker, gate: Camera, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    site = site_of(server, tmp_path, {"gate": {}})
    path = site.models / "gate.stillwatch"
    with scoring(site, server):
        gate.publish(pictures[:2])
        until(lambda: len(gate.drops()) == 2)
        until(lambda: gate.status().get("model_error"))
        assert gate.status()["model_error"] == f"{path}: no such model; {remedy(site)}"
        save_model(model, path)
        until(lambda: gate.status()["model_error"] == "")
        gate.publish(pictures[2:4], first=2)
        until(lambda: len(gate.scores()) == 2)
    assert gate.drops() == {0: "model", 1: "model"}


def test_a_camera_without_a_model_does_not_trouble_another(
    server: EmbeddedBroker, connection: Connection, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    site = site_of(server, tmp_path, {"gate": {}, "dock": {}})
    save_model(model, site.models / "dock.stillwatch")
    gate, dock = Camera(connection), Camera(connection, "dock")
    gate.publish(pictures[:3])
    dock.publish(pictures[:3])
    with scoring(site, server):
        until(lambda: len(gate.drops()) == len(dock.scores()) == 3)


def test_frames_of_another_size_are_dropped_and_status_says_why(
    server: EmbeddedBroker, gate: Camera, model: Model, tmp_path: Path
) -> None:
    site = site_of(server, tmp_path, {"gate": {}})
    path = site.models / "gate.stillwatch"
    save_model(model, path)
    with scoring(site, server):
        gate.publish([np.zeros((96, 128, 3), np.uint8)])
        until(lambda: gate.status().get("model_error"))
        assert gate.status()["model_error"] == (
            f"{path}: is for frames of 64x80, those of the camera are 96x128; {remedy(site)}"
        )
        gate.publish([np.zeros((64, 80, 3), np.uint8)], first=1, source=(90, 160))
        until(lambda: len(gate.drops()) == 2)
        until(lambda: "shape" in gate.status()["model_error"])
        assert gate.status()["model_error"] == (
            f"{path}: is for pictures of 72x96, those of the camera have another shape, 90x160; {remedy(site)}"
        )
        gate.publish([np.zeros((64, 80, 3), np.uint8)], first=2)
        until(lambda: gate.scores() and gate.status()["model_error"] == "")
    assert gate.drops() == {0: "model", 1: "model"}


def test_a_model_fitted_again_is_taken_up_between_two_batches(
    site: Site,
    server: EmbeddedBroker,
    gate: Camera,
    model: Model,
    other_model: Model,
    pictures: list[Image],
    tmp_path: Path,
) -> None:
    path, new = site.models / "gate.stillwatch", tmp_path / "new.stillwatch"
    save_model(other_model, new)
    digests = [file_digest(path), file_digest(new)]
    with scoring(site, server):
        published = 0
        while not any(score.model == digests[1] for score in gate.scores().values()):
            gate.publish(pictures, first=published)
            published += len(pictures)
            assert published < 100 * len(pictures), "the new model is not taken up"
            if published == 2 * len(pictures):
                save_model(other_model, path)  # written beside it and renamed
            until(lambda: gate.waiting() == 0)
    scores = gate.scores()
    expected = {digest: raw_scores(one, pictures) for digest, one in zip(digests, (model, other_model), strict=True)}
    for index, score in scores.items():
        assert score.raw_score == pytest.approx(expected[score.model][index % len(pictures)], rel=1e-6)
    used = [scores[index].model for index in range(published)]
    assert used == sorted(used, key=digests.index)
    assert set(used) == set(digests)


def test_a_broken_new_model_leaves_the_one_before_in_use(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image]
) -> None:
    path = site.models / "gate.stillwatch"
    digest = file_digest(path)
    with scoring(site, server):
        until(lambda: gate.status().get("model") == digest)
        path.write_bytes(b"not a model")
        until(lambda: gate.status()["model_error"])
        said = gate.status()
        gate.publish(pictures[:2])
        until(lambda: len(gate.scores()) == 2)
    assert said["model"] == digest
    assert said["model_error"] == (
        f"{path}: is not a stillwatch model, or is cut off; the one before stays in use, {remedy(site)}"
    )
    assert {score.model for score in gate.scores().values()} == {digest}


def test_the_mask_of_the_site_file_counts_and_is_taken_up_when_it_changes(
    server: EmbeddedBroker, gate: Camera, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    mask = tmp_path / "mask.png"
    left = np.zeros((72, 96), np.uint8)
    left[:, :48] = 255
    assert cv2.imwrite(str(mask), left)
    site = site_of(server, tmp_path, {"gate": {"mask": mask}})
    save_model(model, site.models / "gate.stillwatch")
    expected = raw_scores(model.with_mask(mask), pictures[:4])
    with scoring(site, server):
        gate.publish(pictures[:4])
        until(lambda: len(gate.scores()) == 4)
        mask.write_bytes(b"no picture")
        until(lambda: gate.status()["model_error"])
        said = gate.status()["model_error"]
    assert [score.raw_score for score in gate.scores().values()] == pytest.approx(expected, rel=1e-6)
    assert said == f"{mask}: is neither a picture nor a YAML file; the one before stays in use, give one of the two."


class Clock:
    """Monotonic seconds that a test moves on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def stored(server: EmbeddedBroker, model: Model, tmp_path: Path) -> tuple[ModelStore, Site, Clock]:
    """A store of three cameras with models of their own that has room for two."""
    site = site_of(server, tmp_path, {name: {} for name in "abc"}, scorer={"models_mb": 64})
    for name in site.cameras:
        save_model(model, site.models / f"{name}.stillwatch")
    clock = Clock()
    store = ModelStore(site, DetectorPool(hardware()), Metrics("scorer"), clock)
    assert store.of("a") is not None
    small = store.bytes
    store.room_bytes = 2 * small
    return store, site, clock


def test_the_model_that_was_not_used_for_longest_is_put_away(stored: tuple[ModelStore, Site, Clock]) -> None:
    store, site, _ = stored
    names = list(site.cameras)
    store.of("b")
    store.of("a")
    store.of("c")
    assert list(store.digests(names)) == ["a", "c"]
    assert store.of("b") is not None  # and loaded again when it is needed
    assert list(store.digests(names)) == ["b", "c"]


def test_models_are_loaded_beforehand_as_far_as_there_is_room(stored: tuple[ModelStore, Site, Clock]) -> None:
    store, site, _ = stored
    store.fill(site.cameras)
    assert list(store.digests(site.cameras)) == ["a", "b"]


def test_a_file_is_looked_at_once_a_second(stored: tuple[ModelStore, Site, Clock], other_model: Model) -> None:
    store, site, clock = stored
    before = store.of("a")
    save_model(other_model, site.models / "a.stillwatch")
    clock.now_s = 0.99
    assert store.of("a") is before
    clock.now_s = 1.0
    after = store.of("a")
    assert after is not None
    assert after.digest == file_digest(site.models / "a.stillwatch")


def test_cameras_that_share_a_file_share_the_model(server: EmbeddedBroker, model: Model, tmp_path: Path) -> None:
    path = tmp_path / "both.stillwatch"
    save_model(model, path)
    site = site_of(server, tmp_path, {"gate": {"model": path}, "dock": {"model": path}})
    store = ModelStore(site, DetectorPool(hardware()), Metrics("scorer"))
    assert store.of("gate") is store.of("dock")
