"""Figures on labelled sets: UCSD Ped2 and magnetic tiles, mean of three seeds. Reported, never used to choose.

    python -m benchmarks.accuracy --data ../shared/data [--json]

`--data` holds `ped2/` (with its unpack.py) and `tiles/`; every test frame is scored. "At 5 frames/s" every second frame
of Ped2 is left out, of what is learned and of what is scored.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
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
        half = _every_second(ped2, Path(unpacked) / "half")
        results = {
            **_means("ped2, defaults", "ucsd", ped2 / "UCSDped2", FitOptions(), hardware),
            **_means("ped2, at 5 frames/s", "ucsd", half, FitOptions(input_fps=5.0), hardware),
            **_means("ped2, resnet18 random", "ucsd", ped2 / "UCSDped2", FitOptions(random), hardware),
            **_means("tiles, --size 224", "mvtec", tiles, FitOptions(short_side=224), hardware),
        }
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    for name, figures in results.items():
        print(f"{name:<42}" + "  ".join(f"{figure} {value:.3f}" for figure, value in figures.items()))


def _means(
    name: str, layout: str, root: Path, options: FitOptions, hardware: Hardware
) -> dict[str, Mapping[str, float]]:
    """Means of each figure over the seeds: of the score that people see, and of its parts where it has any."""
    rows: dict[str, list[Mapping[str, float]]] = {}
    for seed in SEEDS:
        chosen = replace(options, settings=options.settings.with_changes(seed=seed))
        found = evaluate(layout, root, chosen, hardware)
        rows.setdefault(name, []).append(found.mean.present())
        for evidence, part in found.parts.items():
            rows.setdefault(f"{name}, {evidence} alone", []).append(part.mean.present())
    return {row: {figure: fmean(one[figure] for one in ones) for figure in ones[0]} for row, ones in rows.items()}


def _every_second(ped2: Path, half: Path) -> Path:
    """A scene of every second frame and its mask; frames are labelled by their masks."""
    for folder in (path for path in ped2.glob("UCSDped2/*/*") if path.is_dir()):
        place = half / folder.parent.name / folder.name
        place.mkdir(parents=True)
        for picture in sorted(folder.iterdir())[::2]:
            (place / picture.name).symlink_to(picture)
    return half


if __name__ == "__main__":
    main()
