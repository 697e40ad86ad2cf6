"""The join of taps against plain NumPy, and the choice of channels."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.model.backbones import Backbone, build_backbone
from pipeline.model.embedding import EmbeddingNetwork, network_of, pick_channels
from pipeline.model.settings import Settings
from tests.pipeline.model.conftest import SIZE, SMALL, pictures

WHOLE = Settings(backbone="resnet18", weights="random", dims=50, seed=3)


@cache
def backbone() -> Backbone:
    """All three taps, strides 4, 8 and 16."""
    return build_backbone("resnet18", weights="random", seed=3)


def on_grid(feature: NDArray[np.float32], stride: int, grid: int) -> NDArray[np.float32]:
    """(B, C, h, w) features brought to a grid: repeated, or averaged."""
    if stride >= grid:
        return feature.repeat(stride // grid, axis=2).repeat(stride // grid, axis=3)
    count, channels, height, width = feature.shape
    cells = grid // stride
    averaged: NDArray[np.float32] = feature.reshape(
        count, channels, height // cells, cells, width // cells, cells
    ).mean(axis=(3, 5))
    return averaged


@pytest.mark.parametrize("grid", [4, 8, 16])
@pytest.mark.parametrize("size", [SIZE, (32, 80)])
def test_an_embedding_joins_repeated_and_averaged_taps_row_by_row(grid: int, size: tuple[int, int]) -> None:
    frames = pictures(2, size=size)
    channels = pick_channels(448, 50, seed=3)
    network = EmbeddingNetwork(backbone(), channels, grid)
    height, width = network.positions(size)
    assert (height, width) == (size[0] // grid, size[1] // grid)
    features = backbone()(torch.from_numpy(frames).permute(0, 3, 1, 2) / 255)
    joined = np.concatenate(
        [on_grid(feature.numpy(), tap.stride, grid) for feature, tap in zip(features, backbone().taps, strict=True)],
        axis=1,
    )
    found = network(torch.from_numpy(frames)).numpy()
    assert found.shape == (2, height * width, 50)
    for position in range(height * width):
        expected = joined[:, channels, position // width, position % width]
        assert found[:, position] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_tap_without_a_chosen_channel_is_left_out() -> None:
    frames = torch.from_numpy(pictures(1))
    first_and_last = EmbeddingNetwork(backbone(), (0, 447), 8)(frames)
    everything = EmbeddingNetwork(backbone(), range(448), 8)(frames)
    assert torch.equal(first_and_last, everything[:, :, [0, 447]])


def test_a_network_is_frozen_and_evaluates() -> None:
    network = EmbeddingNetwork(backbone(), (0, 100, 300), 8)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module.training for module in network.modules())


def test_a_picture_has_the_same_embedding_alone_and_among_others() -> None:
    network = EmbeddingNetwork(backbone(), range(448), 8)
    frames = torch.from_numpy(pictures(3))
    assert network(frames)[1].numpy() == pytest.approx(network(frames[1:2])[0].numpy(), rel=1e-4, abs=1e-5)


@given(st.data())
def test_picked_channels_rise_and_differ(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 500))
    dims = data.draw(st.integers(1, total))
    channels = pick_channels(total, dims, data.draw(st.integers(0, 2**32 - 1)))
    assert len(channels) == dims
    assert list(channels) == sorted(set(channels))
    assert set(channels) <= set(range(total))


def test_a_seed_picks_the_same_channels_and_another_seed_others() -> None:
    assert pick_channels(448, 100, seed=0) == pick_channels(448, 100, seed=0)
    assert pick_channels(448, 100, seed=0) != pick_channels(448, 100, seed=1)
    assert pick_channels(20, 4, seed=0) == (1, 8, 18, 19)


def test_all_channels_are_all_channels() -> None:
    assert pick_channels(7, None, seed=5) == (0, 1, 2, 3, 4, 5, 6)
    assert pick_channels(7, 7, seed=5) == (0, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("dims", [-1, 0, 177, 10**9])
def test_more_channels_than_there_are_or_none_are_refused(dims: int) -> None:
    with pytest.raises(ConfigError) as caught:
        pick_channels(176, dims, seed=0)
    assert str(caught.value) == (f"--dims is {dims}, the chosen taps have 176 channels; choose 1 to 176, or all.")


def test_settings_come_back_with_their_taps_finest_first() -> None:
    network, settings = network_of(WHOLE)
    assert settings == WHOLE.with_changes(taps=("layer1", "layer2", "layer3"))
    assert network.channels == pick_channels(448, 50, seed=3)
    _, turned = network_of(SMALL.with_changes(taps=("layer2", "layer1")))
    assert turned.taps == ("layer1", "layer2")


def test_a_grid_finer_than_the_finest_tap_is_raised_to_it() -> None:
    coarse = SMALL.with_changes(taps=("layer2",), grid=4)
    network, settings = network_of(coarse)
    assert (network.grid, settings.grid) == (8, 8)
    assert network(torch.from_numpy(pictures(1))).shape == (1, 48, 12)


def test_resolved_settings_and_channels_give_the_same_network_again() -> None:
    network, settings = network_of(WHOLE)
    again, unchanged = network_of(settings, network.channels)
    assert unchanged == settings
    assert again.backbone.digest == network.backbone.digest
    frames = torch.from_numpy(pictures(1))
    assert torch.equal(again(frames), network(frames))
