"""`stillwatch evaluate`: figures on a labelled data set, or on normal footage with artificial anomalies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from pipeline.errors import ConfigError
from pipeline.files import written_whole
from stillwatch.console import Bar, counted, interruptible, progress_bar, say, show
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK
from stillwatch.options import HardwareChoices, Recipe, hardware_options, json_option, recipe_options

if TYPE_CHECKING:
    from pipeline.fit import FitOptions
    from pipeline.model.engine import Hardware

__all__ = ["run"]


# Those of pipeline.evaluation.layouts, which --help does not load; in the order in which it lists them.
LAYOUTS = ("ucsd", "stc", "avenue", "mvtec", "btad", "visa", "folder")
# Has no labels, and makes its anomalies.
SYNTHETIC = "synthetic"


@click.command("evaluate")
@click.argument("layout", metavar="LAYOUT", type=click.Choice([*LAYOUTS, SYNTHETIC]))
@click.argument("root", nargs=-1, required=True, metavar="ROOT...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for evaluation.json and evaluation.md.")
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Rate of fitting; all test frames are scored. synthetic: rate of all frames.  [default: 5]",
)
@click.option(
    "--input-fps",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="synthetic: rate of folders of images, which have no clock.",
)
@click.option(
    "--folds", type=click.IntRange(min=2), metavar="N", help="synthetic: parts held out in turn.  [default: 4]"
)
@click.option(
    "--clips", type=click.IntRange(min=1), metavar="N", help="synthetic: clips of each kind in each part.  [default: 4]"
)
@click.option("--rotate-crop", is_flag=True, help="mvtec: rotate and crop at random (the paper's Rd-MVTec AD).")
@recipe_options
@hardware_options
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a table in Markdown.")
@json_option
def run(
    layout: str,
    root: tuple[str, ...],
    output: Path | None,
    fps: float | None,
    input_fps: float | None,
    folds: int | None,
    clips: int | None,
    rotate_crop: bool,
    recipe: Recipe,
    hardware: HardwareChoices,
    as_markdown: bool,
    as_json: bool,
) -> int:
    """Fit and score a labelled data set, and print how well anomalies were told from normality.

    The layout 'synthetic' needs no labels: of normal footage of one camera parts are held out, scored as they are and
    with artificial anomalies pasted in.

    \b
    LAYOUT says how ROOT is arranged:
      ucsd    UCSD Ped1 and Ped2 as distributed
      stc     ShanghaiTech Campus as distributed
      avenue  CUHK Avenue as distributed
      mvtec   MVTec AD, and what is arranged like it
      btad    BTAD as distributed
      visa    VisA as distributed
      folder  your own: train/, test/, labels/ and masks/
      synthetic  no labels: normal footage of one camera

    \b
    Example:
      stillwatch evaluate ucsd UCSD_Anomaly_Dataset.v1p2
      stillwatch evaluate synthetic monday.mp4 tuesday.mp4
    """
    from pipeline.results import output_folder

    if as_json and as_markdown:
        raise ConfigError("--json and --markdown both say what to print; leave one out.")
    if rotate_crop:
        _check_rotate_crop(layout, recipe)
    shown_of: Callable[[FitOptions, Hardware, Bar, Event], _Shown]
    if layout == SYNTHETIC:
        shown_of = partial(_synthetic, root, folds=folds, clips=clips)
    else:
        _check_labelled(layout, root, {"--input-fps": input_fps, "--folds": folds, "--clips": clips})
        recipe = _at_paper_size(layout, recipe)
        shown_of = partial(_labelled, layout, Path(root[0]), rotate_crop=rotate_crop)
    folder = nullcontext() if output is None else output_folder(output)
    with folder:
        with interruptible() as stop, progress_bar(unit="") as bar:
            options = recipe.fit_options(fps=fps, input_fps=input_fps)
            shown = shown_of(options, hardware.resolved(), bar, stop)
        if stop.is_set():
            say(f"stopped early: {shown.finished} finished.")
        if shown.text:
            _report(shown, output, as_json=as_json, as_markdown=as_markdown)
    return EXIT_INTERRUPTED if stop.is_set() else EXIT_OK


@dataclass(frozen=True, slots=True)
class _Shown:
    """Results as they are shown; texts are empty where nothing was finished."""

    finished: str
    json: str = ""
    markdown: str = ""
    text: str = ""


def _labelled(
    layout: str,
    root: Path,
    options: FitOptions,
    hardware: Hardware,
    bar: Bar,
    stop: Event,
    *,
    rotate_crop: bool,
) -> _Shown:
    from pipeline.evaluation import report
    from pipeline.evaluation.run import evaluate

    results = evaluate(
        layout,
        root,
        options,
        hardware,
        rotate_crop=rotate_crop,
        told=bar.update,
        download=bar.download,
        stop=stop,
    )
    finished = counted(len(results.scenes), "scene")
    if not results.scenes:
        return _Shown(finished)
    return _Shown(finished, report.as_json(results), report.as_markdown(results), report.as_text(results))


def _synthetic(
    footage: Sequence[str],
    options: FitOptions,
    hardware: Hardware,
    bar: Bar,
    stop: Event,
    *,
    folds: int | None,
    clips: int | None,
) -> _Shown:
    from pipeline.evaluation.synthetic import report
    from pipeline.evaluation.synthetic.run import Choices, evaluate_synthetic
    from pipeline.video.sources import find_sources

    choices = Choices(folds or Choices().folds, clips or Choices().clips)
    results = evaluate_synthetic(
        find_sources(footage),
        options,
        hardware,
        choices,
        told=bar.update,
        download=bar.download,
        stop=stop,
    )
    finished = counted(results.folds if results else 0, "fold")
    if results is None:
        return _Shown(finished)
    return _Shown(finished, report.as_json(results), report.as_markdown(results), report.as_text(results))


def _check_labelled(layout: str, root: Sequence[str], of_synthetic: Mapping[str, object]) -> None:
    """Refuse what only footage without labels has."""
    for name, value in of_synthetic.items():
        if value is not None:
            raise ConfigError(f"{name} is for the synthetic layout, not {layout}; leave it out.")
    if len(root) > 1:
        raise ConfigError(f"{root[1]}: the {layout} layout has one folder; evaluate one after the other.")


def _check_rotate_crop(layout: str, recipe: Recipe) -> None:
    if layout != "mvtec":
        raise ConfigError(f"--rotate-crop is for the mvtec layout, not {layout}; leave it out.")
    if _is_sized(recipe):
        raise ConfigError("--rotate-crop makes pictures of 224x224; leave out --size, --resize and --crop.")


def _at_paper_size(layout: str, recipe: Recipe) -> Recipe:
    """The recipe with the size that --preset paper means for the layout, unless another was given."""
    from pipeline.evaluation.run import PAPER_SIZES

    if recipe.preset != "paper" or layout not in PAPER_SIZES or _is_sized(recipe):
        return recipe
    resize, crop = PAPER_SIZES[layout]
    return replace(recipe, resize=resize, crop=crop)


def _is_sized(recipe: Recipe) -> bool:
    return bool(recipe.size or recipe.resize or recipe.crop)


def _report(shown: _Shown, output: Path | None, *, as_json: bool, as_markdown: bool) -> None:
    """Figures that took hours are printed also where the disk is full, and written also where nobody reads them."""
    try:
        if output is not None:
            _write(output / "evaluation.json", shown.json)
            _write(output / "evaluation.md", shown.markdown)
    finally:
        show(shown.json if as_json else shown.markdown if as_markdown else shown.text)


def _write(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text + "\n", "utf-8")
