"""Clips of events, written while they happen and read back; and folders that fill up."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import OutputError
from pipeline.policy import Policy
from pipeline.types import Box, Event, EventKind, Image, Size, Spot
from pipeline.video.clips import Clip, ClipWriter, Scene
from pipeline.video.drawing import ALARM
from tests.pipeline.video.clips import number_of, numbered
from tests.stillwatch.running import files_up_to

SIZE: Size = (64, 128)
# Boxes are counted in pixels twice as small as those of the pictures.
SOURCE: Size = (128, 256)
# Above the row that numbers are read from.
BOX: Box = (16, 4, 60, 40)
NOTHING = np.zeros((8, 16), np.float32)


def scene(
    time_s: float, picture: Image, *names: str, heat: NDArray[np.float32] = NOTHING, score: float = 2.0, box: Box = BOX
) -> Scene:
    spots = {name: Spot(box, score, opened=True) for name in names}
    return Scene(time_s, picture, heat, score, spots, SOURCE)


def event(name: str, begin_s: float, peak_s: float, end_s: float) -> Event:
    return Event(name, "gate", EventKind.ANOMALY, begin_s, peak_s, end_s, 2.0, BOX)


class Film:
    """Frames that show their own number, and the events among them."""

    def __init__(self, folder: Path, policy: Policy | None = None, *, size: Size = SIZE, fps: float = 5.0) -> None:
        self.clips = ClipWriter(folder, policy or Policy())
        self._size, self._fps = size, fps
        self._number = 0

    @property
    def time_s(self) -> float:
        """Of the last frame."""
        return (self._number - 1) / self._fps

    def until(self, time_s: float, *names: str, score: float = 2.0) -> Self:
        """Frames up to a time, this one included; names are what they show."""
        while self.time_s < time_s - 1e-6:
            number, self._number = self._number, self._number + 1
            self.clips.add(scene(number / self._fps, numbered(number % 256, self._size), *names, score=score))
        return self

    def starts(self, name: str, begin_s: float, peak_s: float | None = None) -> Self:
        """An event that began some time ago is known of."""
        self.clips.start(event(name, begin_s, begin_s if peak_s is None else peak_s, self.time_s))
        return self

    def rises(self, name: str) -> Self:
        """The last frame is its peak."""
        self.clips.peak(event(name, 0, self.time_s, self.time_s))
        return self

    def ends(self, name: str, end_s: float) -> Self:
        """An event that ended some time ago is known to be over."""
        self.clips.end(event(name, 0, 0, end_s))
        return self


def numbers_of(path: Path | None) -> list[int]:
    """Numbers of the frames of a clip."""
    return [number_of(picture) for picture in pictures_of(path)]


def pictures_of(path: Path | None) -> list[Image]:
    assert path is not None
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def times_of(path: Path | None) -> list[float]:
    assert path is not None
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]


def thumbnail_of(clip: Clip) -> Image:
    assert clip.thumbnail is not None
    picture = cv2.imread(str(clip.thumbnail))
    assert picture is not None
    return np.asarray(picture[..., ::-1], np.uint8)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_clip_begins_before_its_event_and_ends_after_it(tmp_path: Path) -> None:
    film = Film(tmp_path / "events").until(11).starts("gate-1-50", 10).until(22.2).ends("gate-1-50", 20).until(40)
    clip = film.clips.close()["gate-1-50"]
    assert clip == Clip(tmp_path / "events" / "gate-1-50.mp4", tmp_path / "events" / "gate-1-50.jpg", 5.0, 25.0)
    assert numbers_of(clip.video) == list(range(25, 126))
    assert times_of(clip.video) == pytest.approx([number / 5 for number in range(101)])
    assert names_in(tmp_path / "events") == ["gate-1-50.jpg", "gate-1-50.mp4"]


def test_it_is_written_while_it_runs_and_whole_when_it_has_ended(tmp_path: Path) -> None:
    film = Film(tmp_path).until(11).starts("gate-1-50", 10).until(14)
    assert names_in(tmp_path) == [".gate-1-50.mp4.part"]
    film.ends("gate-1-50", 12).until(17)
    assert names_in(tmp_path) == [".gate-1-50.mp4.part"]
    film.until(17.2)
    assert names_in(tmp_path) == ["gate-1-50.jpg", "gate-1-50.mp4"]


def test_a_clip_of_an_early_event_begins_with_the_recording(tmp_path: Path) -> None:
    film = Film(tmp_path).until(3).starts("gate-1-10", 2).until(6).ends("gate-1-10", 4).until(20)
    clip = film.clips.close()["gate-1-10"]
    assert (clip.begin_s, clip.end_s, numbers_of(clip.video)) == (0.0, 9.0, list(range(46)))


def test_a_clip_of_an_event_that_goes_on_ends_with_the_recording(tmp_path: Path) -> None:
    film = Film(tmp_path).until(11).starts("gate-1-50", 10).until(14)
    clip = film.ends("gate-1-50", 14).clips.close()["gate-1-50"]
    assert (clip.begin_s, clip.end_s, numbers_of(clip.video)) == (5.0, 14.0, list(range(25, 71)))


def test_the_rolls_may_be_none(tmp_path: Path) -> None:
    policy = Policy(pre_roll_s=0, post_roll_s=0, gap_s=0.3)
    film = Film(tmp_path, policy).until(11).starts("gate-1-50", 10).until(14).ends("gate-1-50", 14).until(20)
    clip = film.clips.close()["gate-1-50"]
    assert (clip.begin_s, clip.end_s, numbers_of(clip.video)) == (10.0, 14.0, list(range(50, 71)))


def test_a_clip_is_at_most_so_long_while_the_event_goes_on(tmp_path: Path) -> None:
    film = Film(tmp_path, Policy(max_clip_s=20)).until(11).starts("gate-1-50", 10).until(45)
    clip = film.ends("gate-1-50", 45).clips.close()["gate-1-50"]
    assert (clip.begin_s, clip.end_s, clip.problem) == (5.0, 25.0, None)
    assert numbers_of(clip.video) == list(range(25, 126))
    assert times_of(clip.video)[-1] == 20.0


def test_frames_at_irregular_times_keep_them(tmp_path: Path) -> None:
    clips = ClipWriter(tmp_path, Policy())
    times_s = [0.0, 0.04, 0.3, 1.0, 1.033, 1.066, 2.5, 3.999, 4.0, 6.5, 6.52]
    for number, time_s in enumerate(times_s):
        clips.add(scene(time_s, numbered(number), "gate-1-2"))
        if number == 6:
            clips.start(event("gate-1-2", 0.3, 0.3, 2.5))
    clip = clips.close()["gate-1-2"]
    assert times_of(clip.video) == pytest.approx(times_s, abs=1e-3)
    assert numbers_of(clip.video) == list(range(11))


def test_browsers_can_play_it_and_odd_pictures_are_made_even(tmp_path: Path) -> None:
    film = Film(tmp_path, size=(63, 127)).until(3).starts("gate-1-5", 1)
    clip = film.clips.close()["gate-1-5"]
    assert clip.video is not None
    with av.open(str(clip.video)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt, codec.height, codec.width) == ("h264", "yuv420p", 64, 128)
    content = clip.video.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # faststart
    assert thumbnail_of(clip).shape == (63, 127, 3)


def test_two_events_at_once_have_two_clips_and_each_its_own_box(tmp_path: Path) -> None:
    clips = ClipWriter(tmp_path, Policy())
    boxes: dict[str, Box] = {"gate-1-5": (20, 60, 40, 20), "gate-1-10": (180, 60, 40, 20)}
    grey = np.full((*SIZE, 3), 90, np.uint8)
    for number in range(80):
        spots = {name: Spot(box, 2.0, opened=True) for name, box in boxes.items()}
        clips.add(Scene(number / 5, grey, NOTHING, 2.0, spots, SOURCE))
        if number == 10:
            clips.start(event("gate-1-5", 1, 1, 2))
        if number == 20:
            clips.start(event("gate-1-10", 2, 2, 4))
    done = clips.close()
    assert names_in(tmp_path) == ["gate-1-10.jpg", "gate-1-10.mp4", "gate-1-5.jpg", "gate-1-5.mp4"]
    for name, (left, right) in {"gate-1-5": (True, False), "gate-1-10": (False, True)}.items():
        shown = pictures_of(done[name].video)[-1]
        corners = [shown[39, 10:30], shown[39, 90:110]]  # the lower edges
        assert [bool(alarming(corner).mean() > 0.8) for corner in corners] == [left, right]


def alarming(pixels: Image) -> NDArray[np.bool_]:
    """Which pixels have the colour of a box, as far as a codec keeps it."""
    return np.asarray(np.abs(pixels.astype(int) - ALARM).max(axis=-1) < 60)


def test_boxes_lie_where_their_source_is(tmp_path: Path) -> None:
    picture = np.full((*SIZE, 3), 90, np.uint8)
    drawn = scene(1, picture, "gate-1-5", box=(40, 50, 60, 30)).drawn(["gate-1-5"])
    rows, columns = np.nonzero((drawn[:46] == ALARM).all(axis=2))
    # Its line is a pixel wider to both sides.
    assert (columns.min(), rows.max()) == (19, 40)
    assert (drawn[27:38, 20] == ALARM).all()
    assert (drawn[27:38, 49] == ALARM).all()
    assert (drawn[39, 22:48] == ALARM).all()
    assert (drawn[28:37, 24:46] == 90).all()


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (240, 120, 16, 8), (0, 0, 256, 128), (254, 0, 2, 128)])
def test_boxes_at_the_edges_are_drawn(box: Box) -> None:
    picture = np.full((*SIZE, 3), 90, np.uint8)
    one = scene(1, picture, "gate-1-5", box=box)
    assert (one.drawn(["gate-1-5"]) != one.drawn([])).any()


def test_the_heat_is_blended_in_where_it_is() -> None:
    heat = NOTHING.copy()
    heat[2, 4:6] = 3.0
    picture = np.full((*SIZE, 3), 90, np.uint8)
    change = np.abs(scene(1, picture, heat=heat).drawn([])[:46].astype(int) - picture[:46]).max(axis=2)
    # Cells of 8 pixels; enlarging them blurs their edges.
    rows, columns = np.nonzero(change > 40)
    assert [rows.min(), rows.max() + 1] == pytest.approx([16, 24], abs=4)
    assert [columns.min(), columns.max() + 1] == pytest.approx([32, 48], abs=4)
    assert change[:, :16].max() == change[:, 64:].max() == 0


def test_time_and_score_are_written_at_the_foot_and_the_picture_itself_stays() -> None:
    picture = np.full((*SIZE, 3), 90, np.uint8)
    one, other = scene(1, picture, score=0.5).drawn([]), scene(72.3, picture, score=0.5).drawn([])
    assert (one[:46] == 90).all()
    assert (one[46:] != 90).any(axis=2).all()
    assert (one != other).any()
    assert (one != scene(1, picture, score=5.0).drawn([])).any()
    assert (picture == 90).all()


def test_the_mark_of_motion_is_written_at_the_foot() -> None:
    one = scene(1, np.full((240, 426, 3), 90, np.uint8))
    changed = (replace(one, motion=0.72).drawn([]) != one.drawn([])).any(axis=2)
    assert changed[222:].any()
    assert not changed[:222].any()


def test_what_is_not_in_a_frame_is_not_drawn() -> None:
    one = scene(1, np.full((*SIZE, 3), 90, np.uint8), "gate-1-5")
    assert (one.drawn(["gate-1-77"]) == one.drawn([])).all()


def test_clips_show_heat_and_box(tmp_path: Path) -> None:
    heat = np.full((8, 16), 0.2, np.float32)
    heat[1:3, 9:14] = 3.0
    clips = ClipWriter(tmp_path, Policy())
    for number in range(20):
        hot = number >= 10
        names = ["gate-1-10"] if hot else []
        picture = np.full((*SIZE, 3), 90, np.uint8)
        clips.add(scene(number / 5, picture, *names, heat=heat if hot else NOTHING, box=(20, 50, 60, 30)))
        if number == 15:
            clips.start(event("gate-1-10", 2, 2, 3))
    before, *_, after = pictures_of(clips.close()["gate-1-10"].video)
    assert np.abs(before[:44].astype(int) - 90).max() < 12
    assert not alarming(before[:44]).any()
    assert np.abs(after[10:20, 80:104].astype(int) - 90).max(axis=2).min() > 25
    assert alarming(after[39, 12:38]).mean() > 0.8


def test_the_thumbnail_is_the_peak(tmp_path: Path) -> None:
    film = Film(tmp_path).until(11).starts("gate-1-50", 10, peak_s=10.4)
    film.until(12).rises("gate-1-50").until(15).rises("gate-1-50").until(18).ends("gate-1-50", 17).until(30)
    clip = film.clips.close()["gate-1-50"]
    assert number_of(thumbnail_of(clip)) == 75


def test_the_thumbnail_is_the_peak_even_before_the_event_was_known_of(tmp_path: Path) -> None:
    film = Film(tmp_path).until(11).starts("gate-1-50", 10, peak_s=10.4).until(14)
    assert number_of(thumbnail_of(film.clips.close()["gate-1-50"])) == 52


def test_the_thumbnail_shows_box_heat_and_caption(tmp_path: Path) -> None:
    film = Film(tmp_path).until(9.8).until(11, "gate-1-50").starts("gate-1-50", 10).until(14)
    shown = thumbnail_of(film.clips.close()["gate-1-50"])
    expected = scene(10.0, numbered(50), "gate-1-50").drawn(["gate-1-50"])
    # JPEG smears colours by some pixels.
    assert np.abs(shown.astype(int) - expected).mean() < 8


def test_the_thumbnail_is_the_peak_even_after_the_clip_was_long_enough(tmp_path: Path) -> None:
    film = (
        Film(tmp_path, Policy(max_clip_s=20)).until(11).starts("gate-1-50", 10).until(40).rises("gate-1-50").until(45)
    )
    assert names_in(tmp_path) == ["gate-1-50.mp4"]
    film.ends("gate-1-50", 42).until(50)
    assert names_in(tmp_path) == ["gate-1-50.jpg", "gate-1-50.mp4"]
    clip = film.clips.close()["gate-1-50"]
    assert number_of(thumbnail_of(clip)) == 200
    assert (clip.begin_s, clip.end_s) == (5.0, 25.0)


def test_an_event_known_of_long_after_its_begin_has_a_clip_of_what_is_kept(tmp_path: Path) -> None:
    """A cooldown holds back what is already there."""
    policy = Policy(max_clip_s=20, cooldown_s=30)
    film = Film(tmp_path, policy).until(25, "gate-1-10").until(26, "gate-1-10", score=3.0).until(40, "gate-1-10")
    film.starts("gate-1-10", 2).until(43).ends("gate-1-10", 41).until(60)
    clip = film.clips.close()["gate-1-10"]
    # Kept are the pre-roll of 5 s, the least duration of 1 s and the gap of 2 s.
    assert (clip.begin_s, clip.end_s, clip.problem) == (32.0, 46.0, None)
    assert numbers_of(clip.video) == list(range(160, 231))
    assert 160 <= number_of(thumbnail_of(clip)) <= 200


def test_without_events_nothing_is_written(tmp_path: Path) -> None:
    film = Film(tmp_path / "events").until(20)
    assert film.clips.close() == {}
    assert list(tmp_path.iterdir()) == []


def test_abandoned_clips_leave_nothing_and_finished_ones_stay(tmp_path: Path) -> None:
    film = Film(tmp_path).until(2).starts("gate-1-5", 1).ends("gate-1-5", 2).until(10)
    film.starts("gate-1-45", 9).starts("gate-1-46", 9.2).until(12)
    film.clips.abandon()
    assert names_in(tmp_path) == ["gate-1-5.jpg", "gate-1-5.mp4"]
    film.until(20)
    film.clips.abandon()
    assert list(film.clips.close()) == ["gate-1-5"]
    assert names_in(tmp_path) == ["gate-1-5.jpg", "gate-1-5.mp4"]


def scenes_alive() -> int:
    gc.collect()
    return sum(type(thing) is Scene for thing in gc.get_objects())


def test_scenes_are_kept_for_the_pre_roll_alone(tmp_path: Path) -> None:
    before = scenes_alive()
    film = Film(tmp_path, Policy(max_clip_s=20)).until(11)
    for number in range(3):
        film.starts(f"gate-1-{50 + number}", 10)
    # 5 s, 1 s of the least duration and 2 s of gaps, at 5 frames/s; and the peak of the open events.
    for time_s in (12, 40, 120):
        assert 8 * 5 <= scenes_alive_at(film, time_s) - before <= 8 * 5 + 2


def scenes_alive_at(film: Film, time_s: float) -> int:
    film.until(time_s)
    return scenes_alive()


def noise(number: int) -> Image:
    return np.random.RandomState(number).randint(0, 256, (*SIZE, 3)).astype(np.uint8)


def noisy(clips: ClipWriter, numbers: range) -> None:
    for number in numbers:
        clips.add(scene(number / 5, noise(number), "gate-1-5", "gate-1-90"))


def full(path: Path, reason: str) -> str:
    return f"{path}: cannot be written, {reason}; free some space or choose another place."


def test_a_folder_that_fills_up_costs_the_clip_and_nothing_else(tmp_path: Path) -> None:
    clips = ClipWriter(tmp_path, Policy(pre_roll_s=1))
    with files_up_to(200_000):
        noisy(clips, range(10))
        clips.start(event("gate-1-5", 1, 1, 2))
        noisy(clips, range(10, 100))
        assert names_in(tmp_path) == []  # given up as soon as it is known
        clips.end(event("gate-1-5", 1, 1, 19.8))
        clips.start(event("gate-1-90", 19, 19, 19.8))
        noisy(clips, range(100, 105))
        clips.end(event("gate-1-90", 19, 19, 20))
        done = clips.close()
    long, short = done["gate-1-5"], done["gate-1-90"]
    assert (long.video, long.thumbnail) == (None, tmp_path / "gate-1-5.jpg")
    assert isinstance(long.problem, OutputError)
    assert str(long.problem) == full(tmp_path / "gate-1-5.mp4", "file too large")
    assert short == Clip(tmp_path / "gate-1-90.mp4", tmp_path / "gate-1-90.jpg", 18.0, 20.8)
    assert len(pictures_of(short.video)) == 15
    assert names_in(tmp_path) == ["gate-1-5.jpg", "gate-1-90.jpg", "gate-1-90.mp4"]


def clip_of_noise(folder: Path, limit: int) -> Clip:
    """A clip that may not grow beyond a limit when it is ended."""
    clips = ClipWriter(folder, Policy())
    noisy(clips, range(10))
    clips.start(event("gate-1-5", 1, 1, 2))
    noisy(clips, range(10, 40))
    with files_up_to(limit):
        return clips.close()["gate-1-5"]


def test_a_folder_that_fills_up_at_the_very_end_is_said(tmp_path: Path) -> None:
    video = clip_of_noise(tmp_path, 10_000_000).video
    assert video is not None
    room = video.stat().st_size
    video.unlink()
    clip = clip_of_noise(tmp_path, room - 1)
    assert str(clip.problem) == full(video, "file too large")
    assert (clip.video, clip.thumbnail) == (None, tmp_path / "gate-1-5.jpg")
    assert names_in(tmp_path) == ["gate-1-5.jpg"]


def test_a_folder_that_cannot_be_made_is_said_and_the_film_goes_on(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("in the way")
    film = Film(tmp_path / "events").until(11).starts("gate-1-50", 10).until(20).ends("gate-1-50", 15).until(40)
    clip = film.clips.close()["gate-1-50"]
    assert (clip.video, clip.thumbnail) == (None, None)
    assert str(clip.problem) == full(tmp_path / "events", "file exists")
    assert names_in(tmp_path) == ["events"]


def test_a_folder_without_permission_is_said(tmp_path: Path, ordinary_user: AbstractContextManager[None]) -> None:
    film = Film(tmp_path).until(11)
    tmp_path.chmod(0o555)
    with ordinary_user:
        clip = film.starts("gate-1-50", 10).until(20).clips.close()["gate-1-50"]
    assert (clip.video, clip.thumbnail) == (None, None)
    assert str(clip.problem) == full(tmp_path / "gate-1-50.mp4", "permission denied")


@pytest.mark.parametrize(("lost", "kept"), [("gate-1-50.jpg", "gate-1-50.mp4"), ("gate-1-50.mp4", "gate-1-50.jpg")])
def test_one_of_two_files_that_cannot_be_written_leaves_the_other(lost: str, kept: str, tmp_path: Path) -> None:
    (tmp_path / lost).mkdir()
    clip = Film(tmp_path).until(11).starts("gate-1-50", 10).until(20).clips.close()["gate-1-50"]
    assert [path for path in (clip.video, clip.thumbnail) if path] == [tmp_path / kept]
    assert str(clip.problem) == full(tmp_path / lost, "is a directory")
    assert names_in(tmp_path) == ["gate-1-50.jpg", "gate-1-50.mp4"]
    assert (tmp_path / kept).is_file()


def test_files_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "gate-1-50.mp4").write_text("old")
    (tmp_path / "gate-1-50.jpg").write_text("old")
    clip = Film(tmp_path).until(11).starts("gate-1-50", 10).until(12).clips.close()["gate-1-50"]
    assert numbers_of(clip.video) == list(range(25, 61))
    assert number_of(thumbnail_of(clip)) == 50
