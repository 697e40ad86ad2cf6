"""Our scoring, to be asked for its speed, as `benchmarks.peer_padim` is.

usage: python -m benchmarks.our_padim BACKBONE THREADS FRAMES; reads batch sizes from stdin, answers frames/s.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from pipeline.model.detector import Detector
from pipeline.model.embedding import network_of
from pipeline.model.engine import build_engine, choose_hardware
from pipeline.model.fitting import Fitter
from pipeline.model.settings import PAPER, Precision, Settings
from pipeline.process import prepare_process
from pipeline.types import Geometry, Image

SIZE = (256, 256)
FITTED = 120


def main() -> None:
    """Fit on noise, then answer. ResNet18 is set as the paper (grid 4), the default backbone as it comes."""
    prepare_process()
    backbone, threads, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    settings = PAPER.with_changes(weights="random") if backbone == "resnet18" else Settings()
    network, settings = network_of(settings)
    engine = build_engine(network, SIZE, choose_hardware("auto", "cpu", threads), Precision.FLOAT32)
    random = np.random.RandomState(0)
    fitter = Fitter(network, engine, settings, Geometry(SIZE), SIZE)
    for number in range(FITTED):
        fitter.add(random.randint(0, 256, (*SIZE, 3)).astype(np.uint8), number)
    detector = Detector(fitter.finish(0.0), engine)
    frames = random.randint(0, 256, (count, *SIZE, 3)).astype(np.uint8)
    detector.score(frames[:8])
    for line in sys.stdin:
        print("ready" if line.strip() == "ready" else _timed(detector, frames, int(line)), flush=True)


def _timed(detector: Detector, frames: Image, batch: int) -> float:
    begun = time.perf_counter()
    for begin in range(0, len(frames), batch):
        detector.score(frames[begin : begin + batch])
    return len(frames) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
