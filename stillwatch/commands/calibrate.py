"""`stillwatch calibrate`: set a model's threshold anew."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from pipeline.errors import ModelError
from stillwatch.console import clock, counted, interruptible, progress_bar, say, show
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK
from stillwatch.options import (
    HardwareChoices,
    Window,
    alarms_option,
    check_model_output,
    footage_argument,
    hardware_options,
    json_option,
    window_options,
)

__all__ = ["run"]


@click.command("calibrate")
@footage_argument
@click.option("-m", "--model", type=click.Path(path_type=Path), required=True, help="Model of this camera.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Model file to write.  [default: MODEL itself]")
@alarms_option
@window_options
@hardware_options
@json_option
def run(
    footage: tuple[str, ...],
    model: Path,
    output: Path | None,
    false_alarms_per_day: float | None,
    window: Window,
    hardware: HardwareChoices,
    as_json: bool,
) -> int:
    """Set a model's threshold by normal footage that it was not fitted on.

    A merged model needs it. Any other gets a better promise of false alarms: a day of footage can speak for fewer
    than the hour it was fitted on. Ctrl-C ends early with what was seen.

    \b
    Example:
      stillwatch calibrate gate.mp4 -m gate.stillwatch
    """
    from pipeline.calibrate import CalibrateOptions, calibrate
    from pipeline.model.detector import load_detector
    from pipeline.model.model_file import load_model, save_model
    from pipeline.video.sources import find_sources

    written = output or model
    check_model_output(written)
    sources, fitted = find_sources(footage), load_model(model)
    options = CalibrateOptions(false_alarms_per_day, window.fps, window.input_fps, window.from_s, window.until_s)
    with interruptible() as stop, progress_bar() as bar:
        try:
            calibrated = calibrate(
                sources,
                load_detector(fitted, hardware.resolved(), progress=bar.download),
                options,
                progress=lambda done, total: bar.update("scoring", done, total),
                stop=stop,
            )
        except ModelError as error:
            if not stop.is_set():
                raise
            say(f"Error: {error}")  # stopped before there was enough for a threshold
            return EXIT_INTERRUPTED
        stopped = stop.is_set()
    save_model(calibrated, written)
    threshold = calibrated.threshold
    if as_json:
        facts = {"model": str(written), "complete": not stopped, "before": fitted.threshold.value}
        show(json.dumps({**facts, "threshold": asdict(threshold)}, indent=2, ensure_ascii=False))
    else:
        length = f" ({clock(threshold.held_out_s)})" if threshold.held_out_s else ""
        show(f"{written}: threshold {threshold.value:.4g}, was {fitted.threshold.value:.4g}")
        show(f"  from       {counted(threshold.frames, 'frame')}{length}{', stopped early' if stopped else ''}")
        show(f"  promise    {threshold.promise}")
    return EXIT_INTERRUPTED if stopped else EXIT_OK
