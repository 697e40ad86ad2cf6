"""A decoder whose cameras hang up again and again: its memory and its open files must not grow."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.stream.scenery import sent_by_camera
from benchmarks.stream.stage import Stage, Worker
from tests.workers.servers import CameraProcess
from workers.bus.status import StatusBoard

__all__ = ["reconnects"]

# After each loss a decoder waits, up to three seconds: eight cameras of one process need an eighth of the time.
CAMERAS = 8
FIRST, LAST = 50, 500
MOST_S = 900.0


def reconnects(footage: Path) -> dict[str, float]:
    """Memory, open files and threads of the decoder after the first reconnects and after all; of all its cameras."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sw-")))
        clip = sent_by_camera(footage, folder / "camera.mp4")
        sources = [stack.enter_context(CameraProcess(clip, "brief")).url for _ in range(CAMERAS)]
        camera = {"pace": "live", "hold_off_s": 0}
        stage = stack.enter_context(Stage(clip, CAMERAS, 1.0, camera=camera, sources=sources))
        decoder = stage.start("decoder", stage.names)
        figures: dict[str, float] = {}
        for count in (FIRST, LAST):
            figures[f"seconds_{count}"] = stage.wait_for(
                f"{count} reconnects", lambda count=count: _reconnects(stage) >= count, MOST_S
            )
            figures |= {f"{name}_{count}": value for name, value in _size(decoder).items()}
        return figures


def _reconnects(stage: Stage) -> int:
    said = StatusBoard(stage.connection, stage.keys).read(stage.names)
    return sum(int(fields.get("reconnects", 0)) for fields in said.values())


def _size(worker: Worker) -> dict[str, float]:
    return {
        "memory_mb": round(worker.memory_mb(), 1),
        "open_files": worker.seen.num_fds(),
        "threads": worker.seen.num_threads(),
    }
