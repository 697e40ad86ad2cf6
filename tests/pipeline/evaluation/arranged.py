"""One small set, written in the arrangement of each layout, with the oddities of the real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from pipeline.types import Image

__all__ = ["LAYOUTS_OF_VIDEO", "WRITERS", "Kept", "Scene", "made_up"]

SIZE = (64, 64)
LAYOUTS_OF_VIDEO = frozenset({"ucsd", "stc", "avenue", "folder"})


@dataclass(frozen=True)
class Scene:
    """What is known of a scene before it is written.

    Attributes:
        training, tests: (64, 64, 3) RGB.
        labels: (tests,) whether each is abnormal; one is, though its mask is empty.
        masks: (tests, 32, 32), half the size of the pictures.
    """

    training: list[Image]
    tests: list[Image]
    labels: NDArray[np.bool_]
    masks: NDArray[np.bool_]


@dataclass(frozen=True)
class Kept:
    """Pictures as they can be read back, which JPEG changes, in the order of the scene."""

    training: list[Image]
    tests: list[Image]


def made_up(seed: int) -> Scene:
    """Noise on grey, 40 pictures to fit on and 24 to score, of which the last half have a brighter patch."""
    source = np.random.RandomState(seed)
    training, tests = ([_noise(source) for _ in range(count)] for count in (40, 24))
    masks = np.zeros((24, 32, 32), dtype=bool)
    for picture, mask in zip(tests[12:], masks[12:], strict=True):
        for _ in range(source.randint(1, 3)):
            x, y, width, height = *source.randint(1, 20, size=2), *source.randint(3, 9, size=2)
            mask[y : y + height, x : x + width] = True
        picture[mask.repeat(2, axis=0).repeat(2, axis=1)] += 45
    labels = np.array([number == 5 or number >= 12 for number in range(24)])
    return Scene(training, tests, labels, masks)


def _noise(source: np.random.RandomState) -> Image:
    # Without colour, of which JPEG would lose most.
    return np.clip(source.normal(128, 20, (*SIZE, 1)), 0, 200).astype(np.uint8).repeat(3, axis=2)


def _kept(path: Path, picture: NDArray[np.uint8]) -> Image:
    """Write a picture, RGB or a mask, and read it back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)
    read = cv2.imread(str(path))
    assert read is not None
    return np.ascontiguousarray(read[..., ::-1]).astype(np.uint8)


