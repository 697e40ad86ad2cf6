"""The page written: template, style and script joined into one file that reaches for nothing outside.

What may run is said in the page: the script and the style by their digests, pictures and videos out of the page
itself and out of its folder, and nothing else.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.files import written_whole
from pipeline.report.assets import base64_of
from pipeline.report.content import cards, figures, lead, script_data, tells_motion
from pipeline.report.values import Report
from pipeline.report.words import counted

__all__ = ["write_report"]

HERE = Path(__file__).parent
# Joined in this order: what comes later uses what comes before.
SCRIPTS = ("recording.js", "plot.js", "view.js", "player.js", "page.js")


def write_report(report: Report, folder: Path) -> None:
    """Write `report.html` into the folder that holds the clips and thumbnails, whole or not at all.

    The same report over the same files is the same page, byte for byte. A clip or thumbnail that is not there is
    left out; clips beyond 48 MB in all stay beside the page, those of the highest scores go into it.

    Raises:
        OutputError: it cannot be written (folder missing, no permission, disk full).
    """
    pieces = _pieces(report, folder)
    # A file's name need not be text; what is not becomes a question mark.
    with (
        written_whole(folder / "report.html") as part,
        open(part, "w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        file.writelines(pieces)


def _pieces(report: Report, folder: Path) -> Iterator[str]:
    """The page in pieces: a clip is read when its turn comes, so that memory holds one at a time."""
    shown = cards(report, folder)
    style, script = _source("style.css"), "".join(_source(name) for name in SCRIPTS)
    return (
        _environment()
        .get_template("page.html")
        .generate(
            report=report,
            lead=lead(report),
            figures=figures(report),
            cards=shown,
            tells_motion=tells_motion(report),
            data=script_data(report, shown),
            style=style,
            script=script,
            policy=_policy(style, script),
            content=lambda path: base64_of(folder / path),
            counted=counted,
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _source(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    # "self" is not enough where the page is a file of its own: what lies beside it has the scheme file.
    beside = "'self' file: data: blob:"
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        f"img-src {beside}; media-src {beside}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"
