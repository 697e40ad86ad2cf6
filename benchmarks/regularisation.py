"""Which epsilon? Held-out likelihood and artificial anomalies on several scenes and picture sets; no test labels.

    python -m benchmarks.regularisation --data ../shared/data [--json]

Each set is fitted on its first part and judged on the rest: by the log-likelihood of the held-out embeddings under
the Gaussians (per number, higher is better), and by how well frames with a pasted object are told from the same
frames without (AUROC of the map's maximum, and of pixels). Pasted objects are cut from the other sets.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.evaluation.metrics import FrameMetrics, PixelMetrics
from pipeline.model.embedding import network_of
from pipeline.model.engine import build_engine, choose_hardware
from pipeline.model.gaussians import CHUNK, Moments
from pipeline.model.settings import Precision, Settings
from pipeline.model.smoothing import Smoothing
from pipeline.process import prepare_process
from pipeline.types import Geometry, Image, model_size
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources

FIT_SHARE = 0.6
# Frames judged at the most: every held-out embedding is kept, 0.5 MB each.
JUDGED = 120
OBJECTS_PER_FRAME = 1

# A covariance (p, D, D) of a chunk of positions, from its own, the mean over all positions, and the mean variance.
Regularised = Callable[[Tensor, Tensor, float], Tensor]


def absolute(epsilon: float) -> Regularised:
    """Own covariance with epsilon on its diagonal."""
    return lambda own, mean, variance: own + epsilon * torch.eye(own.shape[1], dtype=own.dtype)


def relative(share: float) -> Regularised:
    """Own covariance with a share of the mean feature variance on its diagonal."""
    return lambda own, mean, variance: own + share * variance * torch.eye(own.shape[1], dtype=own.dtype)


def shrunk(weight: float, share: float) -> Regularised:
    """A weighted mean of own and mean covariance, and a share of the mean feature variance on the diagonal."""
    return lambda own, mean, variance: (
        (1 - weight) * own + weight * mean + share * variance * torch.eye(own.shape[1], dtype=own.dtype)
    )


CANDIDATES: dict[str, Regularised] = {
    "abs 0.01": absolute(0.01),
    "0.01": relative(0.01),
    "0.03": relative(0.03),
    "0.1": relative(0.1),
    "0.3": relative(0.3),
    "1": relative(1.0),
    "m0.05 0.1": shrunk(0.05, 0.1),
    "m0.1 0.01": shrunk(0.1, 0.01),
    "m0.1 0.1": shrunk(0.1, 0.1),
    "m0.2 0.1": shrunk(0.2, 0.1),
    "m0.5 0.01": shrunk(0.5, 0.01),
    "m0.5 0.1": shrunk(0.5, 0.1),
    "m0.8 0.01": shrunk(0.8, 0.01),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One candidate on one set."""

    log_likelihood: float
    frame_auroc: float
    pixel_auroc: float


def main() -> None:
    """Print the table."""
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--dims", type=int, default=100)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    footage = dict(_sets(arguments.data))
    settings = Settings(backbone=arguments.backbone, dims=arguments.dims)
    results = {name: _judge(name, footage, settings) for name in footage}
    if arguments.json:
        plain = {n: {c: vars_of(j) for c, j in rows.items()} for n, rows in results.items()}
        print(json.dumps(plain, indent=2))
    else:
        _print(results)


def vars_of(judged: Judged) -> dict[str, float]:
    """Its figures by name."""
    return {name: round(getattr(judged, name), 4) for name in Judged.__slots__}


def _sets(data: Path) -> Iterator[tuple[str, list[Image]]]:
    """Normal footage only: training parts, and clips without labels."""
    for name, footage, fps in (
        ("ped2", "ped2/train/*.mp4", 2.5),
        ("pets", "clips/pets2009-vtest.mp4", 5.0),
        ("room", "clips/one-by-one-person-detection.mp4", 4.0),
        ("bottles", "clips/bottle-detection.mp4", 8.0),
        ("tiles", "tiles/magnetic_tile/train/good", None),
    ):
        frames: list[Image] = []
        for source in find_sources([data / footage]):
            with open_recording(source) as recording:
                size = (224, 224) if fps is None else model_size(recording.size, 240)
                frames += [frame.pixels for frame in recording.frames(Sampling(Geometry(size), fps))]
        yield name, frames


