"""Videos written and read back, and the ways in which nothing is written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from av.video.reformatter import ColorRange

from pipeline.errors import OutputError, ShapeError, SourceLost
from pipeline.types import Image, Size
from pipeline.video.writer import VideoWriter
from tests.stillwatch.running import files_up_to

SIZE: Size = (48, 64)
RED, BLUE = (200, 40, 30), (20, 60, 190)


def plain(colour: tuple[int, int, int] = RED, size: Size = SIZE) -> Image:
    return np.full((*size, 3), colour, np.uint8)


def noise(seed: int, size: Size = SIZE) -> Image:
    return np.random.RandomState(seed).randint(0, 256, (*size, 3)).astype(np.uint8)


def write(path: Path, times_s: list[float], size: Size = SIZE) -> Path:
    with VideoWriter(path) as writer:
        for number, time_s in enumerate(times_s):
            writer.write(noise(number, size), time_s)
    return path


def times_of(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.time_base is not None
        return [frame.pts * video.time_base for frame in container.decode(video) if frame.pts is not None]


def duration_of(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.duration is not None
        assert video.time_base is not None
        return video.duration * video.time_base


def pictures_of(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def test_every_picture_has_its_own_time(tmp_path: Path) -> None:
    times_s = [0, 0.04, 0.3, 0.301, 2.5, 3600.25]
    path = write(tmp_path / "clip.mp4", times_s)
    assert [float(time) for time in times_of(path)] == pytest.approx(times_s, abs=1e-9)


def test_the_first_picture_is_at_0_whatever_its_time(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", [12.5, 12.7, 13.0])
    assert [float(time) for time in times_of(path)] == pytest.approx([0, 0.2, 0.5], abs=1e-9)


def test_times_that_do_not_rise_are_moved_on_by_a_millisecond(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", [0, 1, 1, 0.5, 2])
    assert [float(time) for time in times_of(path)] == pytest.approx([0, 1, 1.001, 1.002, 2], abs=1e-9)


@pytest.mark.parametrize(("times_s", "duration_s"), [([0, 0.2, 0.4], 0.6), ([0, 0.2, 1.4], 2.6), ([7], 1)])
def test_the_last_picture_is_shown_as_long_as_the_one_before(
    times_s: list[float], duration_s: float, tmp_path: Path
) -> None:
    assert float(duration_of(write(tmp_path / "clip.mp4", times_s))) == pytest.approx(duration_s, abs=1e-3)


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", [number / 5 for number in range(30)])
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert (container.format.name.split(",")[1], video.codec_context.name) == ("mp4", "h264")
        assert (video.profile, video.codec_context.pix_fmt) == ("High", "yuv420p")
        assert not video.codec_context.has_b_frames
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("size", [(720, 1280), SIZE])
def test_colours_come_back_and_are_named(size: Size, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        writer.write(plain(RED, size), 0)
        writer.write(plain(BLUE, size), 1)
    first, last = pictures_of(tmp_path / "clip.mp4")
    # Limited range and chroma in bytes cost a few levels.
    assert np.abs(first.mean(axis=(0, 1)) - RED).max() < 6
    assert np.abs(last.mean(axis=(0, 1)) - BLUE).max() < 6
    with av.open(str(tmp_path / "clip.mp4")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.color_range, codec.colorspace) == (ColorRange.MPEG, 6)


def test_odd_sides_are_made_even_by_repeating_the_edge(tmp_path: Path) -> None:
    picture = plain(RED, (47, 63))
    picture[-1], picture[:, -1] = BLUE, BLUE
    with VideoWriter(tmp_path / "clip.mp4", quality=0) as writer:
        writer.write(picture, 0)
    (read,) = pictures_of(tmp_path / "clip.mp4")
    assert read.shape == (48, 64, 3)
    assert np.abs(read[-1].mean(axis=0) - BLUE).max() < 12
    assert np.abs(read[:, -1].mean(axis=0) - BLUE).max() < 12
    assert np.abs(read[:44, :60].mean(axis=(0, 1)) - RED).max() < 6


def test_pictures_of_another_size_are_brought_to_that_of_the_first(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        writer.write(plain(RED), 0)
        writer.write(plain(BLUE, (96, 100)), 1)
    first, last = pictures_of(tmp_path / "clip.mp4")
    assert first.shape == last.shape == (*SIZE, 3)
    assert np.abs(last.mean(axis=(0, 1)) - BLUE).max() < 6


def test_a_lower_quality_makes_a_smaller_file(tmp_path: Path) -> None:
    sizes = []
    for quality in (18, 40):
        with VideoWriter(tmp_path / "clip.mp4", quality=quality) as writer:
            for number in range(5):
                writer.write(noise(number), number / 5)
        sizes.append((tmp_path / "clip.mp4").stat().st_size)
    assert sizes[1] < sizes[0] / 2


def test_a_name_that_looks_like_an_address_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("gate:5.mp4"), [0, 1])
    assert [path.name for path in tmp_path.iterdir()] == ["gate:5.mp4"]


def test_no_picture_makes_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def write_until(error: BaseException, path: Path) -> None:
    with VideoWriter(path) as writer:
        for number in range(20):
            writer.write(noise(number), number)
        raise error


@pytest.mark.parametrize("error", [SourceLost("gone"), FileNotFoundError("none"), KeyboardInterrupt()])
def test_an_exception_leaves_what_was_there_and_goes_on_unchanged(error: BaseException, tmp_path: Path) -> None:
    before = write(tmp_path / "clip.mp4", [0, 1]).read_bytes()
    with pytest.raises(type(error)) as caught:
        write_until(error, tmp_path / "clip.mp4")
    assert caught.value is error
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    assert (tmp_path / "clip.mp4").read_bytes() == before


def opened(path: Path, count: int) -> VideoWriter:
    """A writer that has written so many pictures, in no block."""
    writer = VideoWriter(path)
    for number in range(count):
        writer.write(noise(number), number)
    return writer


def write_on(writer: VideoWriter) -> None:
    for number in range(10, 200):
        writer.write(noise(number), number)


def test_closing_gives_the_file_its_name_and_once_is_enough(tmp_path: Path) -> None:
    writer = opened(tmp_path / "clip.mp4", 3)
    assert [path.name for path in tmp_path.iterdir()] == [".clip.mp4.part"]
    writer.close()
    content = (tmp_path / "clip.mp4").read_bytes()
    writer.close()
    writer.abandon()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    assert (tmp_path / "clip.mp4").read_bytes() == content
    assert [float(time) for time in times_of(tmp_path / "clip.mp4")] == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1, 40])
def test_abandoning_leaves_what_was_there(count: int, tmp_path: Path) -> None:
    before = write(tmp_path / "clip.mp4", [0, 1]).read_bytes()
    writer = opened(tmp_path / "clip.mp4", count)
    writer.abandon()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    assert (tmp_path / "clip.mp4").read_bytes() == before


def test_closing_without_a_picture_makes_no_file(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "clip.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_closing_on_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    writer = opened(path, 10)
    with files_up_to(1000), pytest.raises(OutputError) as caught:
        writer.close()
    assert str(caught.value) == f"{path}: cannot be written, file too large; free some space or choose another place."
    assert list(tmp_path.iterdir()) == []


def test_abandoning_after_the_disk_was_full_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    writer = opened(path, 10)
    with files_up_to(20_000), pytest.raises(OutputError) as caught:
        write_on(writer)
    writer.abandon()
    assert str(caught.value) == f"{path}: cannot be written, file too large; free some space or choose another place."
    assert list(tmp_path.iterdir()) == []


def test_writers_side_by_side_do_not_mind_each_other(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "one.mp4", 5), opened(tmp_path / "other.mp4", 3)
    one.abandon()
    other.write(noise(3), 3)
    other.close()
    assert [path.name for path in tmp_path.iterdir()] == ["other.mp4"]
    assert len(times_of(tmp_path / "other.mp4")) == 4


def test_a_missing_folder_is_found_with_the_first_picture(tmp_path: Path) -> None:
    path = tmp_path / "none" / "clip.mp4"
    writer = VideoWriter(path)
    with pytest.raises(OutputError) as caught:
        writer.write(plain(), 0)
    assert str(caught.value) == (
        f"{path}: cannot be written, no such file or directory; free some space or choose another place."
    )


def test_a_folder_without_permission_is_named(tmp_path: Path, ordinary_user: AbstractContextManager[None]) -> None:
    path = tmp_path / "clip.mp4"
    tmp_path.chmod(0o555)
    with pytest.raises(OutputError) as caught, ordinary_user:
        write(path, [0, 1])
    assert str(caught.value) == (
        f"{path}: cannot be written, permission denied; free some space or choose another place."
    )


FILLS_ITS_DISK = """
import glob, os, resource, sys
from pathlib import Path
import numpy as np
from pipeline.errors import OutputError
from pipeline.video.writer import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
pictures = np.random.RandomState(0).randint(0, 256, (40, 48, 64, 3)).astype(np.uint8)
try:
    with VideoWriter(Path(sys.argv[1])) as writer:
        for number, picture in enumerate(pictures):
            writer.write(picture, number)
