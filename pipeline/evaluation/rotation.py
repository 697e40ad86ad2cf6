"""Rd-MVTec AD (Defard et al. 2020, section IV-A): pictures that are not aligned, made from those that are.

Each picture, for training as for scoring, is resized to 256×256, turned by a random angle within ±10° and cut to
224×224 at a random place; so is its mask. The angle and the place follow from the seed and the picture's name, so they
are the same whatever the order, or what else is in the set. What a turn brings in at the corners is mirrored, in the
mask too: the paper does not say what it used, and black corners would be anomalies of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.layouts import LabelledFootage, Scene
from pipeline.evaluation.layouts.masks import MaskArray
from pipeline.files import output_error
from pipeline.types import Geometry, Image, Size
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source, SourceKind, find_sources

__all__ = ["ROTATED_SIZE", "rotated_and_cropped"]

WHOLE: Size = (256, 256)
# Size of the pictures that are made.
ROTATED_SIZE: Size = (224, 224)
DEGREES = 10.0

Counted = Callable[[int, int], None]


@contextmanager
def rotated_and_cropped(scene: Scene, seed: int, progress: Counted) -> Iterator[Scene]:
    """The scene with all its pictures rotated and cropped, in a temporary folder that is removed on leaving.

    Args:
        scene: one of pictures.
        progress: called with the pictures so far and the pictures in all.
    Raises:
        SourceError: a picture, or its mask, cannot be read.
        OutputError: there is no room for the pictures.
    """
    training = [path for source in find_sources(scene.training) for path in source.pictures]
    total = len(training) + len(scene.tests)
    with TemporaryDirectory(prefix="stillwatch-") as place:
        fitted, scored = (Path(place, part) for part in ("train", "test"))
        fitted.mkdir()
        scored.mkdir()
        for number, path in enumerate(training):
            cut = _Cut.drawn(seed, f"{scene.name}/train/{Path(path).name}")
            _write(fitted / f"{number}.png", cut.applied(_read(path)))
            progress(number + 1, total)
        tests = []
        for number, footage in enumerate(scene.tests):
            cut = _Cut.drawn(seed, f"{scene.name}/test/{footage.name}")
            tests.append(_labelled(footage, cut, scored / f"{number}.png"))
            progress(len(training) + number + 1, total)
        yield replace(scene, training=(fitted,), tests=tuple(tests))


@dataclass(frozen=True, slots=True)
class _Cut:
    """How one picture is turned and cut.

    Attributes:
        degrees: counter-clockwise.
        top, left: of the part that is kept.
    """

    degrees: float
    top: int
    left: int

    @classmethod
    def drawn(cls, seed: int, name: str) -> Self:
        random = np.random.RandomState([seed, crc32(name.encode("utf-8", "surrogateescape"))])
        degrees = random.uniform(-DEGREES, DEGREES)
        top, left = (int(random.randint(whole - kept + 1)) for whole, kept in zip(WHOLE, ROTATED_SIZE, strict=True))
        return cls(degrees, top, left)

    def applied(self, pixels: Image, interpolation: int = cv2.INTER_CUBIC) -> NDArray[Any]:
        """What becomes of a picture or mask of 256×256."""
        height, width = WHOLE
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.degrees, 1.0)
        turned = cv2.warpAffine(pixels, turn, (width, height), flags=interpolation, borderMode=cv2.BORDER_REFLECT_101)
        return turned[self.top : self.top + ROTATED_SIZE[0], self.left : self.left + ROTATED_SIZE[1]]


def _labelled(footage: LabelledFootage, cut: _Cut, path: Path) -> LabelledFootage:
    _write(path, cut.applied(_read(str(footage.footage))))
    mask = footage.truth(0, WHOLE).mask
    if mask is None:
        return replace(footage, footage=path)
    turned = cut.applied(mask.view(np.uint8), cv2.INTER_NEAREST)
    return replace(footage, footage=path, masks=MaskArray(path, turned[None]))


def _read(path: str) -> Image:
    """(256, 256, 3) picture, resized as for a model."""
    with open_recording(Source(path, SourceKind.IMAGES, (path,))) as recording:
        return next(iter(recording.frames(Sampling(Geometry(WHOLE))))).pixels


def _write(path: Path, picture: Image) -> None:
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise output_error(path, error) from error
