"""Addresses and devices: HTTP and RTSP servers of our own that answer, refuse, stall and die."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest

from pipeline.errors import SourceError, SourceLost
from pipeline.types import Frame
from pipeline.video import ffmpeg
from pipeline.video.prefetch import prefetched
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.pipeline.video.clips import GEOMETRY, number_of, numbered, write_clip
from tests.pipeline.video.rtsp_server import RtspServer

ALL = Sampling(GEOMETRY)
# In place of the seconds that people wait.
SHORT_S = 0.5
SILENT = "nothing came in time; check that the camera or server runs and can be reached."


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, and /mjpeg/FPS; /CODE answers with it, /stall… and /drop… stop after two thirds of a file."""

    released: threading.Event

    def do_GET(self) -> None:
        kind, _, name = self.path[1:].partition("?")[0].partition("/")
        if kind.isdigit():
            self.send_error(int(kind))
        elif kind == "mjpeg":
            self._show(float(name))
        elif kind in ("stall", "drop"):
            content = (Path(self.directory) / name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) * 2 // 3])
            self.wfile.flush()
            if kind == "stall":
                self.released.wait(20)
        else:
            super().do_GET()

    def _show(self, fps: float) -> None:
        """As a camera without RTSP: JPEG after JPEG for ever, without times; a pause after the 40th of a slow one."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(OSError):
            for number in range(256):
                content = cv2.imencode(".jpg", numbered(number))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                self.wfile.write(head.encode() + content + b"\r\n")
                self.wfile.flush()
                if self.released.wait(20 if number == 40 and fps < 100 else 1 / fps):
                    return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep the tests' output clean."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """host:port of an HTTP server over the test's folder."""
    Handler.released = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{http.server_port}"
        Handler.released.set()
        http.shutdown()


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[RtspServer]:
    """An RTSP camera: 50 pictures at 25 a second, then again from 0."""
    clip = write_clip(tmp_path / "camera.mp4", 50, fps=25, options={"bf": "0", "g": "5"})
    with RtspServer(clip) as server:
        yield server


def read(address: str, sampling: Sampling = ALL) -> list[Frame]:
    (source,) = find_sources([address])
    with open_recording(source) as recording:
        return list(recording.frames(sampling))


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.pixels) for frame in frames]


def test_a_recording_is_read_over_http(server: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "gate.mp4", 20, muxing={"movflags": "faststart"})
    (source,) = find_sources([f"http://viewer:secret@{server}/gate.mp4?token=secret"])
    with open_recording(source) as recording:
        assert (recording.name, recording.live) == (f"http://{server}/gate.mp4", False)
        assert recording.expected_frames(ALL) == 20
        assert numbers(list(prefetched(recording.frames(ALL)))) == list(range(20))


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (
            400,
            SourceError,
            "the server refuses the request (server returned 400 bad request); check the address.",
        ),
        (401, SourceError, "user name and password are wrong or missing; check them."),
        (403, SourceError, "the server forbids access; check user name, password and address."),
        (404, SourceError, "the server knows nothing under this address (404); check the path."),
        (429, SourceLost, "the server is asked too often (429); try again later."),
        (503, SourceLost, "the server reports an error of its own (5xx); try again later."),
    ],
)
def test_what_a_server_answers_is_told_without_the_password(
    code: int, kind: type[SourceError], text: str, server: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(f"http://viewer:secret@{server}/{code}?token=secret")
    assert type(caught.value) is kind
    assert str(caught.value) == f"http://{server}/{code}: {text}"
    assert isinstance(caught.value.__cause__, Exception)
    assert "secret" not in f"{caught.value.__cause__} {caught.value.__cause__!r}"


def test_what_is_no_video_is_refused(server: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>A camera's own page</h1>")
    with pytest.raises(SourceError) as caught:
        read(f"http://{server}/index.html")
    assert type(caught.value) is SourceError
    assert str(caught.value) == f"http://{server}/index.html: FFmpeg cannot read it as a video; check that it is one."


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("stall", SILENT),
        ("drop", "the system reports 'input/output error'; check the name, the cable and the network."),
    ],
)
def test_a_server_that_stops_half_way_is_lost_after_what_it_gave(
    kind: str, text: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "HTTP_TIMEOUT_S", SHORT_S)
    write_clip(tmp_path / "gate.ts", 100, options={"g": "10"})
    (source,) = find_sources([f"http://{server}/{kind}/gate.ts"])
    with open_recording(source) as recording:
        frames = prefetched(recording.frames(ALL))
        assert [next(frames).index for _ in range(50)] == list(range(50))
        with pytest.raises(SourceLost) as caught:
            list(frames)
    assert str(caught.value) == f"http://{server}/{kind}/gate.ts: {text}"


