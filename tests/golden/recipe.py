"""What golden files are made from, and how they are read: shared by their generators and the tests.

Nothing here but NumPy, so that both sides, in environments of their own, see the same bytes. Pictures are
(N, H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LITE0_SIZES",
    "golden_lite0",
    "golden_padim",
    "lite0_picture",
    "padim_channels",
    "padim_pictures",
    "resnet18_weights",
]

FOLDER = Path(__file__).parent
FIT_FRAMES, SCORED_FRAMES = 32, 3
PADIM_SIZE = (64, 96)
# Odd sides too: TensorFlow pads them otherwise than even ones.
LITE0_SIZES = ((64, 96), (48, 80), (45, 83))


def golden_lite0() -> dict[str, NDArray[np.float32]]:
    """Features of timm's EfficientNet-Lite0 for `lite0_picture`, by 'HxW-block3', '-block5' and '-block11'.

    Each is (1, C, h, w), sides H / stride and W / stride rounded up.
    """
    with np.load(FOLDER / "lite0.npz") as file:
        return {name: file[name] for name in file.files}


def golden_padim() -> dict[str, NDArray[np.float32]]:
    """What anomalib's PaDiM says of `padim_pictures`, with `resnet18_weights` and `padim_channels`.

    'mean' (h, w, D) over the pictures to fit, in the order of the channels; 'distances' (3, h, w) and 'maps'
    (3, H, W) of the pictures to score. Covariance: sample covariance (N − 1) + 0.01001 on the diagonal (0.01, and
    1e-5 before inversion). Taps joined by nearest, distances grown bilinearly, then a Gaussian of σ 4 px, 33 × 33,
    reflecting at borders without repeating them.
    """
    with np.load(FOLDER / "padim.npz") as file:
        return {name: file[name] for name in file.files}


def lite0_picture(size: tuple[int, int]) -> NDArray[np.uint8]:
    """(1, H, W, 3), the picture whose features are kept."""
    return _pictures(1, size, seed=11)


def padim_pictures() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(32, 64, 96, 3) to fit, and (3, 64, 96, 3) to score: one like them, one with a patch, one half in shade."""
    pictures = _pictures(FIT_FRAMES + SCORED_FRAMES, PADIM_SIZE, seed=12)
    fitted, scored = pictures[:FIT_FRAMES], pictures[FIT_FRAMES:]
    scored[1, 16:40, 60:80] = (230, 40, 90)
    scored[2, :, :48] //= 2
    return fitted, scored


def padim_channels() -> NDArray[np.int64]:
    """The 20 of ResNet18's 448 channels that are used, rising."""
    return np.sort(np.random.RandomState(13).permutation(448)[:20])


def resnet18_weights() -> dict[str, NDArray[np.float32]]:
    """Made-up weights of ResNet18 up to layer 3, by torchvision's and timm's names.

    Scales are those of an untrained network, so that features neither vanish nor explode; normalisations are
    uneven, so that none of their tensors may be left out or mixed up.
    """
    source = np.random.RandomState(14)
    weights: dict[str, NDArray[np.float32]] = {}

    def convolution(name: str, outputs: int, inputs: int, kernel: int) -> None:
        values = source.uniform(-1, 1, (outputs, inputs, kernel, kernel)) * np.sqrt(6 / (outputs * kernel**2))
        weights[f"{name}.weight"] = values.astype(np.float32)

    def normalisation(name: str, channels: int) -> None:
        for tensor, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.3, 0.3),
            ("running_mean", -0.3, 0.3),
            ("running_var", 0.5, 1.5),
        ):
            weights[f"{name}.{tensor}"] = source.uniform(low, high, channels).astype(np.float32)

    convolution("conv1", 64, 3, 7)
    normalisation("bn1", 64)
    for layer, inputs, outputs in (("layer1", 64, 64), ("layer2", 64, 128), ("layer3", 128, 256)):
        for block, channels in ((f"{layer}.0", inputs), (f"{layer}.1", outputs)):
            convolution(f"{block}.conv1", outputs, channels, 3)
            normalisation(f"{block}.bn1", outputs)
            convolution(f"{block}.conv2", outputs, outputs, 3)
            normalisation(f"{block}.bn2", outputs)
            if channels != outputs:
                convolution(f"{block}.downsample.0", outputs, channels, 1)
                normalisation(f"{block}.downsample.1", outputs)
    return weights


def _pictures(count: int, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Smooth pictures of one scene: what they share, what each has of its own, and a little noise."""
    source = np.random.RandomState(seed)
    shared = _smooth(source, 1, size)
    values = 128 + 120 * shared + 60 * _smooth(source, count, size) + 8 * source.uniform(-1, 1, (count, *size, 3))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _smooth(source: np.random.RandomState, count: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """(count, H, W, 3) in −1..1: random values every 8 pixels, linear in between."""
    height, width = size
    knots = source.uniform(-1, 1, (count, height // 8 + 2, width // 8 + 2, 3))
    return _between(_between(knots, 1, height), 2, width)


def _between(knots: NDArray[np.float64], axis: int, length: int) -> NDArray[np.float64]:
    place = np.arange(length) / 8
    left = place.astype(int)
    share = (place - left).reshape([-1 if dim == axis else 1 for dim in range(knots.ndim)])
    between: NDArray[np.float64] = knots.take(left, axis) * (1 - share) + knots.take(left + 1, axis) * share
    return between
