"""One run of a source, from its opening until it ends, fails or has to be opened anew: one epoch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from pipeline.errors import BusError, SourceLost
from pipeline.types import Frame
from pipeline.video.jpeg import encode_jpeg
from pipeline.video.recording import Recording, open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source, SourceKind
from workers.bus.frames import FrameWriter
from workers.bus.messages import FrameMessage, PreviewMessage
from workers.bus.status import StatusBoard
from workers.decoder.calls import Calls
from workers.decoder.damage import Damage
from workers.decoder.link import Link
from workers.decoder.names import look_up
from workers.decoder.outbox import Outbox
from workers.decoder.pacing import Gate, Pacer, Throttle
from workers.decoder.standing import Standing
from workers.decoder.views import View, Views
from workers.site.values import Camera, Pace

__all__ = ["Outcome", "Session", "Stopped", "Surroundings", "played_file"]

# Cameras send a whole picture, with which decoding begins, every second; those that spare the line, every ten.
FIRST_FRAME_S = 20.0
# A connection that breaks fails at once; a camera that is silent, after the library's time-out of a second.
SILENT_S = 0.9
FAST_RETRY_S = 0.1


class Stopped(Exception):
    """The process is to end."""


class Outcome(Enum):
    """Why a run is over that did not fail."""

    ENDED = auto()  # a recording was read to its end
    MODEL = auto()  # the model file asks for another geometry, or for motion, or for none
    SIZE = auto()  # the camera changed the size of its pictures


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the runs of one camera have in common."""

    camera: Camera
    writer: FrameWriter
    board: StatusBoard
    link: Link
    standing: Standing
    outbox: Outbox
    views: Views
    calls: Calls
    stop: threading.Event


