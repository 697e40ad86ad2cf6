"""The reference of commands, made from the commands.

`python -m tests.reference` writes docs/reference/commands.md, and what tests/site_reference.py makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from stillwatch.cli import cli
from tests import site_reference
from workers.alert import alert_schema

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "commands.md"
ALERTS = PAGE.with_name("alert.schema.json")
HEAD = """# Commands

Made from the commands by `python -m tests.reference`; a stale page fails the tests.

Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 it failed, 2 wrong use, 130 interrupted.
"""


def page() -> str:
    """The whole page."""
    sections = [f"## {path}\n\n```\n{text}\n```\n" for path, text in _helps("stillwatch", cli, None)]
    return "\n".join([HEAD, *sections])


def alerts() -> str:
    """The JSON Schema of alerts."""
    return json.dumps(alert_schema(), indent=2) + "\n"


def _helps(path: str, command: click.Command, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    # As click makes a context itself: its settings decide which names --help goes by.
    settings = {**command.context_settings, "terminal_width": 100}
    context = click.Context(command, info_name=path.rsplit(" ", 1)[-1], parent=parent, **settings)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _helps(f"{path} {name}", inner, context)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    site_reference.PAGE.write_text(site_reference.page(), "utf-8")
    site_reference.SCHEMA.write_text(site_reference.schema(), "utf-8")
    ALERTS.write_text(alerts(), "utf-8")
