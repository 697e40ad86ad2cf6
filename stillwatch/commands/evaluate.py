"""`stillwatch evaluate`: figures on a labelled data set."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.files import written_whole
from stillwatch.console import counted, interruptible, progress_bar, say, show
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK
from stillwatch.options import HardwareChoices, Recipe, hardware_options, json_option, recipe_options

if TYPE_CHECKING:
    from pipeline.evaluation.report import Results

__all__ = ["run"]


@click.command("evaluate")
@click.argument("layout", metavar="LAYOUT", type=click.Choice(["ucsd", "mvtec", "folder"]))
@click.argument("root", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for evaluation.json and evaluation.md.")
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Rate of fitting; all test frames are scored.",
)
@recipe_options
@hardware_options
@json_option
def run(
    layout: str,
    root: Path,
    output: Path | None,
    fps: float | None,
    recipe: Recipe,
    hardware: HardwareChoices,
    as_json: bool,
) -> int:
    """Fit and score a labelled data set, and print how well anomalies were told from normality.

    \b
    LAYOUT says how ROOT is arranged:
      ucsd    UCSD Ped1 and Ped2 as distributed
      mvtec   MVTec AD, and what is arranged like it
      folder  your own: train/, test/, labels/ and masks/

    \b
    Example:
      stillwatch evaluate ucsd UCSD_Anomaly_Dataset.v1p2
    """
    from pipeline.evaluation.run import PAPER_SIZES, evaluate
    from pipeline.results import output_folder

    if recipe.preset == "paper" and layout in PAPER_SIZES and not (recipe.size or recipe.resize or recipe.crop):
        resize, crop = PAPER_SIZES[layout]
        recipe = replace(recipe, resize=resize, crop=crop)
    folder = nullcontext() if output is None else output_folder(output)
    with folder:
        with interruptible() as stop, progress_bar(unit="") as bar:
            results = evaluate(
                layout,
                root,
                recipe.fit_options(fps=fps),
                hardware.resolved(),
                method=recipe.method,
                told=bar.update,
                download=bar.download,
                stop=stop,
            )
        if stop.is_set():
            say(f"stopped early: {counted(len(results.scenes), 'scene')} finished.")
        if results.scenes:
            _report(results, output, as_json=as_json)
    return EXIT_INTERRUPTED if stop.is_set() else EXIT_OK


def _report(results: Results, output: Path | None, *, as_json: bool) -> None:
    """Figures that took hours are printed also where the disk is full, and written also where nobody reads them."""
    from pipeline.evaluation import report

    try:
        if output is not None:
            _write(output / "evaluation.json", report.as_json(results))
            _write(output / "evaluation.md", report.as_markdown(results))
    finally:
        show(report.as_json(results) if as_json else report.as_text(results))


def _write(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text + "\n", "utf-8")
