"""A real camera that is killed, comes back, hangs or changes: what is seen of it, when, and what is said."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.types import Frame
from pipeline.video import live
from pipeline.video.live import LiveFootage
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source, find_sources
from tests.pipeline.video.clips import GEOMETRY, SIZE, number_of, numbered, write_clip
from tests.pipeline.video.rtsp_server import RtspServer

SAMPLING = Sampling(GEOMETRY, fps=5.0, motion=True)
APART_S = 4.0


class Camera:
    """A camera that can be killed, and started again on its port."""

    def __init__(self, clip: Path) -> None:
        self.server = RtspServer(clip).__enter__()

    @property
    def source(self) -> Source:
        return find_sources([self.server.url])[0]

    def start(self, clip: Path) -> None:
        self.server = RtspServer(clip, port=self.server.port).__enter__()

    def kill(self) -> None:
        self.server.stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of tenths in place of the seconds that cameras are given."""
    monkeypatch.setattr(live, "HOLD_OFF_S", 0.2)
    monkeypatch.setattr(live, "LEAST_WAIT_S", 0.2)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "camera.mp4", 250, fps=25, options={"bf": "0", "g": "5"})


@pytest.fixture
def camera(clip: Path) -> Iterator[Camera]:
    camera = Camera(clip)
    yield camera
    camera.kill()


def watch(camera: Camera, seconds: float, stop: threading.Event | None = None) -> LiveFootage:
    return LiveFootage(camera.source, SAMPLING, SIZE, seconds=seconds, apart_s=APART_S, stop=stop or threading.Event())


def taken(footage: LiveFootage, at: dict[int, Callable[[], None]]) -> list[Frame]:
    """All frames; what is to be done at one of them is done when it comes."""
    frames = []
    for frame in footage.frames():
        frames.append(frame)
        at.get(frame.index, lambda: None)()
    return frames


def test_a_camera_is_watched_for_so_long_by_the_wall_clock(camera: Camera) -> None:
    footage = watch(camera, 2.0)
    frames = taken(footage, {})
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert 8 <= len(frames) <= 11
    assert frames[0].time_s == 0.0
    assert [later.time_s - earlier.time_s for earlier, later in itertools.pairwise(frames)] == pytest.approx(
        [0.2] * (len(frames) - 1), abs=0.01
    )
    assert footage.seen_s == pytest.approx(len(frames) / 5, abs=0.01)
    assert footage.warnings == []


def test_a_camera_that_is_killed_is_opened_again_and_the_gap_is_in_the_times(camera: Camera, clip: Path) -> None:
    footage = watch(camera, 4.0)

    def restart() -> None:
        camera.kill()
        camera.start(clip)

    frames = taken(footage, {4: restart, 9: restart})
    times_s = [frame.time_s for frame in frames]
    steps_s = [later - earlier for earlier, later in itertools.pairwise(times_s)]
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert sum(step_s >= APART_S - 1e-6 for step_s in steps_s) == 2
    assert min(steps_s) > 0
    assert max(step_s for step_s in steps_s if step_s < APART_S) < 0.3
    # No motion is made of the last frame before a loss and the first one after it.
    known = [frame.motion.frames for frame in frames if frame.motion is not None]
    assert [count == 0 for count in known] == [True, *(step_s >= APART_S - 1e-6 for step_s in steps_s)]
    # What was not seen does not count, though the gap in the times is longer than the loss was.
    assert footage.seen_s == pytest.approx(len(frames) / 5, abs=0.05)
    (warning,) = footage.warnings
    assert warning.startswith("the camera was lost 2 times, ")
    assert 0 <= float(warning.split()[6]) <= 3


def test_the_first_moments_of_every_connection_are_left_out(
    camera: Camera, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HOLD_OFF_S", 1.0)

    def restart() -> None:
        camera.kill()
        camera.start(clip)  # its clip begins anew

    frames = taken(watch(camera, 3.5), {3: restart})
    first_again = next(frame for frame in frames if frame.time_s > APART_S)
    assert number_of(first_again.pixels) >= 25


def test_a_camera_that_hangs_up_and_never_comes_back_is_watched_to_the_end_of_the_time(camera: Camera) -> None:
    footage = watch(camera, 2.0)
    began_s = time.monotonic()
    frames = taken(footage, {3: camera.kill})
    assert 1.5 < time.monotonic() - began_s < 5
    assert 4 <= len(frames) <= 7
    assert footage.warnings == ["the camera was lost once, 1 s in all."]


@pytest.mark.parametrize("state", ["gone", "mute"])
def test_a_wish_to_stop_is_met_at_once_whatever_the_camera_does(state: str, camera: Camera) -> None:
    stop, stopped_s = threading.Event(), []
    silent = None

    def stop_soon() -> None:
        stopped_s.append(time.monotonic())
        stop.set()

    def lose() -> None:
        nonlocal silent
        camera.kill()
        if state == "mute":  # it takes connections and never answers
            silent = socket.create_server(("127.0.0.1", camera.server.port))
        threading.Timer(1.5, stop_soon).start()

    footage = watch(camera, 600.0, stop)
    taken(footage, {2: lose})
    assert time.monotonic() - stopped_s[0] < 0.5
    assert footage.warnings[0].startswith("the camera was lost once, ")
    if silent is not None:
        silent.close()


def test_pictures_of_another_shape_are_left_out_until_the_right_ones_come_back(
    camera: Camera, clip: Path, tmp_path: Path
) -> None:
    square = write_clip(
        tmp_path / "square.mp4", [numbered(n, (96, 96)) for n in range(50)], fps=25, options={"bf": "0"}
    )
    footage = watch(camera, 5.0)

    def turn() -> None:
        camera.kill()
        camera.start(square)
        threading.Timer(1.5, turn_back).start()

    def turn_back() -> None:
        camera.kill()
        camera.start(clip)

    frames = taken(footage, {4: turn})
    assert {frame.source_size for frame in frames} == {SIZE}
    assert sum(frame.time_s > APART_S for frame in frames) >= 3
    lost, other = footage.warnings
    assert lost.startswith("the camera was lost once, ")
    assert other.startswith("the camera came back with pictures of 96x96 ")
    assert other.endswith(", another shape than the 64x128 the model is for: nothing was learned from them.")


def test_frames_that_come_too_fast_push_the_oldest_out(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "DEPTH", 2)
    footage = watch(camera, 2.0)

    def think() -> None:
        threading.Event().wait(1.2)

    frames = taken(footage, {1: think})
    missed = frames[2].index - frames[1].index - 1
    assert missed >= 3
    assert f"{missed} frames were left out: they came faster than they could be learned." in footage.warnings


def test_giving_up_early_ends_the_thread(camera: Camera) -> None:
    frames = watch(camera, 600.0).frames()
    next(frames)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "live"]
    frames.close()
    thread.join(5)
    assert not thread.is_alive()
