"""Fits that do not depend on how footage came in, and scores of frames the model had not seen."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.model import fitting
from pipeline.model.blocks import Block
from pipeline.model.calibration import QUANTILE, calibrated
from pipeline.model.embedding import EmbeddingNetwork, network_of
from pipeline.model.engine import Engine, EngineKind, Hardware, build_engine
from pipeline.model.fitting import Fitter
from pipeline.model.gaussians import Gaussians
from pipeline.model.merging import merge_models
from pipeline.model.model_file import load_model, save_model
from pipeline.model.padim import Model
from pipeline.model.settings import Epsilon, Method, Precision
from pipeline.model.smoothing import Smoothing
from pipeline.types import Geometry, Image
from tests.pipeline.model import plain
from tests.pipeline.model.conftest import SIZE, SMALL, alike_in_motion, fitter_of, pictures, walked

Floats = NDArray[np.float64]

HARDWARE = Hardware(EngineKind.TORCH, torch.device("cpu"), 2)
FPS = 5.0
# Frames that are held in these tests, fewer than elsewhere, and where the blocks begin that follow.
HELD, FRAMES = 64, 240
EDGES = [64, 96, 144, 216, 240]


@pytest.fixture(autouse=True, scope="module")
def _fewer_are_held() -> Iterator[None]:
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
def at_once(network: EmbeddingNetwork, engine: Engine, footage: Image) -> Model:
    return fit(network, engine, footage)


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


@dataclass(frozen=True)
class HeldOut:
    """Frames that are scored by a model of others.

    Attributes:
        scored, seen: their places in the footage, and those that the model learned from.
    """

    scored: NDArray[np.int64]
    seen: NDArray[np.int64]


def folds_of(frames: int) -> list[HeldOut]:
    """Eight runs of the first frames, as even as can be, each with all the others."""
    every = np.arange(frames)
    bounds = [frames * fold // 8 for fold in range(9)]
    parts = [every[begin:end] for begin, end in itertools.pairwise(bounds)]
    return [HeldOut(part, np.setdiff1d(every, part)) for part in parts]


def later_blocks(edges: Sequence[int]) -> list[HeldOut]:
    """Each block with all that came before it."""
    return [HeldOut(np.arange(begin, end), np.arange(begin)) for begin, end in itertools.pairwise(edges)]


def maps_of(embeddings: Floats, held_out: HeldOut, shrinkage: float, sigma_px: float = 4.0) -> Floats:
    """(B, H, W) anomaly maps of the scored frames; every covariance from the seen ones, inverted, in float64."""
    seen, scored = embeddings[held_out.seen], embeddings[held_out.scored]
    own = np.stack([np.cov(seen[:, position], rowvar=False) for position in range(seen.shape[1])])
    variance = float(np.einsum("pdd->pd", own).mean())
    # Of equal pictures, which differ by rounding, it is taken as 1.
    epsilon = 0.1 * (variance if variance > 1e-9 * np.square(seen).mean() else 1)
    covariance = (1 - shrinkage) * own + shrinkage * own.mean(axis=0) + epsilon * np.eye(own.shape[1])
    delta = scored - seen.mean(axis=0)
    inverse = np.stack([scipy.linalg.inv(one) for one in covariance])
    distances = np.sqrt(np.einsum("npd,pde,npe->np", delta, inverse, delta))
    grid = torch.from_numpy(distances.reshape(-1, 6, 8).astype(np.float32))
    return Smoothing((6, 8), SIZE, sigma_px).reference(grid).double().numpy()


def scores_in(maps: Floats) -> list[float]:
    scores: list[float] = maps.max(axis=(1, 2)).tolist()
    return scores


def cells_in(maps: Floats) -> Floats:
    """(B, H / 8, W / 8) the highest of each 8 × 8 pixels."""
    cells: Floats = maps.reshape(len(maps), SIZE[0] // 8, 8, SIZE[1] // 8, 8).max(axis=(2, 4))
    return cells


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


def test_the_first_frames_are_one_block_and_the_next_grow_with_what_was_seen(at_once: Model) -> None:
    # Of 64 frames in eight parts each is scored by a model of 56.
    assert [block.model_frames for block in at_once.blocks] == [56, *EDGES[:-1]]
    assert [block.frames for block in at_once.blocks] == [64, 32, 48, 72, 24]
    assert at_once.frames == FRAMES == sum(block.frames for block in at_once.blocks)
    assert [block.seconds for block in at_once.blocks] == [12.6, 6.2, 9.4, 14.2, 4.6]


def test_of_pictures_each_is_scored_by_a_model_of_the_other_parts_or_of_those_before(
    network: EmbeddingNetwork, engine: Engine, footage: Image, embeddings: Floats
) -> None:
    model = fit(network, engine, footage, fps=None)
    first, *later = model.blocks
    expected = [score for fold in folds_of(64) for score in scores_in(maps_of(embeddings, fold, 0.1))]
    assert first == Block(56, 64, 0.0, first.tail)
    assert first.tail == pytest.approx(sorted(expected, reverse=True), rel=1e-4)
    for block, held_out in zip(later, later_blocks(EDGES), strict=True):
        assert block == Block(len(held_out.seen), len(held_out.scored), 0.0, block.tail)
        expected = sorted(scores_in(maps_of(embeddings, held_out, 0.1)), reverse=True)
        assert block.tail == pytest.approx(expected[:64], rel=1e-4)


@pytest.mark.parametrize("frames", [16, 17, 61, 63])
def test_fewer_than_are_held_are_cross_validated_all_the_same(
    network: EmbeddingNetwork, engine: Engine, footage: Image, embeddings: Floats, frames: int
) -> None:
    (block,) = fit(network, engine, footage[:frames], fps=None).blocks
    folds = folds_of(frames)
    expected = [score for fold in folds for score in scores_in(maps_of(embeddings, fold, 0.1))]
    assert (block.frames, block.model_frames) == (frames, len(folds[0].seen))
    assert block.tail == pytest.approx(sorted(expected, reverse=True), rel=1e-4)


def test_of_footage_the_peaks_of_moments_and_of_what_lingers_are_kept(at_once: Model, embeddings: Floats) -> None:
    times_s = [number / FPS for number in range(FRAMES)]
    maps = np.concatenate([maps_of(embeddings, part, 0.7, 1.0) for part in [*folds_of(64), *later_blocks(EDGES)]])
    scores = scores_in(maps)
    # What lingers is followed from block to block.
    stays = plain.lingering(times_s, list(cells_in(maps)), 2.0)
    for block, begin, end in zip(at_once.blocks, [0, *EDGES], EDGES, strict=False):
        assert block.tail == pytest.approx(plain.peaks(times_s[begin:end], scores[begin:end], 2.0, 1.0), rel=1e-4)
        known = [(times_s[n], cells.max()) for n, cells in enumerate(stays) if cells is not None and begin <= n < end]
        found = plain.peaks([time_s for time_s, _ in known], [stay for _, stay in known], 2.0, 1.0)
        assert block.lingering == pytest.approx(found, rel=1e-4)
    assert sum(len(block.tail) for block in at_once.blocks) >= 8
    assert sum(len(block.lingering) for block in at_once.blocks) >= 6


@pytest.mark.parametrize("place", [0, 8, 63, 64, 96, 150, 239])
def test_no_frame_is_scored_by_a_model_that_saw_it(
    network: EmbeddingNetwork, engine: Engine, footage: Image, place: int
) -> None:
    strange = footage.copy()
    strange[place] = np.random.RandomState(1).randint(0, 256, strange[place].shape)
    model = fit(network, engine, strange, fps=None)
    (number,) = (
        number for number, end in enumerate(EDGES) if place < end and (number == 0 or place >= EDGES[number - 1])
    )
    # Whoever helped to make a covariance lies within (N − 1) / √N standard deviations of its mean.
    block = model.blocks[number]
    assert block.tail[0] > 2 * np.sqrt(block.model_frames + block.frames)
    assert block.tail[1] < np.sqrt(block.model_frames)


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


def alike(found: Block, expected: Block) -> None:
    """Blocks of the same frames and models, but for rounding."""
    for name in ("model_frames", "frames", "seconds"):
        assert getattr(found, name) == getattr(expected, name), name
    assert found.tail == pytest.approx(expected.tail, rel=1e-4)


def test_recordings_one_after_the_other_are_not_joined(
    network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    # Eight of 1.4 s, whose peaks are far closer than five seconds by their own clocks.
    fitter = fitter_of(network, engine)
    for number, frame in enumerate(footage[:HELD]):
        fitter.add(frame, number % 8 / FPS)
    (block,) = fitter.finish(12.8).blocks
    assert block.seconds == 11.2
    assert len(block.tail) == 8
    assert block.lingering == ()


def test_at_its_real_length_the_first_block_is_512_frames(
    network: EmbeddingNetwork, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.model.memory.HELD_MOST", 512)
    model = fit(network, engine, pictures(560))
    assert [(block.model_frames, block.frames) for block in model.blocks] == [(448, 512), (512, 48)]


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


@pytest.mark.parametrize("cut", [16, 27, 40, 55, 91, 129])
def test_a_resumed_fit_gives_the_distances_of_one_go(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image, cut: int, tmp_path: Path
) -> None:
    save_model(fit(network, engine, footage[:cut]), tmp_path / "first.stillwatch")
    resumed = fit(network, engine, footage[cut:], load_model(tmp_path / "first.stillwatch"), first=cut)
    assert apart(resumed.gaussians, at_once.gaussians, engine) <= 1e-4
    assert (resumed.frames, resumed.footage_s, resumed.merged) == (FRAMES, 20.0, False)
    assert sum(block.frames for block in resumed.blocks) == FRAMES  # each was held out once


@pytest.mark.parametrize("cut", [64, 96, 216])
def test_a_fit_resumed_where_a_block_ended_gives_the_same_blocks(
    at_once: Model, network: EmbeddingNetwork, engine: Engine, footage: Image, cut: int
) -> None:
    resumed = fit(network, engine, footage[cut:], fit(network, engine, footage[:cut]), first=cut)
    for found, expected in zip(resumed.blocks, at_once.blocks, strict=True):
        alike(found, expected)
        if expected.model_frames != cut:  # what lingers begins anew where the fit did
            assert found.lingering == pytest.approx(expected.lingering, rel=1e-4)


@pytest.mark.parametrize("cut", [20, 70])
def test_a_resumed_fit_scores_all_that_follows_by_what_was_seen_before(
    network: EmbeddingNetwork, engine: Engine, footage: Image, embeddings: Floats, cut: int
) -> None:
    first = fit(network, engine, footage[:cut], fps=None)
    resumed = fit(network, engine, footage[cut:110], first, fps=None)
    assert resumed.blocks[: len(first.blocks)] == first.blocks
    later = later_blocks([20, 52, 84, 110]) if cut == 20 else later_blocks([70, 105, 110])
    for found, held_out in zip(resumed.blocks[len(first.blocks) :], later, strict=True):
        expected = sorted(scores_in(maps_of(embeddings, held_out, 0.1)), reverse=True)
        assert found == Block(len(held_out.seen), len(held_out.scored), 0.0, found.tail)
        assert found.tail == pytest.approx(expected, rel=1e-4)


def test_a_fit_resumed_without_a_frame_is_the_model_it_began_from(
    at_once: Model, network: EmbeddingNetwork, engine: Engine
) -> None:
    again = fit(network, engine, [], at_once)
    assert (again.blocks, again.threshold, again.frames) == (at_once.blocks, at_once.threshold, FRAMES)
    assert torch.equal(again.gaussians.whitening, at_once.gaussians.whitening)


def test_a_fit_that_goes_on_leaves_the_model_it_began_from_as_it_was(
    network: EmbeddingNetwork, engine: Engine, footage: Image
) -> None:
    first = fit(network, engine, footage[:40])
    assert first.moments is not None
    scatter = first.moments.scatter.clone()
    fit(network, engine, footage[40:60], first, first=40)
    assert first.moments.count == 40
    assert torch.equal(first.moments.scatter, scatter)


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


@pytest.mark.parametrize("fps", [None, FPS])
@pytest.mark.parametrize("kind", EngineKind)
def test_a_still_picture_is_not_judged_by_rounding(
    network: EmbeddingNetwork, fps: float | None, kind: EngineKind
) -> None:
    hardware = replace(HARDWARE, kind=kind)
    engine, other = (build_engine(network, SIZE, hardware, precision) for precision in hardware.offered)
    fitter = Fitter(network, engine, SMALL, Geometry(SIZE), SIZE, others=[other], fps=fps)
    for number, frame in enumerate([pictures(1)[0]] * 100):
        fitter.add(frame, number / FPS)
    still = fitter.finish(20.0)
    assert still.epsilon == 0.1  # of a variance of 1: its own is rounding, or nothing at all
    assert still.precisions[0] == Precision.FLOAT32
    assert 1 <= still.threshold.value < np.inf
    assert max(score for block in still.blocks for score in block.tail) < 1e-3


@pytest.mark.parametrize(("seed", "begin"), [(0, 0), (2, 0), (2, 28), (2, 56)])
def test_a_change_in_footage_that_is_otherwise_still_can_be_learned_from(
    network: EmbeddingNetwork, engine: Engine, seed: int, begin: int
) -> None:
    # In one part of the held frames all is different: of the others rounding alone is left when it is taken out.
    for changed in (255 - pictures(8, seed=seed), pictures(8, seed=seed) // 3):
        frames = np.repeat(pictures(1, seed=seed + 100), HELD, axis=0)
        frames[begin : begin + 8] = changed
        model = fit(network, engine, frames, fps=None)
        embeddings = engine.embed(frames).double().numpy()
        expected = [score for fold in folds_of(HELD) for score in scores_in(maps_of(embeddings, fold, 0.1))]
        assert model.blocks[0].tail == pytest.approx(sorted(expected, reverse=True), rel=1e-3, abs=1e-3)


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


def test_a_model_without_moments_cannot_be_resumed(network: EmbeddingNetwork, engine: Engine, model: Model) -> None:
    with pytest.raises(ModelError) as caught:
        fitter_of(network, engine, replace(model, moments=None))
    assert str(caught.value) == (
        "the model to resume was saved without its moments; fit it again with --resumable to go on later."
    )


# Motion


def moving_fit(
    network: EmbeddingNetwork, engine: Engine, part: slice, resumed: Model | None = None, *, known: bool = True
) -> Model:
    """A resumable model of some frames of footage in which somebody walks."""
    frames, motions = walked(FRAMES, seed=3)
    fitter = fitter_of(network, engine, resumed)
    for number, (frame, motion) in enumerate(zip(frames[part], motions[part], strict=True), part.start):
        fitter.add(frame, number / FPS, motion if known else None)
    return fitter.finish(10.0, resumable=True)


@pytest.fixture(scope="module")
def moving_at_once(network: EmbeddingNetwork, engine: Engine) -> Model:
    return moving_fit(network, engine, slice(0, FRAMES))


@pytest.mark.parametrize("cut", [27, 96, 150])
def test_a_resumed_fit_knows_of_motion_what_one_go_does(
    moving_at_once: Model, network: EmbeddingNetwork, engine: Engine, cut: int, tmp_path: Path
) -> None:
    save_model(moving_fit(network, engine, slice(0, cut)), tmp_path / "first.stillwatch")
    first = load_model(tmp_path / "first.stillwatch")
    resumed = moving_fit(network, engine, slice(cut, FRAMES), first)
    alike_in_motion(resumed, moving_at_once)
    assert apart(resumed.gaussians, moving_at_once.gaussians, engine) <= 1e-4
    assert sum(block.frames for block in resumed.blocks) == FRAMES


@pytest.mark.parametrize("batch", [7, 1000])
def test_blocks_of_motion_end_where_they_end_for_any_batch(
    moving_at_once: Model, network: EmbeddingNetwork, engine: Engine, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "BATCH", batch)
    model = moving_fit(network, engine, slice(0, FRAMES))
    alike_in_motion(model, moving_at_once)
    for found, expected in zip(model.blocks, moving_at_once.blocks, strict=True):
        for kind, other in zip(found.tails, expected.tails, strict=True):
            assert kind.tail == pytest.approx(other.tail, rel=1e-3)
            assert kind.lingering == pytest.approx(other.lingering, rel=1e-3)
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
    assert without.threshold.motion == (3.0, 3.0)


def test_pictures_without_a_clock_have_no_motion(network: EmbeddingNetwork, engine: Engine, footage: Image) -> None:
    model = fit(network, engine, footage[:40], fps=None)
    assert (model.settings.method, model.has_motion) == (Method.PADIM, False)
    assert (model.motion, model.movers, model.moving, model.threshold.motion) == (None, None, None, ())
