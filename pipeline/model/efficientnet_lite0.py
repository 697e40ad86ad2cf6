"""EfficientNet-Lite0, the default backbone: its layers, for inference.

Tan and Le's B0 (2019) without squeeze-and-excitation and with ReLU6 for swish. The published weights come
from TensorFlow, so strided convolutions are padded its way: they must meet the same pixels here.
Features are (B, C, h, w); a strided layer rounds sides up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["efficientnet_lite0_layers", "own_name"]


class _Stage(NamedTuple):
    expansion: int
    channels: int
    kernel: int
    stride: int
    blocks: int


STEM_CHANNELS = 32
STAGES = (
    _Stage(expansion=1, channels=16, kernel=3, stride=1, blocks=1),
    _Stage(expansion=6, channels=24, kernel=3, stride=2, blocks=2),
    _Stage(expansion=6, channels=40, kernel=5, stride=2, blocks=2),
    _Stage(expansion=6, channels=80, kernel=3, stride=2, blocks=3),
    _Stage(expansion=6, channels=112, kernel=5, stride=1, blocks=3),
    _Stage(expansion=6, channels=192, kernel=5, stride=2, blocks=4),
    _Stage(expansion=6, channels=320, kernel=3, stride=1, blocks=1),
)


def efficientnet_lite0_layers() -> Iterator[tuple[str, nn.Module]]:
    """Stem and the sixteen blocks by name, each fed by the one before; the classifier has no use here.

    The stem takes pictures (B, 3, H, W) in −1..1; blocks 1, 3, 5, 8, 11, 15, 16 end the stages, at strides
    2, 4, 8, 16, 16, 32, 32.
    """
    yield "conv_stem", _convolution(3, STEM_CHANNELS, kernel=3, stride=2)
    yield "bn0", _norm(STEM_CHANNELS)
    yield "relu6", nn.ReLU6()
    inputs, number = STEM_CHANNELS, 0
    for stage in STAGES:
        for repeat in range(stage.blocks):
            stride = stage.stride if repeat == 0 else 1
            yield f"blocks.{number}", _Block(inputs, stage.channels, stage.kernel, stride, stage.expansion)
            inputs, number = stage.channels, number + 1


def own_name(published: str) -> str:
    """Name of a tensor here, given its name in the published weights, which set underscores before names.

    >>> own_name("_blocks.0._bn1.running_var")
    'blocks.0.bn1.running_var'
    """
    return re.sub(r"(^|\.)_", r"\1", published)


class _Block(nn.Module):
    """Inverted bottleneck: widen, filter channel by channel, narrow; plus the input where shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.widens = expansion > 1
        self.adds_input = stride == 1 and inputs == outputs
        if self.widens:
            self.expand_conv = _convolution(inputs, inner, kernel=1)
            self.bn0 = _norm(inner)
        self.depthwise_conv = _convolution(inner, inner, kernel, stride, groups=inner)
        self.bn1 = _norm(inner)
        self.project_conv = _convolution(inner, outputs, kernel=1)
        self.bn2 = _norm(outputs)

    def forward(self, features: Tensor) -> Tensor:
        inner = F.relu6(self.bn0(self.expand_conv(features))) if self.widens else features
        inner = F.relu6(self.bn1(self.depthwise_conv(inner)))
        outputs: Tensor = self.bn2(self.project_conv(inner))
        return outputs + features if self.adds_input else outputs


class _HalvingConv2d(nn.Conv2d):
    """Convolution of stride 2, padded as TensorFlow does: even sides get one pixel less before than behind.

    PyTorch's own padding is the same at both ends, which moves the grid by a pixel. The padding follows the
    size of the features; once that is fixed, OpenVINO folds it into the convolution.
    """

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        behind = self.kernel_size[0] // 2
        pads = (behind - 1 + width % 2, behind, behind - 1 + height % 2, behind)
        return super().forward(F.pad(features, pads))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    if stride == 2:
        return _HalvingConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)  # TensorFlow's default, where PyTorch has 1e-5
