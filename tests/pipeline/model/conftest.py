"""Small pictures, a small network and a small model that many tests share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.model.blocks import Block
from pipeline.model.embedding import EmbeddingNetwork, network_of
from pipeline.model.engine import Engine, Hardware, build_engine, choose_hardware
from pipeline.model.fitting import Fitter
from pipeline.model.gaussians import Gaussians
from pipeline.model.padim import Model
from pipeline.model.settings import Method, Precision, Settings
from pipeline.types import Geometry, Image, Motion, Size
from pipeline.velocities import planes_of

SIZE: Size = (48, 64)
# 48 positions of 12 numbers: a fit of 60 frames takes a fifth of a second.
SMALL = Settings(Method.STILLWATCH, backbone="resnet18", weights="random", taps=("layer1",), dims=12, seed=1)
# Of long fits: frames that are held, fewer than elsewhere; all of them; and where blocks begin after the first.
FPS, HELD, FRAMES = 5.0, 64, 240
EDGES = [64, 96, 144, 216, 240]

Floats = NDArray[np.float64]


def pictures(count: int, *, seed: int = 0, size: Size = SIZE) -> Image:
    """(count, H, W, 3) uint8 RGB: a textured ground, the same for every seed, under changing light and noise."""
    ground = np.random.RandomState(99).uniform(40, 200, (*size, 3))
    source = np.random.RandomState(seed)
    light = source.uniform(0.8, 1.2, (count, 1, 1, 3))
    return np.clip(ground * light + source.normal(0, 6, (count, *size, 3)), 0, 255).astype(np.uint8)


def walked(count: int, *, seed: int = 0, first: int = 0) -> tuple[Image, list[Motion | None]]:
    """As `pictures`, with a figure that crosses them at 30 px/s and 5 frames/s, and what moved up to each.

    Args:
        first: number of the first frame; where there is none before it, no motion is known.
    """
    frames, motions = pictures(count, seed=seed), list[Motion | None]()
    figure = np.random.RandomState(98).uniform(0, 60, (24, 16, 3)).astype(np.uint8)
    source = np.random.RandomState(seed + 1)
    for number, frame in enumerate(frames, first):
        left = number * 6 % (SIZE[1] - 16)
        frame[16:40, left : left + 16] = figure
        shares = np.zeros((SIZE[0] // 8, SIZE[1] // 8), np.float32)
        shares[2:5, left // 8 : left // 8 + 2] = 1
        across, down = source.normal(0, 3, (2, *shares.shape)).astype(np.float32)
        across += 30
        planes = planes_of(across, down, np.hypot(across, down), shares)
        motions.append(Motion(planes if number else np.zeros_like(planes), number))
    return frames, motions


def fitter_of(
    network: EmbeddingNetwork, engine: Engine, resumed: Model | None = None, *, fps: float | None = 5.0
) -> Fitter:
    """A fitter of `pictures` with the small settings."""
    return Fitter(network, engine, SMALL, Geometry(SIZE), (96, 128), fps=fps, resumed=resumed)


def fit(
    network: EmbeddingNetwork,
    engine: Engine,
    frames: Iterable[Image],
    resumed: Model | None = None,
    *,
    first: int = 0,
    fps: float | None = FPS,
) -> Model:
    """A resumable model of frames that are numbered from `first` on."""
    fitter = fitter_of(network, engine, resumed, fps=fps)
    for number, frame in enumerate(frames, first):
        fitter.add(frame, number / FPS)
    return fitter.finish(10.0, resumable=True)


def moving_fit(
    network: EmbeddingNetwork, engine: Engine, part: slice, resumed: Model | None = None, *, known: bool = True
) -> Model:
    """A resumable model of some frames of footage in which somebody walks."""
    frames, motions = walked(FRAMES, seed=3)
    fitter = fitter_of(network, engine, resumed)
    for number, (frame, motion) in enumerate(zip(frames[part], motions[part], strict=True), part.start):
        fitter.add(frame, number / FPS, motion if known else None)
    return fitter.finish(10.0, resumable=True)


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
def moving_model(network: EmbeddingNetwork, engine: Engine) -> Model:
    """Fitted on 60 pictures in which somebody walks, resumable."""
    fitter = fitter_of(network, engine)
    for number, (frame, motion) in enumerate(zip(*walked(60), strict=True)):
        fitter.add(frame, number / 5, motion)
    return fitter.finish(12.0, resumable=True)


@pytest.fixture(scope="session")
def model(network: EmbeddingNetwork, engine: Engine) -> Model:
    """Fitted on 40 pictures, resumable."""
    fitter = fitter_of(network, engine)
    for number, frame in enumerate(pictures(40)):
        fitter.add(frame, number / 5)
    return fitter.finish(8.0, resumable=True)


@pytest.fixture(scope="module")
def fewer_are_held() -> Iterator[None]:
    """A fit's first block is of `HELD` frames."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.model.memory.HELD_MOST", HELD)
        yield


@pytest.fixture(scope="module")
def footage() -> Image:
    """Light that changes slowly, so that blocks differ."""
    frames = pictures(FRAMES, seed=3).astype(float)
    fading = 1 - 0.3 * np.arange(FRAMES) / FRAMES
    return (frames * fading[:, np.newaxis, np.newaxis, np.newaxis]).astype(np.uint8)


@pytest.fixture(scope="module")
def embeddings(engine: Engine, footage: Image) -> Floats:
    """(N, P, D) of the footage."""
    return np.concatenate([engine.embed(part).double().numpy() for part in np.array_split(footage, 5)])


@pytest.fixture(scope="module")
def at_once(fewer_are_held: None, network: EmbeddingNetwork, engine: Engine, footage: Image) -> Model:
    """A fit of the footage in one go."""
    return fit(network, engine, footage)


@pytest.fixture(scope="module")
def moving_at_once(fewer_are_held: None, network: EmbeddingNetwork, engine: Engine) -> Model:
    """A fit of the footage in which somebody walks."""
    return moving_fit(network, engine, slice(0, FRAMES))


def apart(found: Gaussians, expected: Gaussians, engine: Engine) -> float:
    """Largest relative difference of the distances of unseen pictures."""
    embeddings = engine.embed(pictures(5, seed=4))
    distances = expected.distances(embeddings)
    return float(((found.distances(embeddings) - distances) / distances).abs().max())


def alike(found: Block, expected: Block) -> None:
    """Blocks of the same frames and models, but for rounding."""
    for name in ("model_frames", "frames", "seconds"):
        assert getattr(found, name) == getattr(expected, name), name
    assert found.tail == pytest.approx(expected.tail, rel=1e-4)


def alike_in_motion(found: Model, expected: Model) -> None:
    """Models that saw the same frames know the same of what moves, but for rounding."""
    assert found.motion is not None
    assert expected.motion is not None
    assert found.movers is not None
    assert expected.movers is not None
    np.testing.assert_allclose(found.motion.mean, expected.motion.mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.motion.whitening, expected.motion.whitening, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.movers.factors, expected.movers.factors, rtol=1e-5, atol=1e-5)
    later = torch.from_numpy(np.random.RandomState(5).normal(0, 1, (3, *found.gaussians.mean.shape)).astype(np.float32))
    distances, others = (
        movers.gaussians.distances(movers.by_rows(later)) for movers in (found.movers, expected.movers)
    )
    torch.testing.assert_close(distances, others, rtol=1e-3, atol=1e-3)