def test_a_server_that_never_begins_is_lost(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "OPEN_TIMEOUT_S", SHORT_S)
    (tmp_path / "gate.mp4").write_bytes(bytes(9))
    with pytest.raises(SourceLost) as caught:
        read(f"http://{server}/stall/gate.mp4")
    assert str(caught.value) == f"http://{server}/stall/gate.mp4: {SILENT}"


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_an_address_where_nothing_answers_is_lost(scheme: str, camera: RtspServer) -> None:
    camera.stop()
    with pytest.raises(SourceLost) as caught:
        read(f"{scheme}://127.0.0.1:{camera.port}/cam")
    assert str(caught.value) == (
        f"{scheme}://127.0.0.1:{camera.port}/cam: nothing answers there (connection refused); "
        "check that the camera or server runs."
    )


def test_a_camera_gives_every_frame_from_a_key_frame_on(camera: RtspServer) -> None:
    (source,) = find_sources([camera.url.replace("//", "//viewer:secret@")])
    with open_recording(source) as recording:
        assert (recording.name, recording.size, recording.live) == (camera.url, (64, 128), True)
        assert recording.duration_s is None
        frames = [frame for _, frame in zip(range(30), prefetched(recording.frames(ALL)), strict=False)]
    first = number_of(frames[0].pixels)
    assert first % 5 == 0
    assert numbers(frames) == [(first + place) % 50 for place in range(30)]
    assert [frame.time_s for frame in frames] == pytest.approx([place / 25 for place in range(30)], abs=2e-3)


def test_a_camera_may_send_by_udp(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "camera.mp4", 50, fps=25, options={"bf": "0", "g": "5"})
    with RtspServer(clip, transport="UDP") as camera:
        (source,) = find_sources([camera.url])
        with pytest.raises(SourceLost) as caught:
            open_recording(source)
        assert str(caught.value) == (
            f"{camera.url}: the system reports 'protocol not supported'; check the name, the cable and the network."
        )
        with open_recording(replace(source, transport="udp")) as recording:
            frames = [frame for _, frame in zip(range(20), prefetched(recording.frames(ALL)), strict=False)]
    first = number_of(frames[0].pixels)
    assert numbers(frames) == [(first + place) % 50 for place in range(20)]


def test_a_camera_of_http_is_read_as_one_by_the_clock_on_the_wall(server: str) -> None:
    (source,) = find_sources([f"http://{server}/mjpeg/20"])
    began_s = time.monotonic()
    with open_recording(replace(source, is_live=True)) as recording:
        assert (recording.live, recording.duration_s) == (True, None)
        frames = prefetched(recording.frames(Sampling(GEOMETRY, fps=10.0)))
        taken = [next(frames) for _ in range(12)]
        opened_s = time.monotonic() - began_s
        with pytest.raises(SourceLost) as caught:  # its pause is longer than a camera may be silent
            list(frames)
    assert time.monotonic() - began_s < 8
    assert str(caught.value) == f"http://{server}/mjpeg/20: {SILENT}"
    shown = numbers(taken)
    # It sends no faster than 20 a second, whatever else the machine does; FFmpeg would number them at 25.
    assert taken[-1].time_s - taken[-9].time_s > (shown[-1] - shown[-9]) / 20 - 0.08
    assert opened_s < 4


def test_a_wrong_path_on_a_camera_is_refused(camera: RtspServer) -> None:
    with pytest.raises(SourceError) as caught:
        read(f"rtsp://127.0.0.1:{camera.port}/other")
    assert type(caught.value) is SourceError
    assert str(caught.value) == (
        f"rtsp://127.0.0.1:{camera.port}/other: the server knows nothing under this address (404); check the path."
    )


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        ("stop", "the stream ended; check the camera, then open it again."),
        ("stall", SILENT),
    ],
)
def test_a_camera_that_fails_is_lost(
    failure: str, text: str, camera: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "LIVE_TIMEOUT_S", SHORT_S)
    (source,) = find_sources([camera.url])
    with open_recording(source) as recording:
        frames = prefetched(recording.frames(ALL))
        assert [next(frames).index for _ in range(5)] == list(range(5))
        getattr(camera, failure)()
        with pytest.raises(SourceLost) as caught:
            list(frames)
    assert str(caught.value) == f"{camera.url}: {text}"


def test_a_watch_ends_the_reading_of_a_camera_that_gives_no_frame(server: str) -> None:
    looks = 0

    def watch() -> None:
        nonlocal looks
        looks += 1
        if looks > 60:
            raise SourceLost("enough.")

    (source,) = find_sources([f"http://{server}/mjpeg/200"])
    with open_recording(replace(source, is_live=True), watch=watch) as recording:
        frames = list(_until_lost(recording.frames(Sampling(GEOMETRY, fps=0.1))))
    assert (len(frames), looks) == (1, 61)


def _until_lost(frames: Iterator[Frame]) -> Iterator[Frame]:
    with pytest.raises(SourceLost, match=r"^enough\.$"):
        yield from frames


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SourceError) as caught:
        read("v4l2:///dev/video99")
    assert str(caught.value) == "/dev/video99: it is not there; check the name."
