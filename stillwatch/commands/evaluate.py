"""`stillwatch evaluate`: figures on a labelled data set."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import ConfigError
from pipeline.files import written_whole
from stillwatch.console import counted, interruptible, progress_bar, say, show
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK
from stillwatch.options import HardwareChoices, Recipe, hardware_options, json_option, recipe_options

if TYPE_CHECKING:
    from pipeline.evaluation.report import Results

__all__ = ["run"]


# Those of pipeline.evaluation.layouts, which --help does not load; in the order in which it lists them.
LAYOUTS = ("ucsd", "stc", "avenue", "mvtec", "btad", "visa", "folder")


@click.command("evaluate")
@click.argument("layout", metavar="LAYOUT", type=click.Choice(LAYOUTS))
@click.argument("root", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for evaluation.json and evaluation.md.")
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Rate of fitting; all test frames are scored.",
)
@click.option("--rotate-crop", is_flag=True, help="mvtec: rotate and crop at random (the paper's Rd-MVTec AD).")
@recipe_options
@hardware_options
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a table in Markdown.")
@json_option
def run(
    layout: str,
    root: Path,
    output: Path | None,
    fps: float | None,
    rotate_crop: bool,
    recipe: Recipe,
    hardware: HardwareChoices,
    as_markdown: bool,
    as_json: bool,
) -> int:
    """Fit and score a labelled data set, and print how well anomalies were told from normality.

    \b
    LAYOUT says how ROOT is arranged:
      ucsd    UCSD Ped1 and Ped2 as distributed
      stc     ShanghaiTech Campus as distributed
      avenue  CUHK Avenue as distributed
      mvtec   MVTec AD, and what is arranged like it
      btad    BTAD as distributed
      visa    VisA as distributed
      folder  your own: train/, test/, labels/ and masks/

    \b
    Example:
      stillwatch evaluate ucsd UCSD_Anomaly_Dataset.v1p2
    """
    from pipeline.evaluation.run import evaluate
    from pipeline.results import output_folder

    if as_json and as_markdown:
        raise ConfigError("--json and --markdown both say what to print; leave one out.")
    if rotate_crop:
        _check_rotate_crop(layout, recipe)
    recipe = _at_paper_size(layout, recipe)
    folder = nullcontext() if output is None else output_folder(output)
    with folder:
        with interruptible() as stop, progress_bar(unit="") as bar:
            results = evaluate(
                layout,
                root,
                recipe.fit_options(fps=fps),
                hardware.resolved(),
                rotate_crop=rotate_crop,
                told=bar.update,
                download=bar.download,
                stop=stop,
            )
        if stop.is_set():
            say(f"stopped early: {counted(len(results.scenes), 'scene')} finished.")
        if results.scenes:
            _report(results, output, as_json=as_json, as_markdown=as_markdown)
    return EXIT_INTERRUPTED if stop.is_set() else EXIT_OK


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


def _report(results: Results, output: Path | None, *, as_json: bool, as_markdown: bool) -> None:
    """Figures that took hours are printed also where the disk is full, and written also where nobody reads them."""
    from pipeline.evaluation import report

    try:
        if output is not None:
            _write(output / "evaluation.json", report.as_json(results))
            _write(output / "evaluation.md", report.as_markdown(results))
    finally:
        shown = report.as_json if as_json else report.as_markdown if as_markdown else report.as_text
        show(shown(results))


def _write(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text + "\n", "utf-8")
