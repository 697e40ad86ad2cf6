"""Two small models of one scene, and a camera that has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.model.model_file import save_model
from pipeline.model.padim import Model
from pipeline.types import Image
from tests.pipeline.video.clips import write_clip
from tests.workers.scorer.running import Camera, fit, frames_of, passing, scene, site_of
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.site.values import Site


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return fit(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Of the same scene in other noise; shares the backbone."""
    return fit(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of the scene at 10 frames/s, through which something goes."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", passing(scene(80, seed=5)))


@pytest.fixture(scope="session")
def pictures(clip: Path, model: Model) -> list[Image]:
    """40 frames of it at model size."""
    return [frame.pixels for frame in frames_of(clip, model)]


@pytest.fixture
def site(server: EmbeddedBroker, model: Model, tmp_path: Path) -> Site:
    """One camera, `gate`, with its model."""
    one = site_of(server, tmp_path, {"gate": {}})
    save_model(model, one.models / "gate.stillwatch")
    return one


@pytest.fixture
def gate(connection: Connection) -> Camera:
    return Camera(connection)
