"""One recording watched: scored frames in; events with their clips, and what a person sees of each frame, out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.alerting.combining import Combined, Combiner
from pipeline.alerting.tracker import Change, ChangeKind, EventTracker, Observation, View
from pipeline.model.padim import Model
from pipeline.policy import Policy
from pipeline.scoring import ScoredFrame
from pipeline.types import CELL_PX, Event, Size, Spot
from pipeline.video.clips import Clip, ClipWriter, Scene
from pipeline.video.drawing import heat_of

__all__ = ["Happened", "Watched", "Watcher"]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a recording, and its clip; None where the frames had no display."""

    event: Event
    clip: Clip | None


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What a frame came to.

    Attributes:
        score: with what lingers; above 1 is anomalous.
        place: (x, y) of the highest, in pixels of the source.
        scene: as people see it; None where the frame has no display.
        shown: ids of the events that it shows.
        motion: how much of the score is motion, 0 to 1; None for a model of appearance alone.
    """

    score: float
    place: tuple[float, float]
    scene: Scene | None
    shown: tuple[str, ...]
    motion: float | None = None


class Watcher:
    """Follows one recording; a context manager, whose end by an exception leaves no half-written clip.

    Args:
        camera: its name, in the ids of events.
        epoch: number of the recording, in the ids of events.
        source: (H, W) of its pictures.
        clips: folder for clips and thumbnails.
        clocked: whether its frames have times; pictures without have no events.
    """

    def __init__(
        self, camera: str, epoch: int, model: Model, source: Size, policy: Policy, clips: Path, *, clocked: bool
    ) -> None:
        self._geometry, self._source = model.geometry, source
        view = View(camera, epoch, model.geometry, source, model.threshold.lingering)
        self._tracker = EventTracker(policy, view) if clocked else None
        self._alone = Combiner(1.0, policy.gap_s)
        self._clips = ClipWriter(clips, policy)
        self._ended: list[Event] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clips.abandon()  # a finished one has none left

    def add(self, scored: ScoredFrame) -> Watched:
        """Take in the next frame."""
        frame = scored.frame
        if self._tracker is None:
            combined = self._alone.add(frame.time_s, scored.score, scored.coarse, scored.motion)
            return Watched(scored.score, scored.peak, self._scene(scored, combined, {}), (), scored.motion)
        told = Observation(frame.index, frame.time_s, scored.score, scored.coarse, scored.motion)
        seen = self._tracker.observe(told)
        scene = self._scene(scored, seen.combined, seen.spots)
        # What has ended ends first: after a cut in the recording this frame is no part of its clip.
        self._end(seen.changes)
        if scene is not None:
            self._clips.add(scene)
            self._show(seen.changes)
        shown = tuple(name for name, spot in seen.spots.items() if spot.opened)
        combined = seen.combined
        return Watched(combined.score, self._place(scored, combined), scene, shown, combined.motion)

    def finish(self) -> list[Happened]:
        """The events of the recording, which is over, by their begin."""
        if self._tracker is not None:
            self._end(self._tracker.finish())
        clips = self._clips.close()
        return [Happened(event, clips.get(event.id)) for event in sorted(self._ended, key=lambda event: event.begin_s)]

    def _end(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if change.kind is ChangeKind.ENDED:
                self._ended.append(change.event)
                self._clips.end(change.event)

    def _show(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if change.kind is ChangeKind.STARTED:
                self._clips.start(change.event)
            elif change.kind is ChangeKind.UPDATED:
                self._clips.peak(change.event)

    def _scene(self, scored: ScoredFrame, combined: Combined, spots: dict[str, Spot]) -> Scene | None:
        if scored.frame.display is None:
            return None
        heat = heat_of(combined.levels, self._geometry)
        score, motion = combined.score, combined.motion
        return Scene(scored.frame.time_s, scored.frame.display, heat, score, spots, self._source, motion=motion)

    def _place(self, scored: ScoredFrame, combined: Combined) -> tuple[float, float]:
        if combined.score == scored.score:
            return scored.peak
        x, y = ((cell + 0.5) * CELL_PX - 0.5 for cell in combined.peak_cell)
        return self._geometry.to_source((x, y), self._source)
