"""Footage of the drawn street, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.synthetic.folds import Stretch
from pipeline.types import Size
from pipeline.video.street import Street
from pipeline.video.writer import VideoWriter

SIZE: Size = (96, 160)
FPS = 10


@pytest.fixture(scope="session")
def stretches() -> list[Stretch]:
    """Two of 7 s of the street, in which people walk."""
    street = Street(0, SIZE)
    found = []
    for begin_s in (0.0, 60.0):
        frames = list(street.frames(7, FPS, begin_s=begin_s))
        found.append(Stretch(np.stack([one.pixels for one in frames]), np.array([one.time_s for one in frames])))
    return found


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """26 s of it."""
    path = tmp_path_factory.mktemp("synthetic") / "street.mp4"
    with VideoWriter(path) as writer:
        for number, frame in enumerate(Street(0, SIZE).frames(26, FPS)):
            writer.write(frame.pixels, number / FPS)
    return path
