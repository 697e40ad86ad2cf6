"""The command line: which commands there are, what becomes of their errors, how Ctrl-C ends them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from pipeline.errors import ConfigError, StillwatchError
from pipeline.process import prepare_process
from stillwatch.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE

__all__ = ["cli", "main"]

# In the order of a first use; each is `run` in stillwatch/commands/NAME.py.
COMMANDS = (
    *("demo", "fit", "calibrate", "replay", "evaluate", "inspect", "weights"),
    *("check", "run", "status", "subscribe", "worker"),
)


class _Commands(click.Group):
    """Loads a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"stillwatch.commands.{cmd_name}").run
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stillwatch", message="stillwatch %(version)s")
def cli() -> None:
    """Learn what a fixed camera normally sees, and show when, where and how strongly something else happens.

    \b
    Start here:
      stillwatch demo                                      a street of our own, from footage to pictures
      stillwatch fit gate.mp4 -o gate.stillwatch           learn from footage that shows nothing unusual
      stillwatch replay today.mp4 -m gate.stillwatch -o out    score a recording, with a heatmap video
    """


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 it failed, 2 wrong use, 130 interrupted."""
    prepare_process()
    try:
        result = cli.main(standalone_mode=False, prog_name="stillwatch")
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except ConfigError as error:
        _say(error)
        sys.exit(EXIT_USAGE)
    except StillwatchError as error:
        _say(error)
        sys.exit(EXIT_FAILED)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # `| head` has what it wanted
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    # click gives back the status of a --help that exited by itself; commands give back their own.
    sys.exit(result if isinstance(result, int) else EXIT_OK)


def _say(error: StillwatchError) -> None:
    click.echo(f"Error: {error}", err=True)
