"""From recordings to scores, events, clips and a report: the composition that the command line and the web page use.

What is written where says `pipeline.results`. Each file is written whole or not at all; stopped early, they hold what
was seen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from pipeline.errors import ConfigError, SourceError, SourceLost
from pipeline.facts import model_facts
from pipeline.model.detector import Detector
from pipeline.model.padim import Model
from pipeline.parts import Parts
from pipeline.policy import Policy
from pipeline.report.values import Facts
from pipeline.results import Results, output_folder
from pipeline.scoring import ScoredFrame, scored_frames
from pipeline.summary import Peak, ReplaySummary
from pipeline.surveying import check_view, has_clock, survey
from pipeline.types import Size
from pipeline.video.recording import Recording, open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source
from pipeline.watching import Watched, Watcher

__all__ = ["Peak", "ReplayOptions", "ReplaySummary", "Task", "camera_name", "model_for", "replay"]

# Lines of the heatmap video and the clips: people look at them, and encoding grows with the area.
DISPLAY_SHORT_SIDE = 480

Counted = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What a replay is told.

    Attributes:
        fps: sampling rate; None takes each model's own, and every frame where that has none.
        input_fps: rate of folders of images, which have no clock.
        from_s, until_s: window of each recording.
        heatmap: also write `heatmap.mp4`.
        policy: what makes an event.
    """

    fps: float | None = None
    input_fps: float | None = None
    from_s: float = 0.0
    until_s: float | None = None
    heatmap: bool = True
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Task:
    """A recording to score, the model of its camera, and the camera's name ([a-z0-9-])."""

    source: Source
    model: Model
    camera: str


def replay(
    tasks: Sequence[Task],
    detector_of: Callable[[Model], Detector],
    out: Path,
    options: ReplayOptions,
    *,
    progress: Counted | None = None,
    stop: Event | None = None,
) -> ReplaySummary:
    """Score recordings and write the results into the folder `out`.

    Args:
        detector_of: makes a model ready; called once for neighbouring tasks of one model.
        progress: called with the frames so far and the frames expected in all, where that is known.
        stop: ends the replay early when set; the results then hold what was seen.
    Raises:
        SourceError: footage cannot be read, or has no frame in the window; nothing is left of the attempt.
        SourceLost: a stream went away; what it gave before is written.
        ConfigError: footage shows another view than its model was fitted on, or a camera's name is none.
        OutputError: the folder cannot be made or written.
    """
    with output_folder(out), Results(out, heatmap=options.heatmap) as results:
        run = _Run(tasks, detector_of, results, options, progress or (lambda done, total: None), stop or Event())
        run.all()
    if run.lost:
        raise run.lost
    return run.summary


def camera_name(text: str) -> str:
    """A camera's name, [a-z0-9-] and at most 40 letters, made of a text such as the name of a file.

    >>> camera_name("Gate (north)"), camera_name("Öffnung"), camera_name("…")
    ('gate-north', 'ffnung', 'camera')
    """
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "camera"


def model_for(name: str, folder: Path) -> Path:
    """The model in a folder that a recording is called after: `gate.stillwatch` for `gate.mp4` and `gate-monday.mp4`.

    Where several fit, the longest name does.

    Raises:
        ConfigError: none fits.
    """
    stem = Path(name).stem.lower()
    models = sorted(folder.glob("*.stillwatch"), key=lambda path: -len(path.stem))
    for path in models:
        rest = stem.removeprefix(path.stem.lower())
        if rest != stem and not rest[:1].isalnum():
            return path
    ours = folder / f"{camera_name(Path(name).stem)}.stillwatch"
    if not models:
        raise ConfigError(f"{folder}: holds no model (*.stillwatch); make one with 'stillwatch fit FOOTAGE -o {ours}'.")
    names = ", ".join(sorted(path.stem for path in models))
    raise ConfigError(
        f"{name}: none of the models in {folder} is called as it begins ({names}); "
        f"name its model {ours}, or give one model alone."
    )


