"""Frames of an event in a file that survives its writer, and the clip that is made of them."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import OutputError, SourceError
from pipeline.policy import Policy
from pipeline.types import Box, Event, EventKind, Geometry, Image, Size, Spot
from pipeline.video.clips import Clip, ClipWriter, Scene
from pipeline.video.drawing import heat_of
from pipeline.video.jpeg import decode_jpeg, encode_jpeg
from pipeline.video.spool import MAGIC, Spool, SpoolFrame, read_spool, write_clip
from tests.pipeline.video.clips import number_of, numbered
from tests.pipeline.video.test_clips import names_in, numbers_of, pictures_of, thumbnail_of, times_of
from tests.stillwatch.running import files_up_to

NAME = "gate-1-50"
SIZE: Size = (96, 160)
SOURCE: Size = (192, 320)
GEOMETRY = Geometry((96, 160))
GRID: Size = (12, 20)
BOX: Box = (16, 8, 60, 60)
# Appends numbered frames until it is killed, and says which it has appended.
WRITER = """
import itertools, sys
from pathlib import Path
from pipeline.video.spool import Spool
from tests.pipeline.video.test_spool import frame
with Spool(Path(sys.argv[1])) as spool:
    for index in itertools.count(spool.last_index + 1):
        spool.append(frame(index))
        print(index, flush=True)
