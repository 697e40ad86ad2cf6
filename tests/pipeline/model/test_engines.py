"""Every engine against torch float32 on a CPU, and the hardware that is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.model.embedding import EmbeddingNetwork, network_of
from pipeline.model.engine import Engine, EngineKind, Hardware, build_engine, choose_hardware
from pipeline.model.gaussians import Gaussians, Moments
from pipeline.model.padim import Model, Scores, scores_of
from pipeline.model.settings import Precision, Settings
from pipeline.model.smoothing import Smoothing
from pipeline.process import available_cores
from pipeline.types import Image, Size
from tests.pipeline.model.conftest import pictures, walked

DEFAULT = Settings()
PAPERS = Settings(backbone="resnet18", weights="random", dims=40, grid=4, upsampling="bicubic", seed=2)
CPU = torch.device("cpu")
REFERENCE = Hardware(EngineKind.TORCH, CPU, 2)
PACKED = Hardware(EngineKind.OPENVINO, CPU, 2)


@cache
def network_for(settings: Settings) -> EmbeddingNetwork:
    return network_of(settings)[0]


@cache
def engine_for(settings: Settings, size: Size, hardware: Hardware, precision: Precision = Precision.FLOAT32) -> Engine:
    return build_engine(network_for(settings), size, hardware, precision)


@cache
def fitted(settings: Settings, size: Size, hardware: Hardware, precision: Precision) -> tuple[Tensor, Gaussians]:
    """Embeddings of 40 pictures and their Gaussians, with the default epsilon."""
    engine = engine_for(settings, size, hardware, precision)
    embeddings = engine.embed(pictures(40, seed=1, size=size)).cpu()
    moments = Moments.empty(*embeddings.shape[1:])
    moments.add(embeddings)
    return embeddings, moments.gaussians(0.1 * moments.mean_variance())


def smoothing_for(settings: Settings, size: Size) -> Smoothing:
    return Smoothing((size[0] // settings.grid, size[1] // settings.grid), size, 4.0, settings.upsampling)


def scored(count: int, size: Size) -> Image:
    """Pictures that were not fitted; something bright is in every second one."""
    frames = pictures(count, seed=2, size=size)
    frames[1::2, 16:40, 20:40] = (250, 220, 30)
    return frames


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


def scores_by(
    settings: Settings,
    size: Size,
    frames: Image,
    hardware: Hardware,
    precision: Precision = Precision.FLOAT32,
    gaussians: Gaussians | None = None,
) -> Scores:
    """What an engine says, with Gaussians fitted by the reference where none are given."""
    known = gaussians or fitted(settings, size, REFERENCE, Precision.FLOAT32)[1]
    engine = engine_for(settings, size, hardware, precision)
    return engine.scorer(known, smoothing_for(settings, size), None)(engine.embed(frames))


@pytest.mark.parametrize(
    ("settings", "size"), [(DEFAULT, (48, 64)), (DEFAULT, (48, 80)), (PAPERS, (48, 64))], ids=["lite0", "wide", "paper"]
)
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_openvino_scores_as_torch_does(settings: Settings, size: Size, batch: int) -> None:
    frames = scored(batch, size)
    exact = engine_for(settings, size, REFERENCE).embed(frames)
    embeddings = engine_for(settings, size, PACKED).embed(frames)
    assert embeddings.shape == exact.shape
    assert embeddings.dtype == torch.float32
    assert relative_error(embeddings, exact) <= 1e-4
    reference = scores_by(settings, size, frames, REFERENCE)
    found = scores_by(settings, size, frames, PACKED)
    assert found.raw_scores == pytest.approx(reference.raw_scores, rel=1e-3)
    assert relative_error(found.maps, reference.maps) <= 1e-3
    assert np.array_equal(found.peaks, reference.peaks)


@pytest.mark.parametrize("settings", [DEFAULT, PAPERS], ids=["lite0", "paper"])
def test_distances_of_both_engines_are_those_of_float64(settings: Settings) -> None:
    size = (48, 64)
    seen, gaussians = fitted(settings, size, REFERENCE, Precision.FLOAT32)
    scored_embeddings = engine_for(settings, size, REFERENCE).embed(scored(5, size))
    mean = seen.double().numpy().mean(axis=0)
    epsilon = 0.1 * seen.double().numpy().var(axis=0, ddof=1).mean()
    grid = smoothing_for(settings, size).grid
    unsmoothed = Smoothing(grid, grid, 0.0)  # the map is then the distances
    maps = [
        engine_for(settings, size, hardware).scorer(gaussians, unsmoothed, None)(scored_embeddings).maps.flatten(1)
        for hardware in (REFERENCE, PACKED)
    ]
    for position in range(0, grid[0] * grid[1], 5):
        covariance = np.cov(seen[:, position].double().numpy(), rowvar=False) + epsilon * np.eye(seen.shape[2])
        delta = scored_embeddings[:, position].double().numpy() - mean[position]
        expected = np.sqrt(np.einsum("bd,de,be->b", delta, scipy.linalg.inv(covariance), delta))
        for distances in maps:
            assert distances[:, position].numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("hardware", [REFERENCE, PACKED], ids=["torch", "openvino"])
def test_a_mask_hides_the_same_from_every_engine(hardware: Hardware) -> None:
    size = (48, 64)
    mask = np.zeros(size, bool)
    mask[8:48, 12:48] = True
    engine, frames = engine_for(DEFAULT, size, hardware), scored(2, size)
    _, gaussians = fitted(DEFAULT, size, REFERENCE, Precision.FLOAT32)
    masked = engine.scorer(gaussians, smoothing_for(DEFAULT, size), mask)(engine.embed(frames))
    whole = scores_by(DEFAULT, size, frames, REFERENCE)
    expected = whole.maps * torch.from_numpy(~mask)
    assert relative_error(masked.maps, expected) <= 1e-3
    assert masked.raw_scores == pytest.approx(expected.amax(dim=(1, 2)).numpy(), rel=1e-3)
    assert not masked.maps[:, mask].any()
    assert masked.raw_scores[1] < whole.raw_scores[1]


@pytest.mark.parametrize("hardware", [REFERENCE, PACKED], ids=["torch", "openvino"])
def test_a_frame_scores_the_same_alone_and_among_others(hardware: Hardware) -> None:
    frames = scored(7, (48, 64))
    together = scores_by(DEFAULT, (48, 64), frames, hardware)
    alone = [scores_by(DEFAULT, (48, 64), frame[np.newaxis], hardware).raw_scores[0] for frame in frames]
    assert together.raw_scores == pytest.approx(alone, rel=1e-4)


def test_results_stay_as_they_were_when_the_next_frames_are_embedded() -> None:
    engine = engine_for(DEFAULT, (48, 64), PACKED)
    first = engine.embed(scored(2, (48, 64)))
    kept = first.clone()
    engine.embed(pictures(2, seed=9))
    assert torch.equal(first, kept)


def test_one_thread_gives_the_scores_of_two() -> None:
    frames = scored(5, (48, 64))
    one = scores_by(DEFAULT, (48, 64), frames, replace(PACKED, threads=1))
    two = scores_by(DEFAULT, (48, 64), frames, PACKED)
    assert one.raw_scores == pytest.approx(two.raw_scores, rel=1e-5)


@pytest.mark.parametrize("hardware", [REFERENCE, PACKED], ids=["torch", "openvino"])
def test_bfloat16_is_close_where_it_was_also_fitted(hardware: Hardware) -> None:
    size, frames = (48, 64), scored(8, (48, 64))
    _, gaussians = fitted(DEFAULT, size, hardware, Precision.BFLOAT16)
    found = scores_by(DEFAULT, size, frames, hardware, Precision.BFLOAT16, gaussians)
    exact = scores_by(DEFAULT, size, frames, REFERENCE)
    assert found.maps.dtype == torch.float32
    # With 8 bits of precision 1 % is usual.
    deviation = np.abs(found.raw_scores / exact.raw_scores - 1)
    assert float(np.median(deviation)) <= 0.02
    assert float(deviation.max()) <= 0.05


def test_a_network_serves_several_engines() -> None:
    frames = scored(1, (48, 64))
    network = network_for(DEFAULT)
    before = network(torch.from_numpy(frames))
    build_engine(network, (48, 64), REFERENCE, Precision.BFLOAT16)
    assert torch.equal(network(torch.from_numpy(frames)), before)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_precisions_that_a_cpu_does_not_have_are_refused() -> None:
    assert PACKED.offered == REFERENCE.offered == (Precision.FLOAT32, Precision.BFLOAT16)
    with pytest.raises(ConfigError) as caught:
        build_engine(network_for(DEFAULT), (48, 64), PACKED, Precision.FLOAT16)
    assert str(caught.value) == "float16 does not run on cpu; choose --precision float32 or bfloat16."
    gpu = Hardware(EngineKind.TORCH, torch.device("cuda"), 1)
    with pytest.raises(ConfigError) as caught:
        build_engine(network_for(DEFAULT), (48, 64), gpu, Precision.BFLOAT16)
    assert str(caught.value) == "bfloat16 does not run on cuda; choose --precision float32 or float16."


def test_a_cpu_takes_openvino_and_all_its_cores_unless_told_otherwise() -> None:
    assert choose_hardware(device="cpu") == Hardware(EngineKind.OPENVINO, CPU, available_cores())
    assert choose_hardware("openvino") == Hardware(EngineKind.OPENVINO, CPU, available_cores())
    assert choose_hardware("torch", "cpu", 1) == Hardware(EngineKind.TORCH, CPU, 1)


def test_choosing_hardware_sets_torchs_threads() -> None:
    choose_hardware("torch", "cpu", 3)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("threads", [0, -2])
def test_no_threads_are_refused(threads: int) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_hardware(threads=threads)
    assert str(caught.value) == f"--threads is {threads}, expected 1 or more."


@pytest.mark.parametrize("device", ["", "gpu", "tpu:0", "meta", "cuda:x", "mps"])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_hardware(device=device)
    assert str(caught.value) == f"--device is {device!r}, expected auto, cpu, cuda or cuda:N."


def test_a_device_that_is_not_there_is_refused() -> None:
    count = torch.cuda.device_count()
    with pytest.raises(ConfigError) as caught:
        choose_hardware(device=f"cuda:{count}")
    assert str(caught.value) == (f"--device is cuda:{count}, this machine has {count} CUDA devices; choose cpu.")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ConfigError):
        choose_hardware("tensorrt")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
class TestCuda:
    GPU = Hardware(EngineKind.TORCH, torch.device("cuda"), 2)

    def test_auto_takes_the_gpu(self) -> None:
        assert choose_hardware(threads=2) == self.GPU

    def test_openvino_on_a_gpu_is_refused(self) -> None:
        with pytest.raises(ConfigError) as caught:
            choose_hardware("openvino", "cuda")
        assert str(caught.value) == "--engine openvino runs on a CPU, --device is cuda; choose --engine torch."

    @pytest.mark.parametrize("settings", [DEFAULT, PAPERS], ids=["lite0", "paper"])
    def test_float32_scores_are_those_of_the_cpu(self, settings: Settings) -> None:
        frames = scored(8, (48, 64))
        found = scores_by(settings, (48, 64), frames, self.GPU)
        reference = scores_by(settings, (48, 64), frames, REFERENCE)
        assert found.raw_scores == pytest.approx(reference.raw_scores, rel=1e-3)
        assert np.array_equal(found.peaks, reference.peaks)

    def test_float16_is_close_where_it_was_also_fitted(self) -> None:
        size, frames = (48, 64), scored(8, (48, 64))
        _, gaussians = fitted(DEFAULT, size, self.GPU, Precision.FLOAT16)
        found = scores_by(DEFAULT, size, frames, self.GPU, Precision.FLOAT16, gaussians)
        exact = scores_by(DEFAULT, size, frames, REFERENCE)
        assert found.raw_scores == pytest.approx(exact.raw_scores, rel=0.05)

    def test_moments_learned_there_give_the_distances_of_the_cpu(self) -> None:
        embeddings, exact = fitted(DEFAULT, (48, 64), REFERENCE, Precision.FLOAT32)
        positions, dims = embeddings.shape[1:]
        moments = Moments.empty(positions, dims, "cuda")
        for batch in torch.split(embeddings.cuda(), 7):
            moments.add(batch)
        found = moments.gaussians(0.1 * moments.mean_variance()).distances(embeddings.cuda())
        assert relative_error(found.cpu(), exact.distances(embeddings)) <= 1e-4


def strangers(engine: Engine) -> Tensor:
    """Embeddings of six frames in which somebody walks; in the first three he is where nothing like it was."""
    frames = walked(6, seed=7)[0]
    frames[:3] = np.roll(frames[:3], -8, axis=1)
    return engine.embed(frames)


@pytest.mark.parametrize("by", [REFERENCE, PACKED, replace(PACKED, threads=1)], ids=["torch", "openvino", "one"])
def test_distances_with_movers_are_those_of_the_reference_on_every_engine(
    network: EmbeddingNetwork, engine: Engine, moving_model: Model, by: Hardware
) -> None:
    gaussians, movers, smoothing = moving_model.gaussians, moving_model.movers, moving_model.smoothing
    assert movers is not None
    embeddings = strangers(engine)
    own = gaussians.distances(embeddings)
    exact = movers.nearer(own, movers.gaussians.distances(movers.by_rows(embeddings)))
    assert bool((exact < 0.9 * own).any())
    assert bool((exact == own).any())
    scorer = build_engine(network, (48, 64), by, Precision.FLOAT32).scorer(gaussians, smoothing, None, movers)
    assert relative_error(scorer.distances(embeddings), own) <= 1e-4
    nearer = scorer.nearer(embeddings, own)
    assert nearer is not None
    assert relative_error(nearer, exact) <= 1e-4
    found = scorer(embeddings)
    assert relative_error(found.maps, smoothing.reference(exact.reshape(-1, *smoothing.grid))) <= 1e-4
    stays = scores_of(smoothing.reference(own.reshape(-1, *smoothing.grid)), None)
    assert found.still is not None
    np.testing.assert_allclose(found.still, stays.cells, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", EngineKind)
@pytest.mark.parametrize("masked", [False, True])
def test_movers_excuse_a_moment_and_nothing_that_stays(
    network: EmbeddingNetwork, moving_model: Model, kind: EngineKind, masked: bool
) -> None:
    gaussians, smoothing, mask = moving_model.gaussians, moving_model.smoothing, None
    assert moving_model.movers is not None
    if masked:
        mask = np.zeros((48, 64), bool)
        mask[:, :24] = True
    engine = build_engine(network, (48, 64), replace(REFERENCE, kind=kind), Precision.FLOAT32)
    embeddings, factors = strangers(engine), torch.zeros_like(moving_model.movers.factors)
    alone = engine.scorer(gaussians, smoothing, mask)
    own = alone(embeddings)
    assert (own.still, alone.nearer(embeddings, alone.distances(embeddings))) == (None, None)
    some = engine.scorer(gaussians, smoothing, mask, moving_model.movers)(embeddings)
    # Movers that are near to everything leave nothing of a moment.
    everything = engine.scorer(gaussians, smoothing, mask, replace(moving_model.movers, factors=factors))(embeddings)
    assert (some.cells <= own.cells).all()
    assert (some.cells < 0.9 * own.cells).any()
    assert not everything.maps.any()
    assert not everything.raw_scores.any()
    for found in (some, everything):
        assert found.still is not None
        assert np.array_equal(found.still, own.cells)
    assert own.cells[:, :, :3].any() != masked


@pytest.mark.parametrize("by", [REFERENCE, PACKED], ids=["torch", "openvino"])
def test_cameras_with_and_without_movers_score_together_as_alone(
    network: EmbeddingNetwork, moving_model: Model, by: Hardware
) -> None:
    gaussians, movers, smoothing = moving_model.gaussians, moving_model.movers, moving_model.smoothing
    engine = build_engine(network, (48, 64), by, Precision.FLOAT32)
    mask = np.zeros((48, 64), bool)
    mask[:20, 30:] = True
    less = replace(smoothing, sigma_px=2.0)
    scorers = [
        engine.scorer(gaussians, smoothing, None, movers),
        engine.scorer(gaussians, smoothing, mask),
        engine.scorer(gaussians, less, None, movers),
        engine.scorer(gaussians, smoothing, mask, movers),
        engine.scorer(gaussians, less, None),
    ]
    counts, embeddings = [2, 1, 1, 3, 2], engine.embed(walked(9, seed=7)[0])
    together = engine.score(embeddings, list(zip(scorers, counts, strict=True)))
    for scorer, own, found in zip(scorers, torch.split(embeddings, counts), together, strict=True):
        alone = scorer(own)
        assert (found.still is None, found.shares) == (alone.still is None, None)
        for name in ("maps", "raw_scores", "cells", "still"):
            if name != "still" or alone.still is not None:
                # torch sums in another order where the batch has another size.
                tolerance = 1e-5 if by is REFERENCE else 0
                np.testing.assert_allclose(getattr(found, name), getattr(alone, name), rtol=tolerance, atol=tolerance)
    assert [scores.still is None for scores in together] == [False, True, False, False, True]


@pytest.mark.parametrize("kind", EngineKind)
def test_distances_of_any_kind_are_smoothed_by_the_engine_under_the_cameras_mask(
    network: EmbeddingNetwork, moving_model: Model, kind: EngineKind
) -> None:
    mask = np.zeros((48, 64), bool)
    mask[:20, 30:] = True
    engine = build_engine(network, (48, 64), replace(REFERENCE, kind=kind), Precision.FLOAT32)
    scorer = engine.scorer(moving_model.gaussians, moving_model.smoothing, mask)
    cells = Smoothing((6, 8), (48, 64), 2.0)  # not as the scorer's own distances are smoothed
    distances = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))
    found = scorer.scores(distances, cells)
    expected = cells.reference(distances) * torch.from_numpy(~mask)
    assert relative_error(found.maps, expected) <= 1e-6
    assert found.raw_scores == pytest.approx(expected.amax(dim=(1, 2)).numpy(), rel=1e-6)
    assert not found.maps[:, mask].any()
