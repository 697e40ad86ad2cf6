"""`stillwatch weights`: ImageNet weights of the backbones, at hand or to be fetched."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from stillwatch.console import megabytes, progress_bar, show
from stillwatch.options import json_option

__all__ = ["run"]


@click.group("weights")
def run() -> None:
    """List or fetch the ImageNet weights of the backbones.

    The default backbone's come with stillwatch; the others are downloaded once, from torchvision's server.

    \b
    Example:
      stillwatch weights list
    """


@run.command("list")
@json_option
def list_weights(as_json: bool) -> None:
    """Which weights are there, and where.

    \b
    Example:
      stillwatch weights list
    """
    from pipeline.model.backbones import BACKBONES
    from pipeline.model.weights import listed

    entries = listed()
    if as_json:
        rows = [
            asdict(entry) | {"path": str(entry.path), "taps": [tap.name for tap in BACKBONES[entry.backbone].taps]}
            for entry in entries
        ]
        show(json.dumps(rows, indent=2))
        return
    for entry in entries:
        taps = ",".join(tap.name for tap in BACKBONES[entry.backbone].taps)
        state = megabytes(entry.bytes) if entry.bytes is not None else "absent"
        show(f"{entry.backbone:<20} {taps:<24} {state:>8}  {entry.path}")


@run.command("fetch")
@click.argument("backbones", nargs=-1, required=True, metavar="BACKBONE...")
def fetch_weights(backbones: tuple[str, ...]) -> None:
    """Download weights, so that later commands need no network.

    \b
    Example:
      stillwatch weights fetch efficientnet_lite0
    """
    from pipeline.model.weights import fetch

    for backbone in backbones:
        with progress_bar("MB") as bar:
            path = fetch(backbone, bar.download)
        show(f"{backbone}: {path}")
