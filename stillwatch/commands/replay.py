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
    from pipeline.replay import ReplaySummary

__all__ = ["run"]


@click.command("replay")
@footage_argument
@click.option("-m", "--model", type=click.Path(path_type=Path), required=True, help="Model of this camera.")
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
    """Score recordings of a camera with its model.

    Writes scores.csv (a row a frame), heatmap.mp4 (the footage with what was found) and summary.json. A score above 1
    is anomalous. Ctrl-C ends early with the results so far.

    \b
    Example:
      stillwatch replay today.mp4 -m gate.stillwatch -o out
    """
    from pipeline.model.detector import load_detector
    from pipeline.model.model_file import load_model
    from pipeline.model.settings import Precision
    from pipeline.replay import ReplayOptions, replay
    from pipeline.video.sources import find_sources

    sources = find_sources(footage)
    fitted = load_model(model)
    if mask is not None:
        fitted = fitted.with_mask(mask)
    options = ReplayOptions(
        window.fps or fitted.fps, window.input_fps, window.from_s, window.until_s, heatmap=not no_heatmap
    )
    chosen = None if precision == "auto" else Precision(precision)
    with interruptible() as stop, progress_bar() as bar:
        detector = load_detector(fitted, hardware.resolved(), chosen, bar.download)
        summary = replay(
            sources,
            detector,
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
    speed = summary.footage_s / summary.elapsed_s if summary.elapsed_s and summary.footage_s else 0.0
    rate = f", {speed:.0f} times faster than recorded" if speed >= 1 else ""
    stopped = "" if summary.complete else ", stopped early"
    show(f"{counted(summary.frames, 'frame')} scored in {clock(summary.elapsed_s)}{rate}{stopped}")
    show(f"  above 1    {counted(summary.anomalous, 'frame')}, {summary.anomalous / max(1, summary.frames):.1%}")
    if summary.peak is not None:
        peak = summary.peak
        place = f"around x {peak.x:.0f}, y {peak.y:.0f}"
        show(f"  highest    {peak.score:.2f} at {clock(peak.time_s)} of {peak.file}, {place}")
    show(f"  scores     {output / 'scores.csv'}")
    if heatmap and summary.frames:
        show(f"  heatmap    {output / 'heatmap.mp4'}")
    if summary.damaged:
        warn(f"{summary.damaged} damaged packets or pictures were skipped.")
