"""What people call footage (files, folders, globs, addresses, devices), turned into sources that can be opened.

A folder of images is one source, its pictures in natural order (img2 before img10); a folder of recordings is one
source for each of them. Nothing is opened or decoded here.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from pipeline.errors import ConfigError, SourceError

__all__ = [
    "IMAGE_SUFFIXES",
    "RECORDING_SUFFIXES",
    "Source",
    "SourceKind",
    "Transport",
    "find_sources",
    "in_natural_order",
    "redacted",
    "source_at",
]

# What a folder is searched for. A file named on its own, or by a glob, may carry any suffix: FFmpeg looks inside.
# As texts, since a list would take a line for each.
IMAGE_SUFFIXES = frozenset(".bmp .jp2 .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split())  # noqa: SIM905
RECORDING_SUFFIXES = frozenset(
    ".264 .265 .3gp .asf .avi .dav .flv .gif .h264 .h265 .hevc .m2ts .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg "  # noqa: SIM905
    ".mts .mxf .nut .ogv .ts .vob .webm .wmv .y4m".split()
)
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
VIDEO_DEVICE = re.compile(r"/dev/video\d+")

Transport = Literal["tcp", "udp"]


class SourceKind(StrEnum):
    """How a source is read."""

    FILE = "file"
    IMAGES = "images"
    URL = "url"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """One recording, one set of images, one address or one device.

    Attributes:
        location: a path, an address (rtsp://…) or a device (/dev/video0). An address may hold a password: show
            `name` instead, as `repr` does.
        kind: how it is read.
        pictures: paths of the images in their order; empty for every other kind.
        transport: how a camera's RTSP sends its pictures; UDP where a camera knows nothing else.
        is_live: whether it runs by its own clock; None to go by its address. HTTP alone does not tell a camera from a
            recording on a server.
    """

    location: str
    kind: SourceKind
    pictures: tuple[str, ...] = ()
    transport: Transport = "tcp"
    is_live: bool | None = None

    def __repr__(self) -> str:
        return f"Source({self.where!r}, {self.kind})"

    @property
    def name(self) -> str:
        """For tables: the file's or folder's own name, or the address without user, password and query."""
        return self.where if self.kind is SourceKind.URL else Path(self.location).absolute().name

    @property
    def where(self) -> str:
        """For messages: the path as it was given, or the address without user, password and query."""
        return redacted(self.location) if self.kind is SourceKind.URL else self.location

    @property
    def live(self) -> bool:
        """Whether the source runs by its own clock and cannot be read twice: RTSP, devices, and what was said to."""
        return self.rtsp or self.kind is SourceKind.DEVICE if self.is_live is None else self.is_live

    @property
    def rtsp(self) -> bool:
        """Whether it is read by RTSP."""
        return self.kind is SourceKind.URL and _scheme(self.location) in ("rtsp", "rtsps")


def find_sources(footage: Sequence[str | Path]) -> list[Source]:
    """Sources behind what was named, in the order given; what a folder or a glob holds comes in natural order.

    Args:
        footage: files, folders of images, folders of recordings, globs (`**` crosses folders), addresses
            (file, rtsp, rtsps, http, https, v4l2) and devices (/dev/video0). Images named one by one or matched
            by a glob are one source for each folder they lie in. Hidden files are passed over.
    Raises:
        ConfigError: nothing was named, or an address has a scheme that is not on the list.
        SourceError: a path that is not there, a glob that matches nothing, a folder without footage or with both
            images and recordings.
    """
    if not all(str(item) for item in footage) or not footage:
        raise ConfigError("no footage was named; name a recording, a folder, a glob or an address.")
    found = [source for item in footage for source in _sources_of(str(item))]
    return list(_joined(found))


def source_at(item: str) -> Source | None:
    """Source of an address or a device, which need not be there; None where `item` names files.

    Raises:
        ConfigError: the address has a scheme that is not on the list.
    """
    scheme = _scheme(item)
    if scheme in ("rtsp", "rtsps", "http", "https"):
        return Source(scheme + item[len(scheme) :], SourceKind.URL)  # FFmpeg knows schemes in small letters only
    if scheme == "v4l2" or VIDEO_DEVICE.fullmatch(item):
        return Source(item[len("v4l2://") :] if scheme else item, SourceKind.DEVICE)
    if scheme not in ("", "file"):
        raise ConfigError(
            f"{redacted(item)}: addresses of the kind {scheme}:// are not opened; "
            "use file, rtsp, rtsps, http, https or v4l2."
        )
    return None


def redacted(address: str) -> str:
    """Address without user, password, query and fragment.

    Passwords may hold any character, so everything before the last @ goes: rather too much than a letter of it.

    >>> redacted("rtsp://viewer:p@ss@cam.lan:554/stream1?token=1")
    'rtsp://cam.lan:554/stream1'
    """
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def _sources_of(item: str) -> Iterator[Source]:
    source = source_at(item)
    if source is not None:
        yield source
        return
    for path in _existing(unquote(item[len("file://") :]) if _scheme(item) else item):
        yield from _folder(path) if path.is_dir() else [_file(path)]


def _scheme(item: str) -> str:
    match = SCHEME.match(item)
    return match[1].lower() if match else ""


def _existing(text: str) -> list[Path]:
    """The path itself where it is there, else what it matches as a glob, in natural order."""
    text = os.path.expanduser(text)  # noqa: PTH111 - a Path drops the slash at the end, which asks for folders
    if Path(text).exists():
        return [Path(text)]
    if not glob.has_magic(text):
        raise SourceError(f"{text}: there is no such file or folder; check the name.")
    found = glob.glob(text, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    matches = in_natural_order(Path(match) for match in found)
    if not matches:
        raise SourceError(f"{text}: no file matches; check the pattern.")
    # `**` also matches the folders on the way: what lies in them was matched itself.
    on_the_way = {parent for match in matches for parent in match.parents}
    return [match for match in matches if match not in on_the_way]


def _folder(folder: Path) -> list[Source]:
    files = [file for file in _visible(folder) if file.is_file()]
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    recordings = [file for file in files if file.suffix.lower() in RECORDING_SUFFIXES]
    if images and recordings:
        raise SourceError(
            f"{folder}: holds both images ({len(images)}) and recordings ({len(recordings)}); "
            f"choose one kind, for example '{folder}/*{recordings[0].suffix}'."
        )
    if not images and not recordings:
        raise SourceError(_nothing_in(folder))
    return [_file(file) for file in images or recordings]


def _nothing_in(folder: Path) -> str:
    for inner in _visible(folder):
        if inner.is_dir() and any(
            file.suffix.lower() in IMAGE_SUFFIXES | RECORDING_SUFFIXES for file in _visible(inner)
        ):
            return (
                f"{folder}: holds no images or recordings itself, but folders in it do; "
                f"name them with a glob, '{folder}/*', or one alone, '{inner}'."
            )
    return f"{folder}: holds no images or recordings; name a folder that does."


def _visible(folder: Path) -> list[Path]:
    try:
        return in_natural_order(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SourceError(
            f"{folder}: the folder cannot be listed ({error.strerror}); check its permissions."
        ) from error


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Paths with the numbers in their names counted: `2.tif` before `10.tif`, whatever the case of letters."""

    def natural(path: Path) -> list[str | int]:
        # Odd places hold the digits, so numbers meet only numbers and words only words.
        parts = re.split(r"(\d+)", str(path).casefold())
        return [int(part) if place % 2 else part for place, part in enumerate(parts)]

    return sorted(sorted(paths), key=natural)


def _file(path: Path) -> Source:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return Source(str(path), SourceKind.IMAGES, (str(path),))
    return Source(str(path), SourceKind.FILE)


def _joined(sources: Iterable[Source]) -> Iterator[Source]:
    """Neighbouring images of one folder become one source: a shell that expands `*.png` names them one by one."""

    def folder_of_images(source: Source) -> str | None:
        return str(Path(source.location).parent) if source.kind is SourceKind.IMAGES else None

    for folder, group in groupby(sources, folder_of_images):
        members = list(group)
        if folder is None or len(members) == 1:
            yield from members
        else:
            yield Source(folder, SourceKind.IMAGES, tuple(source.location for source in members))
