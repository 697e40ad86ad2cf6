"""Live cameras: they come, go, stall, send garbage, change their pictures, and never show a password."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from itertools import chain, pairwise, repeat
from pathlib import Path

import pytest

from pipeline.video import ffmpeg
from tests.pipeline.video.clips import number_of, write_clip
from tests.pipeline.video.rtsp_server import RtspServer
from tests.workers.decoder.http_camera import http_camera, jpegs
from tests.workers.decoder.running import Bus, decoding, model_file, site_of, until
from tests.workers.servers import CameraProcess
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.messages import Ended
from workers.decoder import backoff, damage, session

GONE = "nothing answers there (connection refused); check that the camera or server runs."
SILENT = "nothing came in time; check that the camera or server runs and can be reached."
PASSWORD = "p@ss:/w%40rd?#"  # noqa: S105


@pytest.fixture
def bus(connection: Connection) -> Bus:
    return Bus(connection)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "camera.mp4", 50, fps=25, options={"bf": "0", "g": "5"})


def test_a_camera_is_sampled_from_its_hold_off_on(server: EmbeddedBroker, bus: Bus, tmp_path: Path, clip: Path) -> None:
    with RtspServer(clip) as camera:
        settings = {"source": camera.url, "fps": 5, "hold_off_s": 0.5, "previews": False}
        site = site_of(server, tmp_path, {"gate": settings})
        model_file(site.model_of(site.cameras["gate"]), (64, 128), (64, 128), motion=True)
        with decoding(site):
            until(lambda: bus.state() == "online")
            began_at = float(bus.status()["since"])
            until(lambda: len(bus.ids()) >= 12)
            until(lambda: float(bus.status()["fps_in"]) >= 3)
            assert float(bus.status()["fps_in"]) <= 6
    frames = bus.frames()
    epoch = frames[0].epoch
    assert [(frame.epoch, frame.index) for frame in frames] == [(epoch, index) for index in range(len(frames))]
    assert frames[0].time_s == 0
    assert frames[0].motion is not None
    assert frames[0].motion.frames >= 1  # what was held off was seen
    assert 0.45 < frames[0].captured_at - began_at < 1.5
    assert 1.9 < frames[11].time_s < 2.7
    numbers = [number_of(frame.pixels) for frame in frames]
    assert {(after - before) % 50 for before, after in pairwise(numbers)} <= {4, 5, 6}
    assert bus.previews() == []
    assert bus.told() == [Ended(epoch, len(frames))]


def test_a_camera_that_comes_back_begins_a_new_epoch(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, clip: Path
) -> None:
    camera = RtspServer(clip)
    site = site_of(server, tmp_path, {"gate": {"source": camera.url}})
    with decoding(site):
        with camera:
            until(lambda: len(bus.ids()) >= 3)
        until(lambda: bus.state() == "offline")
        assert GONE in bus.status()["error"] or "the stream ended" in bus.status()["error"]
        since = bus.status()["since"]
        until(lambda: GONE in bus.status()["error"])
        assert (bus.state(), bus.status()["since"]) == ("offline", since)
        count = len(bus.ids())
        with RtspServer(clip, port=camera.port):
            until(lambda: len(bus.ids()) >= count + 3, deadline_s=10)
            until(lambda: bus.state() == "online")
            assert (bus.status()["error"], bus.status()["reconnects"]) == ("", "1")
    first, second = sorted({epoch for epoch, _ in bus.ids()})
    assert bus.ended() == [Ended(first, count), Ended(second, len(bus.ids()) - count)]
    assert bus.ids()[count] == (second, 0)


def test_a_camera_that_stalls_is_said_to_and_opened_again(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "OPEN_TIMEOUT_S", 1.0)
    with RtspServer(clip) as camera, decoding(site_of(server, tmp_path, {"gate": {"source": camera.url}})):
        until(lambda: len(bus.ids()) >= 3)
        camera.stall()
        until(lambda: bus.state() == "stalled", deadline_s=6)
        assert bus.status()["error"] == f"{camera.url}: {SILENT}"
        camera.stop()
        with RtspServer(clip, port=camera.port):
            until(lambda: bus.state() == "online", deadline_s=10)


def test_a_camera_whose_pictures_cannot_be_decoded_is_stalled(server: EmbeddedBroker, bus: Bus, tmp_path: Path) -> None:
    junk = b"\xff\xd8" + bytes(200) + b"\xff\xd9"
    with (
        http_camera(lambda: chain(jpegs(10), repeat(junk))) as url,
        decoding(site_of(server, tmp_path, {"gate": {"source": url, "stall_s": 2}})),
    ):
        why = f"{url}: no picture in 2 s although it sends; check the camera."
        until(lambda: [bus.status().get(field) for field in ("state", "error")] == ["stalled", why], deadline_s=8)
    assert bus.ended()[0].index == len([index for epoch, index in bus.ids() if epoch == bus.ended()[0].epoch])


def test_cameras_that_send_nothing_or_garbage_leave_the_others_alone(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FIRST_FRAME_S", 2.0)
    monkeypatch.setattr(ffmpeg, "OPEN_TIMEOUT_S", 2.0)
    troubles = ("mute", "garbage", "noise", "flood")
    with ExitStack() as stack:
        cameras = {name: stack.enter_context(CameraProcess(clip, name)) for name in ("none", *troubles)}
        site = site_of(server, tmp_path, {name: {"source": camera.url} for name, camera in cameras.items()})
        stack.enter_context(decoding(site))
        bus = {name: Bus(connection, name) for name in cameras}
        for name in ("mute", "noise"):
            until(lambda name=name: bus[name].state() == "offline")  # type: ignore[misc]
            assert bus[name].status()["error"].startswith(f"{cameras[name].url}: ")
        assert bus["mute"].status()["error"] == f"{cameras['mute'].url}: {SILENT}"
        # What is noise in packets that are right may be decoded, more or less; but it is never silence without a word.
        until(lambda: bus["garbage"].status()["error"] or bus["garbage"].state() == "online")
        until(lambda: bus["flood"].state() == "online")
        assert (bus["none"].state(), bus["none"].status()["reconnects"]) == ("online", "0")


def test_a_camera_whose_pictures_are_mostly_damaged_is_online_and_says_so(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "LOOK_S", 1.0)
    with CameraProcess(clip, "torn") as camera, decoding(site_of(server, tmp_path, {"gate": {"source": camera.url}})):
        until(lambda: bus.status().get("error"))
        assert bus.state() == "online"
        assert bus.status()["error"] == (
            f"{camera.url}: most of its pictures are damaged; check the camera, its cable and the network."
        )
        camera.kill()
        until(lambda: GONE in bus.status()["error"])


def test_a_camera_that_floods_gets_no_more_than_twice_its_share(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, clip: Path
) -> None:
    with CameraProcess(clip, "flood") as camera:
        settings = {"source": camera.url, "fps": 5}
        with decoding(site_of(server, tmp_path, {"gate": settings})):
            until(lambda: int(bus.status().get("captured", 0)) >= 25)
            before, began_s = int(bus.status()["captured"]), time.monotonic()
            until(lambda: int(bus.status()["captured"]) >= before + 20)
            taken, took_s = int(bus.status()["captured"]) - before, time.monotonic() - began_s
    assert taken / took_s < 15  # the status is told once a second


def test_a_camera_that_is_frozen_is_back_within_ten_seconds(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, clip: Path
) -> None:
    with CameraProcess(clip) as camera, decoding(site_of(server, tmp_path, {"gate": {"source": camera.url}})):
        until(lambda: len(bus.ids()) >= 3)
        camera.freeze()
        until(lambda: bus.state() == "stalled", deadline_s=10)
        until(lambda: bus.state() == "offline", deadline_s=10)
        (ended,) = bus.ended()
        camera.thaw()
        until(lambda: bus.ids()[-1][0] > ended.epoch, deadline_s=10)
        until(lambda: bus.state() == "online", deadline_s=2)


def test_a_camera_that_changes_its_pictures_begins_a_new_epoch(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    with (
        http_camera(lambda: [*jpegs(12), *jpegs(40, (128, 256)), b""]) as url,
        decoding(site_of(server, tmp_path, {"gate": {"source": url}})),
    ):
        until(lambda: len({epoch for epoch, _ in bus.ids()}) == 2)
    first = bus.ended()[0]
    assert {frame.source for frame in bus.frames() if frame.epoch == first.epoch} == {(64, 128)}
    assert bus.accounted(first.epoch) == list(range(first.index))


def test_a_camera_that_changes_the_shape_of_its_pictures_says_so_and_begins_a_new_epoch(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 2.5)
    before, after = [jpegs(12)], jpegs(40, (64, 64))

    def parts() -> list[bytes]:
        return [*(before.pop() if before else []), *after, b""]

    with http_camera(parts) as url, decoding(site_of(server, tmp_path, {"gate": {"source": url}})):
        until(lambda: bus.state() == "offline")
        assert bus.status()["error"] == (
            f"{url}: the picture changes from 64x128 to 64x64, another shape; check the camera."
        )
        until(lambda: bus.status()["picture"] == "64x64", deadline_s=10)
    assert {frame.source for frame in bus.frames() if frame.epoch == bus.ended()[0].epoch} <= {(64, 128)}
    assert bus.frames()[-1].pixels.shape == (64, 64, 3)


def test_the_model_says_how_pictures_are_made(server: EmbeddedBroker, bus: Bus, tmp_path: Path) -> None:
    with http_camera(lambda: chain(repeat(jpegs(1)[0], 2000))) as url:
        site = site_of(server, tmp_path, {"gate": {"source": url}})
        model = site.model_of(site.cameras["gate"])
        with decoding(site):
            until(lambda: len(bus.ids()) >= 3)
            model_file(model, (32, 64), (64, 128))
            until(lambda: len({frame.pixels.shape for frame in bus.frames()}) == 2)
            until(lambda: bus.status()["reconnects"] == "1")
            model_file(model, (32, 32), (64, 64))
            until(lambda: bus.state() == "offline")
            assert bus.status()["error"] == (
                f"{url}: its pictures are 64x128, another shape than the 64x64 that {model} is for; "
                "set the camera back, or fit the model again."
            )
            model.write_bytes(b"half a model")  # the last good one counts
            model_file(model, (48, 96), (64, 128))
            until(lambda: bus.state() == "online")
            until(lambda: (48, 96, 3) in {frame.pixels.shape for frame in bus.frames()})
    shapes = {frame.epoch: frame.pixels.shape for frame in bus.frames()}
    first, second, third = (one.epoch for one in bus.ended())
    assert shapes.get(first, (64, 128, 3)) == (64, 128, 3)  # the oldest may have had to make room
    assert shapes.get(second, (32, 64, 3)) == (32, 64, 3)
    assert shapes[third] == (48, 96, 3)
    for one in bus.ended():
        assert bus.accounted(one.epoch) == list(range(one.index))


def test_a_model_that_now_has_motion_begins_a_new_epoch(server: EmbeddedBroker, bus: Bus, tmp_path: Path) -> None:
    with http_camera(lambda: chain(repeat(jpegs(1)[0], 2000))) as url:
        site = site_of(server, tmp_path, {"gate": {"source": url}})
        model = site.model_of(site.cameras["gate"])
        model_file(model, (64, 128), (64, 128))
        with decoding(site):
            until(lambda: len(bus.ids()) >= 3)
            model_file(model, (64, 128), (64, 128), motion=True)
            until(lambda: [frame for frame in bus.frames() if frame.motion is not None])
            frames = bus.frames()
            model_file(model, (64, 128), (64, 128))
            until(lambda: len(bus.ended()) == 2)
            until(lambda: bus.frames()[-1].epoch > bus.ended()[1].epoch)
            last = bus.frames()[-1]
    first, second, third = bus.ended()
    assert {frame.epoch for frame in frames if frame.motion is None} == {first.epoch}
    known = [frame for frame in frames if frame.motion is not None]
    assert {frame.epoch for frame in known} == {second.epoch}
    assert [frame.motion.frames == 0 for frame in known if frame.motion] == [frame.index == 0 for frame in known]
    assert (last.epoch, last.motion) == (third.epoch, None)
    for one in (first, second, third):
        assert bus.accounted(one.epoch) == list(range(one.index))


def test_a_camera_that_comes_back_has_no_motion_over_the_gap(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, clip: Path
) -> None:
    camera = RtspServer(clip)
    site = site_of(server, tmp_path, {"gate": {"source": camera.url}})
    model_file(site.model_of(site.cameras["gate"]), (64, 128), (64, 128), motion=True)
    with decoding(site):
        with camera:
            until(lambda: len(bus.ids()) >= 3)
        until(lambda: bus.state() == "offline")
        with RtspServer(clip, port=camera.port):
            until(lambda: len({epoch for epoch, _ in bus.ids()}) == 2, deadline_s=10)
            until(lambda: bus.ids()[-1][1] >= 2)
    for epoch in {epoch for epoch, _ in bus.ids()}:
        known = [frame.motion.frames for frame in bus.frames() if frame.epoch == epoch and frame.motion is not None]
        assert known[:3] == [0, 1, 2]


@pytest.mark.parametrize("path", ["/other", "/cam"])
def test_a_password_is_shown_nowhere(
    path: str,
    server: EmbeddedBroker,
    bus: Bus,
    tmp_path: Path,
    clip: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    with RtspServer(clip) as camera:
        url = f"rtsp://127.0.0.1:{camera.port}{path}"
        login = {"source": url, "username": "viewer@lan", "password": PASSWORD}
        with decoding(site_of(server, tmp_path, {"gate": login})):
            until(lambda: bus.state() in ("online", "offline"))
            if path == "/cam":
                camera.stop()
                until(lambda: GONE in bus.status()["error"])
    shown = f"{bus.status()} {caplog.text} {[record.__dict__ for record in caplog.records]} {capfd.readouterr()}"
    assert url in shown
    assert not [part for part in ("p@ss", "p%40ss", "w%40rd", "w%2540rd", "viewer") if part in shown]


def test_a_camera_whose_name_nobody_knows_is_offline(server: EmbeddedBroker, bus: Bus, tmp_path: Path) -> None:
    login = {"source": "rtsp://gate.invalid/cam", "username": "viewer", "password": PASSWORD}
    with decoding(site_of(server, tmp_path, {"gate": login})):
        until(lambda: bus.state() == "offline")
    assert bus.status()["error"] == (
        "rtsp://gate.invalid/cam: the host gate.invalid is not found; check its name, the name server and the network."
    )


def test_fifty_reconnects_leave_nothing_open(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.01)
    monkeypatch.setattr(backoff, "LOST_CAP_S", 0.01)

    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with http_camera(lambda: jpegs(8), 100) as url, decoding(site_of(server, tmp_path, {"gate": {"source": url}})):
        until(lambda: int(bus.status().get("reconnects", 0)) >= 3)
        before = files()
        until(lambda: int(bus.status()["reconnects"]) >= 50)
        assert files() <= before + 4  # a request under way has both its ends here


def test_a_camera_that_never_gives_a_picture_is_given_up(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FIRST_FRAME_S", 1.0)
    first = jpegs(1)[0]
    with (
        http_camera(lambda: repeat(first[: len(first) // 3])) as url,
        decoding(site_of(server, tmp_path, {"gate": {"source": url}})),
    ):
        until(lambda: bus.state() == "offline")
    assert bus.ids() == []
