"""Backbones: frozen networks that turn a picture into feature maps.

A backbone ends behind its last tap in use: nothing is computed for nobody. Pictures are (B, 3, H, W) float32
RGB in 0..1, sides multiples of 16; the features of a tap are (B, channels, H / stride, W / stride).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.model.efficientnet_lite0 import efficientnet_lite0_layers
from pipeline.model.state import Shapes, State, digest, random_state, read_state
from pipeline.model.weights import Progress, fetch

__all__ = ["BACKBONES", "Backbone", "BackboneSpec", "Tap", "build_backbone"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Tap:
    """A place where features are taken.

    Attributes:
        name: what people call it.
        layer: the layer whose output it is, as the weights' names begin.
        stride: pixels of the picture a step of the features, on both axes.
    """

    name: str
    layer: str
    stride: int
    channels: int


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """What is known of a backbone before it is built; mean and std are of RGB in 0..1."""

    name: str
    taps: tuple[Tap, ...]
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


# Blocks are counted from 1, as in the paper: only so do "layers 7 (level 2), 20 (level 4), and 26 (level 5)"
# of EfficientNet-B5 lie in stages 2, 4 and 5.
BACKBONES: Mapping[str, BackboneSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            BackboneSpec(
                "efficientnet_lite0",
                (
                    Tap("block3", "blocks.2", 4, 24),
                    Tap("block5", "blocks.4", 8, 40),
                    Tap("block11", "blocks.10", 16, 112),
                ),
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
            ),
            BackboneSpec(
                "resnet18",
                (
                    Tap("layer1", "layer1", 4, 64),
                    Tap("layer2", "layer2", 8, 128),
                    Tap("layer3", "layer3", 16, 256),
                ),
            ),
            BackboneSpec(
                "wide_resnet50_2",
                (
                    Tap("layer1", "layer1", 4, 256),
                    Tap("layer2", "layer2", 8, 512),
                    Tap("layer3", "layer3", 16, 1024),
                ),
            ),
            BackboneSpec(
                "efficientnet_b5",
                (
                    Tap("block7", "features.2.3", 4, 40),
                    Tap("block20", "features.4.6", 16, 128),
                    Tap("block26", "features.5.5", 16, 176),
                ),
            ),
        )
    }
)


class Backbone(nn.Module):
    """A frozen network in evaluation mode, cut behind its last tap.

    Attributes:
        spec: what it is.
        taps: the taps in use, finest first.
        weights: 'imagenet', 'random' or the path of a file.
        digest: SHA-256 (hex) of the tensors in use with their names: equal digests and taps, equal features.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        spec: BackboneSpec,
        taps: tuple[Tap, ...],
        layers: Mapping[str, nn.Module],
        weights: str,
        digest: str,
    ) -> None:
        super().__init__()
        self.spec, self.taps, self.weights, self.digest = spec, taps, weights, digest
        self.layers = nn.ModuleList(layers.values())
        self.tapped = [any(tap.layer == name for tap in taps) for name in layers]
        self.register_buffer("mean", torch.tensor(spec.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Features of each tap in use, (B, channels, H / stride, W / stride).

        Args:
            pixels: (B, 3, H, W) float32 RGB in 0..1, sides multiples of 16.
        """
        # Normalised in float32, whatever the layers compute in: a byte's 256 steps need more than 8 bits.
        features = ((pixels - self.mean) / self.std).to(next(self.layers.parameters()).dtype)
        taken = []
        for layer, tapped in zip(self.layers, self.tapped, strict=True):
            features = layer(features)
            if tapped:
                taken.append(features)
        return tuple(taken)


def build_backbone(
    name: str,
    *,
    weights: str = "imagenet",
    taps: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Backbone:
    """A backbone with its weights.

    Args:
        name: a key of `BACKBONES`.
        weights: 'imagenet' (downloaded where absent, see `weights.fetch`), 'random', or the path of a file of
            this backbone's weights (see `state.read_state`), which may lack what lies behind the last tap.
        taps: names of the taps to use, in any order; None for all.
        seed: of random weights; a seed gives the same bytes on every machine.
        progress: of a download: called with the bytes so far and in all.
    Raises:
        ConfigError: unknown backbone or tap.
        ModelError: the weights cannot be had, or are not of this backbone.
        OutputError: downloaded weights cannot be stored.
    """
    if name not in BACKBONES:
        raise ConfigError(f"{name!r} is not a backbone; choose {', '.join(BACKBONES)}.")
    spec = BACKBONES[name]
    chosen = _chosen(spec, taps)
    # On the meta device a layer has shapes alone: nothing is drawn only to be overwritten.
    with torch.device("meta"):
        layers = _up_to(chosen[-1].layer, _layers(name))
    state = _state(name, weights, _shapes(layers), seed, progress)
    _fill(layers, state)
    return Backbone(spec, chosen, layers, weights, digest(state))


def _chosen(spec: BackboneSpec, names: Sequence[str] | None) -> tuple[Tap, ...]:
    """The taps of these names, finest first."""
    offered = [tap.name for tap in spec.taps]
    wanted = offered if names is None else names
    if not wanted or not set(wanted) <= set(offered):
        raise ConfigError(
            f"the taps of {spec.name} are {', '.join(offered)}, not {', '.join(wanted) or 'none'}; "
            "choose one or more of them."
        )
    return tuple(tap for tap in spec.taps if tap.name in wanted)


def _layers(name: str) -> Iterator[tuple[str, nn.Module]]:
    """Layers of a backbone in order, by the beginning of their tensors' names, each fed by the one before."""
    if name == "efficientnet_lite0":
        yield from efficientnet_lite0_layers()
        return
    import torchvision.models  # takes a second to import, and the default backbone does without

    network = torchvision.models.get_model(name, weights=None)
    if name == "efficientnet_b5":
        for stage, blocks in network.features.named_children():
            for block, module in blocks.named_children():
                yield f"features.{stage}.{block}", module
    else:
        yield from network.named_children()


def _up_to(last: str, layers: Iterable[tuple[str, nn.Module]]) -> dict[str, nn.Module]:
    kept = {}
    for name, module in layers:
        kept[name] = module
        if name == last:
            break
    return kept


def _shapes(layers: Mapping[str, nn.Module]) -> Shapes:
    """Shapes of all tensors that inference needs."""
    return {
        f"{layer}.{key}": tuple(tensor.shape)
        for layer, module in layers.items()
        for key, tensor in module.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def _state(name: str, weights: str, shapes: Shapes, seed: int, progress: Progress | None) -> State:
    if weights == "random":
        return random_state(shapes, seed)
    if weights == "imagenet":
        remedy = f"delete it and run `stillwatch weights fetch {name}`"
        return read_state(fetch(name, progress), shapes, remedy)
    return read_state(Path(weights), shapes, f"give a file of {name}'s weights, imagenet or random")


def _fill(layers: Mapping[str, nn.Module], state: State) -> None:
    # What the state lacks counts training steps: a zero, as in a new layer.
    for layer, module in layers.items():
        tensors = {key: state.get(f"{layer}.{key}", torch.tensor(0)) for key in module.state_dict()}
        module.load_state_dict(tensors, assign=True)
