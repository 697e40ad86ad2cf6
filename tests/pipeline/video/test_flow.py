"""Motion of pictures whose movement is known, and when there is none to speak of."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.types import PLANES, Image, Motion, Size
from pipeline.video.flow import MotionReader
from tests.pipeline.video.clips import moving

SIZE: Size = (96, 160)


def read(pictures: list[Image], times_s: list[float], size: Size = SIZE) -> list[Motion]:
    reader = MotionReader(size)
    return [reader.add(picture, time_s) for picture, time_s in zip(pictures, times_s, strict=True)]


def test_what_moves_stands_out_and_the_first_frame_knows_of_no_motion() -> None:
    first, *later = read(moving(8, size=SIZE), [number / 10 for number in range(8)])
    assert (first.frames, first.planes.shape, str(first.planes.dtype)) == (0, (PLANES, 12, 20), "uint8")
    assert not first.planes.any()
    assert [motion.frames for motion in later] == list(range(1, 8))
    levels = later[-1].planes[0]
    assert levels[4:8, 3:7].mean() > 10 * levels[:, 12:].mean()


def test_planes_say_the_same_at_another_rate_of_the_same_scene() -> None:
    pictures = moving(17, size=SIZE)
    fast, slow = read(pictures, [number / 10 for number in range(17)]), read(pictures[::2], [n / 5 for n in range(9)])
    inside = (0, slice(5, 7), slice(5, 7))
    assert fast[-1].planes[inside].mean() == pytest.approx(slow[-1].planes[inside].mean(), rel=0.25)


@pytest.mark.parametrize("step_s", [-3.0, 0.0, 60.0])
def test_a_gap_or_a_time_that_falls_begins_anew(step_s: float) -> None:
    times_s = [5.0, 5.1, 5.2, 5.2 + step_s, 5.3 + step_s]
    assert [motion.frames for motion in read(moving(5, size=SIZE), times_s)] == [0, 1, 2, 0, 1]


def test_the_same_frames_give_the_same_bytes_with_any_number_of_threads() -> None:
    pictures, times_s = moving(6, size=SIZE), [number / 5 for number in range(6)]
    threads, found = cv2.getNumThreads(), []
    try:
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            found.append(b"".join(motion.planes.tobytes() for motion in read(pictures, times_s)))
    finally:
        cv2.setNumThreads(threads)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("size", [(16, 16), (16, 96), (240, 432)])
def test_every_size_of_a_model_is_read(size: Size) -> None:
    picture: Image = np.full((*size, 3), 90, np.uint8)
    later = read([picture] * 3, [0.0, 0.2, 0.4], size)[-1]
    assert (later.planes.shape, later.frames) == ((PLANES, size[0] // 8, size[1] // 8), 2)
    assert not later.planes.any()
