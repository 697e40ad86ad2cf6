"""What a page carries within itself: pictures and clips as base64, within limits, and where the others lie."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

__all__ = ["EMBEDDED_CLIPS_BYTES", "EMBEDDED_THUMBNAILS_BYTES", "base64_of", "carried", "link"]

# A page that opens at once and that many mail servers still take; base64 adds a third.
EMBEDDED_CLIPS_BYTES = 48_000_000
EMBEDDED_THUMBNAILS_BYTES = 12_000_000


def carried(paths: Iterable[str | None], folder: Path, limit_bytes: int) -> frozenset[str]:
    """Which files a page carries: in the order given, each that still fits. What is not there is passed over."""
    chosen, left = set[str](), limit_bytes
    for path in paths:
        size = _size(folder, path)
        if path is not None and size is not None and size <= left:
            chosen.add(path)
            left -= size
    return frozenset(chosen)


def link(path: str | None, folder: Path) -> str | None:
    """Address of a file for a page in `folder`; None where there is no such file.

    It begins with "./", so that no name is taken for a scheme or a server.
    """
    return None if path is None or _size(folder, path) is None else "./" + quote(os.fsencode(path))


def base64_of(path: Path) -> str:
    """The content of a file as base64."""
    return b64encode(path.read_bytes()).decode("ascii")


def _size(folder: Path, path: str | None) -> int | None:
    try:
        return None if path is None else (folder / path).stat().st_size
    except OSError:
        return None
