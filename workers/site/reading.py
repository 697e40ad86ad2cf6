"""The site file read: YAML, environment and secret files into a checked `Site`, or everything that is wrong at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import ConfigError
from workers.site.document import Document, Place, Problem, read_document
from workers.site.filling import Filled, fill
from workers.site.keys import NOT_WRITTEN
from workers.site.values import Camera, Site
from workers.site.wording import problems_of, unknown

__all__ = ["SiteReading", "examine_site", "read_site"]


@dataclass(frozen=True, slots=True)
class SiteReading:
    """A site file that is right.

    Attributes:
        warnings: what works, but should not stay so: a sentence each, with file and line.
    """

    site: Site
    warnings: tuple[str, ...]


def read_site(path: Path, *, environ: Mapping[str, str] = os.environ) -> Site:
    """Read a site file.

    Args:
        environ: what `${NAME}` stands for.
    Raises:
        ConfigError: the file is unreadable, or wrong: then a line for each thing that is, `FILE:LINE: SENTENCE`.
    """
    return examine_site(path, environ=environ).site


def examine_site(path: Path, *, environ: Mapping[str, str] = os.environ) -> SiteReading:
    """As `read_site`, with what `check` warns of.

    Raises:
        ConfigError: as `read_site`.
    """
    document, folder = read_document(path), path.absolute().parent
    filled = fill(document, folder, environ)
    problems = [*document.problems, *filled.problems, *_reserved(document, filled)]
    site = None
    try:
        site = Site.model_validate({**filled.value, "path": path.absolute()}, context={"folder": folder})
    except ValidationError as error:
        problems += problems_of(error.errors(include_url=False), document.lines, filled)
    if problems or site is None:
        # Sorted as they stand in the file, which is how they are corrected.
        raise ConfigError("\n".join(_sentence(path, problem) for problem in sorted(set(problems))))
    warnings = [*filled.warnings, *_in_the_clear(site, document)]
    return SiteReading(site, tuple(_sentence(path, warning) for warning in sorted(warnings)))


def _sentence(path: Path, problem: Problem) -> str:
    return f"{path}:{problem.line}: {problem.text}."


def _reserved(document: Document, filled: Filled) -> list[Problem]:
    """Keys that the models have and the file has not: taken out, and told about as unknown."""
    cameras = filled.value.get("cameras")
    places: list[tuple[dict[str, object], Place]] = [(filled.value, ())]
    if isinstance(cameras, dict):
        places += [(camera, ("cameras", name)) for name, camera in cameras.items() if isinstance(camera, dict)]
    problems = []
    for mapping, place in places:
        for key in NOT_WRITTEN[Camera if place else Site] & mapping.keys():
            del mapping[key]
            problems.append(Problem(document.lines[*place, key], unknown((*place, key))))
    return problems


def _in_the_clear(site: Site, document: Document) -> list[Problem]:
    return [
        Problem(
            document.lines["webhooks", number, "url"],
            f"webhooks[{number}].url is {webhook.where}: alerts leave this machine without encryption; use https",
        )
        for number, webhook in enumerate(site.webhooks)
        if webhook.in_the_clear
    ]
