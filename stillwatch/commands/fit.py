"""`stillwatch fit`: learn from footage that shows nothing unusual."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pipeline.errors import ConfigError, ModelError
from pipeline.files import check_writable
from stillwatch.console import clock, counted, interruptible, megabytes, progress_bar, say, show, warn
from stillwatch.durations import DURATION
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK
from stillwatch.options import (
    HardwareChoices,
    Recipe,
    Window,
    alarms_option,
    check_model_output,
    hardware_options,
    json_option,
    recipe_options,
    window_options,
)
from stillwatch.site import camera_named, open_site

if TYPE_CHECKING:
    from pipeline.fit import FitOptions
    from pipeline.model.padim import Model
    from pipeline.video.sources import Source

__all__ = ["run"]

# What --resume takes from the model itself; given again, it could only contradict it.
FIXED = frozenset([*(field.name for field in fields(Recipe)), "mask", "fps"])
# What the site file says of a camera.
OF_SITE = frozenset(["footage", "resume", "merge", "mask", "false_alarms_per_day", "fps", "input_fps", "size"]) | {
    *("resize", "crop", "from_s", "until_s")
}
# What a merge, which sees models alone, could only ignore.
OF_FOOTAGE = FIXED | {field.name for kind in (Window, HardwareChoices) for field in fields(kind)} | {"resume"}


@click.command("fit")
@click.argument("footage", nargs=-1, metavar="FOOTAGE...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Model file to write.")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="SITE.yaml", help="Learn a site's camera.")
@click.option("--camera", metavar="NAME", help="Which one; with --config.")
@click.option("--for", "live_s", type=DURATION, metavar="24h", help="How long to learn from a live camera.")
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
    output: Path | None,
    config: Path | None,
    camera: str | None,
    live_s: float | None,
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

    With --config the footage is a camera of a site, and the model is put where its workers find it, while they run or
    before: stillwatch fit -c site.yaml --camera gate --for 24h.

    \b
    Example:
      stillwatch fit gate.mp4 -o gate.stillwatch
    """
    if config is not None:
        _refuse(OF_SITE, "comes from the site file")
        return _fit_camera(config, camera, output, live_s, recipe, hardware, resumable, as_json)
    if camera is not None:
        raise ConfigError("--camera is one of a site file; name that with --config.")
    if live_s is not None:
        raise ConfigError("--for is for a camera of a site file; name that with --config.")
    if not footage:
        raise click.UsageError("Missing argument 'FOOTAGE...'.")
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    check_model_output(output)
    if merge:
        _refuse(OF_FOOTAGE, "is of no use to --merge, which takes all from the models")
        return _merge(footage, output, false_alarms_per_day, as_json)
    if resume is not None:
        _refuse(FIXED, "comes from the model that is resumed and cannot be changed")
    from pipeline.model.model_file import load_model
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
    return _fit(sources, options, hardware, resumed, output, as_json)


def _fit_camera(
    config: Path,
    name: str | None,
    output: Path | None,
    live_s: float | None,
    recipe: Recipe,
    hardware: HardwareChoices,
    resumable: bool,
    as_json: bool,
) -> int:
    """Learn a camera of a site, with the site's settings."""
    site = open_site(config)
    if name is None:
        raise ConfigError(f"--camera is missing; name one of {', '.join(site.cameras)}.")
    camera = camera_named(site, name)
    source = camera.opened_as()
    if source.live and live_s is None:
        raise ConfigError(f"{name} is a live camera, which has no end; say how long to learn, such as --for 24h.")
    if not source.live and live_s is not None:
        raise ConfigError(f"{name} is a recording, which is learned from as a whole; leave --for out.")
    options = replace(
        recipe.fit_options(resumable=resumable),
        short_side=camera.size,
        fps=camera.fps,
        mask=camera.mask,
        false_alarms_per_day=camera.false_alarms_per_day,
        live_s=live_s,
    )
    if output is None:
        output = site.model_of(camera)
        check_writable(output, make_folder=True)
    else:
        check_model_output(output)
    return _fit([source], options, hardware, None, output, as_json)


def _fit(
    sources: Sequence[Source],
    options: FitOptions,
    hardware: HardwareChoices,
    resumed: Model | None,
    output: Path,
    as_json: bool,
) -> int:
    """Learn from footage and write the model; what is there already is replaced in one step."""
    from pipeline.fit import fit_footage
    from pipeline.model.model_file import save_model

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
