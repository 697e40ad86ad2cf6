"""What commands that take a site file share: the option, the file read, cameras chosen by name."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from workers.site.cameras import Camera
    from workers.site.values import Site

__all__ = ["camera_named", "cameras_option", "chosen_cameras", "open_site", "site_option"]

# click calls commands with whatever their decorators declare.
Command = Callable[..., Any]

site_option = click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, metavar="SITE.yaml", help="The site file."
)
cameras_option = click.option("--cameras", default="*", metavar="GLOB", help="Cameras to work on.  [default: all]")


def open_site(path: Path) -> Site:
    """The site that a file describes.

    Raises:
        ConfigError: the file is missing or wrong: a line for each thing that is.
    """
    from workers.site.reading import read_site

    return read_site(path)


def camera_named(site: Site, name: str) -> Camera:
    """The camera of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in site.cameras:
        raise ConfigError(f"{site.path}: there is no camera {name!r}; there are {', '.join(site.cameras)}.")
    return site.cameras[name]


def chosen_cameras(site: Site, pattern: str) -> list[str]:
    """Cameras whose name matches.

    Raises:
        ConfigError: none does.
    """
    chosen = [name for name in site.cameras if fnmatchcase(name, pattern)]
    if not chosen:
        raise ConfigError(f"{site.path}: no camera matches {pattern!r}; there are {', '.join(site.cameras)}.")
    return chosen
