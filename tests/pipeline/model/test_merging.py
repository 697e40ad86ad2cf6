"""One model of several: as if one fit had seen it all, but for the threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.model.calibration import calibrated
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.engine import Engine
from pipeline.model.merging import merge_models
from pipeline.model.padim import Model
from pipeline.model.settings import Precision
from pipeline.types import Geometry, Image
from tests.pipeline.model.conftest import SIZE, SMALL, alike_in_motion, fitter_of, pictures, walked

FRAMES = 150


def fit(network: EmbeddingNetwork, engine: Engine, frames: Image, resumed: Model | None = None) -> Model:
    fitter = fitter_of(network, engine, resumed)
    for number, frame in enumerate(frames):
        fitter.add(frame, number / 5)
    return fitter.finish(10.0, resumable=True)


def apart(found: Model, expected: Model, engine: Engine) -> float:
    """Largest relative difference of the distances of unseen pictures."""
    embeddings = engine.embed(pictures(5, seed=4))
    distances = expected.gaussians.distances(embeddings)
    return float(((found.gaussians.distances(embeddings) - distances) / distances).abs().max())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_models_merged_in_any_order_give_the_distances_of_one_go(
    network: EmbeddingNetwork, engine: Engine, order: tuple[int, ...]
) -> None:
    footage = pictures(FRAMES, seed=3)
    footage[:50] //= 2  # parts that differ
    at_once = fit(network, engine, footage)
    parts = [fit(network, engine, part) for part in (footage[:30], footage[30:50], footage[50:])]
    merged = merge_models([parts[number] for number in order])
    assert apart(merged, at_once, engine) <= 1e-4
    assert merged.epsilon == pytest.approx(at_once.epsilon, rel=1e-5)
    assert (merged.frames, merged.footage_s, merged.merged) == (FRAMES, 30.0, True)
    assert merged.blocks == tuple(block for number in order for block in parts[number].blocks)


@pytest.mark.parametrize("a_day", [1.0, 2000.0])
def test_a_merged_models_threshold_is_a_guess_and_stays_one(
    network: EmbeddingNetwork, engine: Engine, a_day: float
) -> None:
    footage = pictures(100, seed=3)
    merged = merge_models([fit(network, engine, part) for part in (footage[:60], footage[60:])], a_day)
    far = merged.gaussians.foreign()
    assert merged.threshold == calibrated(merged.blocks, 12, far, a_day, provisional=True)
    assert (merged.threshold.provisional, merged.threshold.asked_a_day) == (True, a_day)
    assert merged.threshold.promise.endswith(", a guess: no part of the footage was scored by a model of all the rest")
    again = fit(network, engine, footage[:20], merged)
    assert (again.frames, again.merged, again.threshold.provisional) == (120, True, True)
    assert again.blocks[:-1] == merged.blocks
    assert (again.blocks[-1].model_frames, again.blocks[-1].frames) == (100, 20)


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
        ("settings", SMALL.with_changes(shrinkage=0.7, seed=2)),
        ("settings", SMALL.with_changes(shrinkage=0.1)),
        ("geometry", Geometry((48, 80), crop=48)),
        ("weights_digest", "of others"),
        ("channels", tuple(range(12))),
        ("precision", Precision.BFLOAT16),
        ("fps", 2.5),
        ("fps", None),
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


def test_a_merge_knows_of_motion_what_one_go_does(network: EmbeddingNetwork, engine: Engine) -> None:
    frames, motions = walked(FRAMES, seed=3)

    def fitted(part: slice) -> Model:
        fitter = fitter_of(network, engine)
        for number, (frame, motion) in enumerate(zip(frames[part], motions[part], strict=True), part.start):
            fitter.add(frame, number / 5, motion)
        return fitter.finish(10.0, resumable=True)

    at_once = fitted(slice(0, FRAMES))
    merged = merge_models([fitted(slice(60, FRAMES)), fitted(slice(0, 60))])
    alike_in_motion(merged, at_once)
    assert len(merged.threshold.motion) == len(merged.threshold.powers) == 2
    assert all(len(block.motion) == 2 for block in merged.blocks)
    assert merged.threshold.provisional
