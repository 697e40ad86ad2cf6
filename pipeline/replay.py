"""From recordings to scores and pictures: the composition that the command line and the web page use.

Writes into a folder: `scores.csv` (a row a frame), `heatmap.mp4` (the footage with its anomaly map, time and score)
and `summary.json`. Each is written whole or not at all; stopped early, they hold what was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from pipeline.errors import SourceError, SourceLost
from pipeline.fit import check_view, has_clock, survey
from pipeline.model.detector import Detector
from pipeline.results import Peak, ReplaySummary, Results, output_folder
from pipeline.scoring import ScoredFrame, scored_frames
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source

__all__ = ["Peak", "ReplayOptions", "ReplaySummary", "replay"]

# Lines of the heatmap video: people look at it, and encoding grows with the area.
DISPLAY_SHORT_SIDE = 480

Counted = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What a replay is told.

    Attributes:
        fps: sampling rate; None takes every frame.
        input_fps: rate of folders of images, which have no clock.
        from_s, until_s: window of each recording.
        heatmap: also write `heatmap.mp4`.
    """

    fps: float | None = 5.0
    input_fps: float | None = None
    from_s: float = 0.0
    until_s: float | None = None
    heatmap: bool = True


def replay(
    sources: Sequence[Source],
    detector: Detector,
    out: Path,
    options: ReplayOptions,
    *,
    progress: Counted | None = None,
    stop: Event | None = None,
) -> ReplaySummary:
    """Score recordings and write the results into the folder `out`.

    Args:
        progress: called with the frames so far and the frames expected in all, where that is known.
        stop: ends the replay early when set; the results then hold what was seen.
    Raises:
        SourceError: footage cannot be read, or has no frame in the window; nothing is left of the attempt.
        SourceLost: a stream went away; what it gave before is written.
        ConfigError: footage shows another view than the model was fitted on.
        OutputError: the folder cannot be made or written.
    """
    stop, progress = stop or Event(), progress or (lambda done, total: None)
    lost: SourceLost | None = None
    model = detector.model
    display = DISPLAY_SHORT_SIDE if options.heatmap else None
    sampling = Sampling(model.geometry, options.fps, options.from_s, options.until_s, display)
    summary = ReplaySummary(threshold=model.threshold.value)
    clocked = any(has_clock(source, options.input_fps) for source in sources)
    view = model.source_size if clocked or model.fps is not None else None
    expected = survey(sources, sampling, view, options.input_fps)
    begun = time.monotonic()
    with output_folder(out), Results(out, model.geometry, heatmap=options.heatmap) as results:
        for source in sources:
            with open_recording(source, input_fps=options.input_fps) as recording:
                check_view(recording, view)
                results.begin(recording.name, 1 / options.fps if options.fps else 0.0)
                summary.files.append(recording.name)
                try:
                    for scored in scored_frames(recording, sampling, detector, maps=options.heatmap):
                        results.write(scored)
                        _count(summary, recording.name, scored)
                        progress(summary.frames, expected)
                        if stop.is_set():
                            break
                except SourceLost as error:  # what a stream gave before it went cannot be had again
                    lost = error
                summary.damaged += recording.damaged
                if has_clock(source, options.input_fps):
                    summary.footage_s = round(summary.footage_s + results.length_s, 3)
            if lost or stop.is_set():
                break
        summary.complete = not (lost or stop.is_set())
        if summary.complete and not summary.frames:
            raise SourceError("the footage has no frame in the window that was asked for; give an earlier --from.")
        summary.elapsed_s = round(time.monotonic() - begun, 3)
        results.summarise(summary)
    if lost:
        raise lost
    return summary


def _count(summary: ReplaySummary, name: str, scored: ScoredFrame) -> None:
    summary.frames += 1
    summary.anomalous += scored.score > 1
    if summary.peak is None or scored.score > summary.peak.score:
        frame, (x, y) = scored.frame, scored.peak
        summary.peak = Peak(name, frame.index, round(frame.time_s, 3), scored.score, round(x, 1), round(y, 1))
