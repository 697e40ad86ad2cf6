"""Pictures to an H.264 file that browsers play: yuv420p, the index in front, every picture at its own time.

Times are seconds and become whole milliseconds; the first picture is at 0 in the file, whatever its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import cv2
from av.container import OutputContainer
from av.video.stream import VideoStream

from pipeline.errors import OutputError, ShapeError
from pipeline.files import output_error, written_whole
from pipeline.types import Image

__all__ = ["VideoWriter"]

MILLISECOND = Fraction(1, 1000)
# The last picture is shown as long as the one before it; a picture that stays alone, this long.
LONE_PICTURE_MS = 1000
# FFmpeg's numbers for what cv2's conversion to YUV produces. They are named in the file because players guess
# the matrix from the height, and guess another one from 720 lines on.
SMPTE_170M = 6
LIMITED_RANGE = 1


class VideoWriter:
    """Writes RGB pictures to one .mp4; a context manager.

    The file appears under its name when the block ends, if at least one picture was written. When an
    exception leaves the block, nothing stays behind: whoever wants the part so far catches it inside.
    The first picture gives the size, later ones of another size are brought to it; an odd side is made even by
    repeating its last row or column.
    Memory does not grow with length.

    Args:
        path: the file to write; one that is there is replaced at the end.
        quality: x264's constant rate factor, 0 (lossless) to 51 (worst); 6 more halve the file.
    Raises:
        OutputError: the file cannot be written (folder missing, no permission, disk full).
    """

    def __init__(self, path: Path, *, quality: int = 23) -> None:
        self._path = path
        self._quality = quality
        self._opened = ExitStack()
        self._height = self._width = 0
        self._begin_s = 0.0
        self._last_ms = -LONE_PICTURE_MS
        self._shown_ms = LONE_PICTURE_MS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abandon()

    def close(self) -> None:
        """End the file and give it its name; for whom a block will not do."""
        with self._own_errors():
            self._opened.close()

    def abandon(self) -> None:
        """Leave nothing behind."""
        # A block's own exception goes on by itself. written_whole would take any OSError for one of writing
        # this file, whatever it was about: it hears that the file is abandoned, not why.
        self._opened.__exit__(GeneratorExit, GeneratorExit(), None)

    def write(self, picture: Image, time_s: float) -> None:
        """Append a picture, (H, W, 3) uint8 RGB. A time not later than the one before is moved 1 ms past it.

        Raises:
            ShapeError: it is not an RGB picture.
            OutputError: as the class says.
        """
        with self._own_errors():
            if picture.ndim != 3 or picture.shape[2] != 3:
                raise ShapeError(f"{self._path}: the shape of a picture", "(H, W, 3)", picture.shape)
            if not self._height:
                self._open(picture, time_s)
            self._encode(picture, time_s)

    def _open(self, first: Image, begin_s: float) -> None:
        part = self._opened.enter_context(written_whole(self._path))
        # FFmpeg opens the file with the first packet, a dozen pictures later: a folder that cannot be written
        # is better known now.
        part.touch()
        # "file:" keeps FFmpeg from taking the start of a name such as "gate:5.mp4" for a protocol.
        self._container = av.open(f"file:{part}", "w", format="mp4", options={"movflags": "+faststart"})
        self._opened.push(self._close)
        self._opened.push(self._flush)
        self._begin_s = begin_s
        self._height, self._width = (side + side % 2 for side in first.shape[:2])
        self._stream = _h264_stream(self._container, self._height, self._width, self._quality)

    def _encode(self, picture: Image, time_s: float) -> None:
        time_ms = max(round((time_s - self._begin_s) * 1000), self._last_ms + 1)
        fitted = _fitted(picture, self._height, self._width)
        planes = cast("Image", cv2.cvtColor(fitted, cv2.COLOR_RGB2YUV_I420))
        frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
        frame.pts, frame.time_base = time_ms, MILLISECOND
        self._shown_ms, self._last_ms = time_ms - self._last_ms, time_ms
        self._mux(frame)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        """Hand a frame to the encoder, None for the end, and what comes out of it to the file."""
        for packet in self._stream.encode(frame):
            # Only the last packet's counts, for the others the next time stamp does: without one, the last
            # picture of 5 frames/s would be shown for a 24th of a second.
            packet.duration = self._shown_ms
            self._container.mux(packet)

    def _flush(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        if kind is None:
            self._mux(None)

    def _close(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        # Closing writes the index: after an error of writing it fails once more, and says nothing new.
        with suppress(av.FFmpegError) if kind else nullcontext():
            self._container.close()

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except (OutputError, ShapeError):
            raise
        except OSError as error:
            raise output_error(self._path, error) from error
        except av.FFmpegError as error:
            raise OutputError(
                f"{self._path}: pictures of {self._height}x{self._width} cannot be encoded as H.264; "
                "choose a smaller size."
            ) from error


def _h264_stream(container: OutputContainer, height: int, width: int, quality: int) -> VideoStream:
    # veryfast is a third of medium's time for 7 % less file; B-frames with true time stamps give a wrong
    # duration (FFmpeg 8); one thread costs as little as two and cuts no pictures into slices.
    options = {"preset": "veryfast", "crf": str(quality), "bf": "0"}
    stream = container.add_stream("libx264", options=options)
    stream.height, stream.width = height, width
    stream.pix_fmt = "yuv420p"
    stream.thread_type = "NONE"
    codec = stream.codec_context
    codec.thread_count = 1
    codec.time_base = MILLISECOND
    codec.colorspace = codec.color_primaries = codec.color_trc = SMPTE_170M
    codec.color_range = LIMITED_RANGE
    return stream


def _fitted(picture: Image, height: int, width: int) -> Image:
    """A picture at an even size: one that is a row or a column short is continued, any other is resized."""
    missing = height - picture.shape[0], width - picture.shape[1]
    if missing == (0, 0):
        return picture
    if min(missing) >= 0 and max(missing) == 1:
        return cast("Image", cv2.copyMakeBorder(picture, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE))
    return cast("Image", cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
