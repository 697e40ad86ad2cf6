"""`stillwatch replay`: score recordings, faster than they were recorded."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillwatch.console import clock, counted, interruptible, progress_bar, show, warn
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK
from stillwatch.options import (
    PRECISIONS,
    HardwareChoices,
    Window,
    footage_argument,
    hardware_options,
    json_option,
    window_options,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model.padim import Model
    from pipeline.replay import ReplaySummary, Task
    from pipeline.video.sources import Source

__all__ = ["run"]


@click.command("replay")
@footage_argument
@click.option(
    "-m",
    "--model",
    type=click.Path(path_type=Path),
    required=True,
    help="Model of this camera, or a folder of models: gate.stillwatch for gate.mp4, gate-monday.mp4 and so on.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--mask", type=click.Path(path_type=Path), help="Where scores are ignored.  [default: the model's]")
@click.option("--no-heatmap", is_flag=True, help="Leave out heatmap.mp4, which takes longer than the scores.")
@click.option("--precision", type=click.Choice(["auto", *PRECISIONS]), default="auto", help="Numbers to score in.")
@window_options
@hardware_options
@json_option
def run(
    footage: tuple[str, ...],
    model: Path,
    output: Path,
    mask: Path | None,
    no_heatmap: bool,
    precision: str,
    window: Window,
    hardware: HardwareChoices,
    as_json: bool,
) -> int:
    """Score recordings with the model of their camera, and show what did not belong there.

    Writes report.html (everything, to look at), events.json with a clip and a picture of each event in events/,
    heatmap.mp4 (the footage with what was found), scores.csv (a row a frame) and summary.json. A score above 1 is
    anomalous; what lasts is an event. Ctrl-C ends early with the results so far.

    \b
    Example:
      stillwatch replay today.mp4 -m gate.stillwatch -o out
    """
    from pipeline.model.detector import load_detector
    from pipeline.model.settings import Precision
    from pipeline.replay import ReplayOptions, replay
    from pipeline.video.sources import find_sources

    tasks = _tasks(find_sources(footage), model, mask)
    options = ReplayOptions(window.fps, window.input_fps, window.from_s, window.until_s, heatmap=not no_heatmap)
    chosen = None if precision == "auto" else Precision(precision)
    with interruptible() as stop, progress_bar() as bar:
        summary = replay(
            tasks,
            lambda fitted: load_detector(fitted, hardware.resolved(), chosen, bar.download),
            output,
            options,
            progress=lambda done, total: bar.update("scoring", done, total),
            stop=stop,
        )
    if as_json:
        show(json.dumps(asdict(summary), indent=2, ensure_ascii=False))
    else:
        _report(output, summary, heatmap=options.heatmap)
    return EXIT_OK if summary.complete else EXIT_INTERRUPTED


def _report(output: Path, summary: ReplaySummary, *, heatmap: bool) -> None:
    from pipeline.parts import Parts, mainly

    speed = summary.footage_s / summary.elapsed_s if summary.elapsed_s and summary.footage_s else 0.0
    rate = f", {speed:.0f} times faster than recorded" if speed >= 1 else ""
    stopped = "" if summary.complete else ", stopped early"
    show(f"{counted(summary.frames, 'frame')} scored in {clock(summary.elapsed_s)}{rate}{stopped}")
    above = f"{counted(summary.anomalous, 'frame')} above 1, {summary.anomalous / max(1, summary.frames):.1%}"
    show(f"  events     {summary.events}; {above}")
    if summary.peak is not None:
        peak = summary.peak
        place = f"around x {peak.x:.0f}, y {peak.y:.0f}"
        words = mainly(Parts(peak.appearance, peak.motion).share)
        parts = f" ({words})" if words else ""
        show(f"  highest    {peak.score:.2f}{parts} at {clock(peak.time_s)} of {peak.file}, {place}")
    show(f"  report     {output / 'report.html'}")
    show(f"  scores     {output / 'scores.csv'}")
    if heatmap and summary.frames:
        show(f"  heatmap    {output / 'heatmap.mp4'}")
    for problem in summary.problems:
        warn(problem)


def _tasks(sources: Sequence[Source], model: Path, mask: Path | None) -> list[Task]:
    """Each recording with its model: the one that was named, or the one of a folder that it is called after."""
    from pipeline.model.model_file import load_model
    from pipeline.replay import Task, camera_name, model_for

    loaded: dict[Path, Model] = {}
    tasks = []
    for source in sources:
        path = model_for(source.name, model) if model.is_dir() else model
        if path not in loaded:
            fitted = load_model(path)
            loaded[path] = fitted if mask is None else fitted.with_mask(mask)
        tasks.append(Task(source, loaded[path], camera_name(path.stem)))
    return tasks
