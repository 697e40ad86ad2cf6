"""`stillwatch status`: how the cameras of a site do."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from stillwatch.console import show
from stillwatch.options import json_option
from stillwatch.site import open_site, site_option

if TYPE_CHECKING:
    from workers.overview import CameraRow, Overview
    from workers.site.values import Site

__all__ = ["run"]

# Where nobody's window sets a width: all columns, and long names.
WIDE = 160


@click.command("status")
@site_option
@json_option
def run(config: Path, as_json: bool) -> None:
    """Say how the cameras of a site do, and who works for them.

    \b
    Example:
      stillwatch status -c site.yaml
    """
    from workers.bus.broker import broker_address
    from workers.bus.connection import Connection
    from workers.overview import read_overview

    site = open_site(config)
    with Connection(broker_address(site)) as connection:
        overview = read_overview(connection, site)
    if as_json:
        show(json.dumps(_facts(overview), indent=2, ensure_ascii=False))
    else:
        _print(overview, site)


def _print(overview: Overview, site: Site) -> None:
    from rich.table import Table

    from stillwatch.table import age, camera_table

    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, soft_wrap=True)
    console.print(camera_table(overview, site, console.width, plain=bool(console.options.ascii_only)))
    workers = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for head in ("worker", "cameras", "host", "pid", "seen"):
        workers.add_column(head, no_wrap=True)
    for worker in overview.workers:
        seen = f"{age(overview.age_s(worker))} ago" + ("" if worker.lives(overview.now_s) else ", dead")
        workers.add_row(worker.name, str(len(worker.cameras)), worker.host, str(worker.pid), seen)
    console.print()
    console.print(workers)


def _facts(overview: Overview) -> dict[str, object]:
    return {
        "cameras": {row.camera: _camera(row) for row in overview.cameras},
        "workers": [
            {
                "name": worker.name,
                "role": worker.role,
                "host": worker.host,
                "pid": worker.pid,
                "cameras": list(worker.cameras),
                "seen_s_ago": round(overview.age_s(worker), 3),
            }
            for worker in overview.workers
        ],
        "broker": {"memory_used_ratio": round(overview.memory_share, 4)},
        "notes": overview.notes,
    }


def _camera(row: CameraRow) -> dict[str, object]:
    facts = asdict(row)
    del facts["camera"]
    return {name: round(fact, 3) if isinstance(fact, float) else fact for name, fact in facts.items()}
