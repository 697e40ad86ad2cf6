"""Where files of our own lie, and writing files whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import OutputError, StillwatchError

__all__ = ["cache_folder", "check_writable", "ensure_folder", "output_error", "written_whole"]


def cache_folder() -> Path:
    """Folder for what can be had again: $STILLWATCH_CACHE, else stillwatch/ in the user's cache. Not created here.

    Raises:
        RuntimeError: there is no home folder.
    """
    own = os.environ.get("STILLWATCH_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(own or Path(shared, "stillwatch")).expanduser()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; on leaving, sync it and put it in the place of `path` in one step.

    When the block raises, the temporary file goes and `path` stays as it was. A process that is killed leaves
    at most `.NAME.part`, which the next run replaces.

    Raises:
        OutputError: the file cannot be written (folder missing, no permission, disk full).
    """
    part = _part(path)
    try:
        try:
            yield part
            with open(part, "rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except StillwatchError:  # a lost camera is an OSError too, and none of writing
        raise
    except OSError as error:
        raise output_error(path, error) from error


def output_error(path: Path, error: OSError) -> OutputError:
    """One sentence for a failed write: the file, the system's reason, what to do."""
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return OutputError(f"{path}: cannot be written, {reason}; free some space or choose another place.")


def ensure_folder(folder: Path) -> None:
    """Make a folder where it does not exist.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error


def check_writable(path: Path, *, make_folder: bool = False) -> None:
    """Refuse a place for a result before the work is done that would be lost.

    Args:
        make_folder: make the folder where it does not exist.
    Raises:
        OutputError: `path` is a folder, or its folder does not exist or may not be written.
    """
    folder = path.parent
    if make_folder:
        ensure_folder(folder)
    # os.path answers no where Path raises: inside a folder that may not be entered.
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a folder; give the name of a file.")
    if not os.path.isdir(folder):
        raise OutputError(f"{path}: there is no folder {folder}; make it, or choose another place.")
    try:  # whoever is root has every right by the books
        part = _part(path)
        part.touch()
        part.unlink()
    except OSError as error:
        raise OutputError(f"{path}: the folder may not be written; choose another place.") from error


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
