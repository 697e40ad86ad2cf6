"""`stillwatch run`: watch the cameras of a site."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stillwatch.site import open_site, site_option
from stillwatch.supervised import check_broker, run_plan

__all__ = ["run"]


@click.command("run")
@site_option
def run(config: Path) -> int:
    """Watch the cameras of a site: decoders, scorers, an alerter, and the broker unless the site file names one.

    What dies is started again. Ctrl-C, or SIGTERM, ends it in order; a second one at once. Where all cameras are
    recordings, it ends by itself when all is scored.

    \b
    Example:
      stillwatch run -c site.yaml
    """
    from workers.bus.status import Role
    from workers.site.memory import broker_memory
    from workers.supervisor.jobs import Names
    from workers.supervisor.supervisor import Plan

    site = open_site(config)
    roles = (Role.DECODER, Role.SCORER, Role.ALERTER)
    # Workers of other machines, and of other runs on this one, may share a broker that is not ours alone.
    names = Names("" if site.broker.embedded else str(os.getpid()))
    if not site.broker.embedded:
        check_broker(site)
        return run_plan(Plan(site, roles, list(site.cameras), names))
    memory_mb = site.broker.max_memory_mb or broker_memory(site).max_memory_mb
    return run_plan(Plan(site, roles, list(site.cameras), names, memory_mb))