"""


def frame(index: int, score: float = 2.0, picture: Image | None = None, *, time_s: float | None = None) -> SpoolFrame:
    """A frame of 5 frames/s that shows its number, and the event."""
    levels = np.full(GRID, 20, np.uint8)
    levels[1:5, 1:5] = 110
    jpeg = encode_jpeg(numbered(index % 256, SIZE) if picture is None else picture)
    spots = {NAME: Spot(BOX, score, opened=True)}
    return SpoolFrame(index, index / 5 if time_s is None else time_s, score, levels, spots, jpeg)


def event(peak_s: float = 10.0, begin_s: float = 10.0) -> Event:
    return Event(NAME, "gate", EventKind.ANOMALY, begin_s, peak_s, 30.0, 2.0, BOX)


def spooled(path: Path, frames: Iterable[SpoolFrame]) -> Path:
    with Spool(path) as spool:
        for one in frames:
            spool.append(one)
    return path


def indices(path: Path) -> list[int]:
    return [one.index for one in read_spool(path)]


def full(path: Path, reason: str) -> str:
    return f"{path}: cannot be written, {reason}; free some space or choose another place."


def values(one: SpoolFrame) -> tuple[object, ...]:
    map_and_spots = one.levels.shape, one.levels.tobytes(), dict(one.spots)
    return one.index, one.time_s, one.score, one.motion, *map_and_spots, one.jpeg


FRAMES = st.lists(
    st.builds(
        SpoolFrame,
        index=st.integers(0, 10**12),
        time_s=st.floats(0, 1e10),
        score=st.floats(0, 1e6),
        levels=st.tuples(st.integers(1, 6), st.integers(1, 6)).map(
            lambda size: np.arange(size[0] * size[1], dtype=np.uint8).reshape(size)
        ),
        spots=st.dictionaries(
            st.text(max_size=9),
            st.builds(Spot, st.tuples(*[st.integers(0, 9999)] * 4), st.floats(0, 1e6), opened=st.booleans()),
            max_size=3,
        ),
        jpeg=st.binary(max_size=50),
        motion=st.none() | st.floats(0, 1),
    ),
    max_size=6,
    unique_by=lambda one: one.index,
).map(lambda frames: sorted(frames, key=lambda one: one.index))


@settings(deadline=None, max_examples=60)
@given(FRAMES, st.integers(0, 6))
def test_what_is_appended_is_read_also_when_the_writer_changes(
    tmp_path_factory: pytest.TempPathFactory, frames: list[SpoolFrame], place: int
) -> None:
    path = tmp_path_factory.mktemp("spool") / "spool"
    spooled(spooled(path, frames[:place]), frames[place:])
    assert [values(one) for one in read_spool(path)] == [values(one) for one in frames]


def test_a_spool_of_before_there_was_motion_is_read_on(tmp_path: Path) -> None:
    path = spooled(tmp_path / "spool", [frame(0)])
    content = path.read_bytes()[len(MAGIC) + 8 :]
    assert b'"motion": null, ' in content
    before = content.replace(b'"motion": null, ', b"")
    (length,) = struct.unpack_from("<I", before)
    before = struct.pack("<I", length - len('"motion": null, ')) + before[4:]
    path.write_bytes(MAGIC + struct.pack("<II", len(before), zlib.crc32(before)) + before)
    (one,) = read_spool(path)
    assert values(one) == values(frame(0))


def test_a_repeat_changes_nothing(tmp_path: Path) -> None:
    path = spooled(tmp_path / "spool", [frame(3), frame(5)])
    before = path.read_bytes()
    with Spool(path) as spool:
        assert spool.last_index == 5
        for index in (0, 3, 4, 5):
            spool.append(frame(index, 9.0))
        assert spool.last_index == 5
        assert path.read_bytes() == before
        spool.append(frame(6))
        assert spool.last_index == 6
    assert indices(path) == [3, 5, 6]


def test_a_new_spool_has_no_last_frame_and_what_is_not_there_has_none(tmp_path: Path) -> None:
    assert indices(tmp_path / "spool") == []
    with Spool(tmp_path / "spool") as spool:
        assert spool.last_index == -1
    assert indices(tmp_path / "spool") == []


def test_a_torn_tail_is_cut_off_wherever_it_is_torn(tmp_path: Path) -> None:
    path = spooled(tmp_path / "spool", [frame(0), frame(1)])
    two = path.read_bytes()
    three = spooled(path, [frame(2)]).read_bytes()
    for length in [*range(len(two), len(two) + 16), *range(len(two) + 16, len(three), 101), len(three) - 1]:
        path.write_bytes(three[:length])
        assert indices(path) == [0, 1]
        with Spool(path) as spool:
            assert spool.last_index == 1
            assert path.read_bytes() == two
            spool.append(frame(2))
        assert path.read_bytes() == three


def test_a_head_that_is_torn_is_begun_anew(tmp_path: Path) -> None:
    whole = spooled(tmp_path / "whole", [frame(0)]).read_bytes()
    for length in range(len(MAGIC) + 9):
        (tmp_path / "spool").write_bytes(whole[:length])
        assert indices(tmp_path / "spool") == []
        assert spooled(tmp_path / "spool", [frame(0)]).read_bytes() == whole


def record(content: bytes) -> bytes:
    return struct.pack("<II", len(content), zlib.crc32(content)) + content


@pytest.mark.parametrize(
    "tail",
    [
        bytes(100),
        record(b""),
        record(b"\x05\0\0\0{}{}{}"),
        record(b"\x02\0\0\0{}"),
        record(b"\x02\0\0\0[]"),
        record(b'\x12\0\0\0{"grid":[99,9999]}'),
        struct.pack("<II", 2**32 - 1, 0) + b"little",
    ],
)
def test_what_is_no_frame_is_the_end(tail: bytes, tmp_path: Path) -> None:
    path = spooled(tmp_path / "spool", [frame(0), frame(1)])
    two = path.read_bytes()
    path.write_bytes(two + tail)
    assert indices(path) == [0, 1]
    assert spooled(path, []).read_bytes() == two


def test_what_is_damaged_is_the_end(tmp_path: Path) -> None:
    path = spooled(tmp_path / "spool", [frame(0)])
    one = path.stat().st_size
    whole = spooled(path, [frame(1), frame(2)]).read_bytes()
    for place in [*range(one, one + 16), one + 200, one + 900]:
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        assert indices(path) == [0]


def test_a_file_of_another_kind_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"SWSPOOL9" + bytes(1000))
    assert indices(tmp_path / "spool") == []
    assert indices(spooled(tmp_path / "spool", [frame(4)])) == [4]


def test_a_writer_that_is_killed_loses_nothing_that_it_appended(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    for _ in range(3):
        known = indices(path)
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said = [int(writer.stdout.readline()) for _ in range(40)]
            writer.send_signal(signal.SIGKILL)
        assert said[0] == len(known)  # it went on after the last
        found = indices(path)
        assert found == list(range(len(found)))
        assert found[-1] >= said[-1]


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    with Spool(path) as spool:
        spool.append(frame(0))
        before = path.read_bytes()
        with files_up_to(len(before) + 500):
            with pytest.raises(OutputError) as caught:
                spool.append(frame(1))
            assert path.read_bytes() == before
        assert str(caught.value) == full(path, "file too large")
        assert spool.last_index == 0
        spool.append(frame(2))  # there is room again
    assert indices(path) == [0, 2]


def test_a_spool_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        Spool(tmp_path / "absent" / "spool")
    assert str(caught.value) == full(tmp_path / "absent" / "spool", "no such file or directory")


def test_a_spool_that_may_not_be_read_is_said(tmp_path: Path, ordinary_user: AbstractContextManager[None]) -> None:
    path = spooled(tmp_path / "spool", [frame(0)])
    path.chmod(0)
    with ordinary_user, pytest.raises(SourceError) as caught:
        indices(path)
    assert str(caught.value) == f"{path}: it cannot be read (Permission denied); check the file."


def contents(clip: Clip) -> list[bytes]:
    return [path.read_bytes() for path in (clip.video, clip.thumbnail) if path]


@pytest.mark.parametrize("geometry", [GEOMETRY, Geometry((96, 160), crop=96)])
def test_its_files_are_those_of_a_clip_writer_that_saw_the_same_pictures(geometry: Geometry, tmp_path: Path) -> None:
    frames = [
        frame(number, 1 + number / 50 if number < 70 else 1.5, time_s=0.2 * number + 0.03 * (number % 3))
        for number in range(25, 126)
    ]
    peak_s = frames[69 - 25].time_s
    clips = ClipWriter(tmp_path / "one", Policy(pre_roll_s=60, post_roll_s=60, max_clip_s=61))
    for kept in frames:
        picture, heat = decode_jpeg(kept.jpeg, 100_000), heat_of(kept.levels, geometry)
        clips.add(Scene(kept.time_s, picture, heat, kept.score, kept.spots, SOURCE))
        if kept.index == 55:
            clips.start(event(kept.time_s, 10.0))
        if 55 < kept.index < 70:
            clips.peak(event(kept.time_s))
    expected = clips.close()[NAME]
    spool = spooled(tmp_path / "spool", frames)
    found = write_clip(spool, tmp_path / "other" / NAME, event(peak_s), geometry, SOURCE)
    video, thumbnail = (tmp_path / "other" / f"{NAME}.{ending}" for ending in ("mp4", "jpg"))
    assert found == Clip(video, thumbnail, expected.begin_s, expected.end_s)
    assert contents(found)[1] == contents(expected)[1]
    # x264 looks at memory that nobody has set: now and then it decides otherwise, by less than it loses anyway.
    for one, other in zip(pictures_of(found.video), pictures_of(expected.video), strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).mean() < 1
    assert times_of(found.video) == pytest.approx([kept.time_s - frames[0].time_s for kept in frames], abs=1e-3)
    assert numbers_of(found.video) == list(range(25, 126))
    assert names_in(tmp_path / "other") == [f"{NAME}.jpg", f"{NAME}.mp4"]


def test_its_thumbnail_is_the_peak_or_else_the_highest_of_the_event(tmp_path: Path) -> None:
    frames = [frame(number, 3.0 if number == 61 else 2.0) for number in range(40, 80)]
    frames.append(replace(frame(80), spots={"gate-1-9": Spot(BOX, 9.0, opened=True)}, score=9.0))
    spool = spooled(tmp_path / "spool", frames)
    for peak_s, number in ((10.4, 52), (300.0, 61)):
        clip = write_clip(spool, tmp_path / NAME, event(peak_s), GEOMETRY, SOURCE)
        assert number_of(thumbnail_of(clip)) == number


def test_a_clip_is_at_most_so_long_and_a_later_frame_may_be_its_thumbnail(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", [*(frame(number) for number in range(25, 200)), frame(230, 4.0)])
    clip = write_clip(spool, tmp_path / NAME, event(46.0), GEOMETRY, SOURCE, max_clip_s=20)
    assert (clip.begin_s, clip.end_s, clip.problem) == (5.0, 25.0, None)
    assert numbers_of(clip.video) == list(range(25, 126))
    assert number_of(thumbnail_of(clip)) == 230


def test_damaged_pictures_and_vast_ones_are_passed_over(tmp_path: Path) -> None:
    good = frame(41).jpeg
    place = good.index(b"\xff\xc0") + 5
    vast = good[:place] + struct.pack(">HH", 9000, 9000) + good[place + 4 :]
    bad = dict(enumerate([b"", b"no picture", good[:300], vast], start=50))
    frames = [replace(frame(number), jpeg=bad.get(number, frame(number).jpeg)) for number in range(40, 60)]
    clip = write_clip(spooled(tmp_path / "spool", frames), tmp_path / NAME, event(10.0), GEOMETRY, SOURCE)
    assert numbers_of(clip.video) == [number for number in range(40, 60) if number not in bad]
    assert clip.problem is None
    assert number_of(thumbnail_of(clip)) == 40  # all are as high, and this is the first


def test_a_spool_without_a_picture_has_no_clip(tmp_path: Path) -> None:
    empty = spooled(tmp_path / "spool", [replace(frame(0), jpeg=b"")])
    for spool in (empty, tmp_path / "absent"):
        assert write_clip(spool, tmp_path / NAME, event(), GEOMETRY, SOURCE) == Clip(None, None, 0.0, 0.0)
    assert names_in(tmp_path) == ["spool"]


def test_a_clip_that_is_made_again_replaces_the_first(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", [frame(number) for number in range(40, 60)])
    (tmp_path / f"{NAME}.mp4").write_bytes(b"old")
    (tmp_path / f"{NAME}.jpg").write_bytes(b"old")
    first = write_clip(spool, tmp_path / NAME, event(), GEOMETRY, SOURCE)
    again = write_clip(spool, tmp_path / NAME, event(), GEOMETRY, SOURCE)
    assert again == first
    assert numbers_of(again.video) == list(range(40, 60))
    assert number_of(thumbnail_of(again)) == 50
    assert names_in(tmp_path) == [f"{NAME}.jpg", f"{NAME}.mp4", "spool"]


def test_a_folder_that_fills_up_is_said_and_the_spool_stays(tmp_path: Path) -> None:
    def rough(number: int) -> Image:
        return np.random.RandomState(number).randint(0, 256, (*SIZE, 3)).astype(np.uint8)

    spool = spooled(tmp_path / "spool", [frame(number, picture=rough(number)) for number in range(60)])
    with files_up_to(100_000):
        clip = write_clip(spool, tmp_path / NAME, event(), GEOMETRY, SOURCE)
    assert (clip.video, clip.thumbnail) == (None, tmp_path / f"{NAME}.jpg")
    assert str(clip.problem) == full(tmp_path / f"{NAME}.mp4", "file too large")
    assert names_in(tmp_path) == [f"{NAME}.jpg", "spool"]
    assert len(indices(spool)) == 60


def test_a_failure_of_reading_leaves_no_half_of_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = spooled(tmp_path / "spool", [frame(number) for number in range(60)])

    def stopping(self: Scene, ids: object) -> Image:
        if self.time_s > 5:
            raise KeyboardInterrupt
        return self.picture

    monkeypatch.setattr(Scene, "drawn", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_clip(spool, tmp_path / NAME, event(), GEOMETRY, SOURCE)
    assert names_in(tmp_path) == ["spool"]


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    def peak_bytes(count: int) -> int:
        spool = spooled(tmp_path / f"{count}", [frame(number, 1 + number / 1000) for number in range(count)])
        tracemalloc.start()
        write_clip(spool, tmp_path / NAME, event(300.0), GEOMETRY, SOURCE)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak_bytes(5)
    # One picture has 46 kB.
    assert peak_bytes(200) < peak_bytes(20) + 30_000
