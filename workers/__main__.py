"""`python -P -m workers ROLE SITE --name NAME`: one worker in this process.

What supervisors start; people use `stillwatch run` and `stillwatch worker`. Of the workers only the one that is asked
for is loaded: decoders and alerters have no torch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import ConfigError, StillwatchError
from workers.bus.status import Role
from workers.process import begin, stopping
from workers.site.reading import read_site
from workers.site.values import Site
from workers.telemetry.logs import begin_logging

EXIT_FAILED, EXIT_USAGE = 1, 2
ROLES = (Role.DECODER, Role.SCORER, Role.ALERTER)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to stop; its exit code."""
    told = _parser().parse_args(arguments)
    role = Role(told.role)
    begin(told.name[told.name.rfind(role) :] if role in told.name else told.name)
    try:
        site = _with_device(read_site(told.site), told.device)
        begin_logging(told.name, site.telemetry.log_level)
        return _run(role, site, _cameras(site, told.cameras), told.name)
    except ConfigError as error:
        sys.stderr.write(f"Error: {error}\n")
        return EXIT_USAGE
    except StillwatchError as error:
        sys.stderr.write(f"Error: {error}\n")
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m workers", description=__doc__, allow_abbrev=False)
    parser.add_argument("role", choices=[str(role) for role in ROLES])
    parser.add_argument("site", type=Path)
    parser.add_argument("--name", required=True, help="unlike any other worker's: small letters, digits, hyphens")
    parser.add_argument("--cameras", help="names with commas between them; all by default")
    parser.add_argument("--device", help="what a scorer computes on, instead of what the site file says")
    return parser


def _run(role: Role, site: Site, cameras: Sequence[str], name: str) -> int:
    with stopping() as stop:
        if role is Role.DECODER:
            from workers.decoder.worker import run_decoder

            return run_decoder(site, cameras, name, stop)
        if role is Role.SCORER:
            from workers.scorer.worker import run_scorer

            return run_scorer(site, cameras, name, stop)
        from workers.alerter.worker import run_alerter

        return run_alerter(site, cameras, name, stop)


def _cameras(site: Site, names: str | None) -> list[str]:
    if names is None:
        return list(site.cameras)
    chosen = names.split(",")
    for name in chosen:
        if name not in site.cameras:
            raise ConfigError(f"{site.path}: there is no camera {name!r}; the file was changed, start anew.")
    return chosen


def _with_device(site: Site, device: str | None) -> Site:
    if device is None:
        return site
    return site.model_copy(update={"scorer": site.scorer.model_copy(update={"device": device})})


if __name__ == "__main__":
    sys.exit(main())
