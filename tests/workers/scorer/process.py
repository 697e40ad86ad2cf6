"""A scorer process for tests: `python -P -m tests.workers.scorer.process SITE NAME FATE`.

FATE is what happens to it: `works`; `hangs` with its first batch, which it says by the line HANGS; `dies`, killed by
the first picture whose pixels are all 13. It says READY before it reads.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from pipeline.process import prepare_process

prepare_process()

from pipeline.model.padim import Scores  # noqa: E402
from pipeline.model.pool import DetectorPool, Part, score_together  # noqa: E402
from tests.workers.scorer.running import IDLE_MS, hardware  # noqa: E402
from workers.bus.broker import broker_address  # noqa: E402
from workers.bus.connection import Connection  # noqa: E402
from workers.scorer.worker import Scorer  # noqa: E402
from workers.site.reading import read_site  # noqa: E402

__all__ = ["scorer_process"]

ROOT = Path(__file__).parent.parent.parent.parent


@contextmanager
def scorer_process(site: Path, name: str, fate: str) -> Iterator[subprocess.Popen[str]]:
    """One that is ready; killed at the end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.workers.scorer.process", str(site), name, fate],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def hang(parts: Sequence[Part]) -> list[Scores]:
    sys.stdout.write("HANGS\n")
    sys.stdout.flush()
    threading.Event().wait()
    raise AssertionError


def die(parts: Sequence[Part]) -> list[Scores]:
    if any((frame == 13).all() for _, frames, _ in parts for frame in frames):
        os.kill(os.getpid(), signal.SIGKILL)
    return score_together(parts)


def main(path: str, name: str, fate: str) -> None:
    """Score until the process ends."""
    site = read_site(Path(path))
    scored = {"works": score_together, "hangs": hang, "dies": die}[fate]
    with patch("workers.scorer.batch.score_together", scored), Connection(broker_address(site)) as connection:
        scorer = Scorer(site, list(site.cameras), name, connection, DetectorPool(hardware()), idle_ms=IDLE_MS)
        sys.stdout.write("READY\n")
        sys.stdout.flush()
        scorer.run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
