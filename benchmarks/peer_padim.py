"""anomalib's PaDiM, to be asked for its speed: runs in anomalib's environment, imports nothing of ours.

usage: python -m benchmarks.peer_padim THREADS FRAMES; reads batch sizes from stdin, answers frames/s.
"""

from __future__ import annotations

import sys
import time

import torch

SIZE = 256
FITTED = 120


def main() -> None:
    """Fit on noise, then answer."""
    # Only in anomalib's environment: no dependency of ours.
    from anomalib.models.image.padim.torch_model import PadimModel  # type: ignore[import-not-found]

    threads, frames = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = PadimModel(backbone="resnet18", pre_trained=False, n_features=100)
    model.train()
    model.feature_extractor.eval()
    with torch.inference_mode():
        for _ in range(FITTED // 8):
            model(torch.randn(8, 3, SIZE, SIZE))
        model.fit()
        model.eval()
        pictures = torch.randn(frames, 3, SIZE, SIZE)
        for batch in (1, 8):
            model(pictures[:batch])
        for line in sys.stdin:
            print("ready" if line.strip() == "ready" else _timed(model, pictures, int(line)), flush=True)


def _timed(model: torch.nn.Module, pictures: torch.Tensor, batch: int) -> float:
    begun = time.perf_counter()
    for begin in range(0, len(pictures), batch):
        model(pictures[begin : begin + batch])
    return len(pictures) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
