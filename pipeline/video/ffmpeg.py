"""The one door to FFmpeg: containers are opened here, and PyAV's errors become ours.

FFmpeg is told which protocols it may use, so that a playlist or a redirect cannot lead it elsewhere.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av import error as fault
from av.container import InputContainer

from pipeline.errors import SourceError, SourceLost
from pipeline.video.sources import Source, SourceKind

__all__ = ["MOST_PIXELS", "open_container", "source_error", "too_large"]

OPEN_TIMEOUT_S = 5.0
# A stalled RTSP stream is noticed after twice its read timeout: a frame that was held back comes out at once this.
LIVE_TIMEOUT_S = 1.0
# A server may have to fetch a recording from a disk that sleeps.
HTTP_TIMEOUT_S = 10.0

# By default FFmpeg looks at 5 s of a live stream before it gives the first frame; 0.1 s are enough with RTSP, which
# describes its streams. `fflags=nobuffer` would be faster, but throws the key frame away that was looked at.
RTSP_OPTIONS = {"analyzeduration": "100000"}
RTSP_PROTOCOLS = {"tcp": "tcp,tls", "udp": "tcp,tls,udp,rtp"}
HTTP_OPTIONS = {"protocol_whitelist": "http,https,httpproxy,tcp,tls,crypto"}
HTTP_LIVE_OPTIONS = {"analyzeduration": "500000"}
FILE_OPTIONS = {"protocol_whitelist": "file"}

# A few kilobytes may claim a picture that takes gigabytes; no camera has more than this.
MOST_PIXELS = 64_000_000

# FFmpeg would draw a text as pictures, and follow a list to other files (for minutes, if they are not there).
TEXT = "tty"
LISTS = (b"#EXTM3U", b"ffconcat")


@dataclass(frozen=True, slots=True)
class Reason:
    """What a foreign error means for a source: found, to do, and whether trying again later may help."""

    found: str
    remedy: str
    may_return: bool = False


BROKEN = Reason("the connection broke off", "check the network, then try again", may_return=True)
SILENT = Reason("nothing came in time", "check that the camera or server runs and can be reached", may_return=True)
SYSTEM = Reason("the system reports '{strerror}'", "check the name, the cable and the network", may_return=True)
SERVER = Reason("the server reports an error of its own (5xx)", "try again later", may_return=True)
REFUSED = Reason("the server refuses the request ({strerror})", "check the address")
UNREADABLE = Reason("FFmpeg cannot read it as a video", "check that it is one")
DAMAGED = Reason("from here on it is damaged ({strerror})", "take the part before, or copy it again")
UNSUPPORTED = Reason("it uses what FFmpeg cannot decode ({strerror})", "convert it, for example to H.264")
INTERNAL = Reason("FFmpeg failed ({strerror})", "check that the file plays elsewhere")

# Every class of av.error is named here; a test fails when a new version of PyAV brings another.
REASONS: dict[type[av.FFmpegError], Reason] = {
    fault.FileNotFoundError: Reason("it is not there", "check the name"),
    fault.PermissionError: Reason("it may not be read", "check its permissions"),
    fault.IsADirectoryError: Reason("it is a folder", "name the recording in it"),
    fault.NotADirectoryError: Reason("a part of the path is not a folder", "check the name"),
    fault.MemoryError: Reason("it takes more memory than there is", "convert it to a smaller picture size"),
    fault.HTTPUnauthorizedError: Reason("user name and password are wrong or missing", "check them"),
    fault.HTTPForbiddenError: Reason("the server forbids access", "check user name, password and address"),
    fault.HTTPNotFoundError: Reason("the server knows nothing under this address (404)", "check the path"),
    fault.HTTPTooManyRequestsError: Reason("the server is asked too often (429)", "try again later", may_return=True),
    fault.ConnectionRefusedError: Reason(
        "nothing answers there (connection refused)", "check that the camera or server runs", may_return=True
    ),
    fault.EOFError: Reason("the stream ended", "check the camera, then open it again", may_return=True),
    **dict.fromkeys((fault.InvalidDataError, fault.DemuxerNotFoundError), UNREADABLE),
    **dict.fromkeys((fault.TimeoutError, fault.ExitError), SILENT),
    **dict.fromkeys((fault.BrokenPipeError, fault.ConnectionAbortedError, fault.ConnectionResetError), BROKEN),
    **dict.fromkeys((fault.OSError, fault.BlockingIOError, fault.InterruptedError), SYSTEM),
    **dict.fromkeys((fault.HTTPError, fault.HTTPServerError), SERVER),
    **dict.fromkeys((fault.HTTPClientError, fault.HTTPBadRequestError, fault.HTTPOtherClientError), REFUSED),
    **dict.fromkeys(
        (
            fault.DecoderNotFoundError,
            fault.ExperimentalError,
            fault.NotImplementedError,
            fault.PatchWelcomeError,
        ),
        UNSUPPORTED,
    ),
    **dict.fromkeys(
        (
            av.FFmpegError,
            fault.ArgumentError,
            fault.BSFNotFoundError,
            fault.BufferTooSmallError,
            fault.BugError,
            fault.ChildProcessError,
            fault.EncoderNotFoundError,
            fault.ExternalError,
            fault.FileExistsError,
            fault.FilterNotFoundError,
            fault.InputChangedError,
            fault.LookupError,
            fault.MuxerNotFoundError,
            fault.OptionNotFoundError,
            fault.OutputChangedError,
            fault.OverflowError,
            fault.ProcessLookupError,
            fault.ProtocolNotFoundError,
            fault.PyAVCallbackError,
            fault.UndefinedError,
            fault.UnknownError,
        ),
        INTERNAL,
    ),
}


def open_container(source: Source) -> InputContainer:
    """Open a file, an address or a device for reading; close it after use, or its memory stays taken for a while.

    Raises:
        SourceLost: an address or a device does not answer, and may later.
        SourceError: it is not there, may not be read, or is not a recording.
    """
    if source.kind is SourceKind.FILE and _head(source.location).startswith(LISTS):
        raise SourceError(f"{source.where}: it is a list of files, not a recording; name the recordings themselves.")
    started_s = time.monotonic()
    try:
        container = _open(source)
    except av.FFmpegError as error:
        silent = source.kind is SourceKind.URL and time.monotonic() - started_s >= OPEN_TIMEOUT_S
        raise _sentence(source, SILENT if silent else _why_not_opened(source, error), error) from error
    if container.format.name == TEXT:
        container.close()
        raise SourceError(f"{source.where}: it is a text, not a recording; name a video.")
    return container


def source_error(source: Source, error: av.FFmpegError) -> SourceError:
    """Our error for one of PyAV's that came while reading; raise it `from` the other.

    A camera that fails while it is read may always come back.
    """
    reason = REASONS.get(type(error), INTERNAL)
    if reason is UNREADABLE:
        reason = DAMAGED
    return _sentence(source, replace(reason, may_return=reason.may_return or source.live), error)


def too_large(source: Source) -> SourceError:
    """What to say of pictures above `MOST_PIXELS`."""
    return SourceError(
        f"{source.where}: its pictures have more than {MOST_PIXELS // 1_000_000} million pixels; make them smaller."
    )


def _open(source: Source) -> InputContainer:
    limit = {"max_pixels": str(MOST_PIXELS)}
    if source.kind is SourceKind.DEVICE:
        return av.open(source.location, "r", format="v4l2", options=limit, timeout=(OPEN_TIMEOUT_S, LIVE_TIMEOUT_S))
    # Foreign text in a file's metadata need not be UTF-8, and nobody reads it here.
    if source.kind is SourceKind.URL:
        return av.open(
            source.location,
            "r",
            options=_transfer_options(source) | limit,
            timeout=(OPEN_TIMEOUT_S, LIVE_TIMEOUT_S if source.live else HTTP_TIMEOUT_S),
            metadata_errors="replace",
        )
    # With the protocol in front a colon in a name (12:30.mp4) is no protocol.
    return av.open(f"file:{source.location}", "r", options=FILE_OPTIONS | limit, metadata_errors="replace")


def _transfer_options(source: Source) -> dict[str, str]:
    if source.rtsp:
        protocols = RTSP_PROTOCOLS[source.transport]
        return {"rtsp_transport": source.transport, "protocol_whitelist": protocols, **RTSP_OPTIONS}
    return HTTP_OPTIONS | HTTP_LIVE_OPTIONS if source.live else HTTP_OPTIONS


def _why_not_opened(source: Source, error: av.FFmpegError) -> Reason:
    if source.kind is SourceKind.FILE and isinstance(error, fault.InvalidDataError | fault.EOFError):
        return _why_unreadable(source.location)
    return REASONS.get(type(error), INTERNAL)


def _why_unreadable(path: str) -> Reason:
    head = _head(path)
    if not head:
        return Reason("the file is empty", "copy it again")
    # An mp4 begins with its brand; its index, without which nothing can be read, often comes last.
    if head[4:8] == b"ftyp":
        return Reason(
            "its index is missing (cut off or still being written)",
            "wait until it is finished, or copy it again",
        )
    return UNREADABLE


def _head(path: str) -> bytes:
    """The first bytes of a file; of nothing else, since what is taken from a pipe is gone."""
    if not Path(path).is_file():
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(8)
    except OSError:
        return b""


def _sentence(source: Source, reason: Reason, error: av.FFmpegError) -> SourceError:
    # The address, with its password, is among the arguments, and would be printed with the chain of errors.
    error.args = error.args[:2]
    strerror = error.strerror or (os.strerror(error.errno) if error.errno else "unknown")
    found = reason.found.format(strerror=strerror.lower())
    lost = reason.may_return and source.kind in (SourceKind.URL, SourceKind.DEVICE)
    return (SourceLost if lost else SourceError)(f"{source.where}: {found}; {reason.remedy}.")
