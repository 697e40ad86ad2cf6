"""A decoder whose cameras hang up again and again: its memory and its open files must not grow."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean

from benchmarks.stream.scenery import sent_by_camera
from benchmarks.stream.stage import Stage, Worker
from tests.workers.servers import CameraProcess
from workers.bus.status import StatusBoard

__all__ = ["reconnects"]

# After each loss a decoder waits, up to three seconds: eight cameras of one process need an eighth of the time.
CAMERAS = 8
COUNTS = (50, 200, 350, 500)
SAMPLES, SAMPLE_S = 20, 0.25
MOST_S = 900.0
FIT_S = 5.0  # nobody scores


def reconnects(footage: Path) -> dict[str, float]:
    """Memory, open files and threads of the decoder on the way; reconnects are those of all its cameras."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sw-")))
        clip = sent_by_camera(footage, folder / "camera.mp4")
        sources = [stack.enter_context(CameraProcess(clip, "brief")).url for _ in range(CAMERAS)]
        camera = {"pace": "live", "hold_off_s": 0}
        stage = stack.enter_context(Stage(clip, CAMERAS, 1.0, camera=camera, sources=sources, fit_s=FIT_S))
        decoder = stage.start("decoder", stage.names)
        figures: dict[str, float] = {}
        for count in COUNTS:
            stage.wait_for(f"{count} reconnects", lambda count=count: _reconnects(stage) >= count, MOST_S)
            figures |= {f"{name}_{count}": value for name, value in _size(decoder).items()}
        return figures


def _reconnects(stage: Stage) -> int:
    said = StatusBoard(stage.connection, stage.keys).read(stage.names)
    return sum(int(fields.get("reconnects", 0)) for fields in said.values())


def _size(worker: Worker) -> dict[str, float]:
    """Means over some seconds: at any moment other cameras are connected, with megabytes of FFmpeg's."""
    sizes = []
    for _ in range(SAMPLES):
        time.sleep(SAMPLE_S)
        sizes.append((worker.memory_mb(), worker.seen.num_fds(), worker.seen.num_threads()))
    return {
        name: round(fmean(values), 1)
        for name, values in zip(("memory_mb", "open_files", "threads"), zip(*sizes, strict=True), strict=True)
    }
