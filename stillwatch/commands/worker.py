"""`stillwatch worker`: one part of a site, for those who spread it over many machines."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stillwatch.site import cameras_option, chosen_cameras, open_site, site_option
from stillwatch.supervised import check_broker, run_plan

__all__ = ["run"]


@click.command("worker")
@click.argument("role", type=click.Choice(["decoder", "scorer", "alerter"]))
@site_option
@cameras_option
def run(role: str, config: Path, cameras: str) -> int:
    """Run decoders, scorers or the alerter of a site on this machine.

    `decoder` starts a process for each few cameras, `scorer` one for each CUDA device, `alerter` one. The broker must
    run already: one that the site file names, or that of 'stillwatch run' on this machine.

    \b
    Example:
      stillwatch worker decoder -c site.yaml --cameras 'gate*'
    """
    from workers.bus.status import Role
    from workers.supervisor.jobs import Names
    from workers.supervisor.supervisor import Plan

    site = open_site(config)
    chosen = chosen_cameras(site, cameras)
    check_broker(site)
    return run_plan(Plan(site, (Role(role),), chosen, Names(str(os.getpid()))))
