"""The cameras of the tests do what they are started for."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from pipeline.errors import SourceLost
from pipeline.types import Frame
from pipeline.video import ffmpeg
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.pipeline.video.clips import GEOMETRY, numbered, write_clip
from tests.workers.servers import DEADLINE_S, CameraProcess

FPS = 25
SHORT_S = 0.5
SILENT = "nothing came in time; check that the camera or server runs and can be reached."
HANDSHAKE = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 50, fps=FPS, options={"bf": "0", "g": "5"})


def frames(camera: CameraProcess) -> Iterator[Frame]:
    (source,) = find_sources([camera.url])
    with open_recording(source) as recording:
        yield from recording.frames(Sampling(GEOMETRY))


def take(camera: CameraProcess, count: int) -> list[int]:
    return [frame.index for frame in islice(frames(camera), count)]


def after_play(camera: CameraProcess, size: int) -> bytes:
    """What a client gets once the camera agreed to play."""
    with (
        socket.create_connection(("127.0.0.1", camera.port), timeout=DEADLINE_S) as client,
        client.makefile("rb") as answers,
    ):
        for number, method in enumerate(HANDSHAKE):
            head = f"{method} {camera.url} RTSP/1.0\r\nCSeq: {number}\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n"
            client.sendall(head.encode())
            assert answers.readline() == b"RTSP/1.0 200 OK\r\n"
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                length = int(value) if name == b"Content-Length" else length
            answers.read(length)
        return answers.read(size)


def test_a_killed_camera_comes_back_on_its_port_with_another_picture_size(clip: Path, tmp_path: Path) -> None:
    larger = [numbered(number, (96, 192)) for number in range(50)]
    other = write_clip(tmp_path / "other.mp4", larger, fps=FPS, options={"bf": "0", "g": "5"})
    with CameraProcess(clip) as camera:
        first, url = frames(camera), camera.url
        next(first)
        camera.kill()
        with pytest.raises(SourceLost) as caught:
            list(first)
        assert str(caught.value) == f"{url}: the stream ended; check the camera, then open it again."
        camera.start(other)
        assert camera.url == url
        (source,) = find_sources([url])
        with open_recording(source) as recording:
            assert recording.size == (96, 192)


def test_a_frozen_camera_is_silent_and_goes_on_when_thawed(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "LIVE_TIMEOUT_S", SHORT_S)
    with CameraProcess(clip) as camera:
        first = frames(camera)
        next(first)
        camera.freeze()
        with pytest.raises(SourceLost) as caught:
            list(first)
        assert str(caught.value) == f"{camera.url}: {SILENT}"
        camera.thaw()
        assert take(camera, 3) == [0, 1, 2]


def test_a_frozen_camera_can_be_ended(clip: Path) -> None:
    with CameraProcess(clip) as camera:
        camera.freeze()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", camera.port))


def test_a_mute_camera_takes_the_connection_and_says_nothing(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "OPEN_TIMEOUT_S", SHORT_S)
    with CameraProcess(clip, "mute") as camera:
        with pytest.raises(SourceLost) as caught:
            take(camera, 1)
        assert str(caught.value) == f"{camera.url}: {SILENT}"


def test_a_camera_of_garbage_sends_right_packets_with_wrong_pictures(clip: Path) -> None:
    with CameraProcess(clip, "garbage") as camera, CameraProcess(clip) as well:
        received, right = after_play(camera, 1000), after_play(well, 1000)
    for packets in (received, right):
        mark, channel, _, version, kind = struct.unpack(">cBHBB", packets[:6])
        assert (mark, channel, version, kind & 127) == (b"$", 0, 0x80, 96)
    # The first packet is whole; the clip has fewer bytes a picture than these, and begins with its parameters.
    size = struct.unpack(">H", right[2:4])[0]
    assert received[:4] == right[:4]
    assert received[18 : 4 + size] == random.Random(0).randbytes(size - 14)


def test_a_camera_of_noise_sends_no_packets(clip: Path) -> None:
    with CameraProcess(clip, "noise") as camera:
        assert after_play(camera, 1000) == random.Random(0).randbytes(4096)[:1000]


def test_a_flooding_camera_does_not_wait_for_the_time_of_its_pictures(clip: Path) -> None:
    with CameraProcess(clip, "flood") as camera:
        began_s = time.monotonic()
        assert len(take(camera, 10 * FPS)) == 10 * FPS
        assert time.monotonic() - began_s < 5


def test_a_brief_camera_hangs_up_after_some_pictures_and_takes_the_next_connection(clip: Path) -> None:
    with CameraProcess(clip, "brief") as camera:
        for _ in range(2):
            taken: list[Frame] = []
            with pytest.raises(SourceLost) as caught:
                taken.extend(frames(camera))
            assert str(caught.value) == f"{camera.url}: the stream ended; check the camera, then open it again."
