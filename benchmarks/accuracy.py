"""Figures on labelled sets: UCSD Ped2 and magnetic tiles, mean of three seeds. Reported, never used to choose.

    python -m benchmarks.accuracy --data ../shared/data [--json]

`--data` holds `ped2/` (with its unpack.py) and `tiles/`; every test frame is scored.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from pipeline.evaluation.run import evaluate
from pipeline.fit import FitOptions
from pipeline.model.engine import Hardware, choose_hardware
from pipeline.model.settings import Settings
from pipeline.process import prepare_process

SEEDS = (0, 1, 2)


def main() -> None:
    """Print a row a set and backbone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    prepare_process()
    hardware = choose_hardware()
    random = Settings(backbone="resnet18", weights="random")
    with tempfile.TemporaryDirectory() as unpacked:
        subprocess.run([sys.executable, arguments.data / "ped2" / "unpack.py", unpacked], check=True)
        ped2, tiles = Path(unpacked), arguments.data / "tiles"
        results = {
            "ped2, defaults": _mean("ucsd", ped2, FitOptions(), hardware),
            "ped2, resnet18 random": _mean("ucsd", ped2, FitOptions(random), hardware),
            "tiles, --size 224": _mean("mvtec", tiles, FitOptions(short_side=224), hardware),
        }
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    for name, figures in results.items():
        print(f"{name:<24}" + "  ".join(f"{figure} {value:.3f}" for figure, value in figures.items()))


def _mean(layout: str, root: Path, options: FitOptions, hardware: Hardware) -> dict[str, float]:
    """Mean of each figure over the seeds."""
    rows = []
    for seed in SEEDS:
        chosen = replace(options, settings=options.settings.with_changes(seed=seed))
        rows.append(evaluate(layout, root, chosen, hardware).mean.present())
    return {name: fmean(row[name] for row in rows) for name in rows[0]}


if __name__ == "__main__":
    main()
