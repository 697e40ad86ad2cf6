"""Recordings of every kind, read to their end: which frames come, when, how they look, and what is refused."""

from __future__ import annotations

import gc
import os
import re
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.types import Frame, Geometry, Image, model_size
from pipeline.video import ffmpeg, videos
from pipeline.video.flow import MotionReader
from pipeline.video.prefetch import prefetched
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from pipeline.video.videos import VideoReader
from tests.pipeline.video.clips import GEOMETRY, moving, number_of, numbered, write_clip

SHARED = Path("../shared/data")
ALL = Sampling(GEOMETRY)


def read(path: Path, sampling: Sampling = ALL) -> list[Frame]:
    (source,) = find_sources([path])
    with open_recording(source) as recording:
        return list(recording.frames(sampling))


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.pixels) for frame in frames]


def refusal(path: Path, sampling: Sampling = ALL) -> str:
    with pytest.raises(SourceError) as caught:
        read(path, sampling)
    return str(caught.value).removeprefix(f"{path}: ")


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# Every kind of recording --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("h264.mp4", "libx264", "yuv420p"),
        ("h264.mkv", "libx264", "yuv420p"),
        ("h264.ts", "libx264", "yuv420p"),
        ("h264.flv", "libx264", "yuv420p"),
        ("ten-bit.mp4", "libx264", "yuv420p10le"),
        ("grey.mp4", "libx264", "gray"),
        ("grey-ten-bit.mkv", "ffv1", "gray10le"),
        ("hevc.mov", "libx265", "yuv420p"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
        ("mpeg2.mpg", "mpeg2video", "yuv420p"),
        ("mjpeg.avi", "mjpeg", "yuvj420p"),
        ("vp9.webm", "libvpx-vp9", "yuv444p"),
        ("rgb.mkv", "ffv1", "bgr0"),
        ("12:30 gate.mp4", "libx264", "yuv420p"),
    ],
)
def test_every_frame_of_any_codec_comes_once_and_in_order(name: str, codec: str, pix_fmt: str, tmp_path: Path) -> None:
    fps = 25 if codec == "mpeg2video" else 10
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    frames = read(write_clip(tmp_path / name, 20, fps=fps, codec=codec, pix_fmt=pix_fmt, options=options))
    assert numbers(frames) == list(range(20))
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.time_s for frame in frames] == pytest.approx([index / fps for index in range(20)], abs=2e-3)
    assert all(frame.pixels.dtype == np.uint8 and frame.pixels.flags.c_contiguous for frame in frames)


@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_odd_sizes_are_read_whole(codec: str, tmp_path: Path) -> None:
    pictures = [numbered(number, (61, 127)) for number in range(5)]
    path = write_clip(
        tmp_path / "odd.mkv", pictures, codec=codec, pix_fmt="yuv444p" if codec == "libx264" else "yuv420p"
    )
    (frame, *_) = frames = read(path, Sampling(GEOMETRY, display_short_side=1000))
    assert numbers(frames) == list(range(5))
    assert frame.source_size == (61, 127)
    assert frame.display is not None
    assert frame.display.shape == (60, 126, 3)


def test_a_quick_display_is_nearly_the_same_and_leaves_the_frame_as_it_is(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 20)
    for plain, quick in zip(
        read(path, Sampling(GEOMETRY, display_short_side=32)),
        read(path, Sampling(GEOMETRY, display_short_side=32, quick_display=True)),
        strict=True,
    ):
        assert plain.display is not None
        assert quick.display is not None
        assert quick.display.shape == plain.display.shape == (32, 64, 3)
        assert np.array_equal(quick.pixels, plain.pixels)
        assert np.abs(quick.display.astype(int) - plain.display).mean() < 8


