"""PyAV's errors, all of them, as ours."""

from __future__ import annotations

import errno
import inspect
import traceback

import av
import av.error
import pytest

from pipeline.errors import SourceError, SourceLost
from pipeline.video.ffmpeg import REASONS, source_error
from pipeline.video.sources import Source, SourceKind

FILE = Source("gate.mp4", SourceKind.FILE)
WEB = Source("http://viewer:secret@host/gate.mp4", SourceKind.URL)
CAMERA = Source("rtsp://viewer:secret@host/cam", SourceKind.URL)

FOREIGN: set[type[av.FFmpegError]] = {
    cls for _, cls in inspect.getmembers(av.error, inspect.isclass) if issubclass(cls, av.FFmpegError)
}


def test_every_class_of_error_has_a_reason() -> None:
    assert set(REASONS) == FOREIGN


@pytest.mark.parametrize("cls", sorted(FOREIGN, key=str))
def test_every_error_is_one_sentence_without_the_password(cls: type[av.FFmpegError]) -> None:
    for source in (FILE, WEB, CAMERA):
        foreign = cls(errno.EIO, "Some reason", source.location)
        ours = source_error(source, foreign)
        assert str(ours).startswith(f"{source.where}: ")
        assert str(ours).endswith(".")
        assert ". " not in str(ours)
        ours.__cause__ = foreign
        assert "secret" not in "".join(traceback.format_exception(ours))


def test_a_file_is_never_lost_and_a_camera_that_was_read_always_is() -> None:
    for cls in FOREIGN:
        assert type(source_error(FILE, cls(errno.EIO, "Some reason"))) is SourceError
        assert type(source_error(CAMERA, cls(errno.EIO, "Some reason"))) is SourceLost
    assert type(source_error(WEB, av.error.ExitError(1, "Immediate exit requested"))) is SourceLost
    assert type(source_error(WEB, av.error.InvalidDataError(1, "Invalid data"))) is SourceError
