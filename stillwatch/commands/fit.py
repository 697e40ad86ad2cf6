"""`stillwatch fit`: learn from footage that shows nothing unusual."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pipeline.errors import ConfigError, ModelError
from stillwatch.console import clock, counted, interruptible, megabytes, progress_bar, say, show, warn
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK
from stillwatch.options import (
    HardwareChoices,
    Recipe,
    Window,
    alarms_option,
    check_model_output,
    footage_argument,
    hardware_options,
    json_option,
    recipe_options,
    window_options,
)

if TYPE_CHECKING:
    from pipeline.model.padim import Model

__all__ = ["run"]

# What --resume takes from the model itself; given again, it could only contradict it.
FIXED = frozenset([*(field.name for field in fields(Recipe)), "mask", "fps"])
# What a merge, which sees models alone, could only ignore.
OF_FOOTAGE = FIXED | {field.name for kind in (Window, HardwareChoices) for field in fields(kind)} | {"resume"}


@click.command("fit")
@footage_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Model file to write.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="MODEL", help="Go on from a resumable model.")
@click.option("--merge", is_flag=True, help="FOOTAGE are resumable models, to be made into one.")
@click.option("--resumable", is_flag=True, help="Keep what --resume and --merge need (the file triples).")
@click.option("--mask", type=click.Path(path_type=Path), help="Where scores are ignored: polygons (YAML) or a picture.")
@alarms_option
@window_options
@recipe_options
@hardware_options
@json_option
def run(
    footage: tuple[str, ...],
    output: Path,
    resume: Path | None,
    merge: bool,
    resumable: bool,
    mask: Path | None,
    false_alarms_per_day: float | None,
    window: Window,
    recipe: Recipe,
    hardware: HardwareChoices,
    as_json: bool,
) -> int:
    """Learn what a camera normally sees.

    FOOTAGE are recordings, folders of images, globs in quotes or addresses, all of one camera's view. Ctrl-C ends
    early with a model of what was seen so far.

    \b
    Example:
      stillwatch fit gate.mp4 -o gate.stillwatch
    """
    check_model_output(output)
    if merge:
        _refuse(OF_FOOTAGE, "is of no use to --merge, which takes all from the models")
        return _merge(footage, output, false_alarms_per_day, as_json)
    if resume is not None:
        _refuse(FIXED, "comes from the model that is resumed and cannot be changed")
    from pipeline.fit import fit_footage
    from pipeline.model.model_file import load_model, save_model
    from pipeline.video.sources import find_sources

    sources = find_sources(footage)
    resumed = load_model(resume) if resume is not None else None
    options = recipe.fit_options(
        fps=resumed.fps if resumed else window.fps,
        input_fps=window.input_fps,
        from_s=window.from_s,
        until_s=window.until_s,
        mask=mask,
        resumable=resumable or resumed is not None,
        false_alarms_per_day=false_alarms_per_day or (resumed and resumed.threshold.asked_a_day),
    )
    with interruptible() as stop, progress_bar() as bar:
        try:
            result = fit_footage(
                sources,
                options,
                hardware.resolved(),
                resumed=resumed,
                try_precisions=True,
                progress=lambda done, total: bar.update("fitting", done, total),
                download=bar.download,
                stop=stop,
            )
        except ModelError as error:
            if not stop.is_set():
                raise
            say(f"Error: {error}")  # stopped before there was enough for a model
            return EXIT_INTERRUPTED
    save_model(result.model, output)
    stopped = "" if result.complete else ", stopped early"
    _report(output, result.model, result.warnings, stopped, as_json=as_json)
    return EXIT_OK if result.complete else EXIT_INTERRUPTED


def _merge(models: tuple[str, ...], output: Path, a_day: float | None, as_json: bool) -> int:
    from pipeline.model.merging import merge_models
    from pipeline.model.model_file import load_model, save_model

    loaded = [load_model(Path(model)) for model in models]
    merged = merge_models(loaded, a_day or loaded[0].threshold.asked_a_day or 1.0)
    save_model(merged, output)
    warning = f"the threshold is a guess; 'stillwatch calibrate FOOTAGE -m {output}' with other footage sets it."
    _report(output, merged, [warning], "", as_json=as_json)
    return EXIT_OK


def _refuse(names: Container[str | None], why: str) -> None:
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name in names:
            raise ConfigError(f"{max(option.opts, key=len)} {why}; leave it out.")


def _report(output: Path, model: Model, warnings: list[str], stopped: str, *, as_json: bool) -> None:
    """What was learned: JSON for scripts, lines for people."""
    if as_json:
        show(json.dumps(_facts(output, model, complete=not stopped), indent=2, ensure_ascii=False))
    else:
        for line in _lines(output, model, stopped):
            show(line)
    for warning in warnings:
        warn(warning)


def _facts(output: Path, model: Model, *, complete: bool) -> dict[str, object]:
    return {
        "model": str(output),
        "complete": complete,
        "frames": model.frames,
        "footage_s": round(model.footage_s, 3),
        "backbone": model.settings.backbone,
        "positions": list(model.grid),
        "dims": len(model.channels),
        "model_size": list(model.geometry.size),
        "bytes": output.stat().st_size,
        "threshold": asdict(model.threshold),
        "precisions": list(model.precisions),
    }


def _lines(output: Path, model: Model, stopped: str) -> list[str]:
    (height, width), (rows, columns) = model.geometry.size, model.grid
    length = f" ({clock(model.footage_s)})" if model.footage_s else ""
    return [
        f"{output}: {model.settings.backbone}, fitted on {counted(model.frames, 'frame')}{length}{stopped}",
        f"  positions  {rows} x {columns}, {len(model.channels)} numbers each, on pictures of {height} x {width}",
        f"  size       {megabytes(output.stat().st_size)}{', can be resumed' if model.moments else ''}",
        f"  threshold  {model.threshold.value:.4g}: {model.threshold.promise}",
    ]
