"""A camera watched for so long, over every loss of it: opened again until the time is over.

Times are seconds from the first frame taken. They rise, and those of two connections are far enough apart that no
frame is taken for the neighbour of one before the loss.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Generator
from dataclasses import replace
from threading import Condition, Event, Thread

from pipeline.errors import SourceError
from pipeline.types import Frame, Size, same_view
from pipeline.video.recording import Recording, open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source

__all__ = ["LiveFootage"]

# The first pictures of a connection are often damaged.
HOLD_OFF_S = 1.0
# Back-off: a wait is drawn between the least and a limit that doubles with each failure, up to the most.
LEAST_WAIT_S, MOST_WAIT_S = 1.0, 30.0
# Whoever takes the frames may pause to compute; older ones go then, since a camera that is not read hangs up.
DEPTH = 64
# How soon a wish to stop is noticed.
POLL_S = 0.1


class LiveFootage:
    """Frames of a live source.

    Args:
        source: a camera that answered a moment ago.
        sampling: how frames are taken; its window does not count.
        view: (H, W) of the pictures to expect; those of another shape are left out.
        seconds: how long, by the clock on the wall from the first frame taken on.
        apart_s: time to put at least between frames of two connections.
        stop: ends it early when set.
    """

    def __init__(
        self, source: Source, sampling: Sampling, view: Size, *, seconds: float, apart_s: float, stop: Event
    ) -> None:
        self._source, self._view = source, view
        self._sampling = replace(sampling, from_s=HOLD_OFF_S, until_s=None)
        self._seconds, self._apart_s, self._stop = seconds, apart_s, stop
        self._left = Event()
        self._ready = Condition()
        self._waiting: deque[Frame] = deque()
        self._done = False
        self._error: BaseException | None = None
        self._began_s: float | None = None  # on the monotonic clock, as all below
        self._last_s = 0.0
        self._lost_since_s: float | None = None
        self._ended_s: float | None = None
        self._next_index = 0
        self._last_time_s = 0.0
        self._losses = self._skipped = self._misshapen = 0
        self._lost_s = 0.0
        self._other_size: Size | None = None
        self.damaged = 0
        self.seen_s = 0.0

    @property
    def warnings(self) -> list[str]:
        """One sentence for each thing that kept it from seeing."""
        found = []
        if self._losses:
            often = "once" if self._losses == 1 else f"{self._losses} times"
            found.append(f"the camera was lost {often}, {self._lost_s + self._still_lost_s():.0f} s in all.")
        if self._other_size is not None:
            (height, width), (view_height, view_width) = self._other_size, self._view
            often = "once" if self._misshapen == 1 else f"{self._misshapen} times"
            found.append(
                f"the camera came back with pictures of {height}x{width} {often}, another shape than the "
                f"{view_height}x{view_width} the model is for: nothing was learned from them."
            )
        if self._skipped:
            found.append(f"{self._skipped} frames were left out: they came faster than they could be learned.")
        return found

    def frames(self) -> Generator[Frame, None, None]:
        """The frames, read by a thread of their own; it ends within some seconds, whatever the camera does."""
        thread = Thread(target=self._read, name="live", daemon=True)
        thread.start()
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            self._ended_s = time.monotonic()
            self._left.set()

    def _next(self) -> Frame | None:
        """The next frame; None when it is over. It never waits for the camera, which may hang in a call for ever."""
        with self._ready:
            while not self._stop.is_set():
                if self._waiting:
                    return self._waiting.popleft()
                if self._error is not None:
                    raise self._error
                if self._done or self._is_over():
                    return None
                self._ready.wait(POLL_S)
        return None

    def _read(self) -> None:
        try:
            self._keep_connected()
        except BaseException as error:  # it belongs to whoever takes the frames
            self._error = error
        with self._ready:
            self._done = True
            self._ready.notify()

    def _keep_connected(self) -> None:
        failures = 0
        while not self._is_finished():
            before = self._next_index
            self._connect()
            failures = failures + 1 if self._next_index == before else 0
            if not self._is_finished():
                if self._lost_since_s is None and self._began_s is not None:
                    self._losses += 1
                    self._lost_since_s = self._last_s
                self._wait(random.uniform(LEAST_WAIT_S, min(MOST_WAIT_S, LEAST_WAIT_S * 2 ** (failures + 1))))

    def _connect(self) -> None:
        """One connection, until it breaks; whatever the reason, the camera may come back."""
        try:
            with open_recording(self._source) as recording:
                if same_view(recording.size, self._view):
                    self._take_all(recording)
                else:
                    self._misshapen += 1
                    self._other_size = recording.size
        except SourceError:
            return

    def _take_all(self, recording: Recording) -> None:
        step_s = 1 / self._sampling.fps if self._sampling.fps else 0.0
        shift_s: float | None = None
        damaged, seen_s, began_s, first_s = self.damaged, self.seen_s, 0.0, 0.0
        for frame in recording.frames(self._sampling):
            if self._is_finished():
                return
            now_s = time.monotonic()
            if shift_s is None:
                shift_s, began_s, first_s = self._begin(now_s) - frame.time_s, now_s, frame.time_s
            self._put(replace(frame, index=self._next_index, time_s=frame.time_s + shift_s), now_s)
            self.damaged = damaged + recording.damaged
            # A camera that sets its clock has not been seen for longer.
            self.seen_s = seen_s + step_s + min(frame.time_s - first_s, now_s - began_s + step_s)

    def _begin(self, now_s: float) -> float:
        """Time of a connection's first frame."""
        if self._began_s is None:
            self._began_s = now_s
        if self._lost_since_s is not None:
            self._lost_s += now_s - self._lost_since_s
            self._lost_since_s = None
        return max(now_s - self._began_s, self._last_time_s + self._apart_s) if self._next_index else 0.0

    def _put(self, frame: Frame, now_s: float) -> None:
        self._next_index, self._last_time_s, self._last_s = frame.index + 1, frame.time_s, now_s
        with self._ready:
            if len(self._waiting) == DEPTH:
                self._waiting.popleft()
                self._skipped += 1
            self._waiting.append(frame)
            self._ready.notify()

    def _wait(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while not self._is_finished() and time.monotonic() < end_s:
            self._stop.wait(POLL_S)

    def _is_over(self) -> bool:
        return self._began_s is not None and time.monotonic() >= self._began_s + self._seconds

    def _is_finished(self) -> bool:
        return self._is_over() or self._stop.is_set() or self._left.is_set()

    def _still_lost_s(self) -> float:
        """Seconds of a loss that lasted to the end."""
        if self._lost_since_s is None or self._began_s is None or self._ended_s is None:
            return 0.0
        return max(0.0, min(self._ended_s, self._began_s + self._seconds) - self._lost_since_s)
