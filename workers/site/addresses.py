"""Addresses and paths in a site file: what is refused, what is made whole, what may be shown.

What is wrong is said as the end of a sentence that begins with the name of the key: "is rtsp:///, without a host; …".
"""

from __future__ import annotations

import glob
import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic_core import PydanticCustomError

from pipeline.errors import ConfigError
from pipeline.video.sources import IMAGE_SUFFIXES, Source, SourceKind, redacted, source_at

__all__ = [
    "FILE_SCHEME",
    "SAID",
    "is_loopback",
    "opened",
    "path_from",
    "source_from",
    "split_url",
    "with_credentials",
    "wrong",
]

# Type of the errors that bring their own sentence; `ctx` holds it, and the key below that it is about.
SAID = "stillwatch"
FILE_SCHEME = re.compile("file://", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def wrong(text: str, *key: str | int, beside: str = "") -> PydanticCustomError:
    """An error to raise in a model.

    Args:
        text: end of the sentence, from the verb on, without the full stop.
        key: the way to what is meant, where the mapping or list around it is what is checked.
        beside: another key of the same mapping that the sentence names, for its line where `key` was left out.
    """
    return PydanticCustomError(SAID, "{text}", {"text": text, "key": key, "beside": beside})


def path_from(text: str, folder: Path | None) -> Path:
    """A path as the site file means it: from the file's own folder on, `~` being the user's home."""
    if not text:
        raise wrong("is empty; name a path")
    if CONTROL.search(text):
        raise wrong("holds a control character; name a path without")
    # Path.expanduser raises where there is no such user.
    return (folder or Path()) / os.path.expanduser(text)  # noqa: PTH111


def source_from(text: str, folder: Path | None) -> str:
    """A camera's source made whole and checked: an address, a device or the path of one recording."""
    if CONTROL.search(text):
        raise wrong("holds a control character; name a source without")
    try:
        source = source_at(text)
    except ConfigError as error:
        raise wrong(f"is {str(error).removesuffix('.')}") from error
    if source is None:
        return _recording(text, folder)
    if source.kind is SourceKind.URL:
        # Anywhere, since a password may hold a slash or a question mark, and would then look like a path.
        if "@" in source.location:
            raise wrong(
                f"is {redacted(text)} with a user name or a password in it; use username and password_file, and %40 "
                "for an @ that is part of the path"
            )
        split_url(source.location)
    elif not source.location:
        raise wrong("is v4l2:// without a device; name one, such as v4l2:///dev/video0")
    return text


def split_url(url: str) -> SplitResult:
    """Parts of an address that has a host and no impossible port."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise wrong(f"is {redacted(url)}, whose host or port is unreadable; write SCHEME://HOST:PORT/PATH") from None
    if not parts.hostname:
        raise wrong(f"is {redacted(url)}, without a host; write SCHEME://HOST:PORT/PATH")
    return parts


def with_credentials(url: str, username: str, password: str) -> str:
    """The address with user name and password in it, percent-encoded, as FFmpeg wants them; never to be shown."""
    scheme, _, rest = url.partition("://")
    # The colon stays without a password: FFmpeg takes no user name without it.
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{rest}"


def is_loopback(host: str | None) -> bool:
    """Whether what is sent there stays on this machine."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _recording(text: str, folder: Path | None) -> str:
    scheme = FILE_SCHEME.match(text)
    path = path_from(unquote(text[scheme.end() :]) if scheme else text, folder)
    if os.path.isdir(path):
        raise wrong(f"is {str(path)!r}, a folder; name one recording, and give each recording a camera of its own")
    # Path.exists raises where the folder may not be entered, or the name is too long.
    if not os.path.exists(path) and glob.has_magic(text):  # noqa: PTH110
        raise wrong(f"is {text!r}, a pattern; name one recording, and give each recording a camera of its own")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise wrong(f"is {text!r}, a picture; name a recording, an address or a device")
    return str(path)


def opened(source: str) -> Source:
    """The source that a checked text names."""
    return source_at(source) or Source(source, SourceKind.FILE)
