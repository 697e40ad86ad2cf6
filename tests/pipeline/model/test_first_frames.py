"""Each frame is scored by a model that has not seen it: the first by that of the others, then by what was before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.model.blocks import Block
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.engine import Engine, EngineKind, Hardware, build_engine
from pipeline.model.fitting import Fitter
from pipeline.model.padim import Model
from pipeline.model.settings import Precision
from pipeline.types import Geometry, Image
from tests.pipeline.model import plain
from tests.pipeline.model.conftest import EDGES, FPS, FRAMES, HELD, SIZE, SMALL, fit, fitter_of, pictures
from tests.pipeline.model.plain import Floats, cells_in, folds_of, later_blocks, maps_of, scores_in

HARDWARE = Hardware(EngineKind.TORCH, torch.device("cpu"), 2)

pytestmark = pytest.mark.usefixtures("fewer_are_held")


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
