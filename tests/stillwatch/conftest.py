"""A small camera and its model, that the tests of all commands share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.types import Image
from pipeline.video.writer import VideoWriter
from tests.stillwatch.running import run

SIZE = (96, 144)
FPS = 10
# 108 positions of 20 numbers: a fit of 60 frames takes half a second, and is of more than 2 x 20 frames.
# From 12 s nobody knows what will move: these tests are of looks alone, those of motion have footage of their own.
SMALL = ("--size", "96", "--dims", "20", "--method", "padim")
# Where the thing lies that does not belong there: x, y, width, height.
THING = (96, 24, 32, 40)


def scene(seconds: float, *, seed: int = 0, thing: bool = False) -> Iterator[Image]:
    """(96, 144, 3) pictures at 10 frames/s: a textured ground under noise, and a square that crosses it in 3 s."""
    ground = cv2.resize(np.random.RandomState(1).randint(40, 200, (12, 18, 3)).astype(np.uint8), SIZE[::-1])
    noise = np.random.RandomState(seed)
    for number in range(round(seconds * FPS)):
        picture = np.clip(ground + noise.normal(0, 4, ground.shape), 0, 255).astype(np.uint8)
        left = number % 30 * 4
        picture[64:80, left : left + 16] = 230
        if thing:
            x, y, width, height = THING
            picture[y : y + height, x : x + width] = (250, 20, 20)
        yield picture


def write_clip(path: Path, pictures: Iterable[Image]) -> Path:
    """A clip of pictures at 10 frames/s."""
    with VideoWriter(path) as writer:
        for number, picture in enumerate(pictures):
            writer.write(picture, number / FPS)
    return path


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings.

    `gate.mp4` is 12 s of what is normal, `tuesday.mp4` 12 s of the same on another day; `odd.mp4` is 4 s with a thing
    that does not belong there, and in `visit.mp4` it comes after 6 s, stays for 4 and is gone for 6.
    """
    folder = tmp_path_factory.mktemp("footage")
    write_clip(folder / "gate.mp4", scene(12))
    write_clip(folder / "tuesday.mp4", scene(12, seed=9))
    write_clip(folder / "odd.mp4", scene(4, seed=1, thing=True))
    write_clip(folder / "visit.mp4", chain(scene(6, seed=2), scene(4, seed=3, thing=True), scene(6, seed=4)))
    return folder


@pytest.fixture(scope="session")
def clip(footage: Path) -> Path:
    return footage / "gate.mp4"


@pytest.fixture(scope="session")
def odd(footage: Path) -> Path:
    return footage / "odd.mp4"


@pytest.fixture(scope="session")
def tuesday(footage: Path) -> Path:
    return footage / "tuesday.mp4"


@pytest.fixture(scope="session")
def visit_clip(footage: Path) -> Path:
    return footage / "visit.mp4"


@pytest.fixture(scope="session")
def model(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `gate.mp4`, with its moments."""
    path = tmp_path_factory.mktemp("model") / "gate.stillwatch"
    done = run("fit", clip, "-o", path, *SMALL, "--resumable", cwd=path.parent)
    assert (done.code, done.err) == (0, "")
    return path


@pytest.fixture(scope="session")
def bare(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `gate.mp4` that cannot be resumed."""
    path = tmp_path_factory.mktemp("bare") / "gate.stillwatch"
    assert run("fit", clip, "-o", path, *SMALL, cwd=path.parent).code == 0
    return path


@pytest.fixture(scope="session")
def merged(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model merged of twice the same, whose threshold is provisional."""
    path = tmp_path_factory.mktemp("merged") / "both.stillwatch"
    assert run("fit", "--merge", model, model, "-o", path, cwd=path.parent).code == 0
    return path
