"""`stillwatch check`: whether a site can run, one line for each thing that it needs."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillwatch.console import say, show
from stillwatch.exits import EXIT_FAILED, EXIT_OK
from stillwatch.options import json_option
from stillwatch.site import site_option

if TYPE_CHECKING:
    from workers.checking.all import Checked

__all__ = ["run"]


@click.command("check")
@site_option
@json_option
def run(config: Path, as_json: bool) -> int:
    """Look at every source, model and mask, the disk, the broker and the port; say what to run next.

    Exit code 1 when something fails.

    \b
    Example:
      stillwatch check -c site.yaml
    """
    from workers.checking.all import check_site

    checked = check_site(config, shlex.quote(str(config)))
    if as_json:
        facts = {
            "passed": checked.passed,
            "findings": [asdict(finding) for finding in checked.findings],
            "next": checked.next_commands,
        }
        show(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print(checked)
    return EXIT_OK if checked.passed else EXIT_FAILED


def _print(checked: Checked) -> None:
    width = max(len(finding.what) for finding in checked.findings)
    for finding in checked.findings:
        show(f"{finding.level:<4}  {finding.what:<{width}}  {finding.text}")
    say("\nnext:")
    for command in checked.next_commands:
        say(f"  {command}")
