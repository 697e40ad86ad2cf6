"""Fits that do not depend on how footage came in, and scores of frames the model had not seen."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import ModelError
from pipeline.model.embedding import EmbeddingNetwork, network_of
from pipeline.model.engine import Engine, EngineKind, Hardware, build_engine
from pipeline.model.fitting import Fitter, merge_models, needed_bytes
from pipeline.model.gaussians import Gaussians, Moments, unpack_triangle
from pipeline.model.model_file import load_model, save_model
from pipeline.model.padim import Model
from pipeline.model.settings import Epsilon, Precision
from pipeline.model.smoothing import Smoothing
from pipeline.model.threshold import QUANTILE, provisional_threshold
from pipeline.types import Geometry, Image
from tests.pipeline.model.conftest import SIZE, SMALL, fitter_of, pictures

HARDWARE = Hardware(EngineKind.TORCH, torch.device("cpu"), 2)
# Where blocks begin, and how long they are; the last is longer than a batch.
FRAMES = 240
STARTS, LENGTHS = [8, 40, 72, 108, 162], [32, 32, 36, 54, 78]


@pytest.fixture(scope="module")
def footage() -> Image:
    """Light that changes slowly, so that blocks differ."""
    frames = pictures(FRAMES, seed=3).astype(float)
    fading = 1 - 0.3 * np.arange(FRAMES) / FRAMES
    return (frames * fading[:, np.newaxis, np.newaxis, np.newaxis]).astype(np.uint8)


@pytest.fixture(scope="module")
def at_once(network: EmbeddingNetwork, engine: Engine, footage: Image) -> Model:
    return fit(network, engine, footage)


def fit(network: EmbeddingNetwork, engine: Engine, frames: Iterable[Image], resumed: Model | None = None) -> Model:
    fitter = fitter_of(network, engine, resumed)
    for frame in frames:
        fitter.add(frame)
    return fitter.finish(10.0, resumable=True)


def apart(found: Gaussians, expected: Gaussians, engine: Engine) -> float:
    """Largest relative difference of the distances of unseen pictures."""
    embeddings = engine.embed(pictures(5, seed=4))
    distances = expected.distances(embeddings)
    return float(((found.distances(embeddings) - distances) / distances).abs().max())


def labelled(network: EmbeddingNetwork, label: Precision) -> Engine:
    """An exact engine that passes for one of another precision."""
    engine = build_engine(network, SIZE, HARDWARE, Precision.FLOAT32)
    engine.precision = label
    return engine


def test_blocks_end_where_they_end_for_any_split(at_once: Model) -> None:
    assert [block.model_frames for block in at_once.blocks] == STARTS
    assert [block.frames for block in at_once.blocks] == LENGTHS
    assert at_once.frames == FRAMES == 8 + sum(LENGTHS)


def test_a_block_is_scored_by_a_model_of_the_frames_before_it_alone(
    at_once: Model, engine: Engine, footage: Image
) -> None:
    embeddings = torch.cat([engine.embed(part) for part in np.array_split(footage, 5)])
    smoothing = Smoothing((6, 8), SIZE)
    for block in at_once.blocks:
        begin, end = block.model_frames, block.model_frames + block.frames
        before = embeddings[:begin]
        moments = Moments.empty(*before.shape[1:])
        moments.add(before)
        epsilon = 0.1 * float(before.double().var(dim=0).mean())
        scorer = engine.scorer(moments.gaussians(epsilon, SMALL.shrinkage), smoothing, None)
        expected = sorted(scorer(embeddings[begin:end]).raw_scores.tolist(), reverse=True)
        assert block.tail == pytest.approx(expected[:64], rel=1e-4)


def test_the_threshold_is_that_of_the_blocks_with_enough_before_them(at_once: Model) -> None:
    assert at_once.threshold == provisional_threshold(at_once.blocks, 12)
    assert at_once.threshold.frames == sum(LENGTHS[1:])  # the models of 40 frames or more: 2 D are 24
    held_out = sorted((score for block in at_once.blocks[1:] for score in block.tail), reverse=True)
    assert at_once.threshold.value == held_out[int(sum(LENGTHS[1:]) * (1 - QUANTILE))]


def test_a_model_says_what_it_was_made_of(at_once: Model, network: EmbeddingNetwork, footage: Image) -> None:
    assert at_once.channels == network.channels
    assert at_once.weights_digest == network.backbone.digest
    assert (at_once.settings, at_once.geometry, at_once.source_size) == (SMALL, Geometry(SIZE), (96, 128))
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


@pytest.mark.parametrize("cut", [16, 27, 40, 55, 91, 129])
def test_a_resumed_fit_gives_the_distances_of_one_go(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image, cut: int, tmp_path: Path
) -> None:
    save_model(fit(network, engine, footage[:cut]), tmp_path / "first.stillwatch")
    resumed = fit(network, engine, footage[cut:], resumed=load_model(tmp_path / "first.stillwatch"))
    assert apart(resumed.gaussians, at_once.gaussians, engine) <= 1e-4
    assert (resumed.frames, resumed.footage_s, resumed.merged) == (FRAMES, 20.0, False)
    # Every frame but the first 8 was held out once.
    assert sum(block.frames for block in resumed.blocks) == FRAMES - 8


@pytest.mark.parametrize("cut", [40, 108])
def test_a_fit_resumed_where_a_block_ended_gives_the_same_blocks(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image, cut: int
) -> None:
    resumed = fit(network, engine, footage[cut:], resumed=fit(network, engine, footage[:cut]))
    assert [block.model_frames for block in resumed.blocks] == STARTS
    for found, expected in zip(resumed.blocks, at_once.blocks, strict=True):
        assert found.tail == pytest.approx(expected.tail, rel=1e-5)
    assert resumed.threshold.value == pytest.approx(at_once.threshold.value, rel=1e-5)


def test_a_fit_that_goes_on_leaves_the_model_it_began_from_as_it_was(
    network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    first = fit(network, engine, footage[:40])
    assert first.moments is not None
    scatter = first.moments.scatter.clone()
    fit(network, engine, footage[40:60], resumed=first)
    assert first.moments.count == 40
    assert torch.equal(first.moments.scatter, scatter)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_models_merged_in_any_order_give_the_distances_of_one_go(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image, order: tuple[int, ...]
) -> None:
    parts = [fit(network, engine, part) for part in (footage[:30], footage[30:50], footage[50:])]
    merged = merge_models([parts[number] for number in order])
    assert apart(merged.gaussians, at_once.gaussians, engine) <= 1e-4
    assert merged.epsilon == pytest.approx(at_once.epsilon, rel=1e-5)
    assert (merged.frames, merged.footage_s, merged.merged) == (FRAMES, 30.0, True)
    assert len(merged.blocks) == sum(len(part.blocks) for part in parts)
    assert merged.threshold == provisional_threshold(merged.blocks, 12)
    again = fit(network, engine, footage[:20], resumed=merged)
    assert (again.frames, again.merged) == (FRAMES + 20, True)


def test_an_absolute_epsilon_is_taken_as_it_is(network: EmbeddingNetwork, engine: Engine, footage: Image) -> None:
    settings = SMALL.with_changes(epsilon=Epsilon(0.5, "absolute"))
    models = []
    for part in (footage[:20], footage[20:40]):
        fitter = Fitter(network, engine, settings, Geometry(SIZE), SIZE)
        for frame in part:
            fitter.add(frame)
        models.append(fitter.finish(1.0, resumable=True))
    assert [model.epsilon for model in (*models, merge_models(models))] == [0.5, 0.5, 0.5]


def test_a_mask_leaves_scores_to_what_lies_outside(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    mask = np.ones(SIZE, bool)
    mask[:, :16] = False
    fitter = Fitter(network, engine, SMALL, Geometry(SIZE), (96, 128), fps=5.0, mask=mask)
    for frame in footage:
        fitter.add(frame)
    masked = fitter.finish(10.0)
    assert masked.mask is mask
    assert masked.moments is None
    assert apart(masked.gaussians, at_once.gaussians, engine) == 0
    assert masked.threshold.value <= at_once.threshold.value
    assert sum(sum(block.tail) for block in masked.blocks) < sum(sum(block.tail) for block in at_once.blocks)
    for found, expected in zip(masked.blocks, at_once.blocks, strict=True):
        assert max(found.tail) <= max(expected.tail)


def test_a_still_picture_is_not_judged_by_rounding(network: EmbeddingNetwork) -> None:
    # OpenVINO takes frames one by one, so that equal frames have equal embeddings to the last bit.
    packed = replace(HARDWARE, kind=EngineKind.OPENVINO)
    engine = build_engine(network, SIZE, packed, Precision.FLOAT32)
    fitter = Fitter(
        network, engine, SMALL, Geometry(SIZE), SIZE, others=[build_engine(network, SIZE, packed, Precision.BFLOAT16)]
    )
    for frame in [pictures(1)[0]] * 20:
        fitter.add(frame)
    still = fitter.finish(4.0)
    assert still.epsilon == 0.1  # of a variance of 1: its own is rounding, or nothing at all
    assert still.precisions[0] == Precision.FLOAT32
    assert still.threshold.value > 0


@pytest.mark.parametrize("count", [0, 1, 7, 8, 15])
def test_too_few_frames_are_refused(network: EmbeddingNetwork, engine: Engine, footage: Image, count: int) -> None:
    fitter = fitter_of(network, engine)
    for frame in footage[:count]:
        fitter.add(frame)
    assert fitter.frames == count
    with pytest.raises(ModelError) as caught:
        fitter.finish(1.0)
    seen = "1 frame was" if count == 1 else f"{count} frames were"
    assert str(caught.value) == f"{seen} seen, a model needs 16; fit on more footage."


def test_16_frames_are_enough(network: EmbeddingNetwork, engine: Engine, footage: Image) -> None:
    model = fit(network, engine, footage[:16])
    assert [(block.model_frames, block.frames) for block in model.blocks] == [(8, 8)]
    assert model.threshold.frames == 8


def test_a_fit_needs_the_bytes_it_says() -> None:
    moments = Moments.empty(48, 12)
    moments.add(torch.rand(20, 48, 12))
    made = moments.gaussians(0.1)
    whole = unpack_triangle(made.whitening, 12)  # as the torch engine holds it, of the last block and of this one
    tensors = [moments.mean, moments.scatter] + 2 * [made.mean, made.whitening, whole]
    assert needed_bytes(48, 12) == sum(tensor.nbytes for tensor in tensors)


def test_a_fit_beyond_all_memory_is_refused_before_any_is_taken(network: EmbeddingNetwork, engine: Engine) -> None:
    side = 1 << 18
    positions = (side // 8) ** 2
    begin = time.monotonic()
    with pytest.raises(ModelError) as caught:
        Fitter(network, engine, SMALL, Geometry((side, side)), (side, side))
    assert time.monotonic() - begin < 1
    needed = f"{needed_bytes(positions, 12) / 1e9:.1f}"
    assert re.fullmatch(
        rf"a fit of {positions} positions with 12 numbers each needs {needed} GB of memory, \d+\.\d GB are free; "
        r"choose fewer --dims, --grid 8 or a smaller --size\.",
        str(caught.value),
    )


def test_other_precisions_are_offered_where_their_scores_stay_close(
    network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    strange, _ = network_of(SMALL.with_changes(seed=5), network.channels)
    others = [labelled(strange, Precision.FLOAT16), labelled(network, Precision.BFLOAT16)]
    fitter = Fitter(network, engine, SMALL, Geometry(SIZE), SIZE, others=others)
    for frame in footage[:30]:
        fitter.add(frame)
    assert fitter.finish(6.0).precisions == (Precision.FLOAT32, Precision.BFLOAT16)


def test_a_model_without_moments_cannot_be_resumed(network: EmbeddingNetwork, engine: Engine, model: Model) -> None:
    with pytest.raises(ModelError) as caught:
        fitter_of(network, engine, replace(model, moments=None))
    assert str(caught.value) == (
        "the model to resume was saved without its moments; fit it again with --resumable to go on later."
    )


@pytest.mark.parametrize("count", [0, 1])
def test_a_merge_of_fewer_than_two_is_refused(model: Model, count: int) -> None:
    with pytest.raises(ModelError) as caught:
        merge_models([model] * count)
    assert str(caught.value) == "a merge needs two models or more."


def test_a_merge_needs_all_moments(model: Model) -> None:
    bare = replace(model, moments=None)
    for models in ([model, bare], [bare, model]):
        with pytest.raises(ModelError) as caught:
            merge_models(models)
        assert str(caught.value) == "a model to merge was saved without its moments; fit it again with --resumable."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings", SMALL.with_changes(seed=2)),
        ("geometry", Geometry((48, 80), crop=48)),
        ("weights_digest", "of others"),
        ("channels", tuple(range(12))),
        ("precision", Precision.BFLOAT16),
        ("fps", 2.5),
    ],
)
def test_a_merge_of_different_models_is_refused(model: Model, name: str, value: object) -> None:
    changes: dict[str, object] = {name: value}
    with pytest.raises(ModelError) as caught:
        merge_models([model, replace(model, **changes)])  # type: ignore[arg-type]  # one field, by its name
    assert str(caught.value) == (
        f"the models to merge differ in {name}: {getattr(model, name)} and {value}; fit them with the same options."
    )


def test_a_merge_of_different_masks_is_refused(model: Model) -> None:
    left, right = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    left[:, :8] = right[:, 8:] = True
    masked = replace(model, mask=left)
    assert merge_models([masked, replace(model, mask=left.copy())]).mask is left
    for models in ([masked, model], [model, masked], [masked, replace(model, mask=right)]):
        with pytest.raises(ModelError) as caught:
            merge_models(models)
        assert str(caught.value) == "the models to merge differ in their masks; fit them with the same mask."


def test_a_merge_offers_the_precisions_of_all(model: Model) -> None:
    both = replace(model, precisions=(Precision.FLOAT32, Precision.BFLOAT16))
    assert merge_models([both, both]).precisions == both.precisions
    assert merge_models([both, model]).precisions == model.precisions
