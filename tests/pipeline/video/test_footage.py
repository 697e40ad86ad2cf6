"""Footage that will disappoint is told from footage that will not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipeline.types import Frame, Image
from pipeline.video.footage import FootageCheck

HEIGHT, WIDTH = 180, 320
MOVES = "the camera moves in {}% of the footage: a model needs a fixed view, every turn will look like an anomaly."
DARK = "the picture is nearly black in {}% of the footage: little can be learned from it."

Scene = Callable[[int], Image]


def textured(height: int, width: int) -> Image:
    """Ground with detail of several sizes."""
    source = np.random.RandomState(1)
    layers = [
        cv2.resize(source.uniform(0, 1, (height // cell + 1, width // cell + 1, 3)), (width, height))
        for cell in (4, 12, 40)
    ]
    picture: Image = (40 + 160 * np.mean(layers, axis=0)).astype(np.uint8)
    return picture


GROUND = textured(HEIGHT + 200, WIDTH + 600)


def noisy(picture: Image, second: int, sigma: float = 5.0) -> Image:
    noise = np.random.RandomState(second).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def fixed(second: int) -> Image:
    return noisy(GROUND[:HEIGHT, :WIDTH], second)


def panning(second: int) -> Image:
    return noisy(GROUND[:HEIGHT, 12 * second : 12 * second + WIDTH], second)


def tilting(second: int) -> Image:
    return noisy(GROUND[5 * second : 5 * second + HEIGHT, :WIDTH], second)


def swaying(second: int) -> Image:
    """A pole in the wind: a pixel of 320."""
    return noisy(GROUND[:HEIGHT, second % 2 : second % 2 + WIDTH], second)


def dark(second: int) -> Image:
    return noisy((GROUND[:HEIGHT, :WIDTH] // 20), second, 2.0)


def flickering(second: int) -> Image:
    picture: Image = np.clip(fixed(second) * (0.6 + 0.4 * (second % 3)), 0, 255).astype(np.uint8)
    return picture


def crowd(people: int, width: int, contrast: float) -> Scene:
    """People in every colour who all walk to the right, about 20 pixels a second, over ground that stays.

    Args:
        width: of the smallest in pixels; the largest have twice as much, all are four times as high.
        contrast: of the ground; 0.3 is asphalt.
    """
    ground = GROUND[:HEIGHT, :WIDTH].astype(float)
    empty = (ground.mean() + contrast * (ground - ground.mean())).astype(np.uint8)

    def scene(second: int) -> Image:
        picture = empty.copy()
        source = np.random.RandomState(2)
        for _ in range(people):
            speed, across, y, broad = source.uniform(16, 24), source.randint(WIDTH), source.randint(20, HEIGHT), width
            broad += source.randint(width)
            colour = tuple(int(value) for value in source.randint(0, 255, 3))
            x = int(across + speed * second) % WIDTH
            cv2.ellipse(picture, (x, y - broad), (broad // 2, broad * 2), 0, 0, 360, colour, -1, cv2.LINE_AA)
        return noisy(picture, second)

    return scene


def checked(*scenes: tuple[Scene, range]) -> list[str]:
    """Warnings after these seconds of these scenes, at 2 frames a second."""
    check = FootageCheck()
    index = 0
    for scene, seconds in scenes:
        for second in seconds:
            pixels = scene(second)
            for half in (0.0, 0.5):
                check.add(Frame(index, second + half, pixels, (HEIGHT, WIDTH)))
                index += 1
    return check.warnings


@pytest.mark.parametrize("scene", [fixed, swaying, flickering])
def test_a_fixed_camera_is_not_told_off(scene: Scene) -> None:
    assert checked((scene, range(20))) == []


@pytest.mark.parametrize(
    ("people", "width", "contrast"),
    [(40, 5, 1.0), (10, 9, 1.0), (20, 9, 1.0), (20, 9, 0.3)],
    ids=["far", "few", "near", "near, on asphalt"],
)
def test_a_crowd_that_walks_one_way_is_no_movement_of_the_camera(people: int, width: int, contrast: float) -> None:
    assert checked((crowd(people, width, contrast), range(20))) == []


@pytest.mark.parametrize("scene", [panning, tilting])
def test_a_camera_that_turns_is_told(scene: Scene) -> None:
    assert checked((scene, range(20))) == [MOVES.format(100)]


def test_the_share_of_the_footage_is_told() -> None:
    assert checked((panning, range(11)), (lambda _: panning(10), range(11, 21))) == [MOVES.format(50)]


def test_a_camera_that_is_turned_once_is_not_told_off() -> None:
    turned: Scene = lambda second: noisy(GROUND[:HEIGHT, 40 : 40 + WIDTH], second)  # noqa: E731  # a scene
    assert checked((fixed, range(10)), (turned, range(10, 20))) == []


def test_too_little_footage_says_nothing_of_the_camera() -> None:
    assert checked((panning, range(5))) == []
    assert checked((panning, range(6))) == [MOVES.format(100)]


def test_another_recording_is_no_movement() -> None:
    places = [lambda _, left=left: GROUND[:HEIGHT, left : left + WIDTH] for left in range(0, 300, 15)]
    assert checked(*((place, range(2)) for place in places)) == []


def test_darkness_is_told_and_nothing_else() -> None:
    assert checked((dark, range(20))) == [DARK.format(100)]
    assert checked((fixed, range(15)), (dark, range(15, 20))) == [DARK.format(25)]


def test_a_moment_of_darkness_is_not_told() -> None:
    assert checked((fixed, range(17)), (dark, range(17, 20))) == []


def test_movement_and_darkness_are_both_told() -> None:
    assert checked((panning, range(10)), (dark, range(10, 20))) == [DARK.format(50), MOVES.format(100)]


def test_frames_between_the_seconds_are_not_looked_at() -> None:
    check = FootageCheck()
    for index in range(40):
        pixels = panning(index) if index % 5 else fixed(index)
        check.add(Frame(index, index / 5, pixels, (HEIGHT, WIDTH)))
    assert check.warnings == []


def test_no_footage_has_no_faults() -> None:
    assert FootageCheck().warnings == []


@pytest.mark.parametrize("size", [(32, 32), (16, 64), (64, 16), (720, 1280)])
def test_pictures_of_any_size_are_looked_at(size: tuple[int, int]) -> None:
    check = FootageCheck()
    for second in range(8):
        check.add(Frame(second, float(second), np.zeros((*size, 3), np.uint8), size))
    assert check.warnings == [DARK.format(100)]


def test_a_frame_is_left_as_it_was() -> None:
    pixels = fixed(0)
    before = pixels.copy()
    check = FootageCheck()
    check.add(Frame(0, 0.0, pixels, (HEIGHT, WIDTH)))
    check.add(Frame(1, 1.0, pixels, (HEIGHT, WIDTH)))
    assert np.array_equal(pixels, before)
