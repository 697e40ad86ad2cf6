"""Peak memory of a fit: does it grow with the footage?

    python -m benchmarks.memory [--backbone resnet18] [--frames 500 5000] [--json]

Each fit runs in a process of its own, on pictures of noise at 240×432, and reports its highest resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

from pipeline.process import prepare_process

SIZE = (240, 432)


def main() -> None:
    """Print peak memory for each length, and the ratio of the last to the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--frames", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    prepare_process()
    if arguments.child:
        _fit(arguments.backbone, arguments.frames[0])
        return
    peaks = {}
    for frames in arguments.frames:
        command = [sys.executable, "-m", "benchmarks.memory", "--child", "--backbone", arguments.backbone]
        done = subprocess.run([*command, "--frames", str(frames)], check=True, capture_output=True, text=True)
        peaks[frames] = float(done.stdout)
    first, *_, last = peaks.values()
    results = {f"{frames} frames, MB": peak for frames, peak in peaks.items()} | {"ratio": last / first}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    for name, value in results.items():
        print(f"{arguments.backbone}  {name:<20}{value:10.3f}")


def _fit(backbone: str, count: int) -> None:
    import numpy as np

    from pipeline.model.embedding import network_of
    from pipeline.model.engine import build_engine, choose_hardware
    from pipeline.model.fitting import Fitter
    from pipeline.model.settings import Precision, Settings
    from pipeline.types import Geometry

    network, settings = network_of(Settings(backbone=backbone, weights="random"))
    engine = build_engine(network, SIZE, choose_hardware(device="cpu"), Precision.FLOAT32)
    fitter = Fitter(network, engine, settings, Geometry(SIZE), SIZE, fps=5.0)
    random = np.random.RandomState(0)
    for number in range(count):
        fitter.add(random.randint(0, 256, (*SIZE, 3)).astype(np.uint8), number / 5)
    fitter.finish(count / 5)
    # Linux counts kilobytes, macOS bytes.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


if __name__ == "__main__":
    main()
