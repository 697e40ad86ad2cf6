"""What motion costs: milliseconds of processor time a frame, on one thread.

    python -m benchmarks.motion [--data ../shared/data] [--fps 10] [--rounds 5] [--json]

Frames are decoded and in memory before the clock runs. Beside it, as a measure of the machine: dense flow (DIS, as
motion was read from until it cost too much) of the whole picture of half size. The shares are of grey pictures, of flow
(with the search for what moves, and the shaking), of following paths, and of the planes. The middle of all rounds
counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import ParamSpec, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.process import prepare_process
from pipeline.types import Frame, Geometry, Image, model_size
from pipeline.video.flow import MotionReader
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources

SHORT_SIDE = 240
# Whole pictures are compared with the frame so many before, as far apart as `MotionReader` has it at 10 frames/s.
BEFORE = 2
FOOTAGE = {"Ped2 train": "ped2/train", "PETS 2009": "clips/pets2009-vtest.mp4"}

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Recordings = Sequence[Sequence[Frame]]


class TimedReader(MotionReader):
    """Also counts the seconds that its parts took, by their names."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(size)
        self.spent_s = {"flow": 0.0, "paths": 0.0, "planes": 0.0}

    def _now(self, grey: Image, time_s: float) -> NDArray[np.float32]:
        return self._timed("flow", super()._now, grey, time_s)

    def _along_paths(self, now: NDArray[np.float32], step_s: float) -> NDArray[np.float32]:
        return self._timed("paths", super()._along_paths, now, step_s)

    def _planes(self, means: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self._timed("planes", super()._planes, means, moving)

    def _timed(
        self, name: str, part: Callable[Arguments, Result], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        begun = time.process_time()
        result = part(*args, **named)
        self.spent_s[name] += time.process_time() - begun
        return result


def main() -> None:
    """Print a line for each footage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    prepare_process()
    cv2.setNumThreads(1)
    rows = {
        name: _measured(_frames(arguments.data / path, arguments.fps), arguments.rounds)
        for name, path in FOOTAGE.items()
    }
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for name, row in rows.items():
        print(f"{name:<12}" + "  ".join(f"{key} {value:.3g}" for key, value in row.items()))


def _frames(path: Path, fps: float) -> Recordings:
    recordings = []
    for source in find_sources([path]):
        with open_recording(source) as recording:
            geometry = Geometry(model_size(recording.size, SHORT_SIDE))
            recordings.append(list(recording.frames(Sampling(geometry, fps))))
    return recordings


def _measured(recordings: Recordings, rounds: int) -> dict[str, float]:
    frames = sum(map(len, recordings))
    motion = [_motion(recordings) for _ in range(rounds)]
    whole = [_whole(recordings) for _ in range(rounds)]
    together = median(spent["together"] for spent in motion)
    parts = {name: median(spent[name] for spent in motion) for name in motion[0] if name != "together"}
    return {
        "frames": frames,
        "motion_ms_per_frame": together / frames * 1e3,
        "whole_flow_ms_per_frame": median(whole) / frames * 1e3,
        **{f"{name}_share": spent / together for name, spent in parts.items()},
    }


def _motion(recordings: Recordings) -> dict[str, float]:
    """Seconds for all frames: together, and of each part."""
    readers = [TimedReader(_size(frames)) for frames in recordings]
    begun = time.process_time()
    for reader, frames in zip(readers, recordings, strict=True):
        for frame in frames:
            reader.add(frame.pixels, frame.time_s)
    together = time.process_time() - begun
    parts = {name: sum(reader.spent_s[name] for reader in readers) for name in readers[0].spent_s}
    return {"together": together, "grey": together - sum(parts.values()), **parts}


def _whole(recordings: Recordings) -> float:
    """Seconds that dense flow takes on whole pictures, of all but the first frames."""
    dense, spent_s = _dense(), 0.0
    for frames in recordings:
        height, width = _size(frames)
        greys = [
            cv2.resize(cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), (width // 2, height // 2)) for frame in frames
        ]
        begun = time.process_time()
        for before, grey in zip(greys, greys[BEFORE:], strict=False):
            dense.calc(grey, before, None)  # type: ignore[call-overload]  # None: from nothing
        spent_s += time.process_time() - begun
    return spent_s


def _dense() -> cv2.DISOpticalFlow:
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dense.setFinestScale(0)
    dense.setPatchSize(8)
    dense.setPatchStride(4)
    dense.setGradientDescentIterations(12)
    dense.setVariationalRefinementIterations(0)
    return dense


def _size(frames: Sequence[Frame]) -> tuple[int, int]:
    height, width, _ = frames[0].pixels.shape
    return height, width


if __name__ == "__main__":
    main()