def test_motion_is_given_where_it_is_asked_for_and_leaves_the_frame_as_it_is(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", moving(12))
    plain, moved = read(path), read(path, Sampling(GEOMETRY, motion=True))
    assert [frame.motion for frame in plain] == [None] * 12
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(plain, moved, strict=True))
    reader = MotionReader(GEOMETRY.size)
    for frame in moved:
        expected = reader.add(frame.pixels, frame.time_s)
        assert frame.motion is not None
        assert frame.motion.frames == expected.frames
        assert np.array_equal(frame.motion.planes, expected.planes)
    assert moved[-1].motion is not None
    assert moved[-1].motion.planes.any()


def test_motion_is_of_the_sampled_frames_of_the_window(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", moving(20))
    frames = read(path, Sampling(GEOMETRY, fps=5, from_s=0.8, motion=True))
    reader = MotionReader(GEOMETRY.size)
    expected = [reader.add(frame.pixels, frame.time_s) for frame in frames]
    found = [frame.motion for frame in frames if frame.motion is not None]
    assert [motion.frames for motion in found] == [0, 1, 2, 3, 4, 5]
    assert [motion.planes.tobytes() for motion in found] == [motion.planes.tobytes() for motion in expected]


def test_a_recording_of_one_picture_is_read(tmp_path: Path) -> None:
    assert numbers(read(write_clip(tmp_path / "one.mp4", 1))) == [0]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"])
def test_colours_are_what_they_were(pix_fmt: str, tmp_path: Path) -> None:
    colours = [(0, 0, 0), (255, 255, 255), (200, 30, 30), (30, 200, 30), (30, 30, 200), (128, 128, 128)]
    pictures: list[Image] = [np.full((64, 128, 3), colour, np.uint8) for colour in colours]
    frames = read(write_clip(tmp_path / "colours.mp4", pictures, pix_fmt=pix_fmt, options={"crf": "4"}))
    for colour, frame in zip(colours, frames, strict=True):
        assert np.abs(frame.pixels.astype(int) - colour).max() <= 4


def test_facts_are_known_after_opening(tmp_path: Path) -> None:
    (source,) = find_sources([write_clip(tmp_path / "gate.mp4", 30)])
    with open_recording(source) as recording:
        assert (recording.name, recording.size, recording.live) == ("gate.mp4", (64, 128), False)
        assert (recording.duration_s, recording.rate, recording.damaged) == (3.0, 10.0, 0)
        assert recording.expected_frames(ALL) == 30
        assert recording.expected_frames(Sampling(GEOMETRY, fps=5, from_s=1, until_s=9)) == 10
        assert recording.expected_frames(Sampling(GEOMETRY, fps=50)) == 30


def test_frames_are_read_once(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gate.mp4", 3)
    (source,) = find_sources([path])
    with open_recording(source) as recording:
        list(recording.frames(ALL))
        with pytest.raises(RuntimeError) as caught:
            recording.frames(ALL)
    assert str(caught.value) == f"{path}: its frames were read already; open the recording again."


# Time ---------------------------------------------------------------------------------------------------------------


def test_a_variable_rate_keeps_its_times_and_is_sampled_by_them(tmp_path: Path) -> None:
    stamps_ms = [0, 33, 66, 100, 500, 533, 1000, 1033, 1400, 2000]
    path = write_clip(tmp_path / "vfr.mp4", 10, stamps_ms=stamps_ms)
    assert [frame.time_s for frame in read(path)] == pytest.approx([ms / 1000 for ms in stamps_ms], abs=1e-3)
    assert numbers(read(path, Sampling(GEOMETRY, fps=2))) == [0, 4, 6, 9]


def test_half_the_rate_takes_every_second_frame(tmp_path: Path) -> None:
    frames = read(write_clip(tmp_path / "gate.mkv", 20), Sampling(GEOMETRY, fps=5))
    assert numbers(frames) == list(range(0, 20, 2))
    assert [frame.index for frame in frames] == list(range(10))


@pytest.mark.parametrize("name", ["gate.mp4", "gate.mkv", "gate.ts", "gate.avi"])
@pytest.mark.parametrize("window", [(0.0, 1.0), (4.5, 8.0), (7.3, None), (30.0, None)])
def test_a_window_gives_what_a_whole_reading_gives_of_it(
    name: str, window: tuple[float, float | None], tmp_path: Path
) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_clip(tmp_path / name, 100, codec=codec, options={"g": "12"})
    from_s, until_s = window
    for fps in (None, 5.0, 3.3):
        part = read(path, Sampling(GEOMETRY, fps=fps, from_s=from_s, until_s=until_s))
        whole = [
            frame
            for frame in read(path, Sampling(GEOMETRY, fps=fps))
            if from_s - 1e-6 <= frame.time_s < (until_s or np.inf) - 1e-6
        ]
        assert [(number_of(frame.pixels), frame.time_s) for frame in part] == [
            (number_of(frame.pixels), frame.time_s) for frame in whole
        ]
        assert [frame.index for frame in part] == list(range(len(whole)))


def test_a_seek_saves_the_decoding_before_the_window(tmp_path: Path) -> None:
    (source,) = find_sources([write_clip(tmp_path / "gate.mp4", 200, options={"g": "10"})])
    with closing(VideoReader(source)) as reader:
        times_s = [picture.time_s for picture in reader.pictures(from_s=15.0, until_s=None)]
    assert 12.0 <= times_s[0] <= 13.0
    assert times_s == pytest.approx(np.arange(times_s[0], 19.95, 0.1))


def test_raw_h264_without_stamps_is_timed_by_its_rate(tmp_path: Path) -> None:
    frames = read(write_clip(tmp_path / "raw.h264", 20, fps=10, form="h264"))
    assert numbers(frames) == list(range(20))
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(20) / 10)


def test_joined_recordings_whose_stamps_begin_anew_go_on(tmp_path: Path) -> None:
    one = write_clip(tmp_path / "one.ts", 20, options={"bf": "0"})
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 2)
    frames = read(joined)
    assert numbers(frames) == [*range(20), *range(20)]
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(40) / 10)


