"""How far replay is from its limit, the backbone alone on the same frames.

    python -m benchmarks.replay FOOTAGE [--fps 5] [--rounds 5] [--threads 2] [--json]

Counted is `replay` without the heatmap video (scores, events, clips, report), from opening the file to the finished
folder, with a model that is loaded already; beside it, in turn, the backbone on the same frames in memory.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from pipeline.fit import FitOptions, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import choose_hardware
from pipeline.process import prepare_process
from pipeline.replay import ReplayOptions, Task, replay
from pipeline.scoring import BATCH
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources


def main() -> None:
    """Print seconds of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage")
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    prepare_process()
    sources = find_sources([arguments.footage])
    hardware = choose_hardware(device="cpu", threads=arguments.threads)
    fitted = fit_footage(sources, FitOptions(fps=arguments.fps, until_s=40), hardware)
    detector = Detector(fitted.model, fitted.engine)
    with open_recording(sources[0]) as recording:
        frames = [frame.pixels for frame in recording.frames(Sampling(fitted.model.geometry, arguments.fps))]
    whole, alone = [], []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as out:
            begun = time.perf_counter()
            tasks = [Task(source, fitted.model, "camera") for source in sources]
            replay(tasks, lambda _: detector, Path(out), ReplayOptions(arguments.fps, heatmap=False))
            whole.append(time.perf_counter() - begun)
        batches = [np.stack(frames[first : first + BATCH]) for first in range(0, len(frames), BATCH)]
        begun = time.perf_counter()
        for batch in batches:
            fitted.engine.embed(batch)
        alone.append(time.perf_counter() - begun)
    ratio = median(a / b for a, b in zip(whole, alone, strict=True))
    results = {
        "frames": float(len(frames)),
        "replay_ms_per_frame": median(whole) / len(frames) * 1e3,
        "backbone_ms_per_frame": median(alone) / len(frames) * 1e3,
        "ratio": ratio,
    }
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    for name, value in results.items():
        print(f"{name:<24}{value:9.2f}")


if __name__ == "__main__":
    main()
