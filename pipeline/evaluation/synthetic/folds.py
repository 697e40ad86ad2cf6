"""Normal footage of one camera, dealt into folds: each is held out in turn, and no two share a frame.

Several recordings are dealt whole; of fewer recordings than folds each is cut into stretches of time, one a fold.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.surveying import check_view, has_clock
from pipeline.types import Frame, Image, Size
from pipeline.video.prefetch import prefetched
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source

__all__ = ["CLIP_FRAMES", "Fold", "Keeper", "Part", "Stretch", "folds_of"]

# Of an artificial clip; the held-out frames that it is made of follow each other.
CLIP_FRAMES = 60
# What is kept of a fold for making clips, however long it is: 300 MB of pictures of 240×352.
LONGEST, MOST_STRETCHES = 150, 8


@dataclass(frozen=True, slots=True)
class Part:
    """What a fold has of one recording.

    Attributes:
        from_s, until_s: its time; None for the recording's end.
        frames: about how many are sampled from it.
        input_fps: rate of a folder of images.
    """

    source: Source
    from_s: float
    until_s: float | None
    frames: int
    input_fps: float | None

    def read(self, sampling: Sampling) -> Generator[Frame, None, None]:
        """Its frames as sampled, read ahead; their index is 0 for its first.

        Raises:
            SourceError: as in `Recording.frames`.
        """
        sampling = replace(sampling, from_s=self.from_s, until_s=self.until_s)
        with (
            open_recording(self.source, input_fps=self.input_fps) as recording,
            closing(prefetched(recording.frames(sampling))) as frames,
        ):
            yield from frames


Fold = tuple[Part, ...]


def folds_of(
    sources: Sequence[Source], sampling: Sampling, view: Size, count: int, input_fps: float | None
) -> list[Fold]:
    """So many folds of footage, in each of which a clip can be made.

    Args:
        view: (H, W) of the camera's pictures.
    Raises:
        SourceError: footage cannot be read.
        ConfigError: it has no clock, no end or another view, or it is too short.
    """
    whole = [_whole(source, sampling, view, input_fps) for source in sources]
    if len(whole) >= count:
        folds = [tuple(whole[number::count]) for number in range(count)]
    else:
        folds = [tuple(_cut(part, sampling, number, count) for part in whole) for number in range(count)]
    for fold in folds:
        longest = max(part.frames for part in fold)
        if longest < CLIP_FRAMES:
            raise ConfigError(
                f"a part of the footage that is held out has {longest} frames in a row, a clip is made of "
                f"{CLIP_FRAMES}; name longer footage, or use fewer --folds or more --fps."
            )
    return folds


def _whole(source: Source, sampling: Sampling, view: Size, input_fps: float | None) -> Part:
    if not has_clock(source, input_fps):
        raise ConfigError(f"{source.where}: images have no clock; say with --input-fps how many there are a second.")
    if source.live:
        raise ConfigError(f"{source.where}: a live source cannot be read twice; record it, and name the recording.")
    with open_recording(source, input_fps=input_fps) as recording:
        check_view(recording, view)
        frames = recording.expected_frames(sampling)
    if frames is None:
        raise ConfigError(f"{source.where}: it does not say how long it is; copy it into an MP4 file.")
    return Part(source, 0.0, None, frames, input_fps)


def _cut(part: Part, sampling: Sampling, number: int, count: int) -> Part:
    """The fold's stretch of a recording; frames are sampled at the same times as of the whole of it."""
    with open_recording(part.source, input_fps=part.input_fps) as recording:
        length_s = recording.duration_s
        assert length_s is not None
        from_s = length_s * number / count
        until_s = None if number == count - 1 else length_s * (number + 1) / count
        frames = recording.expected_frames(replace(sampling, from_s=from_s, until_s=until_s))
    assert frames is not None
    return replace(part, from_s=from_s, until_s=until_s, frames=frames)


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Held-out frames that follow each other.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB at model size, at least `CLIP_FRAMES`.
        times_s: (T,) their times.
    """

    frames: Image
    times_s: NDArray[np.float64]


class Keeper:
    """Keeps stretches of a fold while its frames pass by: all of a short fold, evenly spread ones of a long one."""

    def __init__(self, fold: Fold) -> None:
        places = [
            (number, part.frames * piece // pieces)
            for number, part in enumerate(fold)
            for pieces in [max(1, part.frames // LONGEST)]
            for piece in range(pieces)
        ]
        chosen = np.unique(np.linspace(0, len(places) - 1, MOST_STRETCHES).round().astype(int))
        self._kept = [_Kept(*places[place]) for place in chosen]

    def add(self, part: int, frame: Frame) -> None:
        """The next frame of a part of the fold."""
        for kept in self._kept:
            if kept.part == part and kept.begin <= frame.index < kept.begin + LONGEST:
                kept.add(frame)

    @property
    def stretches(self) -> list[Stretch]:
        """What was kept, where it is long enough."""
        return [kept.stretch for kept in self._kept if len(kept.times_s) >= CLIP_FRAMES]


class _Kept:
    """A stretch while it is kept, from a frame of a part of the fold on.

    Frames are copied into one piece: as they came they would be there twice in the end, and leave holes in memory.
    """

    def __init__(self, part: int, begin: int) -> None:
        self.part, self.begin = part, begin
        self.times_s: list[float] = []
        self._frames = np.empty((0, 0, 0, 3), np.uint8)

    def add(self, frame: Frame) -> None:
        if not self.times_s:
            # Memory is taken as it is filled.
            self._frames = np.empty((LONGEST, *frame.pixels.shape), np.uint8)
        self._frames[len(self.times_s)] = frame.pixels
        self.times_s.append(frame.time_s)

    @property
    def stretch(self) -> Stretch:
        return Stretch(self._frames[: len(self.times_s)], np.array(self.times_s))
