"""What the detector costs on this machine: frames/s, ms a frame by stage, peak memory, size of the model file.

    python -m benchmarks.detector [--footage FILE] [--backbones A,B] [--grids 8,4] [--engines openvino,torch] [--json]

Without --footage a street of our own is recorded first (640×360, 10 frames/s). Every row is a process of its own, so
that its peak memory is its own. Weights are random but for the default backbone: no speed depends on them. Stages are
ms of wall time a frame at 5 frames/s sampled: decode counts every frame of the source between two samples.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TypeVar

from pipeline.process import prepare_process

BACKBONES = "efficientnet_lite0,resnet18,wide_resnet50_2,efficientnet_b5"
COLUMNS = (
    "fit_fps",
    "score_fps",
    "decode_ms",
    "resize_ms",
    "backbone_ms",
    "distances_ms",
    "smoothing_ms",
    "peak_mb",
    "model_mb",
)
FITTED, SCORED, BATCH = 240, 64, 8
STREET_S = 40.0

T = TypeVar("T")


def main() -> None:
    """Print a row for each backbone, grid and engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footage")
    parser.add_argument("--backbones", default=BACKBONES)
    parser.add_argument("--grids", default="8,4")
    parser.add_argument("--engines", default="openvino,torch")
    parser.add_argument("--device", default="auto", help="for the torch engine")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    prepare_process()
    if arguments.child:
        row = _measure(
            arguments.footage, arguments.backbones, int(arguments.grids), arguments.engines, arguments.device
        )
        print(json.dumps(row))
        return
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        footage = arguments.footage or _street(Path(folder) / "street.mp4")
        if not arguments.json:
            print(f"{'':<36}" + "".join(f"{column:>13}" for column in COLUMNS))
        choices = (arguments.backbones.split(","), arguments.grids.split(","), arguments.engines.split(","))
        for backbone, grid, engine in product(*choices):
            name = f"{backbone}, grid {grid}, {engine}"
            rows[name] = _in_child(footage, backbone, grid, engine, arguments.device)
            if not arguments.json:
                print(f"{name:<36}" + "".join(f"{rows[name][column]:>13.2f}" for column in COLUMNS), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=2))


def _in_child(footage: str, backbone: str, grid: str, engine: str, device: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.detector", "--child", "--footage", footage, "--backbones", backbone]
    command += ["--grids", grid, "--engines", engine, "--device", device if engine == "torch" else "cpu"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, float] = json.loads(done.stdout)
    return row


def _street(path: Path) -> str:
    from pipeline.video.street import Street
    from pipeline.video.writer import VideoWriter

    with VideoWriter(path) as writer:
        for frame in Street().frames(STREET_S):
            writer.write(frame.pixels, frame.time_s)
    return str(path)


def _measure(footage: str, backbone: str, grid: int, engine_name: str, device: str) -> dict[str, float]:
    import numpy as np

    from pipeline.model.detector import Detector
    from pipeline.model.embedding import network_of
    from pipeline.model.engine import build_engine, choose_hardware
    from pipeline.model.fitting import Fitter
    from pipeline.model.model_file import save_model
    from pipeline.model.settings import Precision, Settings
    from pipeline.types import Geometry, model_size
    from pipeline.video.recording import open_recording
    from pipeline.video.sampling import Sampling
    from pipeline.video.sources import find_sources

    weights = "imagenet" if backbone == "efficientnet_lite0" else "random"
    network, settings = network_of(Settings(backbone=backbone, weights=weights, grid=grid))
    (source,) = find_sources([footage])
    with open_recording(source) as recording:
        geometry = Geometry(model_size(recording.size, 240))
        begun = time.perf_counter()
        frames = [frame.pixels for frame in recording.frames(Sampling(geometry, 5.0))]
        read_ms = (time.perf_counter() - begun) / len(frames) * 1e3
        size = recording.size
    resize_ms = _resize_ms(footage, geometry)
    engine = build_engine(network, geometry.size, choose_hardware(engine_name, device), Precision.FLOAT32)
    fitter = Fitter(network, engine, settings, geometry, size, fps=5.0)
    begun = time.perf_counter()
    for number in range(FITTED):
        fitter.add(frames[number % len(frames)], number / 5)
    model = fitter.finish(FITTED / 5)
    fit_s = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder) / "model.stillwatch")
        model_bytes = (Path(folder) / "model.stillwatch").stat().st_size
    detector = Detector(model, engine)
    batches = [np.stack([frames[(first + k) % len(frames)] for k in range(BATCH)]) for first in range(0, SCORED, BATCH)]
    embedded = [engine.embed(batch) for batch in batches]
    scorer = engine.scorer(model.gaussians, model.smoothing, None)
    grids = [model.gaussians.mean.new_ones(BATCH, *model.grid) for _ in batches]
    smooth = model.smoothing.folded if engine_name == "openvino" else model.smoothing.reference
    backbone_ms = _ms_per_frame(engine.embed, batches)
    smoothing_ms = _ms_per_frame(lambda grid_maps: smooth(grid_maps.to(engine.device)), grids)
    unit = 1e6 if sys.platform == "darwin" else 1e3  # macOS counts bytes, Linux kilobytes
    return {
        "fit_fps": FITTED / fit_s,
        "score_fps": 1e3 / _ms_per_frame(detector.score, batches),
        "decode_ms": read_ms - resize_ms,
        "resize_ms": resize_ms,
        "backbone_ms": backbone_ms,
        "distances_ms": _ms_per_frame(scorer, embedded) - smoothing_ms,
        "smoothing_ms": smoothing_ms,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
        "model_mb": model_bytes / 1e6,
    }


def _resize_ms(footage: str, geometry: object) -> float:
    """Bicubic resize and conversion of one decoded picture."""
    import av

    from pipeline.types import Geometry
    from pipeline.video.resizing import Resizer

    assert isinstance(geometry, Geometry)
    resizer = Resizer(geometry)
    with av.open(footage) as container:
        decoded = [frame for _, frame in zip(range(SCORED), container.decode(video=0), strict=False)]
    resizer.model(decoded[0])
    begun = time.perf_counter()
    for frame in decoded:
        resizer.model(frame)
    return (time.perf_counter() - begun) / len(decoded) * 1e3


def _ms_per_frame(work: Callable[[T], object], batches: Sequence[T]) -> float:
    """The best of three passes: the machine is rarely quiet, and never faster than it is."""
    work(batches[0])
    passes = []
    for _ in range(3):
        begun = time.perf_counter()
        for batch in batches:
            work(batch)
        passes.append((time.perf_counter() - begun) / (len(batches) * BATCH) * 1e3)
    return min(passes)


if __name__ == "__main__":
    main()
