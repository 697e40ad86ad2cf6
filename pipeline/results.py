"""The files of a replay, and the folder they lie in.

`scores.csv` has a row a frame, `events.json` an entry an event, `heatmap.mp4` the footage with what was found,
`report.html` all of it to look at, `summary.json` what it came to. They appear together at the end, or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from pipeline.errors import OutputError
from pipeline.files import output_error, written_whole
from pipeline.parts import Parts
from pipeline.report.page import write_report
from pipeline.report.values import Clip, Curve, Facts, Report, Shown
from pipeline.scoring import ScoredFrame
from pipeline.summary import ReplaySummary
from pipeline.video.writer import VideoWriter
from pipeline.watching import Happened, Watched

__all__ = ["EVENTS_FOLDER", "Results", "output_folder"]

COLUMNS = ("file", "index", "time_s", "score", "raw_score", "appearance", "motion", "x", "y")
EVENTS_FOLDER = "events"
# How events.json names what lies in that folder.
CLIP = re.compile(rf"{EVENTS_FOLDER}/[a-z0-9][a-z0-9-]*\.(mp4|jpg)")


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
            _remove_empty(folder)


@dataclass(slots=True)
class _Recording:
    """What is kept of a recording until the report is written: 16 bytes a frame. A share that is none is no number."""

    name: str
    video_s: float
    times_s: array[float] = field(default_factory=lambda: array("d"))
    scores: array[float] = field(default_factory=lambda: array("f"))
    shares: array[float] = field(default_factory=lambda: array("f"))

    def curve(self, *, filmed: bool) -> Curve:
        """As the report takes it; `filmed` where there is a heatmap."""
        shares = np.array(self.shares, np.float32)
        return Curve(
            self.name,
            np.array(self.times_s),
            np.array(self.scores, np.float32),
            self.video_s if filmed else None,
            None if np.isnan(shares).any() or not len(shares) else shares,
        )


class Results:
    """The files of a replay, while it runs.

    Attributes:
        clips_folder: where clips and thumbnails are written until the end.
        length_s: seconds of the recording so far; its last frame lasts as long as the one before.
    """

    def __init__(self, out: Path, *, heatmap: bool) -> None:
        self._out, self.clips_folder = out, out / f".{EVENTS_FOLDER}.part"
        self._heatmap = out / "heatmap.mp4"
        self._video = VideoWriter(self._heatmap) if heatmap else None
        self._begin_s = self.length_s = 0.0
        self._recordings: list[_Recording] = []
        self._happened: list[tuple[int, Happened]] = []

    def __enter__(self) -> Self:
        # Of a run that was killed: its clips may have their names already, and its list of them not yet.
        shutil.rmtree(self.clips_folder, ignore_errors=True)
        lists = self._out / "events.json", self._out / ".events.json.part"
        self._earlier = frozenset(name for path in lists for name in _listed(path))
        with ExitStack() as opened:
            opened.callback(shutil.rmtree, self.clips_folder, ignore_errors=True)
            # Left in the reverse order: the end of the video, which may still fail, before any file has its name.
            self._summary = opened.enter_context(written_whole(self._out / "summary.json"))
            self._events = opened.enter_context(written_whole(self._out / "events.json"))
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
        self._step_s = step_s
        self._begin_s += self.length_s
        self.length_s = 0.0
        self._first_s = self._last_s = math.nan
        self._recordings.append(_Recording(name, self._begin_s))

    def write(self, scored: ScoredFrame, watched: Watched) -> None:
        """Append a frame to every file."""
        frame, recording = scored.frame, self._recordings[-1]
        x, y = watched.place
        parts = Parts.of(watched.score, watched.motion)
        scores = (watched.score, scored.raw_score, parts.appearance, parts.motion)
        written = ("" if score is None else f"{score:.6g}" for score in scores)
        self._rows.writerow((recording.name, frame.index, f"{frame.time_s:.3f}", *written, f"{x:.0f}", f"{y:.0f}"))
        recording.times_s.append(frame.time_s)
        recording.scores.append(watched.score)
        recording.shares.append(math.nan if watched.motion is None else watched.motion)
        shown_s = self._shown_s(frame.time_s)
        if self._video is not None and watched.scene is not None:
            self._video.write(watched.scene.drawn(watched.shown), shown_s)

    def end(self, happened: Sequence[Happened]) -> None:
        """End the recording, with what happened in it."""
        self._happened.extend((len(self._recordings) - 1, one) for one in happened)

    def finish(self, summary: ReplaySummary, facts: Sequence[Facts], promises: Mapping[str, str]) -> None:
        """Write what needs to know all: the events, the report and, last, the summary.

        Args:
            facts: what the report says about models and settings.
            promises: of each camera, what its threshold promises.
        """
        self._file.flush()
        entries = [self._entry(recording, one) for recording, one in self._happened]
        _write_json(self._events, entries, self._out / "events.json")
        with ExitStack() as undo:
            if self._video is not None:
                undo.callback(_remove, self._heatmap)
                self._video.close()
            if self._video is None or not summary.frames:
                _remove(self._heatmap)  # that of an earlier replay shows other scores
                _remove(self._out / ".heatmap.mp4.part")
            self._place_clips(undo)
            undo.callback(_remove, self._out / "report.html")
            self._write_report(summary, facts, promises)
            _write_json(self._summary, asdict(summary), self._out / "summary.json")
            undo.pop_all()

    def said(self, problem: OutputError) -> str:
        """What kept a clip from being written, under the name that it would have had in the end."""
        return str(problem).replace(str(self.clips_folder), str(self._out / EVENTS_FOLDER))

    def _place_clips(self, undo: ExitStack) -> None:
        """Give this replay's clips their names, in the place of those that an earlier one has listed."""
        folder = self._out / EVENTS_FOLDER
        try:
            made = {path.name: path for path in self.clips_folder.iterdir()} if self.clips_folder.is_dir() else {}
            if made:
                folder.mkdir(exist_ok=True)
                undo.callback(_remove_empty, folder)
            for name, path in made.items():
                undo.callback(_remove, folder / name)
                path.replace(folder / name)
            for name in self._earlier - made.keys():
                _remove(folder / name)
        except OSError as error:
            raise output_error(folder, error) from error
        _remove_empty(folder)

    def _entry(self, recording: int, happened: Happened) -> dict[str, object]:
        event, clip = happened.event, happened.clip
        parts = Parts.of(event.score, event.motion)
        return {
            "id": event.id,
            "camera": event.camera,
            "kind": event.kind,
            "begin_s": round(event.begin_s, 3),
            "peak_s": round(event.peak_s, 3),
            "end_s": round(event.end_s, 3),
            "score": _short(event.score),
            "appearance": _short(parts.appearance),
            "motion": _short(parts.motion),
            "box": list(event.box),
            "clip": _relative(clip.video if clip else None),
            "thumbnail": _relative(clip.thumbnail if clip else None),
            "file": self._recordings[recording].name,
            "reason": event.reason,
        }

    def _write_report(self, summary: ReplaySummary, facts: Sequence[Facts], promises: Mapping[str, str]) -> None:
        cameras = sorted(summary.thresholds)
        report = Report(
            title=", ".join(cameras),
            curves=[recording.curve(filmed=self._video is not None) for recording in self._recordings],
            events=[self._shown(recording, one) for recording, one in self._happened],
            facts=facts,
            sentences=[f"{camera}: {promises[camera]}." for camera in cameras],
            warnings=summary.problems,
            complete=summary.complete,
            clocked=summary.footage_s > 0,
        )
        write_report(report, self._out)

    def _shown(self, recording: int, happened: Happened) -> Shown:
        clip, video = happened.clip, _relative(happened.clip.video if happened.clip else None)
        shown = None if clip is None or video is None else Clip(video, clip.begin_s, clip.end_s)
        return Shown(happened.event, recording, _relative(clip.thumbnail if clip else None), shown)

    def _shown_s(self, time_s: float) -> float:
        """Time in the video: recordings follow each other, and what a window leaves out takes no time."""
        if math.isnan(self._first_s):
            self._first_s = time_s
        else:
            self._step_s = time_s - self._last_s
        self._last_s = time_s
        self.length_s = time_s - self._first_s + self._step_s
        return self._begin_s + time_s - self._first_s


def _short(score: float | None) -> float | None:
    """A score in six digits."""
    return None if score is None else float(f"{score:.6g}")


def _relative(path: Path | None) -> str | None:
    """Path of a clip or thumbnail from the folder of the results."""
    return None if path is None else f"{EVENTS_FOLDER}/{path.name}"


def _listed(path: Path) -> set[str]:
    """Names of the clips and thumbnails in an `events.json`; none where it is none."""
    try:
        events = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return set()
    entries = [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    named = [event.get(key) for event in entries for key in ("clip", "thumbnail")]
    return {Path(name).name for name in named if isinstance(name, str) and CLIP.fullmatch(name)}


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _write_json(part: Path, content: object, path: Path) -> None:
    try:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        # A file's name need not be text; what is not becomes a question mark.
        part.write_text(f"{text}\n", "utf-8", "replace")
    except OSError as error:
        raise output_error(path, error) from error


def _text_file(path: Path) -> io.TextIOWrapper:
    return open(path, "w", encoding="utf-8", errors="replace", newline="")
