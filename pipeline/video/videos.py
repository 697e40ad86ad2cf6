"""Video as a source: read and decoded packet by packet, so that a damaged one costs a frame and not the recording.

Frames come in order of presentation, each once, with seconds since the first that strictly rise.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from itertools import chain
from threading import Lock

import av
import av.error
from av.codec.context import ThreadType
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from pipeline.errors import SourceError, SourceLost
from pipeline.video.clock import Clock
from pipeline.video.container import first_missing_s, stated_duration_s, stated_end_s, stated_rate
from pipeline.video.ffmpeg import MOST_PIXELS, open_container, source_error, too_large
from pipeline.video.pictures import Picture
from pipeline.video.resizing import turn_of, upright_size
from pipeline.video.sampling import ROUNDING_S
from pipeline.video.sources import Source, SourceKind

__all__ = ["VideoReader"]

# Where neither container nor codec tells a rate, as with raw H.264 from some cameras.
USUAL_RATE = 25.0
# Forms without stamps, for which FFmpeg makes some up of that rate: right for a file, wrong for a camera.
STAMPLESS = ("mpjpeg", "mjpeg", "h264", "hevc")
# Several decoder threads cost a fifth more in all than one; with two cores the second is left to the scorer.
MOST_THREADS = 4
# The containers in which a seek lands on a key frame at or before the time asked for.
SEEKABLE = ("mov", "matroska")
# A seek aims this much earlier: frames that are shown before their key frame stay whole, and the sampler has seen
# how far apart frames are when the window begins.
SEEK_MARGIN_S = 2.0
# How much earlier than its header says a recording may end; headers round, and count the last frame's duration.
EARLY_END_S, EARLY_END = 1.0, 0.001


class VideoReader:
    """A `Reader` of a file, an address or a device. Its first frame is decoded at once.

    Args:
        watch: see `open_recording`.
    Raises:
        SourceLost: an address or a device does not answer, or stops.
        SourceError: there is no video in it, or none that can be decoded.
    """

    def __init__(self, source: Source, watch: Callable[[], None] | None = None) -> None:
        self.damaged = 0
        self._source = source
        self._watch = watch
        self._lock = Lock()
        self._closed = False
        self._failure: av.FFmpegError | None = None
        self._too_large = False
        self._end_s = 0.0
        # Where a recording that is cut off ends; None while it seems whole.
        self._readable_s: float | None = None
        self._pictures: Iterator[Picture] = iter(())
        self._container = open_container(source)
        try:
            self._stream = self._video_stream()
            self._prepare_decoder()
            self._tick_s = float(self._stream.time_base or 1)
            self._stamped = not (source.live and self._container.format.name in STAMPLESS)
            self.rate = stated_rate(self._container, self._stream)
            self._clock = Clock(1 / (self.rate or USUAL_RATE))
            self._pictures = self._decoded()
            self._take_first()
        except BaseException:
            self.close()
            raise

    def pictures(self, from_s: float, until_s: float | None) -> Iterator[Picture]:
        """Frames in order of presentation; some before `from_s` may be skipped.

        Raises:
            SourceLost: a camera stops, or an address is not delivered to its end.
            SourceError: the file ends before its stated end, and before `until_s`.
            RuntimeError: the reader was closed.
        """
        self._refuse_cut(until_s)
        self._skip_to(from_s - SEEK_MARGIN_S)
        yield from self._pictures
        if self._closed:
            raise RuntimeError(f"{self._source.where}: it was closed before it was read to its end.")
        if self._too_large:
            raise too_large(self._source)
        if self._readable_s is None:
            self._readable_s = self._early_end_s()
        self._refuse_cut(until_s)
        if self._failure is not None:
            raise source_error(self._source, self._failure) from self._failure
        if self._source.live:
            raise SourceLost(f"{self._source.where}: the stream ended; check the camera, then open it again.")

    def close(self) -> None:
        """Close file or connection; safe while another thread reads, for which it waits."""
        # FFmpeg crashes when a container is closed under a read, and when a closed one is read.
        with self._lock:
            self._closed = True
            # It refers back to the reader, and would keep the decoder until a garbage collection.
            self._pictures = iter(())
            self._container.close()

    def _video_stream(self) -> VideoStream:
        stream = self._container.streams.best("video")
        # The cover of a sound file is a video stream of one picture.
        if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
            raise SourceError(f"{self._source.where}: there is no video in it; name a file with pictures.")
        if stream.codec_context is None:
            raise SourceError(f"{self._source.where}: FFmpeg has no decoder for its video; convert it to H.264.")
        return stream

    def _prepare_decoder(self) -> None:
        for other in self._container.streams:
            if other is not self._stream:
                other.discard = Discard.all
        # Threads hold frames back, which matters live.
        threads = 1 if self._source.live else max(1, min(MOST_THREADS, _cores() // 2))
        self._stream.thread_type = ThreadType.NONE if threads == 1 else ThreadType.AUTO
        codec = self._stream.codec_context
        codec.thread_count = threads
        if codec.width * codec.height > MOST_PIXELS:
            raise too_large(self._source)
        codec.options = {"max_pixels": str(MOST_PIXELS)}

    def _take_first(self) -> None:
        first = next(self._pictures, None)
        frame = first.load() if first else None
        if first is None or frame is None:
            if self._too_large:
                raise too_large(self._source)
            if self._failure is not None:
                raise source_error(self._source, self._failure) from self._failure
            found = "none of its pictures can be decoded" if self.damaged else "there is no picture in it"
            raise SourceError(f"{self._source.where}: {found}; check that it plays elsewhere, or copy it again.")
        self._pictures = chain([first], self._pictures)
        self._first_pts, self._first_s = frame.pts, frame.time or 0.0
        self.turn = turn_of(frame)
        self.size = upright_size(frame, self.turn)
        self._stated_end_s = stated_end_s(self._container, self._stream, self._first_s)
        self.duration_s = self._stated_end_s or stated_duration_s(self._container, self._stream)
        self._readable_s = first_missing_s(self._container, self._stream, self._first_s)

    def _decoded(self) -> Iterator[Picture]:
        packets = self._packets()
        while (frames := self._next_frames(packets)) is not None:
            for frame in frames:
                if frame.is_corrupt:
                    self.damaged += 1
                else:
                    yield self._picture(frame)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """All packets, and an empty one that flushes the decoder; but not one that the end of the file cut in two.

        A decoder with several threads would report that one while it is flushed, and give no more frames.
        """
        part: Packet[VideoStream] | None = None
        for packet in self._container.demux(self._stream):
            if part is not None:
                if packet.size:
                    yield part
                else:
                    self.damaged += 1
            part = packet if packet.is_corrupt else None
            if part is None:
                yield packet

    def _next_frames(self, packets: Iterator[Packet[VideoStream]]) -> list[av.VideoFrame] | None:
        """What the next packet completes; None after the last."""
        if self._watch is not None:
            self._watch()
        with self._lock:
            if self._closed:
                return None
            packet: Packet[VideoStream] | None = None
            try:
                packet = next(packets)
                self._note_end(packet)
            except StopIteration:
                return None
            except av.FFmpegError as error:
                self._failure = error  # reported once the decoder has given what it still holds
            try:
                return self._stream.decode(packet)
            except av.FFmpegError as error:
                self._too_large = self._refused_size(error)
                self.damaged += 1
                return None if self._too_large else []

    def _refused_size(self, error: av.FFmpegError) -> bool:
        """Whether the decoder failed since pictures are too large: it keeps their size, or has an error for it."""
        codec = self._stream.codec_context
        forgotten = isinstance(error, av.error.ArgumentError) and codec.width == 0  # what is damaged is invalid data
        return forgotten or codec.width * codec.height > MOST_PIXELS

    def _note_end(self, packet: Packet[VideoStream]) -> None:
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None and not packet.is_corrupt:  # a part of a packet, at the cut
            self._end_s = max(self._end_s, (stamp + (packet.duration or 0)) * self._tick_s)

    def _picture(self, frame: av.VideoFrame) -> Picture:
        stamp_s = frame.time if self._stamped else time.monotonic()
        return Picture(self._clock.time_s(stamp_s), lambda: frame)

    def _skip_to(self, time_s: float) -> None:
        """Go on from a key frame before a time; where that is not certain, leave the reader at its beginning."""
        file = self._source.kind is SourceKind.FILE and self._container.format.name.startswith(SEEKABLE)
        if time_s <= 0 or not file or self._first_pts is None:
            return
        landed = self._landed(time_s, latest_s=time_s) or self._landed(0.0, latest_s=math.inf)
        if not landed and self._failure is not None:
            raise source_error(self._source, self._failure) from self._failure

    def _landed(self, time_s: float, latest_s: float) -> bool:
        assert self._first_pts is not None
        with self._lock:
            if self._closed:
                return False
            try:
                self._container.seek(self._first_pts + int(time_s / self._tick_s), stream=self._stream)
            except av.FFmpegError as error:
                self._failure = error
                return False
        self._failure = None
        self._clock.rewind()
        rest = self._decoded()
        head = next(rest, None)
        self._pictures = chain([head] if head else [], rest)
        return head is not None and head.time_s <= latest_s

    def _early_end_s(self) -> float | None:
        """Where the reading ended, if that is clearly before the stated end."""
        end_s = self._end_s - self._first_s
        if self._stated_end_s is None or end_s >= self._stated_end_s * (1 - EARLY_END) - EARLY_END_S:
            return None
        return end_s

    def _refuse_cut(self, until_s: float | None) -> None:
        readable_s = self._readable_s
        if readable_s is None or (until_s is not None and until_s <= readable_s + ROUNDING_S):
            return
        part_s = math.floor((readable_s + ROUNDING_S) * 10) / 10
        raise SourceError(
            f"{self._source.where}: the file ends after {part_s:.1f} of {self.duration_s or part_s:.1f} s (cut off or "
            f"still being written); use --until {part_s:.1f} to take the part that is there, or copy it again."
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
