"""Images as a source: order, clock, bit depths, orientation, and what is damaged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ConfigError, SourceError
from pipeline.types import Frame, Geometry, Image
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.pipeline.video.clips import GEOMETRY, SIZE, number_of, numbered, write_clip

ALL = Sampling(GEOMETRY)


def folder(path: Path, count: int = 12, suffix: str = ".png") -> Path:
    path.mkdir(exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(path / f"img{number}{suffix}"), numbered(number))
    return path


def read(path: Path, sampling: Sampling = ALL, input_fps: float | None = None) -> list[Frame]:
    (source,) = find_sources([path])
    with open_recording(source, input_fps=input_fps) as recording:
        return list(recording.frames(sampling))


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.pixels) for frame in frames]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp", ".ppm"])
def test_images_come_in_natural_order(suffix: str, tmp_path: Path) -> None:
    frames = read(folder(tmp_path / "shots", suffix=suffix))
    assert numbers(frames) == list(range(12))
    assert [frame.index for frame in frames] == list(range(12))


def test_without_a_clock_every_image_is_taken_whatever_the_rate(tmp_path: Path) -> None:
    frames = read(folder(tmp_path / "shots"), Sampling(GEOMETRY, fps=0.5, from_s=2, until_s=10))
    assert numbers(frames) == list(range(2, 10))
    assert [frame.time_s for frame in frames] == list(range(2, 10))


def test_with_a_rate_images_are_sampled_as_video_is(tmp_path: Path) -> None:
    path = folder(tmp_path / "shots")
    frames = read(path, Sampling(GEOMETRY, fps=5), input_fps=10)
    assert numbers(frames) == [0, 2, 4, 6, 8, 10]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_images_have_motion_where_they_have_a_clock(tmp_path: Path) -> None:
    path, sampling = folder(tmp_path / "shots"), Sampling(GEOMETRY, motion=True)
    assert [frame.motion for frame in read(path, sampling)] == [None] * 12
    known = [frame.motion.frames for frame in read(path, sampling, input_fps=10) if frame.motion is not None]
    assert (known[:4], len(known)) == ([0, 1, 2, 3], 12)


def test_facts_are_known_after_opening(tmp_path: Path) -> None:
    (source,) = find_sources([folder(tmp_path / "shots")])
    with open_recording(source) as recording:
        assert (recording.name, recording.size, recording.rate, recording.live) == (
            "shots",
            SIZE,
            None,
            False,
        )
        assert recording.expected_frames(Sampling(GEOMETRY, fps=5)) == 12
        assert recording.expected_frames(Sampling(GEOMETRY, from_s=2, until_s=10)) == 8
    with open_recording(source, input_fps=10) as recording:
        assert (recording.duration_s, recording.rate) == (1.2, 10.0)
        assert recording.expected_frames(Sampling(GEOMETRY, fps=5)) == 6


@pytest.mark.parametrize("kind", ["colour", "grey", "16 bit", "alpha"])
def test_every_bit_depth_becomes_8_bit_rgb(kind: str, tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 128, 3)).astype(np.uint8)
    if kind == "grey":
        rgb[:] = rgb[..., :1]
    stored: dict[str, NDArray[np.uint8] | NDArray[np.uint16]] = {
        "colour": rgb[..., ::-1],
        "grey": rgb[..., 0],
        "16 bit": rgb[..., ::-1].astype(np.uint16) * 256 + 77,
        "alpha": np.dstack([rgb[..., ::-1], rgb[..., 0]]),
    }
    cv2.imwrite(str(tmp_path / "one.png"), stored[kind])
    (frame,) = read(tmp_path / "one.png")
    np.testing.assert_array_equal(frame.pixels, rgb)


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF header of one entry."""
    entry = bytes.fromhex("0112 0003 00000001") + orientation.to_bytes(2) + b"\0\0"
    exif = b"Exif\0\0MM\0*" + (8).to_bytes(4) + (1).to_bytes(2) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + jpeg[2:]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:16, :16] = 255
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    (tmp_path / "turned.jpg").write_bytes(with_orientation(jpeg, 6))  # to be turned clockwise
    (source,) = find_sources([tmp_path / "turned.jpg"])
    with open_recording(source) as recording:
        assert recording.size == (128, 64)
        (frame,) = recording.frames(Sampling(Geometry((128, 64))))
    assert frame.pixels[2, -3].min() > 200
    assert frame.pixels[-3, 2].max() < 50


def test_images_and_video_of_the_same_pixels_give_the_same_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures: list[Image] = [rng.integers(0, 256, (90, 150, 3)).astype(np.uint8) for _ in range(3)]
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture[..., ::-1])
    video = write_clip(tmp_path / "same.mkv", pictures, codec="ffv1", pix_fmt="bgr0")
    sampling = Sampling(Geometry((48, 80), 32), display_short_side=60)
    for image, frame in zip(read(tmp_path / "*.png", sampling), read(video, sampling), strict=True):
        np.testing.assert_array_equal(image.pixels, frame.pixels)
        assert image.display is not None
        assert frame.display is not None
        np.testing.assert_array_equal(image.display, frame.display)


def test_a_damaged_image_is_counted_and_passed_over(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = folder(tmp_path / "shots", 4, suffix=".bmp")
    (path / "img0.bmp").write_bytes(b"")
    (path / "img2.bmp").write_bytes((path / "img2.bmp").read_bytes()[:60])
    (source,) = find_sources([path])
    with open_recording(source) as recording:
        frames = list(recording.frames(ALL))
        assert recording.damaged == 2
    assert numbers(frames) == [1, 3]
    assert [(frame.index, frame.time_s) for frame in frames] == [(0, 1.0), (1, 3.0)]
    assert capfd.readouterr().err == ""


def test_images_none_of_which_can_be_decoded_are_refused(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_text("Not an image.")
    with pytest.raises(SourceError) as caught:
        read(tmp_path)
    assert str(caught.value) == f"{tmp_path}: none of its 2 images can be decoded; check that they are images."


def test_an_image_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    path = folder(tmp_path / "shots", 3)
    cv2.imwrite(str(path / "img1.png"), numbered(1, (128, 128)))
    with pytest.raises(SourceError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}/img1.png: this image is 128x128, another shape than the 64x128 of the first; "
        "put images of one shape into a folder."
    )


def test_an_image_that_vanished_is_an_error(tmp_path: Path) -> None:
    path = folder(tmp_path / "shots", 3)
    (source,) = find_sources([path])
    with open_recording(source) as recording:
        (path / "img1.png").unlink()
        with pytest.raises(SourceError) as caught:
            list(recording.frames(ALL))
    assert str(caught.value) == f"{path}/img1.png: it cannot be read (No such file or directory); check the file."


def test_an_impossible_rate_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "shots", 1)
    with pytest.raises(ConfigError) as caught:
        read(path / "img0.png", input_fps=0)
    assert str(caught.value) == f"{path}/img0.png: 0 images per second is no rate; choose one above 0."
