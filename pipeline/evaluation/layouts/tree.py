"""Looking into the folders of a data set: in natural order, without what systems leave behind."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ConfigError

# Frames are counted here and read there: what is a picture, and which comes first, must be one answer.
from pipeline.video.sources import IMAGE_SUFFIXES, RECORDING_SUFFIXES, in_natural_order

__all__ = [
    "IMAGE_SUFFIXES",
    "data_root",
    "entries",
    "folders",
    "pictures",
    "read_text",
    "required",
    "scene_name",
    "scene_roots",
    "some_pictures",
    "some_recordings",
]

LEFT_BEHIND = frozenset({"__macosx", "desktop.ini", "thumbs.db"})


def entries(folder: Path) -> list[Path]:
    """Everything in a folder that somebody put there, in natural order (`2.tif` before `10.tif`).

    Raises:
        ConfigError: there is no such folder, or it may not be listed.
    """
    try:
        found = list(folder.iterdir())
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be listed, {_reason(error)}; give the folder of a data set.") from error
    kept = [path for path in found if not path.name.startswith(".") and path.name.casefold() not in LEFT_BEHIND]
    return in_natural_order(kept)


def folders(folder: Path) -> list[Path]:
    """Sub-folders of a folder, in natural order."""
    return [path for path in entries(folder) if path.is_dir()]


def pictures(folder: Path) -> list[Path]:
    """Pictures of a folder, by their suffix in any case, in natural order."""
    return [path for path in entries(folder) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]


def some_pictures(folder: Path) -> list[Path]:
    """As `pictures`, for a folder that must have some.

    Raises:
        ConfigError: there are none.
    """
    found = pictures(folder)
    if not found:
        raise ConfigError(f"{folder}: holds no pictures; put some there, or take the folder away.")
    return found


def some_recordings(folder: Path) -> list[Path]:
    """Recordings of a folder, by their suffix in any case, in natural order.

    Raises:
        ConfigError: there are none.
    """
    found = [path for path in entries(folder) if path.suffix.lower() in RECORDING_SUFFIXES and path.is_file()]
    if not found:
        raise ConfigError(f"{folder}: holds no recordings; put the data set's there.")
    return found


def scene_roots(root: Path, parts: tuple[str, ...]) -> list[Path]:
    """Folders of the scenes of a data set: the root itself, or its sub-folders.

    Args:
        parts: names of sub-folders; a folder with any of them is meant to be a scene.
    Raises:
        ConfigError: neither the root nor any of its sub-folders is a scene.
    """

    def is_scene(folder: Path) -> bool:
        return any((folder / part).is_dir() for part in parts)

    found = [root] if is_scene(root) else [folder for folder in folders(root) if is_scene(folder)]
    if not found:
        wanted = " or ".join(parts)
        raise ConfigError(f"{root}: neither it nor a folder in it has {wanted}; give the folder of the data set.")
    return found


def data_root(root: Path, parts: tuple[str, ...]) -> Path:
    """Folder of a data set that comes whole: the root itself, or the one sub-folder with any of the parts.

    Raises:
        ConfigError: there is no such folder, or more than one.
    """
    first, *others = scene_roots(root, parts)
    if others:
        raise ConfigError(f"{root}: both {first.name} and {others[0].name} in it look like the data set; give one.")
    return first


def required(folder: Path, arrangement: str) -> Path:
    """The folder itself.

    Args:
        arrangement: what has to be where, for the error.
    Raises:
        ConfigError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is missing; {arrangement}.")
    return folder


def scene_name(root: Path) -> str:
    """Name of a folder, also where it was given as `.` or `..`."""
    return root.resolve().name if root.name in ("", "..") else root.name


def read_text(path: Path) -> str:
    """Text of a file of labels; what is not UTF-8 in it becomes question marks.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        # Spreadsheets begin their files with a byte order mark.
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read, {_reason(error)}; make it a readable text file.") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
