"""Clips of events, written while they happen: what was before, what was found, what came after.

Pictures are (H, W, 3) uint8 RGB at display size; times are seconds of the recording; boxes are in pixels of the source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import OutputError
from pipeline.files import output_error, written_whole
from pipeline.policy import Policy
from pipeline.types import Box, Event, Image, Size, Spot
from pipeline.video.drawing import blend_heatmap, draw_box, draw_caption
from pipeline.video.jpeg import encode_jpeg
from pipeline.video.writer import VideoWriter

__all__ = ["Clip", "ClipFile", "ClipWriter", "Scene"]

# A thumbnail is looked at beside others; 85 shows no blocks.
THUMBNAIL_QUALITY = 85


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A frame as clips show it.

    Attributes:
        picture: as it was seen.
        heat: (h, w) scores that cover the picture, to be blended in.
        score: of the frame.
        spots: what is followed in it, by the ids of events.
        source: (H, W) of the picture that boxes are counted in.
        at: date and time of day, where they say more than seconds.
        motion: how much of the score is motion, 0 to 1; None for a model of appearance alone.
    """

    time_s: float
    picture: Image
    heat: NDArray[np.float32]
    score: float
    spots: Mapping[str, Spot]
    source: Size
    at: datetime | None = None
    motion: float | None = None

    def drawn(self, ids: Collection[str]) -> Image:
        """A new picture with the heatmap blended in, its time and score, and the boxes of the ids."""
        picture = blend_heatmap(self.picture, self.heat)
        for name in ids:
            if name in self.spots:
                spot = self.spots[name]
                draw_box(picture, self._shown(spot.box), f"{spot.score:.2f}")
        draw_caption(picture, self.time_s, self.score, self.at, self.motion)
        return picture

    def score_of(self, name: str) -> float:
        """Score of what is followed under an id; 0 where it does not show."""
        return self.spots[name].score if name in self.spots else 0.0

    def _shown(self, box: Box) -> Box:
        """A box in pixels of the picture."""
        down, across = (self.picture.shape[axis] / self.source[axis] for axis in (0, 1))
        x, y = round(box[0] * across), round(box[1] * down)
        return x, y, max(2, round((box[0] + box[2]) * across) - x), max(2, round((box[1] + box[3]) * down) - y)


@dataclass(frozen=True, slots=True)
class Clip:
    """What became of the clip of an event; a path is None where the file could not be written.

    Attributes:
        begin_s, end_s: times of its first and its last picture.
        problem: why a file could not be written; None where both could.
    """

    video: Path | None
    thumbnail: Path | None
    begin_s: float
    end_s: float
    problem: OutputError | None = None


class ClipWriter:
    """Writes FOLDER/ID.mp4 and FOLDER/ID.jpg of each event of one recording.

    The last seconds are kept, so that a clip begins before its event. A clip that cannot be written (full disk) is
    given up; the others and the replay go on.

    Args:
        folder: where they go; made with the first.
    """

    def __init__(self, folder: Path, policy: Policy) -> None:
        self._folder, self._policy = folder, policy
        self._kept: deque[Scene] = deque()
        self._open: dict[str, ClipFile] = {}
        self._done: dict[str, Clip] = {}

    def add(self, scene: Scene) -> None:
        """Take in the next frame."""
        policy = self._policy
        self._kept.append(scene)
        # An event is known of once it lasted, which gaps may draw out.
        oldest_s = scene.time_s - policy.pre_roll_s - policy.min_duration_s - policy.gap_s
        while self._kept[0].time_s < oldest_s:
            self._kept.popleft()
        for name, clip in list(self._open.items()):
            if scene.time_s <= clip.until_s:
                clip.write(scene)
            elif clip.over:
                self._finish(name)
            else:
                clip.close()  # its event goes on, and may rise

    def start(self, event: Event) -> None:
        """Begin the clip of an event that the last frame opened."""
        # An event that a cooldown held back may have begun, and been highest, before what is kept.
        begin_s = max(event.begin_s - self._policy.pre_roll_s, self._kept[0].time_s)
        clip = ClipFile(self._folder / event.id, event.id, begin_s + self._policy.max_clip_s)
        self._open[event.id] = clip
        scenes = [scene for scene in self._kept if scene.time_s >= begin_s]
        for scene in scenes:
            clip.write(scene)
        clip.peak = max(scenes, key=lambda scene: (scene.time_s == event.peak_s, scene.score_of(event.id)))

    def peak(self, event: Event) -> None:
        """The last frame has the event's highest score so far."""
        if event.id in self._open:
            self._open[event.id].peak = self._kept[-1]

    def end(self, event: Event) -> None:
        """The event has ended; its clip goes on for the post-roll."""
        if event.id in self._open:
            clip = self._open[event.id]
            clip.over = True
            clip.until_s = min(clip.until_s, event.end_s + self._policy.post_roll_s)

    def close(self) -> dict[str, Clip]:
        """End every clip: the recording is over. What became of each, by the id of its event."""
        for name in list(self._open):
            self._finish(name)
        return self._done

    def abandon(self) -> None:
        """Leave nothing behind of the clips that are being written."""
        for clip in self._open.values():
            clip.abandon()
        self._open.clear()

    def _finish(self, name: str) -> None:
        self._done[name] = self._open.pop(name).finish()


class ClipFile:
    """STEM.mp4 and STEM.jpg of one event while they are written; each appears whole, or not at all.

    Its video may have ended before it does: then it waits for the thumbnail of an event that is longer than a clip.

    Args:
        stem: both files without their endings; its folder is made where that alone is missing.
        name: id of the event, whose box is drawn.
    Attributes:
        until_s: time of the last picture that it may hold.
        over: whether its event has ended.
        peak: what becomes the thumbnail.
    """

    def __init__(self, stem: Path, name: str, until_s: float) -> None:
        self.until_s = until_s
        self.over = False
        self.peak: Scene | None = None
        self._video, self._thumbnail = stem.with_name(f"{stem.name}.mp4"), stem.with_name(f"{stem.name}.jpg")
        self._name = name
        self._writer: VideoWriter | None = None
        self._written = False
        self._begin_s = self._end_s = 0.0
        self._problem: OutputError | None = None

    def write(self, scene: Scene) -> None:
        """Append a picture, unless it is later than all that may be; after a failure nothing more is written."""
        if self._problem is not None or scene.time_s > self.until_s:
            return
        try:
            if self._writer is None:
                _make(self._video.parent)
                self._writer = VideoWriter(self._video)
                self._begin_s = scene.time_s
            self._writer.write(scene.drawn([self._name]), scene.time_s)
            self._end_s = scene.time_s
        except OutputError as error:
            self._problem = error
            self.abandon()

    def finish(self) -> Clip:
        """End the video, write the thumbnail: what became of them."""
        self.close()
        video = self._video if self._written else None
        thumbnail = None
        if self.peak is not None:
            try:
                _write_jpeg(self._thumbnail, self.peak.drawn([self._name]))
                thumbnail = self._thumbnail
            except OutputError as error:
                self._problem = self._problem or error
        return Clip(video, thumbnail, self._begin_s, self._end_s, self._problem)

    def close(self) -> None:
        """End the video."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
                self._written = True
            except OutputError as error:
                self._problem = error

    def abandon(self) -> None:
        """Leave nothing behind of a video that has not ended."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error


def _write_jpeg(path: Path, picture: Image) -> None:
    with written_whole(path) as part:
        part.write_bytes(encode_jpeg(picture, THUMBNAIL_QUALITY))
