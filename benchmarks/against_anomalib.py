"""Scoring speed beside anomalib's PaDiM: same machine, same run, same environment variables, interleaved.

    python -m benchmarks.against_anomalib [--json] [--threads 2] [--rounds 7] [--peer PYTHON]

Frames of 256×256 lie in memory; counted is the time until their anomaly maps are there. anomalib is given tensors
that are normalised already (that is free for it), ours the bytes. Each side runs in a process of its own and is asked
in turn; anomalib at batch sizes 1 and 8, the better one counts. Its environment is made in .peer/ (about 6 GB), unless
--peer names a Python that has it. Weights are random on both sides: no speed depends on them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from pipeline.process import available_cores, prepare_process

ROOT = Path(__file__).parent.parent
PEER = ROOT / ".peer"
FRAMES = 48
PEER_BATCHES = (1, 8)
OURS_BATCH = 8
OURS = {"ratio_same_backbone": "resnet18", "ratio_default": "efficientnet_lite0"}


class Side:
    """A process that answers `BATCH` with the frames/s of one timed pass."""

    def __init__(self, python: Path | str, module: str, arguments: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [str(python), "-m", module, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ask("ready")

    def frames_per_second(self, batch: int) -> float:
        """One pass over the frames."""
        return float(self._ask(str(batch)))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _ask(self, question: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise SystemExit(f"{self._process.args!r}: ended without an answer; run it by itself to see why.")
        return answer


def main() -> None:
    """Print frames/s of both and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=min(2, available_cores()))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", help="a Python with anomalib 2.7 and the same torch")
    arguments = parser.parse_args()
    prepare_process()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    results = _measure(arguments.peer or _peer_python(), arguments.threads, arguments.rounds)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{arguments.threads} threads, float32, 256x256, D 100, frames/s (median of {arguments.rounds} rounds)")
    for name, value in results.items():
        print(f"  {name:<34}{value:8.2f}")


def _measure(peer_python: Path | str, threads: int, rounds: int) -> dict[str, float]:
    peer = Side(peer_python, "benchmarks.peer_padim", [str(threads), str(FRAMES)])
    ours = {
        ratio: Side(sys.executable, "benchmarks.our_padim", [backbone, str(threads), str(FRAMES)])
        for ratio, backbone in OURS.items()
    }
    peer_rates: dict[int, list[float]] = {batch: [] for batch in PEER_BATCHES}
    our_rates: dict[str, list[float]] = {ratio: [] for ratio in ours}
    ratios: dict[str, list[float]] = {ratio: [] for ratio in ours}
    for _ in range(rounds):
        for batch in PEER_BATCHES:
            peer_rates[batch].append(peer.frames_per_second(batch))
        best = max(rates[-1] for rates in peer_rates.values())
        for ratio, side in ours.items():
            our_rates[ratio].append(side.frames_per_second(OURS_BATCH))
            ratios[ratio].append(our_rates[ratio][-1] / best)
    for side in (peer, *ours.values()):
        side.close()
    results = {f"anomalib, batch {batch}": median(rates) for batch, rates in peer_rates.items()}
    results |= {f"ours, {OURS[ratio]}": median(rates) for ratio, rates in our_rates.items()}
    return results | {ratio: median(values) for ratio, values in ratios.items()}


def _peer_python() -> Path:
    """Python of an environment with anomalib, made where it is not there."""
    python = PEER / "bin" / "python"
    if not (PEER / "made").exists():
        print("making .peer (anomalib 2.7.0, once)", file=sys.stderr)
        venv.create(PEER, with_pip=True, clear=True)
        packages = ["anomalib==2.7.0", "timm", f"torch=={version('torch')}", f"torchvision=={version('torchvision')}"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (PEER / "made").touch()
    return python


if __name__ == "__main__":
    main()