except OutputError as error:
    print(error)
    print([name for name in map(os.path.realpath, glob.glob("/proc/self/fd/*")) if "clip" in name])
"""


@pytest.mark.parametrize("missing", ["half", "one byte"])
def test_a_disk_that_fills_up_leaves_nothing_behind(missing: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    room = write(path, list(range(40))).stat().st_size
    path.unlink()
    limit = room // 2 if missing == "half" else room - 1
    # The system refuses files beyond a limit as it refuses them on a full disk, in another word.
    command = [sys.executable, "-c", FILLS_ITS_DISK, str(path), str(limit)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == (
        f"{path}: cannot be written, file too large; free some space or choose another place.\n[]\n"
    )
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_pictures_too_large_for_the_codec_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with pytest.raises(OutputError) as caught, VideoWriter(path) as writer:
        writer.write(plain(RED, (16, 40_000)), 0)
    assert str(caught.value) == (f"{path}: pictures of 16x40000 cannot be encoded as H.264; choose a smaller size.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 4)])
def test_what_is_no_rgb_picture_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with pytest.raises(ShapeError) as caught, VideoWriter(path) as writer:
        writer.write(np.zeros(shape, np.uint8), 0)
    assert str(caught.value) == f"{path}: the shape of a picture is {shape}, expected (H, W, 3)."
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    process, used = psutil.Process(), []
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        for number in range(600):
            writer.write(noise(number % 7, (120, 160)), number)
            if number in (100, 599):
                used.append(process.memory_info().rss)
    # The 500 pictures between are 29 MB.
    assert used[1] - used[0] < 8e6


@pytest.mark.chromium
def test_chromium_loads_it(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium")
    write(tmp_path / "clip.mp4", [number / 5 for number in range(25)])
    page = tmp_path / "page.html"
    page.write_text(
        "<p>waiting</p><video src='clip.mp4' muted></video><script>"
        "const [line, video] = [document.querySelector('p'), document.querySelector('video')];"
        "const said = (text) => { line.textContent = text; };"
        "video.onerror = () => said('error ' + video.error.message);"
        "video.oncanplaythrough = () => video.play().then("
        "() => said(`plays ${video.videoWidth}x${video.videoHeight} ${video.duration}`), said);"
        "</script>"
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=8000", "--dump-dom"]
    command = [browser, *options, page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "<p>plays 64x48 5</p>" in result.stdout
