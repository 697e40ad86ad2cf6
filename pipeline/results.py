"""The files of a replay, and the folder they lie in.

`scores.csv` has a row a frame, `heatmap.mp4` the footage with its anomaly map, time and score, `summary.json` what it
came to. They appear together at the end, or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import OutputError
from pipeline.files import output_error, written_whole
from pipeline.scoring import ScoredFrame
from pipeline.types import Geometry
from pipeline.video.drawing import blend_heatmap, draw_caption
from pipeline.video.writer import VideoWriter

__all__ = ["Peak", "ReplaySummary", "Results", "output_folder"]

COLUMNS = ("file", "index", "time_s", "score", "raw_score", "appearance", "motion", "x", "y")


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest score, and where it was."""

    file: str
    index: int
    time_s: float
    score: float
    x: float
    y: float


@dataclass(slots=True)
class ReplaySummary:
    """What a replay came to; written as `summary.json`.

    Attributes:
        complete: whether all footage was seen.
        frames: frames scored.
        anomalous: frames whose score is above 1.
        footage_s: seconds of footage seen; pictures without a clock take none.
        elapsed_s: seconds it took.
        damaged: packets and pictures skipped.
        threshold: raw score that counts as 1.
        peak: the highest score; None without frames.
    """

    files: list[str] = field(default_factory=list)
    complete: bool = True
    frames: int = 0
    anomalous: int = 0
    footage_s: float = 0.0
    elapsed_s: float = 0.0
    damaged: int = 0
    threshold: float = 0.0
    peak: Peak | None = None


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Make a folder for results and those above it; on leaving, what was made and holds nothing goes again.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        missing = [folder for folder in (out, *out.parents) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{out}: is a file; give the name of a folder.") from error
    except OSError as error:
        raise output_error(out, error) from error
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


class Results:
    """The files of a replay, while it runs.

    Attributes:
        length_s: seconds of the recording so far; its last frame lasts as long as the one before.
    """

    def __init__(self, out: Path, geometry: Geometry, *, heatmap: bool) -> None:
        self._out, self._geometry = out, geometry
        self._heatmap = out / "heatmap.mp4"
        self._video = VideoWriter(self._heatmap) if heatmap else None
        self._begin_s = self.length_s = 0.0
        self._name = ""

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            # Left in the reverse order: the end of the video, which may still fail, before any file has its name.
            self._summary = opened.enter_context(written_whole(self._out / "summary.json"))
            part = opened.enter_context(written_whole(self._out / "scores.csv"))
            self._file = opened.enter_context(_text_file(part))
            if self._video is not None:
                opened.enter_context(self._video)
            self._rows = csv.writer(self._file, lineterminator="\n")
            self._rows.writerow(COLUMNS)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def begin(self, name: str, step_s: float) -> None:
        """Begin the next recording; its frames are `step_s` apart until two of them tell."""
        self._name, self._step_s = name, step_s
        self._begin_s += self.length_s
        self.length_s = 0.0
        self._first_s = self._last_s = math.nan

    def write(self, scored: ScoredFrame) -> None:
        """Append a frame to every file."""
        frame = scored.frame
        score = f"{scored.score:.6g}"
        x, y = scored.peak
        row = (
            frame.index,
            f"{frame.time_s:.3f}",
            score,
            f"{scored.raw_score:.6g}",
            score,
            "",
            f"{x:.0f}",
            f"{y:.0f}",
        )
        self._rows.writerow((self._name, *row))
        shown_s = self._shown_s(frame.time_s)
        if self._video is not None and frame.display is not None and scored.anomaly_map is not None:
            picture = blend_heatmap(frame.display, _whole(scored.anomaly_map, self._geometry))
            draw_caption(picture, frame.time_s, scored.score)
            self._video.write(picture, shown_s)

    def summarise(self, summary: ReplaySummary) -> None:
        """Write the summary, the last thing of all."""
        self._file.flush()
        try:
            text = json.dumps(asdict(summary), indent=2, ensure_ascii=False)
            self._summary.write_text(f"{text}\n", "utf-8", "replace")
            if self._video is None:
                self._heatmap.unlink(missing_ok=True)  # that of an earlier replay shows other scores
        except OSError as error:
            raise output_error(self._out / "summary.json", error) from error

    def _shown_s(self, time_s: float) -> float:
        """Time in the video: recordings follow each other, and what a window leaves out takes no time."""
        if math.isnan(self._first_s):
            self._first_s = time_s
        else:
            self._step_s = time_s - self._last_s
        self._last_s = time_s
        self.length_s = time_s - self._first_s + self._step_s
        return self._begin_s + time_s - self._first_s


def _whole(anomaly_map: NDArray[np.float32], geometry: Geometry) -> NDArray[np.float32]:
    """The map of the whole picture: what a crop left out has no score."""
    if geometry.crop is None:
        return anomaly_map
    whole = np.zeros(geometry.resize, np.float32)
    (left, top), (height, width) = geometry.offset, geometry.size
    whole[top : top + height, left : left + width] = anomaly_map
    return whole


def _text_file(path: Path) -> io.TextIOWrapper:
    # A file's name need not be text; what is not becomes a question mark.
    return open(path, "w", encoding="utf-8", errors="replace", newline="")