def _judge(name: str, footage: dict[str, list[Image]], settings: Settings) -> dict[str, Judged]:
    frames = footage[name]
    size = frames[0].shape[:2]
    network, _ = network_of(settings)
    engine = build_engine(network, (size[0], size[1]), choose_hardware(), Precision.FLOAT32)
    split = round(FIT_SHARE * len(frames))
    held = frames[split :: max(1, (len(frames) - split) // JUDGED)][:JUDGED]
    grid = network.positions((size[0], size[1]))
    moments = Moments.empty(grid[0] * grid[1], len(network.channels))
    for begin in range(0, split, 32):
        moments.add(engine.embed(np.stack(frames[begin : min(split, begin + 32)])))
    others = [frame for other, theirs in footage.items() if other != name for frame in theirs[::40]]
    pasted = [_with_object(frame, others, np.random.RandomState(number)) for number, frame in enumerate(held)]
    clean = engine.embed(np.stack(held))
    changed = engine.embed(np.stack([frame for frame, _ in pasted]))
    smoothing = Smoothing(grid, (size[0], size[1]))
    return {
        label: _one(candidate, moments, clean, changed, [mask for _, mask in pasted], smoothing)
        for label, candidate in CANDIDATES.items()
    }


def _with_object(frame: Image, others: list[Image], random: np.random.RandomState) -> tuple[Image, NDArray[np.bool_]]:
    """The frame with an ellipse of another set's picture, 8 to 25 % of its height, and where it is."""
    height, width = frame.shape[:2]
    side = int(height * random.uniform(0.08, 0.25))
    other = others[random.randint(len(others))]
    top, left = random.randint(other.shape[0] - side), random.randint(other.shape[1] - side)
    patch = other[top : top + side, left : left + side]
    y, x = random.randint(height - side), random.randint(width - side)
    shape = np.zeros((side, side), np.float32)
    axes = (int(side * random.uniform(0.25, 0.49)), side // 2 - 1)
    cv2.ellipse(shape, (side // 2, side // 2), axes, 0, 0, 360, (1.0,), cv2.FILLED)
    alpha = cv2.GaussianBlur(shape, (0, 0), 1.0)[..., np.newaxis]
    changed = frame.copy()
    place = changed[y : y + side, x : x + side]
    place[:] = np.round(alpha * patch + (1 - alpha) * place).astype(np.uint8)
    mask = np.zeros((height, width), np.bool_)
    mask[y : y + side, x : x + side] = shape > 0
    return changed, mask


def _one(
    candidate: Regularised,
    moments: Moments,
    clean: Tensor,
    changed: Tensor,
    masks: list[NDArray[np.bool_]],
    smoothing: Smoothing,
) -> Judged:
    distances, likelihood = _distances(candidate, moments, torch.cat([clean, changed]), len(clean))
    maps = smoothing.folded(distances.reshape(-1, *smoothing.grid)).numpy()
    frames, pixels = FrameMetrics(), PixelMetrics()
    nothing = np.zeros(smoothing.size, np.bool_)
    for anomaly_map, mask in zip(maps, [nothing] * len(clean) + masks, strict=True):
        frames.add(float(anomaly_map.max()), bool(mask.any()))
        pixels.add(anomaly_map, mask)
    return Judged(likelihood, frames.result().auroc or 0.0, pixels.result().auroc or 0.0)


def _distances(candidate: Regularised, moments: Moments, embeddings: Tensor, clean: int) -> tuple[Tensor, float]:
    """(B, P) distances, and the mean log-likelihood of the first `clean` embeddings per number."""
    positions, dims = moments.mean.shape
    mean_covariance = moments.scatter.mean(dim=0) / (moments.count - 1)
    variance = moments.mean_variance()
    distances = torch.empty(embeddings.shape[:2])
    logs = 0.0
    for begin in range(0, positions, CHUNK):
        part = slice(begin, begin + CHUNK)
        covariance = candidate(moments.scatter[part] / (moments.count - 1), mean_covariance, variance)
        factor = torch.linalg.cholesky(covariance)
        delta = (embeddings[:, part].double() - moments.mean[part]).permute(1, 2, 0)
        white = torch.linalg.solve_triangular(factor, delta, upper=False)
        distances[:, part] = white.norm(dim=1).T.float()
        logs += float(factor.diagonal(dim1=1, dim2=2).log().sum())
    squares = float((distances[:clean].double() ** 2).sum()) / (clean * positions)
    return distances, -(0.5 * squares + logs / positions) / dims - 0.5 * math.log(2 * math.pi)


def _print(results: dict[str, dict[str, Judged]]) -> None:
    for figure in Judged.__slots__:
        print(f"\n{figure}")
        print(f"{'':<10}" + "".join(f"{name:>10}" for name in results))
        for candidate in CANDIDATES:
            cells = [getattr(rows[candidate], figure) for rows in results.values()]
            print(f"{candidate:<10}" + "".join(f"{cell:>10.3f}" for cell in cells))


if __name__ == "__main__":
    main()
