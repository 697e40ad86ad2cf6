"""Which frames a fold has."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.synthetic.folds import CLIP_FRAMES, Fold, Keeper, Part, folds_of
from pipeline.types import Frame, Geometry
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source, SourceKind, find_sources
from tests.pipeline.evaluation.synthetic.conftest import FPS, SIZE

SAMPLING = Sampling(Geometry(SIZE), float(FPS))


def times_of(fold: Fold) -> list[tuple[str, float]]:
    return [(part.source.name, frame.time_s) for part in fold for frame in part.read(SAMPLING)]


@pytest.mark.parametrize("fps", [10.0, 7.0])
def test_folds_of_one_recording_share_no_frame_and_leave_none_out(recording: Path, fps: float) -> None:
    sampling = Sampling(Geometry(SIZE), fps)
    (source,) = find_sources([recording])
    folds = folds_of([source], sampling, SIZE, 3, None)
    times = [frame.time_s for fold in folds for part in fold for frame in part.read(sampling)]
    with open_recording(source) as opened:
        assert times == [frame.time_s for frame in opened.frames(sampling)]


def test_several_recordings_are_dealt_whole(recording: Path, tmp_path: Path) -> None:
    for name in "abcde":
        shutil.copy(recording, tmp_path / f"{name}.mp4")
    folds = folds_of(find_sources([tmp_path]), SAMPLING, SIZE, 3, None)
    assert [[part.source.name for part in fold] for fold in folds] == [
        ["a.mp4", "d.mp4"],
        ["b.mp4", "e.mp4"],
        ["c.mp4"],
    ]
    assert len(times_of(folds[0])) == 2 * 260


def test_of_fewer_recordings_than_folds_each_is_cut(recording: Path, tmp_path: Path) -> None:
    for name in "ab":
        shutil.copy(recording, tmp_path / f"{name}.mp4")
    folds = folds_of(find_sources([tmp_path]), SAMPLING, SIZE, 3, None)
    assert [[part.source.name for part in fold] for fold in folds] == [["a.mp4", "b.mp4"]] * 3
    seen = [set(times_of(fold)) for fold in folds]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 2 * 260


def test_footage_too_short_for_a_clip_in_each_fold_is_refused(recording: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        folds_of(find_sources([recording]), SAMPLING, SIZE, 5, None)
    assert str(caught.value) == (
        "a part of the footage that is held out has 52 frames in a row, a clip is made of 60; name longer footage, "
        "or use fewer --folds or more --fps."
    )


def test_images_need_a_rate_of_their_own(tmp_path: Path) -> None:
    for number in range(140):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(ConfigError) as caught:
        folds_of(find_sources([tmp_path]), SAMPLING, SIZE, 2, None)
    assert str(caught.value) == f"{tmp_path}: images have no clock; say with --input-fps how many there are a second."
    folds = folds_of(find_sources([tmp_path]), SAMPLING, SIZE, 2, 10.0)
    assert [len(times_of(fold)) for fold in folds] == [70, 70]


def test_a_camera_is_refused() -> None:
    camera = Source("rtsp://cam.lan/1", SourceKind.URL)
    with pytest.raises(ConfigError) as caught:
        folds_of([camera], SAMPLING, SIZE, 2, None)
    assert str(caught.value) == (
        "rtsp://cam.lan/1: a live source cannot be read twice; record it, and name the recording."
    )


def kept_of(lengths: list[int]) -> list[list[tuple[int, int]]]:
    """What is kept of a fold of recordings of so many frames: of which, and which."""
    source = Source("a.mp4", SourceKind.FILE)
    keeper = Keeper(tuple(Part(source, 0.0, None, frames, None) for frames in lengths))
    for number, frames in enumerate(lengths):
        for index in range(frames):
            pixels = np.full((2, 2, 3), number, np.uint8)
            keeper.add(number, Frame(index, float(index), pixels, (2, 2)))
    return [
        [(int(pixels[0, 0, 0]), int(time_s)) for pixels, time_s in zip(one.frames, one.times_s, strict=True)]
        for one in keeper.stretches
    ]


def test_of_a_short_fold_all_frames_are_kept() -> None:
    assert kept_of([120, 90]) == [[(0, index) for index in range(120)], [(1, index) for index in range(90)]]


def test_of_a_long_fold_a_few_stretches_are_kept_from_beginning_to_end() -> None:
    kept = kept_of([5000, 30, 5000])
    assert [len(stretch) for stretch in kept] == [150] * 8
    assert kept[0][0] == (0, 0)
    assert kept[-1][0][0] == 2
    assert kept[-1][0][1] > 4800


def test_what_is_too_short_for_a_clip_is_not_kept() -> None:
    assert kept_of([CLIP_FRAMES - 1, CLIP_FRAMES]) == [[(1, index) for index in range(CLIP_FRAMES)]]
