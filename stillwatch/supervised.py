"""What `run` and `worker` share: the live table, the processes, how it ended."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGINT
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pipeline.errors import ConfigError
from stillwatch.console import counted, show
from stillwatch.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from workers.overview import Overview
    from workers.site.values import Site
    from workers.supervisor.supervisor import Outcome, Plan, Screen

__all__ = ["check_broker", "run_plan"]

# A scorer loads torch and the first models for so long on a busy machine.
STARTING_S = 20.0


def check_broker(site: Site) -> None:
    """Refuse to start workers without a broker: what they say of it would be lost among other lines.

    Raises:
        ConfigError: it is embedded and does not run here.
        BusError: it cannot be reached, or refuses user name or password.
    """
    from workers.bus.broker import broker_address
    from workers.bus.connection import BusLost, Connection

    try:
        with Connection(broker_address(site)) as connection:
            connection.do("PING")
    except BusLost as error:
        if not site.broker.embedded:
            raise
        raise ConfigError(
            f"{site.path}: the broker is embedded and does not run on this machine; start 'stillwatch run -c "
            f"{site.path}' here, or name a broker for all machines in broker."
        ) from error


def run_plan(plan: Plan) -> int:
    """Supervise until the end; the exit code of the command."""
    from workers.bus.status import Role
    from workers.supervisor.supervisor import supervise
    from workers.telemetry.logs import begin_logging

    with _screen(plan.site) as screen:
        begin_logging("run", plan.site.telemetry.log_level)
        outcome = supervise(plan, screen)
    for total in outcome.totals:
        events = f", {counted(total.events, 'event')}" if Role.ALERTER in plan.roles else ""
        show(f"{total.camera}: {counted(total.frames, 'frame')}{events}")
    return _exit_code(outcome)


def _exit_code(outcome: Outcome) -> int:
    if outcome.by is SIGINT:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if outcome.cut_off else EXIT_OK


@contextmanager
def _screen(site: Site) -> Iterator[Screen]:
    """The live table where stderr is a terminal that can move its cursor; else lines alone."""
    from workers.supervisor.supervisor import Screen

    console = Console(stderr=True, highlight=False)
    if sys.stderr is None or not sys.stderr.isatty() or console.is_dumb_terminal:
        yield Screen()
        return
    # What is logged while the table is there comes out above it.
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=True) as live:
        table = _LiveTable(site, live)
        yield Screen(line=table.line, show=table.show)


class _LiveTable:
    """Draws the table anew when there is something new, and lets lines of workers through above it."""

    def __init__(self, site: Site, live: Live) -> None:
        self._site, self._live, self._shown = site, live, 0.0
        self._began_s = time.monotonic()
        self._lock = threading.Lock()

    def line(self, line: str) -> None:
        """A line of a worker; any thread."""
        with self._lock:
            self._live.console.print(Text(line), soft_wrap=True)

    def show(self, overview: Overview | None) -> None:
        """The table of cameras, if it is another than the one that is shown."""
        from stillwatch.table import camera_table

        if overview is None or overview.now_s == self._shown:
            return
        self._shown = overview.now_s
        console = self._live.console
        table = camera_table(
            overview,
            self._site,
            console.width,
            console.height,
            plain=bool(console.options.ascii_only),
            starting=time.monotonic() - self._began_s < STARTING_S,
        )
        with self._lock:
            self._live.update(table, refresh=True)
