"""Small pictures, a small network and a small model that many tests share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pipeline.model.embedding import EmbeddingNetwork, network_of
from pipeline.model.engine import Engine, Hardware, build_engine, choose_hardware
from pipeline.model.fitting import Fitter
from pipeline.model.padim import Model
from pipeline.model.settings import Precision, Settings
from pipeline.types import Geometry, Image, Size

SIZE: Size = (48, 64)
# 48 positions of 12 numbers: a fit of 60 frames takes a fifth of a second.
SMALL = Settings(backbone="resnet18", weights="random", taps=("layer1",), dims=12, seed=1)


def pictures(count: int, *, seed: int = 0, size: Size = SIZE) -> Image:
    """(count, H, W, 3) uint8 RGB: a textured ground, the same for every seed, under changing light and noise."""
    ground = np.random.RandomState(99).uniform(40, 200, (*size, 3))
    source = np.random.RandomState(seed)
    light = source.uniform(0.8, 1.2, (count, 1, 1, 3))
    return np.clip(ground * light + source.normal(0, 6, (count, *size, 3)), 0, 255).astype(np.uint8)


def fitter_of(
    network: EmbeddingNetwork, engine: Engine, resumed: Model | None = None, *, fps: float | None = 5.0
) -> Fitter:
    """A fitter of `pictures` with the small settings."""
    return Fitter(network, engine, SMALL, Geometry(SIZE), (96, 128), fps=fps, resumed=resumed)


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """Choosing hardware sets torch's threads for the whole process."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def hardware() -> Hardware:
    return choose_hardware("torch", "cpu", 2)


@pytest.fixture(scope="session")
def network() -> EmbeddingNetwork:
    return network_of(SMALL)[0]


@pytest.fixture(scope="session")
def engine(network: EmbeddingNetwork, hardware: Hardware) -> Engine:
    """The reference, for pictures of any size."""
    return build_engine(network, SIZE, hardware, Precision.FLOAT32)


@pytest.fixture(scope="session")
def model(network: EmbeddingNetwork, engine: Engine) -> Model:
    """Fitted on 40 pictures, resumable."""
    fitter = fitter_of(network, engine)
    for number, frame in enumerate(pictures(40)):
        fitter.add(frame, number / 5)
    return fitter.finish(8.0, resumable=True)
