"""Several cameras scored with one pass: the scores of each alone, and engines that go when nobody uses them."""

from __future__ import annotations

import gc
import weakref
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.errors import ModelError, ShapeError
from pipeline.model.detector import Detector
from pipeline.model.embedding import network_of
from pipeline.model.engine import EngineKind, Hardware, build_engine
from pipeline.model.fitting import Fitter
from pipeline.model.padim import Model, Scores
from pipeline.model.pool import DetectorPool, Part, score_together
from pipeline.model.settings import Precision, Settings
from pipeline.types import Geometry, Image, Size
from tests.pipeline.model.conftest import SIZE, SMALL, pictures, walked

CPU = torch.device("cpu")
HARDWARE = {
    "torch": Hardware(EngineKind.TORCH, CPU, 2),
    "openvino": Hardware(EngineKind.OPENVINO, CPU, 2),
    "openvino-one": Hardware(EngineKind.OPENVINO, CPU, 1),
}


def a_model(seed: int, *, size: Size = SIZE, settings: Settings = SMALL, masked: bool = False) -> Model:
    """Of a camera of its own."""
    network, resolved = network_of(settings)
    engine = build_engine(network, size, HARDWARE["torch"], Precision.FLOAT32)
    fitter = Fitter(network, engine, resolved, Geometry(size), (96, 128), fps=5.0)
    for number, frame in enumerate(pictures(24, seed=seed, size=size)):
        fitter.add(frame, number / 5)
    model = fitter.finish(4.8, resumable=True)
    mask: NDArray[np.bool_] = np.zeros(size, bool)
    mask[:, : size[1] // 2] = True
    return replace(model, mask=mask) if masked else model


@pytest.fixture(scope="module")
def models() -> list[Model]:
    """Three cameras of one make, of which one has a mask, one smooths less; one of another size, one of other taps."""
    return [
        a_model(1),
        a_model(2, masked=True),
        a_model(3, settings=SMALL.with_changes(sigma_px=1.5)),
        a_model(4, size=(64, 48)),
        a_model(5, settings=SMALL.with_changes(taps=("layer2",), grid=8)),
    ]


def frames_for(model: Model, count: int, seed: int) -> Image:
    frames = pictures(count, seed=seed, size=model.geometry.size)
    frames[-1, 20:36, 24:40] = (250, 10, 10)
    return frames


def same(found: Scores, alone: Scores, tolerance: float) -> None:
    """Equal within a share of the value, peaks alike."""
    np.testing.assert_allclose(found.maps.numpy(), alone.maps.numpy(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.raw_scores, alone.raw_scores, rtol=tolerance)
    np.testing.assert_allclose(found.cells, alone.cells, rtol=tolerance, atol=tolerance)
    assert found.still is not None
    assert alone.still is not None
    np.testing.assert_allclose(found.still, alone.still, rtol=tolerance, atol=tolerance)
    assert np.array_equal(found.peaks, alone.peaks)


@pytest.mark.parametrize("name", list(HARDWARE))
def test_scores_together_are_those_of_each_alone(name: str, models: list[Model]) -> None:
    pool = DetectorPool(HARDWARE[name])
    detectors = [pool.ready(model) for model in models]
    order = [(detectors[0], 1), (detectors[3], 2), (detectors[1], 3), (detectors[4], 1), (detectors[2], 5)]
    parts: list[Part] = [
        (detector, frames_for(detector.model, count, seed), None) for seed, (detector, count) in enumerate(order)
    ]
    parts.append((detectors[0], frames_for(models[0], 2, seed=77), None))  # a camera may come twice
    together = score_together(parts)
    assert [len(scores.raw_scores) for scores in together] == [1, 2, 3, 1, 5, 2]
    for (detector, frames, _), scores in zip(parts, together, strict=True):
        # torch sums in another order where the batch has another size: 1e-5 is ten times what was seen.
        same(scores, detector.score(frames), 1e-5 if name == "torch" else 0.0)


@pytest.mark.parametrize("name", list(HARDWARE))
def test_scores_together_with_motion_are_those_of_each_alone(
    name: str, models: list[Model], moving_model: Model
) -> None:
    pool = DetectorPool(HARDWARE[name])
    moving, other = pool.ready(moving_model), pool.ready(models[0])
    masked = pool.ready(replace(moving_model, mask=models[1].mask))
    assert (moving.model.moving, other.model.movers) == (None, None)
    assert moving.model.movers is not None
    frames, motions = walked(4, seed=8, first=20)
    parts: list[Part] = [
        (moving, frames, motions),
        (other, frames_for(models[0], 2, 5), None),
        (moving, frames[::-1].copy(), None),
        (masked, frames, motions),
        (moving, frames[:2], [motions[1], None]),
    ]
    for (detector, pictured, known), scores in zip(parts, score_together(parts), strict=True):
        alone = detector.score(pictured, known)
        same(scores, alone, 1e-5 if name == "torch" else 0.0)
        assert scores.shares is not None
        assert alone.shares is not None
        np.testing.assert_allclose(scores.shares, alone.shares, atol=1e-5 if name == "torch" else 0)
        assert scores.shares.any() == (known is not None)


def test_masks_hide_in_their_own_cameras_alone(models: list[Model]) -> None:
    pool = DetectorPool(HARDWARE["torch"])
    plain, masked = pool.ready(models[0]), pool.ready(models[1])
    first, second = score_together(
        [(plain, frames_for(models[0], 2, 6), None), (masked, frames_for(models[1], 2, 6), None)]
    )
    assert bool(first.maps[:, :, :32].any())
    assert not bool(second.maps[:, :, :32].any())


def test_models_alike_share_an_engine_and_others_do_not(models: list[Model]) -> None:
    pool = DetectorPool(HARDWARE["openvino"])
    detectors = [pool.ready(model) for model in models]
    engines = [detector.engine for detector in detectors]
    assert engines[0] is engines[1] is engines[2]
    assert len({id(engine) for engine in engines}) == len(pool) == 3
    in_another_precision = replace(models[0], precision=Precision.BFLOAT16, precisions=(Precision.BFLOAT16,))
    other = pool.ready(in_another_precision)
    assert other.engine.precision is Precision.BFLOAT16
    assert len(pool) == 4


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_an_engine_goes_with_its_last_detector(name: str, models: list[Model]) -> None:
    pool = DetectorPool(HARDWARE[name])
    detectors = [pool.ready(model) for model in models[:2]]
    engine = weakref.ref(detectors[0].engine)
    score_together([(detector, frames_for(detector.model, 1, 1), None) for detector in detectors])
    del detectors[0]
    gc.collect()
    assert (len(pool), engine() is detectors[0].engine) == (1, True)
    detectors.clear()
    gc.collect()
    assert (len(pool), engine()) == (0, None)


def test_a_shared_engine_does_not_hide_that_weights_are_others(models: list[Model]) -> None:
    pool = DetectorPool(HARDWARE["torch"])
    kept = pool.ready(models[0])
    with pytest.raises(ModelError) as caught:
        pool.ready(replace(models[0], weights_digest="of others"))
    assert str(caught.value) == (
        "the weights of resnet18 (random) are not those the model was fitted with; restore them, "
        "or fit the model again."
    )
    assert len(pool) == 1
    assert kept.model.moments is None


def test_frames_of_another_size_are_refused_before_any_is_scored(models: list[Model]) -> None:
    pool = DetectorPool(HARDWARE["torch"])
    detector = pool.ready(models[0])
    with pytest.raises(ShapeError) as caught:
        score_together([(detector, pictures(1), None), (detector, pictures(1, size=(64, 48)), None)])
    assert str(caught.value) == "the shape of a frame is (64, 48, 3), expected (48, 64, 3)."


def test_nothing_to_score_is_no_scores() -> None:
    assert score_together([]) == []


@pytest.mark.parametrize(("name", "unpacked"), [("torch", True), ("openvino", False)])
def test_the_memory_of_a_detector_is_what_its_tensors_take(name: str, unpacked: bool, models: list[Model]) -> None:
    pool = DetectorPool(HARDWARE[name])
    positions, dims = 48, 12
    own = positions * dims * 4 + positions * dims * (dims + 1) // 2 * 4
    own += 6 * 8 * (3 + 4) * 4  # of motion, in each cell
    if unpacked:
        own += positions * dims * dims * 4
    assert pool.ready(models[0]).bytes == own
    # The mask, for people and for the scorer.
    assert pool.ready(models[1]).bytes == own + 2 * SIZE[0] * SIZE[1]


def test_the_memory_of_a_resumable_model_counts_its_moments(models: list[Model]) -> None:
    detector = DetectorPool(HARDWARE["torch"]).ready(models[0])
    moments = models[0].moments
    assert moments is not None
    whole = Detector(models[0], detector.engine)
    moving = models[0].moving
    assert moving is not None
    sums = [getattr(kind, field.name) for kind in (moving.motion, moving.movers) for field in fields(kind)]
    own = moments.mean.nbytes + moments.scatter.nbytes
    assert whole.bytes == detector.bytes + own + sum(kept.nbytes for kept in sums)
