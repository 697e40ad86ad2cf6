"""Recordings that stand for cameras: fast without a loss, or by their own times."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.types import Frame, Geometry
from pipeline.video.jpeg import decode_jpeg
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.pipeline.video.clips import moving, write_clip
from tests.workers.decoder.running import Bus, decoder_process, decoding, model_file, site_file, site_of, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.messages import Ended
from workers.decoder import views


@pytest.fixture
def bus(connection: Connection) -> Bus:
    return Bus(connection)


def clip_of(folder: Path, pictures: int) -> Path:
    return write_clip(folder / "gate.mp4", pictures, options={"bf": "0", "g": "5"})


def replayed(clip: Path, fps: float, *, motion: bool = False) -> list[Frame]:
    (source,) = find_sources([clip])
    with open_recording(source) as recording:
        return list(recording.frames(Sampling(Geometry((64, 128)), fps, motion=motion)))


def test_a_fast_recording_is_published_bit_for_bit_as_replay_sees_it(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    clip = clip_of(tmp_path, 40)
    with decoding(site_of(server, tmp_path, {"gate": {"source": clip, "pace": "fast", "fps": 5}})):
        until(lambda: bus.state() == "ended")
    expected, frames = replayed(clip, 5), bus.frames()
    assert len(frames) == 20
    for frame, wanted in zip(frames, expected, strict=True):
        assert (frame.index, frame.time_s, frame.source) == (wanted.index, wanted.time_s, wanted.source_size)
        assert np.array_equal(frame.pixels, wanted.pixels)
    assert [preview.index for preview in bus.previews()] == list(range(20))
    assert decode_jpeg(bus.previews()[0].jpeg, 1 << 20).shape == (64, 128, 3)
    epoch = frames[0].epoch
    assert bus.told() == [Ended(epoch, 20)]
    status = bus.status()
    assert {name: status[name] for name in ("epoch", "captured", "dropped", "reconnects", "error", "picture")} == {
        "epoch": str(epoch),
        "captured": "20",
        "dropped": "0",
        "reconnects": "0",
        "error": "",
        "picture": "64x128",
    }


@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_the_motion_of_a_recording_is_published_byte_for_byte_as_replay_sees_it(
    pace: str, server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "gate.mp4", moving(24), options={"bf": "2", "g": "12"})
    site = site_of(server, tmp_path, {"gate": {"source": clip, "pace": pace, "fps": 5}})
    model_file(site.model_of(site.cameras["gate"]), (64, 128), (64, 128), motion=True)
    with decoding(site):
        until(lambda: bus.state() == "ended")
    expected, frames = replayed(clip, 5, motion=True), bus.frames()
    assert len(frames) == 12
    for frame, wanted in zip(frames, expected, strict=True):
        assert frame.motion is not None
        assert wanted.motion is not None
        assert frame.motion.frames == wanted.motion.frames
        assert frame.motion.planes.tobytes() == wanted.motion.planes.tobytes()
    assert frames[0].motion is not None
    assert frames[0].motion.frames == 0
    assert frames[-1].motion is not None
    assert frames[-1].motion.planes.any()


def test_a_fast_recording_waits_for_scorers_and_alerter(server: EmbeddedBroker, bus: Bus, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "gate.mp4", 250)
    settings = {"source": clip, "pace": "fast", "alert": {"pre_roll_s": 0, "gap_s": 0, "min_duration_s": 0}}
    site = site_of(server, tmp_path, {"gate": settings})
    kept, ahead = site.cameras["gate"].frames_kept, site.cameras["gate"].previews_kept - 32
    assert (kept, ahead) == (64, 182)
    with decoding(site):
        until(lambda: len(bus.ids()) == kept)
        epoch = bus.ids()[0][0]
        assert bus.take_frames() == kept
        taken = kept
        while taken < ahead:
            until(lambda: bus.ids())
            taken += bus.take_frames()
        # No alerter has dealt with a frame: its previews are still there, and nothing more comes.
        assert taken == ahead
        assert int(bus.status()["captured"]) <= ahead
        bus.write(alerted=f"{epoch}-{ahead - 1}")
        while taken < 250:
            until(lambda: bus.ids())
            taken += bus.take_frames()
        until(lambda: bus.state() == "ended")
    assert bus.accounted(epoch) == list(range(250))
    assert bus.ended() == [Ended(epoch, 250)]


def test_a_fast_recording_goes_on_with_its_epoch_after_a_death(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "gate.mp4", 150)
    site = site_file(server, tmp_path, {"gate": {"source": clip, "pace": "fast"}})
    with decoder_process(site) as process:
        until(lambda: len(bus.ids()) == 64)
        process.kill()
        process.wait()
    epoch = bus.ids()[0][0]
    taken = bus.take_frames()
    bus.write(alerted=f"{epoch}-{taken - 1}")
    with decoder_process(site, "decoder-2"):
        while taken < 150:
            until(lambda: bus.ids())
            taken += bus.take_frames()
        until(lambda: bus.state() == "ended")
    assert [(one.epoch, one.index) for one in bus.dropped()] == [(epoch, index) for index in range(150)]
    assert bus.ended() == [Ended(epoch, 150)]
    assert (bus.status()["reconnects"], bus.status()["decoder"]) == ("1", "decoder-2")


def test_a_fast_recording_that_goes_on_after_a_death_has_the_motion_of_the_frames_before(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "gate.mp4", moving(70))
    path = site_file(server, tmp_path, {"gate": {"source": clip, "pace": "fast"}})
    site = site_of(server, tmp_path, {"gate": {"source": clip, "pace": "fast"}})
    model_file(site.model_of(site.cameras["gate"]), (64, 128), (64, 128), motion=True)
    with decoder_process(path) as process:
        until(lambda: len(bus.ids()) == 64)
        process.kill()
        process.wait()
    epoch, taken = bus.ids()[0][0], bus.take_frames()
    bus.write(alerted=f"{epoch}-{taken - 1}")
    with decoder_process(path, "decoder-2"):
        until(lambda: bus.state() == "ended")
    expected, frames = replayed(clip, 10, motion=True)[64:], bus.frames()
    assert [(frame.epoch, frame.index) for frame in frames] == [(epoch, index) for index in range(64, 70)]
    found = [frame.motion.planes.tobytes() for frame in frames if frame.motion is not None]
    assert found == [frame.motion.planes.tobytes() for frame in expected if frame.motion is not None]


def test_a_fast_recording_begins_a_new_epoch_where_its_model_now_has_motion(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "LOOK_S", 0.0)
    clip = write_clip(tmp_path / "gate.mp4", moving(70))
    site = site_of(server, tmp_path, {"gate": {"source": clip, "pace": "fast"}})

    def over() -> bool:
        bus.take_frames()
        return bus.state() == "ended"

    with decoding(site):
        until(lambda: len(bus.ids()) == 64)
        model_file(site.model_of(site.cameras["gate"]), (64, 128), (64, 128), motion=True)
        until(over)
    first, second = bus.ended()
    assert (first.epoch < second.epoch, first.index, second.index) == (True, 65, 70)
    bus.take_frames()
    for one in (first, second):
        assert bus.accounted(one.epoch) == list(range(one.index))


def test_a_recording_that_has_ended_stays_so_until_it_is_another(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    clip = clip_of(tmp_path, 10)
    site = site_of(server, tmp_path, {"gate": {"source": clip, "pace": "fast"}})
    with decoding(site):
        until(lambda: bus.state() == "ended")
    with decoding(site, "decoder-2"):
        until(lambda: bus.status()["decoder"] == "decoder-2")
        assert bus.state() == "ended"
    (first,) = bus.ended()
    os.utime(clip, (1, 1))
    with decoding(site):
        until(lambda: len(bus.ended()) == 2)
    assert bus.ended()[1].epoch > first.epoch
    assert len(bus.ids()) == 20


def test_a_realtime_recording_comes_by_its_own_times(server: EmbeddedBroker, bus: Bus, tmp_path: Path) -> None:
    clip = clip_of(tmp_path, 20)
    with decoding(site_of(server, tmp_path, {"gate": {"source": clip}})):
        until(lambda: bus.state() == "online")
        until(lambda: bus.state() == "ended")
    frames = bus.frames()
    assert [frame.index for frame in frames] == list(range(20))
    late_s = [frame.captured_at - frames[0].captured_at - frame.time_s for frame in frames]
    assert -0.01 < min(late_s) <= max(late_s) < 0.5
    assert bus.told() == [Ended(frames[0].epoch, 20)]


@pytest.mark.parametrize("pace", ["realtime", "fast"])
def test_a_recording_that_is_missing_is_offline_and_tried_again(
    pace: str, server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    with decoding(site_of(server, tmp_path, {"gate": {"source": tmp_path / "gate.mp4", "pace": pace}})):
        until(lambda: bus.state() == "offline")
        assert bus.status()["error"] == f"{tmp_path}/gate.mp4: it is not there; check the name."
        clip_of(tmp_path, 5)
        until(lambda: bus.state() == "ended")
    assert (bus.status()["error"], len(bus.ids())) == ("", 5)


def test_a_recording_that_is_cut_off_is_offline_with_the_reason(
    server: EmbeddedBroker, bus: Bus, tmp_path: Path
) -> None:
    clip = clip_of(tmp_path, 20)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 3])
    with decoding(site_of(server, tmp_path, {"gate": {"source": clip, "pace": "fast"}})):
        until(lambda: bus.state() == "offline")
    assert bus.status()["error"] == (
        f"{clip}: its index is missing (cut off or still being written); wait until it is finished, or copy it again."
    )