class Session:
    """One run; `run` may be called once.

    Attributes:
        online_s: monotonic time since when it gives frames; None before.
        stalled: whether it failed because it is connected and gives no frame.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around, self._camera = around, around.camera
        self._source = around.camera.opened_as()
        self._pace = around.camera.paced
        self._asked_s, self._patience_s = time.monotonic(), FIRST_FRAME_S
        self._epoch = self._count = self._skipped = 0
        self._first_s: float | None = None
        self._pacer = Pacer(around.stop)
        self._gate = Gate(around.camera, around.writer, around.board, around.link, around.stop)
        self._damage: Damage | None = None
        self.online_s: float | None = None
        self.stalled = False

    def run(self) -> Outcome:
        """Open the source and publish its frames.

        Raises:
            SourceError: it cannot be opened, fails, or shows another view than the model's.
            TakenOver: another decoder writes the frames of this camera.
            BusError: a recording that loses nothing cannot begin without the broker.
            Stopped: the process is to end.
        """
        with self._opened() as recording:
            view = self._around.views.view(self._source.where, recording.size)
            self._begin(recording, view)
            outcome = None
            try:
                outcome = self._read(recording, view)
                return outcome
            finally:
                # A recording that loses nothing goes on with its epoch, whatever became of this run.
                if self._count and (self._pace is not Pace.FAST or outcome is not None):
                    self._around.outbox.end(self._epoch, self._count)

    @contextmanager
    def _opened(self) -> Iterator[Recording]:
        look_up(self._source)
        with self._around.calls.inside():
            recording = open_recording(self._source, watch=self._watch)
        try:
            yield recording
        finally:
            with self._around.calls.inside():
                recording.close()

    def _watch(self) -> None:
        """Look up from the library, before each packet."""
        self._around.calls.beat()
        if self._damage is not None:
            self._damage.look()
        if self._around.stop.is_set():
            raise Stopped
        if self._source.live and time.monotonic() - self._asked_s > self._patience_s:
            self.stalled = self.online_s is not None
            raise SourceLost(
                f"{self._source.where}: no picture in {self._patience_s:.0f} s although it sends; check the camera."
            )

    def _begin(self, recording: Recording, view: View) -> None:
        standing = self._around.standing
        again = standing.epoch > 0
        played = "" if self._source.live else self._played(view)
        if self._pace is Pace.FAST:
            self._epoch, self._skipped = self._fast_epoch(played)
        else:
            self._epoch = self._next_epoch(self._last_epoch())
        standing.opened(self._epoch, recording.size, played, again=again)
        if self._pace is Pace.FAST:  # before its first frame: whoever goes on after a death has to know
            self._around.board.write({self._camera.name: standing.fields()})
        if self._source.live:
            self._damage = Damage(recording, standing, self._source.where)
        self.online_s = time.monotonic()
        self._patience_s = self._camera.stall_s + 1 / self._camera.fps

    def _played(self, view: View) -> str:
        """What tells this reading of a recording from one of other frames."""
        motion = " motion" if view.motion else ""
        return f"{played_file(self._source)} {self._camera.fps:g} {view.geometry}{motion}"

    def _last_epoch(self) -> int:
        """The latest of this camera; as far as is known, where the broker is away."""
        last = self._around.standing.epoch
        try:
            return max(last, self._around.writer.last_frame(self._camera.name)[0]) if self._around.link.up else last
        except BusError:
            self._around.link.lost()
            return last

    def _next_epoch(self, last: int) -> int:
        return max(int(self._around.link.now_s() * 1000), last + 1)

    def _fast_epoch(self, played: str) -> tuple[int, int]:
        """Epoch of a recording, and how many of its frames are on the bus: it goes on if it is the same."""
        before = self._around.standing
        last_epoch, last_index = self._around.writer.last_frame(self._camera.name)
        if played == before.played and last_epoch <= before.epoch:
            return before.epoch, last_index + 1 if last_epoch == before.epoch else 0
        return self._next_epoch(max(before.epoch, last_epoch)), 0

    def _read(self, recording: Recording, view: View) -> Outcome:
        sampling = Sampling(
            view.geometry,
            self._camera.fps,
            display_short_side=self._camera.preview_size if self._camera.previews else None,
            quick_display=True,
            motion=view.motion,
        )
        opened_s, throttle = time.monotonic(), Throttle(self._camera.fps, self._around.stop)
        for frame in self._frames(recording.frames(sampling)):
            if self._around.stop.is_set():
                raise Stopped
            if self._source.live:
                throttle.wait()
                if time.monotonic() - opened_s < self._camera.hold_off_s:
                    continue
                if frame.source_size != recording.size:
                    return Outcome.SIZE
            self._take(frame)
            if self._around.views.outdated(view, recording.size):
                return Outcome.MODEL
        return Outcome.ENDED

    def _frames(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        while True:
            self._asked_s = time.monotonic()
            try:
                with self._around.calls.inside():
                    frame = next(frames, None)
            except SourceLost:
                self.stalled = self.stalled or self._around.calls.took_s > SILENT_S
                raise
            if frame is None:
                return
            yield frame

    def _take(self, frame: Frame) -> None:
        if self._pace is Pace.FAST:
            self._send_surely(frame)
            self._count += 1
            return
        if self._pace is Pace.REALTIME:
            self._pacer.wait(frame.time_s)
        messages = self._messages(frame)
        self._count += 1  # it is captured, whatever becomes of it
        self._around.outbox.send(*messages)

    def _send_surely(self, frame: Frame) -> None:
        if self._count < self._skipped:
            return
        self._gate.wait(self._epoch, self._count)
        messages = None
        while not self._around.stop.is_set():
            messages = messages or self._messages(frame)
            waiting = self._around.outbox.send_surely(*messages)
            if waiting is not None:
                self._gate.sent(waiting)
                return
            self._around.stop.wait(FAST_RETRY_S)
        raise Stopped

    def _messages(self, frame: Frame) -> tuple[FrameMessage, PreviewMessage | None]:
        """A frame was captured: what is published of it."""
        captured_at = self._around.link.now_s()
        self._around.standing.captured(captured_at)
        if self._first_s is None:
            # Frames were held off before it; those of a recording keep their times.
            self._first_s = frame.time_s if self._source.live else 0.0
        name = self._epoch, self._count, frame.time_s - self._first_s, captured_at
        preview = None if frame.display is None else PreviewMessage(*name, encode_jpeg(frame.display))
        return FrameMessage(*name, frame.source_size, frame.pixels, frame.motion), preview


def played_file(source: Source) -> str:
    """What tells a recording from another one, or from itself after it was changed."""
    size, changed = 0, 0
    if source.kind is SourceKind.FILE:
        try:
            found = Path(source.location).stat()
            size, changed = found.st_size, found.st_mtime_ns
        except OSError:
            pass
    return f"{size} {changed} {source.where}"
