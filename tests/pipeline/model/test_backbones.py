"""Backbones against torchvision's own networks, their taps, weights and errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision.models
from torch import Tensor
from torchvision.models.feature_extraction import create_feature_extractor

from pipeline.errors import ConfigError, ModelError
from pipeline.model import weights
from pipeline.model.backbones import BACKBONES, build_backbone

HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.rand(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BACKBONES)
def test_taps_have_the_strides_and_channels_of_the_spec(name: str, pixels: Tensor) -> None:
    backbone = build_backbone(name, weights="random")
    assert backbone.taps == BACKBONES[name].taps
    for tap, features in zip(backbone.taps, backbone(pixels), strict=True):
        assert features.shape == (2, tap.channels, HEIGHT // tap.stride, WIDTH // tap.stride)
        assert torch.isfinite(features).all()


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b5"])
def test_features_are_those_of_torchvisions_whole_network(name: str, pixels: Tensor, tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = torchvision.models.get_model(name, weights=None).eval()
    behind = ("layer4.", "fc.", "features.6.", "features.7.", "features.8.", "classifier.")
    used = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith(behind)}
    torch.save(used, tmp_path / "weights.pth")
    backbone = build_backbone(name, weights=str(tmp_path / "weights.pth"))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (backbone.spec.mean, backbone.spec.std))
    with torch.inference_mode():
        whole = create_feature_extractor(network, [tap.layer for tap in backbone.taps])((pixels - mean) / std)
        for expected, features in zip(whole.values(), backbone(pixels), strict=True):
            torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_efficientnet_b5s_taps_are_the_papers_blocks_counted_from_1() -> None:
    with torch.device("meta"):
        stages = torchvision.models.efficientnet_b5(weights=None).features
    blocks = [f"features.{stage}.{block}" for stage in range(1, 8) for block in range(len(stages[stage]))]
    assert [blocks[number - 1] for number in (7, 20, 26)] == [tap.layer for tap in BACKBONES["efficientnet_b5"].taps]


def test_any_subset_of_taps_gives_the_same_features_and_computes_nothing_behind(pixels: Tensor) -> None:
    whole = build_backbone("resnet18", weights="random", seed=4)
    first, second, third = whole(pixels)
    part = build_backbone("resnet18", weights="random", seed=4, taps=["layer2", "layer1"])
    assert [tap.name for tap in part.taps] == ["layer1", "layer2"]
    assert all(map(torch.equal, part(pixels), (first, second)))
    assert torch.equal(build_backbone("resnet18", weights="random", seed=4, taps=["layer3"])(pixels)[0], third)
    assert sum(tensor.numel() for tensor in part.parameters()) == 9536 + 147968 + 525568


def test_a_backbone_is_frozen_and_evaluates() -> None:
    backbone = build_backbone("efficientnet_lite0")
    assert not any(module.training for module in backbone.modules())
    assert not any(tensor.requires_grad for tensor in backbone.parameters())


def test_random_weights_follow_their_seed_and_disturb_nobody() -> None:
    before = torch.get_rng_state()
    first, again, other = (build_backbone("resnet18", weights="random", seed=seed) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    assert first.weights == "random"
    assert torch.equal(torch.get_rng_state(), before)


def test_the_digest_does_not_depend_on_the_file(tmp_path: Path) -> None:
    published = torch.load(weights.fetch("efficientnet_lite0"), weights_only=True)
    torch.save({"state_dict": dict(reversed(published.items()))}, tmp_path / "copy.pth")
    copied = build_backbone("efficientnet_lite0", weights=str(tmp_path / "copy.pth"))
    assert copied.digest == build_backbone("efficientnet_lite0").digest
    assert copied.weights == str(tmp_path / "copy.pth")


def test_imagenet_weights_are_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLWATCH_CACHE", str(tmp_path))
    random = build_backbone("resnet18", weights="random", taps=["layer1"])
    with torch.device("meta"):
        names = list(torchvision.models.resnet18(weights=None).state_dict())
    values = iter(random.layers.state_dict().values())
    path = tmp_path / "weights" / weights.DOWNLOADS["resnet18"]
    path.parent.mkdir()
    torch.save(dict(zip(names, values, strict=False)), path)
    assert build_backbone("resnet18", taps=["layer1"]).digest == random.digest

    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError) as caught:
        build_backbone("resnet18")
    assert str(caught.value) == (
        f"{path}: is not a file of weights, or is damaged; delete it and run `stillwatch weights fetch resnet18`."
    )


def test_weights_of_another_backbone_are_refused() -> None:
    path = weights.fetch("efficientnet_lite0")
    with pytest.raises(ModelError) as caught:
        build_backbone("resnet18", weights=str(path))
    assert str(caught.value) == (
        f"{path}: has no tensor 'conv1.weight', so it is of another backbone; "
        "give a file of resnet18's weights, imagenet or random."
    )


@pytest.mark.parametrize(("taps", "found"), [(["layer1", "layer4"], "layer1, layer4"), ([], "none")])
def test_unknown_taps_are_refused(taps: list[str], found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_backbone("resnet18", weights="random", taps=taps)
    assert str(caught.value) == (
        f"the taps of resnet18 are layer1, layer2, layer3, not {found}; choose one or more of them."
    )


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        build_backbone("resnet19")
    assert str(caught.value) == (
        "'resnet19' is not a backbone; choose efficientnet_lite0, resnet18, wide_resnet50_2, efficientnet_b5."
    )
