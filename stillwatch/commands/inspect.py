"""`stillwatch inspect`: what is in a model, or in the folder of a replay."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import ConfigError
from pipeline.files import check_writable
from stillwatch.console import clock, counted, megabytes, show
from stillwatch.options import json_option

if TYPE_CHECKING:
    from pipeline.inspection import Replayed
    from pipeline.model.padim import Model

__all__ = ["run"]


@click.command("inspect")
@click.argument("path", type=click.Path(path_type=Path), metavar="MODEL|DIR")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PICTURE",
    help="Write a picture (.png) of where the model is sensitive.",
)
@json_option
def run(path: Path, output: Path | None, as_json: bool) -> None:
    """Say what is in a model, or what a replay found.

    A model: what it was fitted on, its threshold and what that promises, its size. With -o a picture of where it is
    sensitive: dark where the scene hardly varied, so that little is unusual; bright where it varied much.

    \b
    Example:
      stillwatch inspect gate.stillwatch
    """
    if path.is_dir():
        if output is not None:
            raise ConfigError(f"{path}: is the folder of a replay, a picture is made of a model; leave --output out.")
        _inspect_replay(path, as_json=as_json)
    else:
        _inspect_model(path, output, as_json=as_json)


def _inspect_model(path: Path, output: Path | None, *, as_json: bool) -> None:
    from pipeline.facts import model_facts
    from pipeline.inspection import sensitivity, write_sensitivity
    from pipeline.model.model_file import load_model

    if output is not None:
        if output.suffix.lower() != ".png":  # a model or footage, named after -o by mistake, would be gone
            raise ConfigError(f"{output}: a picture is written as PNG; give a name that ends in .png.")
        check_writable(output)
    model = load_model(path)
    least, mean, most = variance = sensitivity(model)
    if output is not None:
        write_sensitivity(model, output)
    if as_json:
        show(json.dumps(_model_json(path, model, variance), indent=2, ensure_ascii=False))
        return
    rows = [("Size", megabytes(path.stat().st_size)), *model_facts(path.name, model).rows]
    rows.append(("Variance", f"{least:.3g} to {most:.3g} a position, {mean:.3g} on average"))
    width = max(len(label) for label, _ in rows)
    show(str(path))
    for label, text in rows:
        show(f"  {label.lower():<{width}}  {text}")
    if output is not None:
        show(f"  {'picture':<{width}}  {output}")


def _model_json(path: Path, model: Model, variance: tuple[float, float, float]) -> dict[str, object]:
    return {
        "model": str(path),
        "bytes": path.stat().st_size,
        "frames": model.frames,
        "footage_s": round(model.footage_s, 3),
        "fps": model.fps,
        "settings": asdict(model.settings),
        "model_size": list(model.geometry.size),
        "source_size": list(model.source_size),
        "positions": list(model.grid),
        "dims": len(model.channels),
        "precisions": list(model.precisions),
        "resumable": model.moments is not None,
        "merged": model.merged,
        "masked": 0.0 if model.mask is None else round(float(model.mask.mean()), 4),
        "threshold": {
            **asdict(model.threshold),
            "at_most": model.threshold.at_most,
            "promise": model.threshold.promise,
        },
        "variance": dict(zip(("least", "mean", "most"), variance, strict=True)),
    }


def _inspect_replay(folder: Path, *, as_json: bool) -> None:
    from pipeline.inspection import read_replay

    replayed = read_replay(folder)
    if as_json:
        show(json.dumps({"summary": replayed.summary, "events": replayed.events}, indent=2, ensure_ascii=False))
        return
    for line in _replay_lines(folder, replayed):
        show(line)


def _replay_lines(folder: Path, replayed: Replayed) -> list[str]:
    from pipeline.parts import Parts, mainly

    summary, events = replayed.summary, replayed.events
    stopped = "" if summary["complete"] else ", stopped early"
    lines = [f"{folder}: {counted(summary['frames'], 'frame')} of {', '.join(summary['files'])}{stopped}"]
    lines.append(f"  {counted(len(events), 'event')}, {counted(summary['anomalous'], 'frame')} above 1")
    for event in events:
        x, y, width, height = event["box"]
        span = f"{clock(event['begin_s'])} to {clock(event['end_s'])}"
        # A replay of before there was motion has no parts.
        words = mainly(Parts(event.get("appearance"), event.get("motion")).share)
        score = f"score {event['score']:.2f}" + (f", {words}" if words else "")
        lines.append(
            f"  {event['file']}  {span}  {event['kind']:<7}  {score}  "
            f"x {x} y {y} {width}x{height}  {event['clip'] or 'no clip'}"
        )
    return lines