# Shape --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "corner"),  # counter-clockwise degrees and a mirroring; where the stored top left corner is then
    [
        ((90, False), "bottom left"),
        ((-90, False), "top right"),
        ((180, False), "bottom right"),
        ((0, True), "top right"),
        ((90, True), "bottom right"),
    ],
)
def test_pictures_are_turned_upright(turn: tuple[float, bool], corner: str, tmp_path: Path) -> None:
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:16, :16] = 255
    (source,) = find_sources([write_clip(tmp_path / "turned.mp4", [picture] * 3, turn=turn)])
    upright = (128, 64) if abs(turn[0]) == 90 else (64, 128)
    with open_recording(source) as recording:
        assert recording.size == upright
        (frame, *_) = recording.frames(Sampling(Geometry(upright), display_short_side=32))
    assert frame.source_size == upright
    for pixels in (frame.pixels, frame.display):
        assert pixels is not None
        vertical, horizontal = corner.split()
        row = 2 if vertical == "top" else -3
        column = 2 if horizontal == "left" else -3
        assert pixels[row, column].min() > 200
        assert pixels[-row - 1, -column - 1].max() < 50
    assert frame.display is not None
    assert frame.display.shape == ((64, 32, 3) if upright == (128, 64) else (32, 64, 3))


def test_the_crop_is_cut_from_the_centre_after_resizing(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gate.mp4", 2)
    (whole, _), (cut, _) = (
        read(path, Sampling(Geometry((80, 160)))),
        read(path, Sampling(Geometry((80, 160), 48))),
    )
    assert cut.pixels.flags.c_contiguous
    np.testing.assert_array_equal(cut.pixels, whole.pixels[16:64, 56:104])


def test_resizing_follows_float_bicubic(tmp_path: Path) -> None:
    # Smooth content: what swscale's filter and an exact one make of it differs by rounding only.
    y, x = np.mgrid[0:96, 0:160]
    waves = [128 + 100 * np.sin(x / 20 + phase) * np.cos(y / 15) for phase in (0, 1, 2)]
    picture = np.stack(waves, axis=-1).round().astype(np.uint8)
    path = write_clip(tmp_path / "waves.mkv", [picture], codec="ffv1", pix_fmt="bgr0")
    (frame,) = read(path, Sampling(Geometry((48, 80))))
    y, x = np.mgrid[0:48, 0:80] * 2 + 0.5
    exact = np.stack([128 + 100 * np.sin(x / 20 + phase) * np.cos(y / 15) for phase in (0, 1, 2)], axis=-1)
    assert np.abs(frame.pixels - exact).max() < 4


def joined_sizes(folder: Path, *sizes: tuple[int, int]) -> Path:
    joined = folder / "joined.ts"
    parts = [
        write_clip(folder / f"{place}.ts", [numbered(number, size) for number in range(10)], options={"bf": "0"})
        for place, size in enumerate(sizes)
    ]
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    return joined


def test_another_size_of_the_same_shape_goes_on(tmp_path: Path) -> None:
    frames = read(joined_sizes(tmp_path, (64, 128), (128, 256)))
    assert numbers(frames) == [*range(10), *range(10)]
    assert {frame.pixels.shape for frame in frames} == {(64, 128, 3)}
    assert [frame.source_size for frame in frames] == [(64, 128)] * 10 + [(128, 256)] * 10


def test_another_shape_is_refused_where_it_begins(tmp_path: Path) -> None:
    joined = joined_sizes(tmp_path, (64, 128), (96, 128))
    assert refusal(joined) == (
        "the picture changes from 64x128 to 96x128, another shape, at 1.00 s; "
        "split the recording there, or use --until 1.00."
    )
    assert len(read(joined, Sampling(GEOMETRY, until_s=1.0))) == 10


# Damage -------------------------------------------------------------------------------------------------------------


def damage(path: Path, *places: int) -> None:
    """Overwrite what packets of a clip hold."""
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        spans = [(packets[place].pos or 0, packets[place].size) for place in places]
    content = bytearray(path.read_bytes())
    for start, size in spans:
        content[start : start + size] = b"\xff" * size
    path.write_bytes(content)


def test_a_damaged_packet_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gate.mp4", 40, options={"bf": "0", "g": "5", "sc_threshold": "0"})
    damage(path, 14, 29)
    (source,) = find_sources([path])
    with open_recording(source) as recording:
        frames = list(recording.frames(ALL))
        assert recording.damaged == 2
    assert [round(frame.time_s * 10) for frame in frames] == [i for i in range(40) if i not in (14, 29)]
    assert numbers(frames) == [i for i in range(40) if i not in (14, 29)]


def test_a_recording_of_damaged_packets_only_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gate.mp4", 3, options={"bf": "0"})
    damage(path, 0, 1, 2)
    assert refusal(path) == "none of its pictures can be decoded; check that it plays elsewhere, or copy it again."


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@pytest.mark.parametrize(
    ("name", "codec", "muxing"),
    [
        ("gate.mp4", "libx264", {"movflags": "faststart"}),
        ("gate.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("gate.mkv", "libx264", {}),
        ("gate.flv", "libx264", {}),
        ("gate.avi", "mpeg4", {}),
    ],
)
def test_a_recording_that_is_cut_off_is_read_up_to_the_cut_and_no_further(
    name: str, codec: str, muxing: dict[str, str], tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (60, 64, 128, 1), np.uint8) * 60
    pictures = [np.abs(numbered(number).astype(int) - noise[number]).astype(np.uint8) for number in range(60)]
    path = cut(write_clip(tmp_path / name, pictures, codec=codec, options={"g": "10"}, muxing=muxing), 0.6)
    text = refusal(path)
    found = re.fullmatch(
        r"the file ends after (\d\.\d) of (\d\.\d) s \(cut off or still being written\); "
        r"use --until (\d\.\d) to take the part that is there, or copy it again\.",
        text,
    )
    assert found, text
    end_s = float(found[1])
    assert found[3] == found[1]
    assert 2 < end_s < float(found[2]) <= 6
    frames = read(path, Sampling(GEOMETRY, until_s=end_s))
    assert numbers(frames) == list(range(round(end_s * 10)))


def test_a_cut_mp4_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = cut(write_clip(tmp_path / "gate.mp4", 60, muxing={"movflags": "faststart"}), 0.8)
    (source,) = find_sources([path])
    with open_recording(source) as recording, pytest.raises(SourceError):
        next(recording.frames(ALL))


def sound(path: Path) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for part in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 8000, part * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def without_frames(path: Path) -> Path:
    """A valid mp4 whose video track lists no frame."""
    content = write_clip(path, 1, options={"bf": "0"}).read_bytes()
    for table in (b"stts", b"stsc", b"stco"):
        place = content.index(table) + 8
        content = content[:place] + struct.pack(">I", 0) + content[place + 4 :]
    place = content.index(b"stsz") + 12
    path.write_bytes(content[:place] + struct.pack(">I", 0) + content[place + 4 :])
    return path


def test_what_is_no_recording_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "gate.mp4"
    path.write_text("Not a video, whatever it is called.\n" * 50)
    assert refusal(path) == "FFmpeg cannot read it as a video; check that it is one."
    path.write_bytes(b"")
    assert refusal(path) == "the file is empty; copy it again."
    cut(write_clip(path, 60), 0.8)
    assert refusal(path) == (
        "its index is missing (cut off or still being written); wait until it is finished, or copy it again."
    )
    assert refusal(sound(tmp_path / "sound.m4a")) == "there is no video in it; name a file with pictures."
    assert refusal(without_frames(tmp_path / "none.mp4")) == (
        "there is no picture in it; check that it plays elsewhere, or copy it again."
    )
    text = tmp_path / "notes.txt"
    text.write_text("FFmpeg would draw this.\n" * 50)
    assert refusal(text) == "it is a text, not a recording; name a video."
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/1.ts\n")
    assert refusal(playlist) == "it is a list of files, not a recording; name the recordings themselves."


def test_a_recording_that_vanished_or_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gate.mp4", 3)
    (source,) = find_sources([path])
    if os.geteuid() != 0:
        path.chmod(0)
        with pytest.raises(SourceError) as caught:
            open_recording(source)
        assert str(caught.value) == f"{path}: it may not be read; check its permissions."
    path.unlink()
    with pytest.raises(SourceError) as caught:
        open_recording(source)
    assert str(caught.value) == f"{path}: it is not there; check the name."


# Resources ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Without the collector, what is tied into cycles stays, and shows."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    pictures = (numbered(number % 256, (480, 640)) for number in range(120))
    path = write_clip(tmp_path / "long.mp4", list(pictures), codec="mpeg4")
    (source,) = find_sources([path])
    with open_recording(source) as recording:
        frames = prefetched(recording.frames(Sampling(GEOMETRY, display_short_side=480)))
        early_mb = [resident_mb() for _, _ in zip(range(30), frames, strict=False)][-1]
        late_mb = [resident_mb() for _ in frames][-1]
    assert late_mb - early_mb < 10  # 90 frames kept would be 41 MB


@pytest.mark.usefixtures("no_collection")
def test_closing_gives_back_memory_and_files(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gate.mp4", [numbered(number, (480, 640)) for number in range(20)])
    (source,) = find_sources([path])

    def open_and_leave() -> None:
        with open_recording(source) as recording:
            for _ in prefetched(recording.frames(ALL)):
                break

    open_and_leave()
    before_mb, files = resident_mb(), open_files()
    for _ in range(40):
        open_and_leave()
    assert resident_mb() - before_mb < 15  # a frame kept of each would be 18 MB, a decoder 40
    assert open_files() == files


def test_frames_of_a_closed_recording_end_with_an_error(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gate.mp4", 200)
    (source,) = find_sources([path])
    for from_s in (0.0, 10.0):
        recording = open_recording(source)
        frames = prefetched(recording.frames(Sampling(GEOMETRY, from_s=from_s)), depth=1)
        next(frames)
        recording.close()  # while the other thread reads
        with pytest.raises(RuntimeError) as caught:
            list(frames)
        assert str(caught.value) == f"{path}: it was closed before it was read to its end."
        unread = open_recording(source)
        unread.close()
        with pytest.raises(RuntimeError):
            next(unread.frames(Sampling(GEOMETRY, from_s=from_s)))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the footage in ../shared")
@pytest.mark.parametrize(
    ("name", "frames"),
    [("clips/pets2009-vtest.mp4", 795), ("ped2/train/Train001.mp4", 120), ("ped2/test/Test012.mp4", 180)],
)
def test_real_footage_is_read_whole(name: str, frames: int) -> None:
    (source,) = find_sources([SHARED / name])
    with open_recording(source) as recording:
        read_frames = prefetched(recording.frames(Sampling(Geometry(model_size(recording.size, 240)))))
        assert [frame.index for frame in read_frames] == list(range(frames))
        assert recording.damaged == 0


# Pictures too large ---------------------------------------------------------------------------------------------------


def test_a_picture_that_claims_to_be_huge_takes_no_memory(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "hostile.gif", 3, codec="gif", pix_fmt="gray")
    content = bytearray(path.read_bytes())
    content[6:10] = struct.pack("<HH", 9000, 8000)
    path.write_bytes(content)
    before_mb = resident_mb()
    assert refusal(path) == "its pictures have more than 64 million pixels; make them smaller."
    assert resident_mb() - before_mb < 50


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("h264.mp4", "libx264", "yuv420p"),
        ("h264.ts", "libx264", "yuv420p"),
        ("hevc.mkv", "libx265", "yuv420p"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
        ("mpeg2.mpg", "mpeg2video", "yuv420p"),
        ("mjpeg.avi", "mjpeg", "yuvj420p"),
        ("camera.mjpeg", "mjpeg", "yuvj420p"),
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_pictures_above_the_limit_are_refused(
    name: str, codec: str, pix_fmt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / name, 5, fps=25, codec=codec, pix_fmt=pix_fmt)
    for module in (ffmpeg, videos):
        monkeypatch.setattr(module, "MOST_PIXELS", 64 * 128 - 1)
    assert refusal(path) == "its pictures have more than 0 million pixels; make them smaller."


@pytest.mark.parametrize(
    ("form", "codec", "pix_fmt"), [("mpegts", "libx264", "yuv420p"), ("mjpeg", "mjpeg", "yuvj420p")]
)
def test_a_stream_that_grows_beyond_the_limit_is_refused_there(
    form: str, codec: str, pix_fmt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = (
        write_clip(
            tmp_path / f"{size[0]}", [numbered(n, size) for n in range(5)], codec=codec, pix_fmt=pix_fmt, form=form
        )
        for size in ((64, 128), (128, 256))
    )
    joined = tmp_path / f"joined.{form}"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    for module in (ffmpeg, videos):
        monkeypatch.setattr(module, "MOST_PIXELS", 64 * 128)
    (source,) = find_sources([joined])
    with open_recording(source) as recording:
        frames = recording.frames(ALL)
        seen = [number_of(next(frames).pixels) for _ in range(3)]  # what the decoder holds back is lost
        with pytest.raises(SourceError) as caught:
            list(frames)
    assert seen == [0, 1, 2]
    assert str(caught.value) == f"{joined}: its pictures have more than 0 million pixels; make them smaller."
