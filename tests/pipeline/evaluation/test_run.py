"""A data set from its folders to its figures, against the same figures computed another way."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipeline.evaluation.run import evaluate
from pipeline.fit import FitOptions, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import Hardware, choose_hardware
from pipeline.model.settings import Settings
from pipeline.types import Image
from pipeline.video.sources import find_sources

SIZE = (64, 64)
OPTIONS = FitOptions(Settings(backbone="resnet18", weights="random", taps=("layer1",), dims=8), short_side=64)


def tile(seed: int, *, defect: bool = False) -> tuple[Image, NDArray[np.uint8]]:
    """(64, 64, 3) picture of noise on grey, and its mask of 0 and 255."""
    source = np.random.RandomState(seed)
    picture = np.clip(source.normal(128, 20, (*SIZE, 3)), 0, 255).astype(np.uint8)
    mask = np.zeros(SIZE, np.uint8)
    if defect:
        x, y = source.randint(4, 40, size=2)
        mask[y : y + 14, x : x + 14] = 255
        picture[mask > 0] = np.clip(picture[mask > 0].astype(int) + 45, 0, 255)
    return picture, mask


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiles")
    for number in range(40):
        _write(root / "tile" / "train" / "good" / f"{number}.png", tile(number)[0])
    for number in range(8):
        _write(root / "tile" / "test" / "good" / f"{number}.png", tile(100 + number)[0])
        picture, mask = tile(200 + number, defect=True)
        _write(root / "tile" / "test" / "dent" / f"{number}.png", picture)
        _write(root / "tile" / "ground_truth" / "dent" / f"{number}_mask.png", mask)
    return root


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


@pytest.fixture(scope="module")
def hardware() -> Hardware:
    return choose_hardware("torch", "cpu", 2)


def test_figures_are_those_of_an_independent_computation(tiles: Path, hardware: Hardware) -> None:
    metrics = evaluate("mvtec", tiles, OPTIONS, hardware).scenes["tile"]
    fitted = fit_footage(find_sources([tiles / "tile" / "train" / "good"]), OPTIONS, hardware)
    pictures = [tile(100 + number)[0] for number in range(8)] + [tile(200 + n, defect=True)[0] for n in range(8)]
    masks = np.stack([tile(100 + n)[1] for n in range(8)] + [tile(200 + n, defect=True)[1] for n in range(8)]) > 0
    scores = Detector(fitted.model, fitted.engine).score(np.stack(pictures)[..., ::-1].copy())  # BGR, as written
    assert metrics.frames == 16
    assert metrics.image_auroc == pytest.approx(roc_auc_score([0] * 8 + [1] * 8, scores.raw_scores), abs=1e-6)
    assert metrics.pixel_auroc == pytest.approx(roc_auc_score(masks.ravel(), scores.maps.numpy().ravel()), abs=1e-4)


def test_a_crop_cuts_masks_as_it_cuts_pictures(tiles: Path, hardware: Hardware) -> None:
    options = FitOptions(OPTIONS.settings, resize=(80, 80), crop=64)
    metrics = evaluate("mvtec", tiles, options, hardware).scenes["tile"]
    assert metrics.pixel_auroc is not None
    assert metrics.pixel_auroc > 0.9


def test_progress_names_what_is_done(tiles: Path, hardware: Hardware) -> None:
    told: list[tuple[str, int, int | None]] = []
    evaluate("mvtec", tiles, OPTIONS, hardware, told=lambda *step: told.append(step))
    assert told[39] == ("tile: fitting", 40, 40)
    assert told[40:] == [("tile: scoring", number, 16) for number in range(1, 17)]


def test_stopped_early_it_gives_the_scenes_that_were_finished(tiles: Path, hardware: Hardware) -> None:
    stop = Event()

    def enough(what: str, done: int, total: int | None) -> None:
        if what == "tile: scoring" and done == 3:
            stop.set()

    results = evaluate("mvtec", tiles, OPTIONS, hardware, told=enough, stop=stop)
    assert results.scenes == {}
