"""Motion of pictures whose movement is known, and when there is none to speak of."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.types import PLANES, Image, Motion, Size
from pipeline.velocities import Velocities, velocities_of
from pipeline.video.flow import MotionReader
from tests.pipeline.video.clips import moving

SIZE: Size = (96, 160)
# What a camera's pictures are read at, and a patch in them: 8 × 8 cells.
LARGE: Size = (240, 352)
SIDE = 64
RATES = [5, 10, 25]

Floats = NDArray[np.float32]


def read(pictures: list[Image], times_s: list[float], size: Size = SIZE) -> list[Motion]:
    reader = MotionReader(size)
    return [reader.add(picture, time_s) for picture, time_s in zip(pictures, times_s, strict=True)]


def seen(motion: Motion) -> Velocities:
    return velocities_of(motion.planes[np.newaxis])


def texture(seed: int, size: Size, cell_px: int = 12) -> Floats:
    """(H, W, 3) blotches."""
    coarse = np.random.RandomState(seed).uniform(30, 220, (size[0] // cell_px + 2, size[1] // cell_px + 2, 3))
    grown = cv2.resize(coarse.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(grown, 0, 255), np.float32)


@dataclass(frozen=True)
class Patch:
    """A textured square: where its top left corner is at the first frame, (x, y), and px/s across and down."""

    begin: tuple[float, float]
    velocity: tuple[float, float]

    def at(self, time_s: float) -> tuple[float, float]:
        x, y = (begin + velocity * time_s for begin, velocity in zip(self.begin, self.velocity, strict=True))
        return x, y

    def cells(self, time_s: float) -> tuple[slice, slice]:
        """Cells well inside it."""
        x, y = self.at(time_s)
        return slice(int(y + 24) // 8, int(y + 48) // 8), slice(int(x + 24) // 8, int(x + 48) // 8)

    def painted(self, ground: Floats, time_s: float) -> Floats:
        height, width = ground.shape[:2]
        shift = np.array([[1, 0, self.at(time_s)[0]], [0, 1, self.at(time_s)[1]]], np.float32)
        cover = cv2.warpAffine(np.ones((SIDE, SIDE), np.float32), shift, (width, height))[..., np.newaxis]
        patch = cv2.warpAffine(texture(1, (SIDE, SIDE)), shift, (width, height))
        return np.asarray(ground * (1 - cover) + patch * cover, np.float32)


def as_image(picture: Floats) -> Image:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def drawn(patch: Patch, fps: int, seconds: float) -> list[Motion]:
    """What is seen of a patch on a still ground, at LARGE."""
    ground = texture(0, LARGE)
    times_s = [number / fps for number in range(round(seconds * fps) + 1)]
    return read([as_image(patch.painted(ground, time_s)) for time_s in times_s], times_s, LARGE)


def shaken(pictures: list[Floats], most_px: int = 6) -> list[Image]:
    """As a camera on a shaking pole sees them: cut out of larger ones, a few pixels off in any direction."""
    chance = np.random.RandomState(5)
    found = []
    for picture in pictures:
        x, y = chance.randint(0, most_px + 1, 2)
        found.append(as_image(picture[y : y + LARGE[0], x : x + LARGE[1]]))
    return found


def test_what_moves_stands_out_and_the_first_frame_knows_of_no_motion() -> None:
    first, *later = read(moving(8, size=SIZE), [number / 10 for number in range(8)])
    assert (first.frames, first.planes.shape, str(first.planes.dtype)) == (0, (PLANES, 12, 20), "uint8")
    assert not first.planes.any()
    assert [motion.frames for motion in later] == list(range(1, 8))
    share = seen(later[-1]).share[0]
    assert share[5:7, 4:6].min() > 0.95
    assert not share[:, 12:].any()


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("velocity", [(20.0, 0.0), (-30.0, 20.0), (60.0, 15.0)])
def test_speed_and_direction_are_those_of_what_moves(fps: int, velocity: tuple[float, float]) -> None:
    patch = Patch((40.0, 80.0) if velocity[0] > 0 else (200.0, 60.0), velocity)
    found, inside = seen(drawn(patch, fps, 1.6)[-1]), (0, *patch.cells(1.6))
    speed = float(np.hypot(*velocity))
    assert found.across[inside].mean() == pytest.approx(velocity[0], abs=0.15 * speed)
    assert found.down[inside].mean() == pytest.approx(velocity[1], abs=0.15 * speed)
    assert found.speed[inside].mean() == pytest.approx(speed, rel=0.15)
    assert found.share[inside].min() > 0.95
    x, y = patch.at(1.6)
    nowhere_near = np.ones(found.share[0].shape, bool)
    nowhere_near[max(0, int(y) // 8 - 3) : int(y) // 8 + 12, max(0, int(x) // 8 - 3) : int(x) // 8 + 12] = False
    assert not found.share[0, nowhere_near].any()


def test_speeds_are_the_same_at_every_rate() -> None:
    patch = Patch((40.0, 80.0), (40.0, -10.0))
    inside = (0, *patch.cells(1.6))
    speeds = [float(seen(drawn(patch, fps, 1.6)[-1]).speed[inside].mean()) for fps in RATES]
    assert max(speeds) <= 1.05 * min(speeds)


@pytest.mark.parametrize("fps", [5, 25])
def test_noise_in_the_dark_is_no_motion(fps: int) -> None:
    chance = np.random.RandomState(2)
    pictures = [as_image(chance.normal(20, 8, (*LARGE, 3)).astype(np.float32)) for _ in range(2 * fps)]
    later = read(pictures, [number / fps for number in range(2 * fps)], LARGE)[1:]
    assert max(float(seen(motion).share.max()) for motion in later) <= 0.05
    assert max(float(seen(motion).speed.max()) for motion in later) <= 5.0


@pytest.mark.parametrize("fps", [5, 10])
def test_a_whole_picture_that_shakes_does_not_move(fps: int) -> None:
    wide = texture(0, (LARGE[0] + 6, LARGE[1] + 6))
    later = read(shaken([wide] * 20), [number / fps for number in range(20)], LARGE)[1:]
    assert max(float(seen(motion).share.mean()) for motion in later) <= 0.01


def test_what_moves_in_a_picture_that_shakes_stands_out_all_the_same() -> None:
    patch = Patch((40.0, 80.0), (40.0, 0.0))
    wide, times_s = texture(0, (LARGE[0] + 6, LARGE[1] + 6)), [number / 10 for number in range(17)]
    motions = read(shaken([patch.painted(wide, time_s) for time_s in times_s]), times_s, LARGE)
    found, inside = seen(motions[-1]), (0, *patch.cells(1.6))
    assert found.share[inside].min() > 0.95
    assert found.across[inside].mean() == pytest.approx(40, rel=0.15)
    assert found.down[inside].mean() == pytest.approx(0, abs=6)
    assert found.share[0, 2:-2, 24:-2].mean() <= 0.01


def test_what_has_left_the_picture_leaves_nothing_behind() -> None:
    patch = Patch((240.0, 80.0), (120.0, 0.0))  # outside after 0.94 s
    motions = drawn(patch, 10, 2.0)
    shares = [float(seen(motion).share.max()) for motion in motions]
    assert min(shares[2:9]) > 0.5
    # A fifth of a second is looked back.
    assert not any(shares[12:])


@pytest.mark.parametrize("fps", [5, 10])
def test_what_has_stopped_does_not_move(fps: int) -> None:
    ground, patch = texture(0, LARGE), Patch((40.0, 80.0), (40.0, 0.0))
    times_s = [number / fps for number in range(2 * fps)]
    pictures = [as_image(patch.painted(ground, min(time_s, 1.0))) for time_s in times_s]
    motions = read(pictures, times_s, LARGE)
    shares = {time_s: float(seen(motion).share.max()) for time_s, motion in zip(times_s, motions, strict=True)}
    assert min(share for time_s, share in shares.items() if 0.4 <= time_s <= 1) > 0.9
    assert not any(share for time_s, share in shares.items() if time_s > 1.3)


@pytest.mark.parametrize("step_s", [-3.0, 0.0, 60.0])
def test_a_gap_or_a_time_that_falls_begins_anew(step_s: float) -> None:
    pictures, times_s = moving(5, size=SIZE), [5.0, 5.1, 5.2, 5.2 + step_s, 5.3 + step_s]
    motions = read(pictures, times_s)
    assert [motion.frames for motion in motions] == [0, 1, 2, 0, 1]
    assert not motions[3].planes.any()
    # Of what was before nothing is left.
    assert motions[4].planes.tobytes() == read(pictures[3:], times_s[3:])[1].planes.tobytes()


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
    # A velocity of 0 is the middle of the scale, a speed and a share are its lower end.
    assert [set(plane.ravel().tolist()) for plane in later.planes] == [{128}, {128}, {0}, {0}]


@pytest.mark.parametrize("size", [(16, 16), (16, 96), (32, 48)])
def test_small_pictures_in_which_all_changes_are_read(size: Size) -> None:
    chance = np.random.RandomState(1)
    pictures = [chance.randint(0, 256, (*size, 3)).astype(np.uint8) for _ in range(6)]
    assert [motion.frames for motion in read(pictures, [number / 5 for number in range(6)], size)] == list(range(6))