def _recording(path: Path, pictures: Sequence[Image], fps: int) -> None:
    """An AVI from which every picture comes back as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(fps))
        stream.height, stream.width, stream.pix_fmt = *SIZE, "bgr0"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))


def _halves() -> Iterator[tuple[int, list[int]]]:
    """Two clips, with normal and abnormal frames in each: their number from 1 and their frames."""
    yield 1, [*range(6), *range(12, 18)]
    yield 2, [*range(6, 12), *range(18, 24)]


def _put_back(kept: dict[int, Image]) -> list[Image]:
    return [kept[index] for index in sorted(kept)]


def ucsd(root: Path, scene: Scene) -> Kept:
    folder = root / "UCSDped9"
    kept = {}
    training = [_kept(folder / f"Train/Train001/{n:03d}.tif", item) for n, item in enumerate(scene.training, 1)]
    lines = ["TestVideoFile = {};"]
    for clip, frames in _halves():
        for number, index in enumerate(frames, start=1):
            kept[index] = _kept(folder / f"Test/Test{clip:03d}/{number:03d}.tif", scene.tests[index])
            _kept(folder / f"Test/Test{clip:03d}_gt/{number:03d}.bmp", scene.masks[index] * np.uint8(255))
        abnormal = ", ".join(f"{n}:{n}" for n, index in enumerate(frames, start=1) if scene.labels[index])
        lines.append(f"TestVideoFile{{end+1}}.gt_frame = [{abnormal}];")
    (folder / "Test/UCSDped9.m").write_text("\n".join(lines))
    return Kept(training, _put_back(kept))


def stc(root: Path, scene: Scene) -> Kept:
    _recording(root / "training/videos/07_001.avi", scene.training[:25], 24)
    _recording(root / "training/videos/07_002.avi", scene.training[25:], 24)
    _recording(root / "training/videos/13_001.avi", scene.training[:2], 24)
    for part in ("frame", "pixel"):
        (root / f"testing/test_{part}_mask").mkdir(parents=True)
    kept = {}
    for clip, frames in _halves():
        for number, index in enumerate(frames):
            kept[index] = _kept(root / f"testing/frames/07_{clip:04d}/{number:03d}.jpg", scene.tests[index])
        np.save(root / f"testing/test_frame_mask/07_{clip:04d}.npy", scene.labels[frames].astype(np.int8))
        np.save(root / f"testing/test_pixel_mask/07_{clip:04d}.npy", scene.masks[frames])
    return Kept(scene.training, _put_back(kept))


def avenue(root: Path, scene: Scene) -> Kept:
    _recording(root / "Avenue Dataset/training_videos/01.avi", scene.training, 25)
    truth = root / "ground_truth_demo/testing_label_mask"
    truth.mkdir(parents=True)
    for clip, frames in _halves():
        _recording(root / f"Avenue Dataset/testing_videos/{clip:02d}.avi", [scene.tests[index] for index in frames], 25)
        cells = np.empty((1, len(frames)), dtype=object)
        for number, index in enumerate(frames):
            cells[0, number] = scene.masks[index].astype(np.uint8)
        savemat(truth / f"{clip}_label.mat", {"volLabel": cells})
    return Kept(scene.training, scene.tests)


def mvtec(root: Path, scene: Scene) -> Kept:
    return _categories(root / "nut", scene, "good", "dent", ".png", "_mask.png")


def btad(root: Path, scene: Scene) -> Kept:
    return _categories(root / "01", scene, "ok", "ko", ".bmp", ".png")


def _categories(folder: Path, scene: Scene, normal: str, kind: str, suffix: str, mask_ending: str) -> Kept:
    training = [_kept(folder / f"train/{normal}/{n:04d}{suffix}", item) for n, item in enumerate(scene.training)]
    tests = []
    for number, (picture, label, mask) in enumerate(zip(scene.tests, scene.labels, scene.masks, strict=True)):
        tests.append(_kept(folder / f"test/{kind if label else normal}/{number:04d}{suffix}", picture))
        if label:
            _kept(folder / f"ground_truth/{kind}/{number:04d}{mask_ending}", mask * np.uint8(255))
    return Kept(training, tests)


def visa(root: Path, scene: Scene) -> Kept:
    lines = ["object,split,label,image,mask"]
    training, tests = [], []
    for number, picture in enumerate(scene.training):
        image = f"candle/Data/Images/Normal/{number:04d}.JPG"
        training.append(_kept(root / image, picture))
        lines.append(f"candle,train,normal,{image},")
    for number, (picture, label, mask) in enumerate(zip(scene.tests, scene.labels, scene.masks, strict=True), 100):
        image = f"candle/Data/Images/{'Anomaly' if label else 'Normal'}/{number:03d}.JPG"
        truth = f"candle/Data/Masks/Anomaly/{number:03d}.png" if label else ""
        tests.append(_kept(root / image, picture))
        if label:
            _kept(root / truth, mask * np.uint8(2))
        lines.append(f"candle,test,{'anomaly' if label else 'normal'},{image},{truth}")
    (root / "split_csv").mkdir()
    (root / "split_csv/1cls.csv").write_text("\n".join(lines))
    return Kept(training, tests)


def folder(root: Path, scene: Scene) -> Kept:
    training = [_kept(root / f"train/{number}.png", item) for number, item in enumerate(scene.training)]
    tests = [_kept(root / f"test/gate/{number}.png", item) for number, item in enumerate(scene.tests)]
    for part in ("labels", "masks"):
        (root / part).mkdir()
    (root / "labels/gate.csv").write_text("\n".join(str(int(label)) for label in scene.labels))
    np.save(root / "masks/gate.npy", scene.masks)
    return Kept(training, tests)


WRITERS: dict[str, Callable[[Path, Scene], Kept]] = {
    writer.__name__: writer for writer in (ucsd, stc, avenue, mvtec, btad, visa, folder)
}
