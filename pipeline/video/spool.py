"""The frames of an event that goes on, in one file: its clip survives the death of whoever writes it.

A file begins with what it is; each record is its length, a checksum, and a frame. A writer that dies in the middle of
one leaves a torn tail, which the next cuts off. Pictures are JPEGs, and stay what they were until the clip is made.
What the system has taken is safe from the death of a process; against that of the machine nothing is done.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SourceCorrupt, SourceError
from pipeline.files import output_error
from pipeline.types import Event, Geometry, Size, Spot
from pipeline.video.clips import Clip, ClipFile, Scene
from pipeline.video.drawing import heat_of
from pipeline.video.jpeg import decode_jpeg

__all__ = ["Spool", "SpoolFrame", "read_spool", "write_clip"]

# The digit is the version: what another has written is no spool.
MAGIC = b"SWSPOOL1"
# Length and checksum of what follows.
HEAD = struct.Struct("<II")
TEXT_LENGTH = struct.Struct("<I")
# No display is larger; 50 MB decoded.
MOST_PIXELS = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class SpoolFrame:
    """A frame as it is kept.

    Attributes:
        index, time_s: of the frame.
        score: with what lingers.
        levels: (h, w) uint8, the levels of its coarse map.
        spots: what is followed in it, by the ids of events.
        jpeg: the picture at display size.
        motion: how much of the score is motion, 0 to 1; None for a model of appearance alone.
    """

    index: int
    time_s: float
    score: float
    levels: NDArray[np.uint8]
    spots: Mapping[str, Spot]
    jpeg: bytes
    motion: float | None = None


class Spool:
    """Appends frames to a file; a context manager. Where the file is already there, it goes on.

    Args:
        path: of the file; what is torn or damaged at its end is cut off.
    Attributes:
        last_index: of the last frame in it; -1 while there is none.
    Raises:
        OutputError: the file cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = 0
        self.last_index = -1
        try:
            self._file = FileIO(path, "a+")
            self._go_on()
        except OSError as error:
            raise output_error(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, frame: SpoolFrame) -> None:
        """Append a frame; one that is not after the last is there already, and changes nothing.

        Raises:
            OutputError: the disk is full, or the file cannot be written; what was there before stays readable.
        """
        if frame.index <= self.last_index:
            return
        record = _record(frame) if self._end else MAGIC + _record(frame)
        try:
            self._write(record)
        except OSError as error:
            with suppress(OSError):  # readers stop at a torn tail too
                self._file.truncate(self._end)
            raise output_error(self._path, error) from error
        self._end += len(record)
        self.last_index = frame.index

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def _go_on(self) -> None:
        self._file.seek(0)
        for frame, end in _frames(self._file):
            self.last_index, self._end = frame.index, end
        self._file.truncate(self._end)

    def _write(self, record: bytes) -> None:
        rest = memoryview(record)
        while rest:  # a disk takes what still fits, and says at the next attempt that it is full
            rest = rest[self._file.write(rest) :]


def read_spool(path: Path) -> Iterator[SpoolFrame]:
    """The frames of a spool, one by one, up to the first that is torn or damaged; a file that is not there has none.

    Raises:
        SourceError: the file is there and cannot be read.
    """
    try:
        with FileIO(path) as file:
            for frame, _ in _frames(file):
                yield frame
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(f"{path}: it cannot be read ({error.strerror}); check the file.") from error


def write_clip(
    spool: Path,
    stem: Path,
    event: Event,
    geometry: Geometry,
    source: Size,
    max_clip_s: float = math.inf,
    began_at: datetime | None = None,
) -> Clip:
    """Write STEM.mp4 and STEM.jpg of an event from its spool, looking as those of a `ClipWriter`.

    The thumbnail is the frame of the peak, or the one that shows the event's highest score. Pictures that cannot be
    decoded are passed over. Memory does not grow with length.

    Args:
        geometry: how source pictures became model pictures.
        source: (H, W) of the source's pictures.
        max_clip_s: frames so long after the first are no part of the video; one of them may be the thumbnail.
        began_at: the moment of time 0; captions then tell the time of day.
    Returns:
        What became of them; paths are None where the spool has no picture or, with a problem, could not be written.
    Raises:
        SourceError: the spool is there and cannot be read.
    """
    clip = ClipFile(stem, event.id, math.inf)
    highest = (False, -math.inf)
    try:
        for scene in _scenes(spool, geometry, source, began_at):
            if clip.peak is None:
                clip.until_s = scene.time_s + max_clip_s
            clip.write(scene)
            height = scene.time_s == event.peak_s, scene.score_of(event.id)
            if height > highest:
                clip.peak, highest = scene, height
    except BaseException:
        clip.abandon()
        raise
    return clip.finish()


def _scenes(spool: Path, geometry: Geometry, source: Size, began_at: datetime | None) -> Iterator[Scene]:
    for frame in read_spool(spool):
        try:
            picture = decode_jpeg(frame.jpeg, MOST_PIXELS)
        except SourceCorrupt:
            continue
        at = None if began_at is None else began_at + timedelta(seconds=frame.time_s)
        heat = heat_of(frame.levels, geometry)
        yield Scene(frame.time_s, picture, heat, frame.score, frame.spots, source, at, frame.motion)


def _record(frame: SpoolFrame) -> bytes:
    spots = {name: [spot.box, spot.score, spot.opened] for name, spot in frame.spots.items()}
    note = {"index": frame.index, "time_s": frame.time_s, "score": frame.score, "grid": frame.levels.shape}
    text = json.dumps({**note, "motion": frame.motion, "spots": spots}).encode()
    content = b"".join([TEXT_LENGTH.pack(len(text)), text, frame.levels.tobytes(), frame.jpeg])
    return HEAD.pack(len(content), zlib.crc32(content)) + content


def _frames(file: FileIO) -> Iterator[tuple[SpoolFrame, int]]:
    """Whole frames, each with the place where it ends."""
    size, end = os.fstat(file.fileno()).st_size, len(MAGIC)
    if file.read(end) != MAGIC:
        return
    while len(head := file.read(HEAD.size)) == HEAD.size:
        length, checksum = HEAD.unpack(head)
        end += HEAD.size + length
        if end > size:  # before memory is taken for it
            return
        content = file.read(length)
        if zlib.crc32(content) != checksum:
            return
        try:
            frame = _frame_of(content)
        except (KeyError, TypeError, ValueError, struct.error):  # after a power cut, zeros have a checksum that agrees
            return
        yield frame, end


def _frame_of(content: bytes) -> SpoolFrame:
    (length,) = TEXT_LENGTH.unpack_from(content)
    text_ends = TEXT_LENGTH.size + length
    note = json.loads(content[TEXT_LENGTH.size : text_ends])
    height, width = note["grid"]
    levels = np.frombuffer(content, np.uint8, height * width, text_ends).reshape(height, width)
    spots = {
        name: Spot((x, y, across, down), score, opened)
        for name, ((x, y, across, down), score, opened) in note["spots"].items()
    }
    jpeg = content[text_ends + levels.size :]
    # What was begun before there was motion has none.
    return SpoolFrame(note["index"], note["time_s"], note["score"], levels, spots, jpeg, note.get("motion"))
