"""A source, opened: its facts, and its frames at model size. Times are seconds from its first picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import av

from pipeline.errors import SourceError
from pipeline.types import Frame, Size, same_view
from pipeline.video.flow import MotionReader
from pipeline.video.images import ImageReader
from pipeline.video.pictures import Picture, Reader
from pipeline.video.resizing import Resizer, upright_size
from pipeline.video.sampling import ROUNDING_S, Sampler, Sampling
from pipeline.video.sources import Source, SourceKind
from pipeline.video.videos import VideoReader

__all__ = ["Recording", "open_recording"]


def open_recording(
    source: Source, *, input_fps: float | None = None, watch: Callable[[], None] | None = None
) -> Recording:
    """Open a source and look at its first picture.

    Args:
        source: one of `find_sources`.
        input_fps: images per second, for images, which have no clock of their own. Without it every image is taken
            whatever rate is asked for, and the n-th (from 0) is at n seconds.
        watch: called before each packet of a video is read, by whoever opens and reads: a source that sends for ever,
            and nothing that can be decoded, gives no frame to look up at. What it raises ends the reading.
    Raises:
        ConfigError: `input_fps` is not above 0.
        SourceLost: an address or a device does not answer; it may later.
        SourceError: it is not there, may not be read, or holds no picture that can be decoded.
    """
    images = source.kind is SourceKind.IMAGES
    reader: Reader = ImageReader(source, input_fps) if images else VideoReader(source, watch)
    return Recording(source, reader)


class Recording:
    """A source from which frames are read, once. Use it in a `with` statement; `open_recording` makes it.

    Attributes:
        name: short name for people; a password in the address is not in it.
        size: (H, W) of its first picture, upright.
        duration_s: length as stated by the source, on the clock of `Frame.time_s`; None for live sources and
            wherever it is unknown.
        rate: its own frames per second; None where that is unknown and for images without a rate.
        live: whether it runs by its own clock (RTSP, devices).
    """

    def __init__(self, source: Source, reader: Reader) -> None:
        self._source = source
        self._reader = reader
        self._clockless = source.kind is SourceKind.IMAGES and reader.rate is None
        self._started = False
        self.name = source.name
        self.size: Size = reader.size
        self.duration_s = reader.duration_s
        self.rate = reader.rate
        self.live = source.live

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def damaged(self) -> int:
        """Packets and pictures skipped so far because they could not be decoded."""
        return self._reader.damaged

    def close(self) -> None:
        """Give back file or connection; a thread that is reading ends its frames early."""
        self._reader.close()

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """The frames that a sampling takes, in order; a damaged picture is counted and passed over.

        `index` counts from 0 what is taken. A recording is read once: open it anew for a second time.

        Raises:
            SourceLost: a camera or server stops; what came before it was given.
            SourceError: the recording is cut off before the end of the window, or its pictures change their shape.
        """
        if self._started:
            raise RuntimeError(f"{self._source.where}: its frames were read already; open the recording again.")
        self._started = True
        return self._frames(sampling)

    def expected_frames(self, sampling: Sampling) -> int | None:
        """About how many frames a sampling takes, for progress bars; None where the source does not tell."""
        rate = 1.0 if self._clockless else self.rate
        fps = rate if self._clockless or sampling.fps is None else min(sampling.fps, rate or sampling.fps)
        if self.duration_s is None or fps is None:
            return None
        end_s = self.duration_s if sampling.until_s is None else min(sampling.until_s, self.duration_s)
        return max(0, round((end_s - sampling.from_s) * fps))

    def _frames(self, sampling: Sampling) -> Iterator[Frame]:
        resizer = Resizer(
            sampling.geometry,
            self._reader.turn,
            sampling.display_short_side,
            quick_display=sampling.quick_display,
        )
        # Pictures without a clock need not follow each other, and have no speeds.
        motion = MotionReader(sampling.geometry.size) if sampling.motion and not self._clockless else None
        index = 0
        for picture in self._taken(sampling):
            decoded = picture.load()
            if decoded is not None:
                yield self._frame(index, picture, decoded, resizer, motion)
                index += 1

    def _taken(self, sampling: Sampling) -> Iterator[Picture]:
        sampler = Sampler(None if self._clockless else sampling.fps)
        for picture in self._reader.pictures(sampling.from_s, sampling.until_s):
            if sampling.is_after(picture.time_s):
                return
            if sampler.takes(picture.time_s) and not sampling.is_before(picture.time_s):
                yield picture

    def _frame(
        self, index: int, picture: Picture, decoded: av.VideoFrame, resizer: Resizer, motion: MotionReader | None
    ) -> Frame:
        size = upright_size(decoded, self._reader.turn)
        if not same_view(size, self.size):
            raise SourceError(self._changed_shape(picture, size))
        pixels, display = resizer.model(decoded), resizer.display(decoded)
        moved = None if motion is None else motion.add(pixels, picture.time_s)
        return Frame(index, picture.time_s, pixels, size, display, moved)

    def _changed_shape(self, picture: Picture, size: Size) -> str:
        before, now = (f"{height}x{width}" for height, width in (self.size, size))
        if picture.name is not None:
            return (
                f"{picture.name}: this image is {now}, another shape than the {before} of the first; "
                "put images of one shape into a folder."
            )
        if self.live:
            return f"{self._source.where}: the picture changes from {before} to {now}, another shape; check the camera."
        time_s = math.floor((picture.time_s + ROUNDING_S) * 100) / 100
        return (
            f"{self._source.where}: the picture changes from {before} to {now}, another shape, at {time_s:.2f} s; "
            f"split the recording there, or use --until {time_s:.2f}."
        )
