"""Fits that go on from a model: what they know is what one go would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.errors import ModelError
from pipeline.model.blocks import Block
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.engine import Engine
from pipeline.model.model_file import load_model, save_model
from pipeline.model.padim import Model
from pipeline.types import Image
from tests.pipeline.model.conftest import FRAMES, alike, alike_in_motion, apart, fit, fitter_of, moving_fit
from tests.pipeline.model.plain import Floats, later_blocks, maps_of, scores_in

pytestmark = pytest.mark.usefixtures("fewer_are_held")


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


def test_a_model_without_moments_cannot_be_resumed(network: EmbeddingNetwork, engine: Engine, model: Model) -> None:
    with pytest.raises(ModelError) as caught:
        fitter_of(network, engine, replace(model, moments=None))
    assert str(caught.value) == (
        "the model to resume was saved without its moments; fit it again with --resumable to go on later."
    )


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
