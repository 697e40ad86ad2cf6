"""The whole chain against anomalib's PaDiM, given the same weights and channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from pipeline.model.detector import Detector
from pipeline.model.embedding import network_of
from pipeline.model.engine import Engine, EngineKind, Hardware, build_engine
from pipeline.model.fitting import Fitter
from pipeline.model.padim import Model
from pipeline.model.settings import PAPER, Precision
from pipeline.model.smoothing import Smoothing
from pipeline.types import Geometry
from tests.golden.recipe import PADIM_SIZE, golden_padim, padim_channels, padim_pictures, resnet18_weights


@dataclass(frozen=True)
class Chain:
    """A model fitted on the golden pictures, and the engine that fitted it."""

    model: Model
    engine: Engine


@pytest.fixture(scope="module", params=list(EngineKind))
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    weights = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file({name: torch.from_numpy(values) for name, values in resnet18_weights().items()}, weights)
    # anomalib grows its distances bilinearly; all else is the preset's.
    wanted = PAPER.with_changes(weights=str(weights), upsampling="bilinear", dims=20)
    network, settings = network_of(wanted, padim_channels().tolist())
    hardware = Hardware(request.param, torch.device("cpu"), 2)
    engine = build_engine(network, PADIM_SIZE, hardware, Precision.FLOAT32)
    fitter = Fitter(network, engine, settings, Geometry(PADIM_SIZE), PADIM_SIZE)
    for number, frame in enumerate(padim_pictures()[0]):
        fitter.add(frame, number)
    return Chain(fitter.finish(0.0), engine)


def error(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Largest relative error."""
    assert found.shape == expected.shape
    return float((np.abs(found - expected) / np.abs(expected)).max())


def test_maps_are_anomalibs(chain: Chain) -> None:
    maps = Detector(chain.model, chain.engine).score(padim_pictures()[1]).maps
    # anomalib adds 1e-5 more to the covariances than the paper's 0.01, a part of this.
    assert error(maps.numpy(), golden_padim()["maps"]) <= 1e-3


def test_distances_are_anomalibs(chain: Chain) -> None:
    grid = chain.model.grid
    unsmoothed = Smoothing(grid, grid, 0.0)
    scorer = chain.engine.scorer(chain.model.gaussians, unsmoothed, None)
    distances = scorer(chain.engine.embed(padim_pictures()[1])).maps
    assert error(distances.numpy(), golden_padim()["distances"]) <= 1e-3


def test_means_are_anomalibs(chain: Chain) -> None:
    expected = golden_padim()["mean"]
    found = chain.model.gaussians.mean.reshape(*chain.model.grid, -1).numpy()
    assert found.shape == expected.shape
    # A mean may be near zero: rounding is a share of the largest.
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_channels_and_epsilon_are_those_of_the_golden_file(chain: Chain) -> None:
    assert chain.model.channels == tuple(padim_channels().tolist())
    assert chain.model.epsilon == 0.01
    assert chain.model.settings.grid == 4


def test_the_patch_scores_highest_where_it_lies(chain: Chain) -> None:
    scores = Detector(chain.model, chain.engine).score(padim_pictures()[1])
    x, y = scores.peaks[1]
    assert 60 <= x < 80
    assert 16 <= y < 40
    assert scores.raw_scores[1] > scores.raw_scores[0]
