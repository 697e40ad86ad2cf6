"""Names of cameras are looked up before FFmpeg does it, which can neither be timed nor told from a source that hangs.

A name server that is away keeps a thread for half a minute; that is no reason to replace the process of eight cameras.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

from pipeline.errors import SourceLost
from pipeline.video.sources import Source, SourceKind

__all__ = ["look_up"]


def look_up(source: Source) -> None:
    """Have the system find a source's host, so that it is known a moment later; nothing for files and devices.

    Raises:
        SourceLost: nobody knows the name, or nobody answers who might.
    """
    if source.kind is not SourceKind.URL or (not source.rtsp and getproxies()):  # a proxy looks names up itself
        return
    host = urlsplit(source.location).hostname
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceLost(
            f"{source.where}: the host {host} is not found; check its name, the name server and the network."
        ) from error
