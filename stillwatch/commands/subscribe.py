"""`stillwatch subscribe`: one alert a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import ConfigError
from stillwatch.console import show, warn
from stillwatch.durations import DURATION
from stillwatch.exits import EXIT_OK
from stillwatch.options import json_option
from stillwatch.site import open_site

if TYPE_CHECKING:
    from workers.alert import Alert

__all__ = ["run"]


@click.command("subscribe")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="SITE.yaml", help="The site file.")
@click.option(
    "--url",
    metavar="URL",
    help="Address of the broker instead; its password is taken from $STILLWATCH_BROKER_PASSWORD.",
)
@click.option("--camera", "cameras", multiple=True, metavar="GLOB", help="Only these cameras; may be repeated.")
@click.option("--since", "since_s", type=DURATION, metavar="SPAN", help="Also those of the last 90s, 10m, 24h or 7d.")
@click.option("--no-follow", is_flag=True, help="End with the past instead of waiting for what comes.")
@json_option
def run(
    config: Path | None,
    url: str | None,
    cameras: tuple[str, ...],
    since_s: float | None,
    no_follow: bool,
    as_json: bool,
) -> int:
    """Print alerts, one a line, and wait for the next; Ctrl-C ends.

    A lost broker is waited for: no alert is missed and none repeated. With --json each line is an alert as
    docs/reference/alert.schema.json describes it.

    \b
    Example:
      stillwatch subscribe -c site.yaml --since 1h
    """
    from stillwatch.live import subscribe

    if (config is None) == (url is None):
        raise ConfigError("give the site file with -c, or the address of the broker with --url.")
    if url is not None and "://" not in url:
        raise ConfigError("--url is no address of a broker; write redis://HOST:PORT/DB, rediss://… or unix:///PATH.")
    where = config if config is not None else str(url)
    storage = open_site(config).storage if config is not None else Path()
    found = subscribe(
        where,
        cameras=cameras or ("*",),
        since_s=since_s,
        follow=not no_follow,
        trouble=warn,
    )
    for alert in found:
        show(alert.json_line() if as_json else _line(alert, storage))
    return EXIT_OK


def _line(alert: Alert, storage: Path) -> str:
    at = alert.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    clip = f"  {storage / alert.clip}" if alert.clip else ""
    return f"{at}  {alert.state:<7}  {alert.text}{clip}"