class _Run:
    """A replay while it runs."""

    def __init__(
        self,
        tasks: Sequence[Task],
        detector_of: Callable[[Model], Detector],
        results: Results,
        options: ReplayOptions,
        progress: Counted,
        stop: Event,
    ) -> None:
        self._tasks, self._detector_of, self._results = tasks, detector_of, results
        self._options, self._progress, self._stop = options, progress, stop
        self._detector: Detector | None = None
        self.summary = ReplaySummary(thresholds={task.camera: task.model.threshold.value for task in tasks})
        self.lost: SourceLost | None = None

    def all(self) -> None:
        """Score everything, or what there is until it is stopped."""
        counts = [survey([t.source], self._sampling(t), self._view(t), self._options.input_fps) for t in self._tasks]
        known = [count for count in counts if count is not None]
        self._expected = sum(known) if len(known) == len(counts) else None
        begun = time.monotonic()
        for number, task in enumerate(self._tasks, start=1):
            self._one(number, task)
            if self.lost or self._stop.is_set():
                break
        summary = self.summary
        summary.complete = not (self.lost or self._stop.is_set())
        if summary.complete and not summary.frames:
            raise SourceError("the footage has no frame in the window that was asked for; give an earlier --from.")
        summary.elapsed_s = round(time.monotonic() - begun, 3)
        if summary.damaged:
            summary.problems.append(f"{summary.damaged} damaged packets or pictures were skipped.")
        promises = {task.camera: task.model.threshold.promise for task in self._tasks}
        self._results.finish(summary, list(self._facts()), promises)

    def _one(self, number: int, task: Task) -> None:
        options, summary = self._options, self.summary
        clocked = has_clock(task.source, options.input_fps)
        detector = self._ready(task.model)
        with open_recording(task.source, input_fps=options.input_fps) as recording:
            check_view(recording, self._view(task))
            rate = self._sampling(task).fps
            self._results.begin(recording.name, 1 / rate if rate else 0.0)
            summary.files.append(recording.name)
            with Watcher(
                task.camera,
                number,
                task.model,
                recording.size,
                options.policy,
                self._results.clips_folder,
                clocked=clocked,
            ) as watcher:
                self._watch(recording, task, detector, watcher)
                happened = watcher.finish()
            self._results.end(happened)
            summary.events += len(happened)
            summary.damaged += recording.damaged
            problems = [one.clip.problem for one in happened if one.clip and one.clip.problem]
            summary.problems.extend(self._results.said(problem) for problem in problems)
            if clocked:
                summary.footage_s = round(summary.footage_s + self._results.length_s, 3)

    def _watch(self, recording: Recording, task: Task, detector: Detector, watcher: Watcher) -> None:
        try:
            for scored in scored_frames(recording, self._sampling(task), detector):
                watched = watcher.add(scored)
                self._results.write(scored, watched)
                self._count(recording.name, scored, watched)
                self._progress(self.summary.frames, self._expected)
                if self._stop.is_set():
                    break
        except SourceLost as error:  # what a stream gave before it went cannot be had again
            self.lost = error

    def _ready(self, model: Model) -> Detector:
        if self._detector is None or self._detector.model is not model:
            self._detector = self._detector_of(model)
        return self._detector

    def _sampling(self, task: Task) -> Sampling:
        options, model = self._options, task.model
        return Sampling(
            model.geometry,
            options.fps or model.fps,
            options.from_s,
            options.until_s,
            DISPLAY_SHORT_SIDE,
            motion=model.has_motion,
        )

    def _view(self, task: Task) -> Size | None:
        clocked = has_clock(task.source, self._options.input_fps)
        return task.model.source_size if clocked or task.model.fps is not None else None

    def _count(self, name: str, scored: ScoredFrame, watched: Watched) -> None:
        summary = self.summary
        summary.frames += 1
        summary.anomalous += watched.score > 1
        if summary.peak is None or watched.score > summary.peak.score:
            frame, (x, y) = scored.frame, watched.place
            parts, place = Parts.of(watched.score, watched.motion), (round(x, 1), round(y, 1))
            scores = watched.score, parts.appearance, parts.motion
            summary.peak = Peak(name, frame.index, round(frame.time_s, 3), *scores, *place)

    def _facts(self) -> list[Facts]:
        models = {task.camera: task.model for task in self._tasks}
        policy, options = self._options.policy, self._options
        rates = sorted({f"{self._sampling(task).fps or 0:g}" for task in self._tasks})
        window = f"from {options.from_s:g} s" + (f" until {options.until_s:g} s" if options.until_s else "")
        rows = [
            ("Taken", f"{' or '.join(rates)} frames/s, {window}"),
            ("An event", f"is above 1 for {policy.min_duration_s:g} s and lasts while above {policy.release:g}"),
            ("Joined", f"over gaps of {policy.gap_s:g} s; the same place rests for {policy.cooldown_s:g} s after one"),
            ("At the most", f"{policy.max_event_s:g} s, a clip {policy.max_clip_s:g} s"),
            ("Clips", f"begin {policy.pre_roll_s:g} s before and end {policy.post_roll_s:g} s after"),
            ("The view", f"has changed where more than {policy.view_share:.0%} of the picture is above 1"),
        ]
        return [*(model_facts(camera, model) for camera, model in models.items()), Facts("Settings", rows)]
