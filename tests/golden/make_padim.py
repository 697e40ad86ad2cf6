"""Makes padim.npz: distances and maps of anomalib's PaDiM, the reference for ours.

In an environment with anomalib 2.7.0, timm and torch, from the root of the repository:

    python -m tests.golden.make_padim

Computed in float64, so that the file holds no rounding but its own; what anomalib's usual float32 would have said
is printed beside it, as a relative error.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from tests.golden.recipe import FOLDER, PADIM_SIZE, padim_channels, padim_pictures, resnet18_weights

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
GRID = (PADIM_SIZE[0] // 4, PADIM_SIZE[1] // 4)


def main() -> None:
    exact = anomalib_padim(torch.float64)
    usual = anomalib_padim(torch.float32)
    for name, values in exact.items():
        error = np.abs(values - usual[name]).max() / np.abs(values).max()
        print(f"{name} {values.shape}: float32 is off by {error:.1e}")  # noqa: T201
    np.savez(FOLDER / "padim.npz", **{name: values.astype(np.float32) for name, values in exact.items()})  # type: ignore[arg-type]


def anomalib_padim(dtype: torch.dtype) -> dict[str, NDArray[np.floating]]:
    """Mean, distances and maps in a number format."""
    # Only where golden files are made: no dependency of the tests.
    from anomalib.models.image.padim.torch_model import PadimModel  # type: ignore[import-not-found]

    torch.set_default_dtype(dtype)
    channels = padim_channels()
    model = PadimModel(backbone="resnet18", pre_trained=False, n_features=len(channels))
    model.idx = torch.from_numpy(channels)
    model.feature_extractor.feature_extractor.load_state_dict(
        {name: torch.from_numpy(values).to(dtype) for name, values in resnet18_weights().items()}
    )
    fitted, scored = (normalised(pictures, dtype) for pictures in padim_pictures())
    model.train()
    model.feature_extractor.eval()
    model(fitted)
    model.fit()
    model.eval()
    with torch.no_grad():
        embedding = model.generate_embedding(model.feature_extractor(scored))
        mean, inverse = model.gaussian.mean, model.gaussian.inv_covariance
        distances = model.anomaly_map_generator.compute_distance(embedding, [mean, inverse])
        maps = model(scored).anomaly_map
    return {
        "mean": mean.T.reshape(*GRID, len(channels)).numpy(),
        "distances": distances[:, 0].numpy(),
        "maps": maps[:, 0].numpy(),
    }


def normalised(pictures: NDArray[np.uint8], dtype: torch.dtype) -> torch.Tensor:
    """What anomalib's pre-processor would feed, without its resizing."""
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(dtype) / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (pixels - mean) / std


if __name__ == "__main__":
    main()
