"""Fits that do not depend on how footage came in, and scores of frames the model had not seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import ModelError
from pipeline.model import fitting
from pipeline.model.calibration import FADING, FIRST_S, FOREIGN_MOTION, QUANTILE, calibrated
from pipeline.model.embedding import EmbeddingNetwork, network_of
from pipeline.model.engine import Engine, EngineKind, Hardware, build_engine
from pipeline.model.fitting import Fitter
from pipeline.model.merging import merge_models
from pipeline.model.padim import Model
from pipeline.model.settings import Epsilon, Method, Precision
from pipeline.types import Geometry, Image
from tests.pipeline.model import plain
from tests.pipeline.model.conftest import (
    FPS,
    FRAMES,
    SIZE,
    SMALL,
    alike,
    alike_in_motion,
    apart,
    fit,
    fitter_of,
    moving_fit,
)
from tests.pipeline.model.plain import Floats, folds_of, maps_of, scores_in

HARDWARE = Hardware(EngineKind.TORCH, torch.device("cpu"), 2)

pytestmark = pytest.mark.usefixtures("fewer_are_held")


def labelled(network: EmbeddingNetwork, label: Precision) -> Engine:
    """An exact engine that passes for one of another precision."""
    engine = build_engine(network, SIZE, HARDWARE, Precision.FLOAT32)
    engine.precision = label
    return engine


@pytest.mark.parametrize("batch", [1, 7, 24, 1000])
def test_blocks_end_where_they_end_for_any_batch(
    at_once: Model,
    network: EmbeddingNetwork,
    engine: Engine,
    footage: Image,
    batch: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "BATCH", batch)
    model = fit(network, engine, footage)
    for found, expected in zip(model.blocks, at_once.blocks, strict=True):
        alike(found, expected)
        assert found.lingering == pytest.approx(expected.lingering, rel=1e-4)
    assert apart(model.gaussians, at_once.gaussians, engine) <= 1e-4
    assert model.threshold.value == pytest.approx(at_once.threshold.value, rel=1e-4)


def test_the_threshold_is_that_of_the_blocks(at_once: Model) -> None:
    far = at_once.gaussians.foreign()
    assert at_once.threshold == calibrated(at_once.blocks, 12, far)
    # The models of 60 frames or more count: a quarter of the last one's 216, and 2 D are 24.
    assert (at_once.threshold.frames, at_once.threshold.held_out_s) == (240, 47.0)
    assert (at_once.threshold.asked_a_day, at_once.threshold.provisional) == (1.0, False)


def test_the_threshold_aims_at_what_was_asked_for(network: EmbeddingNetwork, engine: Engine, footage: Image) -> None:
    fitter = Fitter(network, engine, SMALL, Geometry(SIZE), (96, 128), fps=FPS, a_day=5000.0)
    for number, frame in enumerate(footage):
        fitter.add(frame, number / FPS)
    model = fitter.finish(48.0)
    assert model.threshold == calibrated(model.blocks, 12, model.gaussians.foreign(), 5000.0)
    assert model.threshold.asked_a_day == 5000


def test_the_threshold_of_pictures_is_the_quantile_of_those_that_count(
    network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    model = fit(network, engine, footage, fps=None)
    held_out = sorted((score for block in model.blocks for score in block.tail), reverse=True)
    assert model.threshold.value == held_out[int(FRAMES * (1 - QUANTILE))]
    assert (model.threshold.frames, model.threshold.asked_a_day) == (FRAMES, None)


def test_footage_and_pictures_have_shrinkages_of_their_own(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    assert at_once.settings.shrinkage == 0.7
    assert fit(network, engine, footage[:16], fps=None).settings.shrinkage == 0.1


def test_a_model_says_what_it_was_made_of(at_once: Model, network: EmbeddingNetwork, footage: Image) -> None:
    assert at_once.channels == network.channels
    assert at_once.weights_digest == network.backbone.digest
    settings = SMALL.with_changes(shrinkage=0.7, sigma_px=1.0)
    assert (at_once.settings, at_once.geometry, at_once.source_size) == (settings, Geometry(SIZE), (96, 128))
    assert (at_once.footage_s, at_once.fps, at_once.merged, at_once.mask) == (10.0, 5.0, False, None)
    assert (at_once.precision, at_once.precisions) == (Precision.FLOAT32, (Precision.FLOAT32,))
    assert at_once.moments is not None
    assert at_once.moments.count == FRAMES
    assert at_once.epsilon == pytest.approx(0.1 * at_once.moments.mean_variance())


def test_the_order_of_frames_does_not_matter(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    shuffled = footage[np.random.RandomState(0).permutation(FRAMES)]
    assert apart(fit(network, engine, shuffled).gaussians, at_once.gaussians, engine) <= 1e-4


def test_an_absolute_epsilon_is_taken_as_it_is(network: EmbeddingNetwork, engine: Engine, footage: Image) -> None:
    settings = SMALL.with_changes(epsilon=Epsilon(0.5, "absolute"))
    models = []
    for part in (footage[:20], footage[20:40]):
        fitter = Fitter(network, engine, settings, Geometry(SIZE), SIZE)
        for number, frame in enumerate(part):
            fitter.add(frame, number)
        models.append(fitter.finish(1.0, resumable=True))
    assert [model.epsilon for model in (*models, merge_models(models))] == [0.5, 0.5, 0.5]


def test_a_mask_leaves_scores_to_what_lies_outside(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image, embeddings: Floats
) -> None:
    mask = np.ones(SIZE, bool)
    mask[:, :16] = False
    fitter = Fitter(network, engine, SMALL, Geometry(SIZE), (96, 128), fps=FPS, mask=mask)
    for number, frame in enumerate(footage):
        fitter.add(frame, number / FPS)
    masked = fitter.finish(10.0)
    assert masked.mask is mask
    assert masked.moments is None
    assert apart(masked.gaussians, at_once.gaussians, engine) == 0
    maps = np.concatenate([maps_of(embeddings, fold, 0.7, 1.0) for fold in folds_of(64)]) * ~mask
    expected = plain.peaks([number / FPS for number in range(64)], scores_in(maps), 2.0, 1.0)
    assert masked.blocks[0].tail == pytest.approx(expected, rel=1e-4)
    for found, whole in zip(masked.blocks, at_once.blocks, strict=True):
        assert max(found.tail) < max(whole.tail)
        assert max(found.lingering, default=0) <= max(whole.lingering, default=0)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 15])
def test_too_few_frames_are_refused(network: EmbeddingNetwork, engine: Engine, footage: Image, count: int) -> None:
    fitter = fitter_of(network, engine)
    for number, frame in enumerate(footage[:count]):
        fitter.add(frame, number / FPS)
    assert fitter.frames == count
    with pytest.raises(ModelError) as caught:
        fitter.finish(1.0)
    seen = "1 frame was" if count == 1 else f"{count} frames were"
    assert str(caught.value) == f"{seen} seen, a model needs 16; fit on more footage."


def test_16_frames_are_enough(network: EmbeddingNetwork, engine: Engine, footage: Image) -> None:
    model = fit(network, engine, footage[:16])
    assert [(block.model_frames, block.frames) for block in model.blocks] == [(14, 16)]
    assert (model.threshold.frames, model.threshold.lingering) == (16, 1)  # nothing can have lingered in 3 s


@pytest.mark.parametrize("count", [16, 30, 64, 120])
def test_other_precisions_are_offered_where_their_scores_stay_close(
    network: EmbeddingNetwork, engine: Engine, footage: Image, count: int
) -> None:
    strange, _ = network_of(SMALL.with_changes(seed=5), network.channels)
    others = [labelled(strange, Precision.FLOAT16), labelled(network, Precision.BFLOAT16)]
    fitter = Fitter(network, engine, SMALL, Geometry(SIZE), SIZE, others=others)
    for number, frame in enumerate(footage[:count]):
        fitter.add(frame, number / FPS)
    assert fitter.finish(6.0).precisions == (Precision.FLOAT32, Precision.BFLOAT16)


@pytest.mark.parametrize("batch", [7, 1000])
def test_blocks_of_motion_end_where_they_end_for_any_batch(
    moving_at_once: Model, network: EmbeddingNetwork, engine: Engine, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "BATCH", batch)
    model = moving_fit(network, engine, slice(0, FRAMES))
    alike_in_motion(model, moving_at_once)
    for found, expected in zip(model.blocks, moving_at_once.blocks, strict=True):
        assert found.lingering == pytest.approx(expected.lingering, rel=1e-3)
        for kind, other in zip(found.peaks, expected.peaks, strict=True):
            assert kind.tail == pytest.approx(other.tail, rel=1e-3)
            assert kind.usual == pytest.approx(other.usual, rel=1e-3)
    assert model.threshold.motion == pytest.approx(moving_at_once.threshold.motion, rel=1e-3)
    assert model.threshold.powers == pytest.approx(moving_at_once.threshold.powers, rel=1e-3)


def test_motion_leaves_what_is_learned_of_places_as_it_is(
    moving_at_once: Model, network: EmbeddingNetwork, engine: Engine
) -> None:
    without = moving_fit(network, engine, slice(0, FRAMES), known=False)
    assert torch.equal(without.gaussians.mean, moving_at_once.gaussians.mean)
    assert torch.equal(without.gaussians.whitening, moving_at_once.gaussians.whitening)
    # Nobody was seen to move: how movers look is not known, and any motion is news.
    assert without.has_motion
    assert without.movers is None
    faded = FOREIGN_MOTION * (FIRST_S / without.threshold.held_out_s) ** FADING
    assert without.threshold.motion == pytest.approx((faded, faded))


def test_held_out_frames_are_judged_by_movers_at_a_moment_and_by_their_places_where_they_stay(
    network: EmbeddingNetwork, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.model.movers.WIDER", 1e-3)  # movers excuse whatever there is
    found, without = (moving_fit(network, engine, slice(0, FRAMES), known=known) for known in (True, False))
    for block, own in zip(found.blocks, without.blocks, strict=True):
        assert block.tail[0] < 0.01 * own.tail[0]
        assert block.lingering == pytest.approx(own.lingering, rel=1e-6)
        assert block.lingering


def test_pictures_without_a_clock_have_no_motion(network: EmbeddingNetwork, engine: Engine, footage: Image) -> None:
    model = fit(network, engine, footage[:40], fps=None)
    assert (model.settings.method, model.has_motion) == (Method.PADIM, False)
    assert (model.motion, model.movers, model.moving, model.threshold.motion) == (None, None, None, ())
