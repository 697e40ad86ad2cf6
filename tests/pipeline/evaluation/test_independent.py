"""Figures of every layout against a computation that knows nothing of layouts, files of masks or histograms.

The test makes pictures, labels and masks up itself, writes them in each arrangement, and computes the figures of the
same pictures from arrays in float64.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from pipeline.evaluation.layouts import LAYOUTS
from pipeline.evaluation.report import Metrics
from pipeline.evaluation.run import evaluate
from pipeline.fit import FitOptions, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import Hardware, choose_hardware
from pipeline.model.settings import Method, Settings
from pipeline.types import Image
from pipeline.video.sources import find_sources
from tests.pipeline.evaluation.arranged import LAYOUTS_OF_VIDEO, WRITERS, made_up

# Pictures are fitted here as they are, and as frames there: the shrinkage is to be the same.
SETTINGS = Settings(Method.PADIM, shrinkage=0.1, backbone="resnet18", weights="random", taps=("layer1",), dims=8)
# Every frame of a recording is fitted on: none has a higher rate.
OPTIONS = FitOptions(SETTINGS, short_side=64, fps=100.0)

DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="module")
def hardware() -> Hardware:
    return choose_hardware("torch", "cpu", 2)


def expected(
    scores: NDArray[np.float64], maps: NDArray[np.float64], labels: NDArray[np.bool_], masks: NDArray[np.bool_]
) -> dict[str, float]:
    """Figures of (N,) scores and labels and (N, H, W) maps and masks."""
    pixels, truth = maps.ravel(), masks.ravel()
    return {
        "auroc": float(roc_auc_score(labels, scores)),
        "f1": best_f1(scores, labels),
        "caught_1": caught_1(scores, labels),
        "pixel_auroc": float(roc_auc_score(truth, pixels)),
        "pixel_f1": best_f1(pixels, truth),
        "aupro_30": aupro_30(pixels, truth, region_weights(masks)),
    }


def compare(metrics: Metrics, whole: str, known: dict[str, float]) -> None:
    """Figures of frames, or images, and pixels against those that are known."""
    figures = {name.removeprefix(f"{whole}_"): figure for name, figure in metrics.present().items()}
    assert {name: figures[name] for name in known} == pytest.approx(known, abs=1e-4)


def ends_of_ties(ordered: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of falling scores the last of each that are equal: a threshold takes them all or none."""
    return np.append(ordered[1:] != ordered[:-1], True)


def best_f1(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    order = np.argsort(-scores, kind="stable")
    hits, alarms = np.cumsum(truth[order]), np.arange(1, len(order) + 1)
    f1 = 2 * hits / (alarms + truth.sum())
    return float(f1[ends_of_ties(scores[order])].max())


def caught_1(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Share of the abnormal above the lowest score that at most 1 % of the normal are above."""
    normal = np.sort(scores[~truth])[::-1]
    return float(np.mean(scores[truth] > normal[len(normal) // 100]))


def region_weights(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N · H · W,) of each abnormal pixel its share of the mean overlap of all regions."""
    weights = np.zeros(masks.shape)
    regions = 0
    for mask, weight in zip(masks, weights, strict=True):
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        for number in range(1, count + 1):
            weight[labels == number] = 1 / np.sum(labels == number)
        regions += count
    return weights.ravel() / regions


def aupro_30(pixels: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Mean overlap over the false positive rate from 0 to 0.3, as a share of that stretch."""
    order = np.argsort(-pixels, kind="stable")
    ends = ends_of_ties(pixels[order])
    rate = np.append(0.0, (np.cumsum(~truth[order]) / np.sum(~truth))[ends])
    overlap = np.append(0.0, np.cumsum(weights[order])[ends])
    at_limit = np.interp(0.3, rate, overlap)
    inside = rate < 0.3
    return float(np.trapezoid(np.append(overlap[inside], at_limit), np.append(rate[inside], 0.3)) / 0.3)


def fitted(training: list[Image], place: Path, options: FitOptions, hardware: Hardware) -> Detector:
    """A model of pictures, from a plain folder of them."""
    place.mkdir()
    for number, picture in enumerate(training):
        cv2.imwrite(str(place / f"{number}.png"), picture[..., ::-1])
    result = fit_footage(find_sources([place]), options, hardware)
    return Detector(result.model, result.engine)


def scored(detector: Detector, pictures: list[Image]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) scores and (N, H, W) maps, a few pictures at a time."""
    parts = [detector.score(np.stack(pictures[start : start + 8])) for start in range(0, len(pictures), 8)]
    scores = np.concatenate([np.asarray(part.raw_scores, np.float64) for part in parts])
    return scores, np.concatenate([part.maps.numpy() for part in parts]).astype(np.float64)


def test_every_layout_is_tried() -> None:
    assert set(WRITERS) == set(LAYOUTS)


@pytest.mark.parametrize("layout", sorted(WRITERS))
def test_figures_are_those_of_an_independent_computation(layout: str, tmp_path: Path, hardware: Hardware) -> None:
    scene = made_up(seed=len(layout))
    (tmp_path / "set").mkdir()
    kept = WRITERS[layout](tmp_path / "set", scene)
    detector = fitted(kept.training, tmp_path / "plain", OPTIONS, hardware)
    scores, maps = scored(detector, kept.tests)
    masks = scene.masks.repeat(2, axis=1).repeat(2, axis=2)
    # Avenue has no labels of frames but its masks.
    labels = np.asarray(scene.masks.any(axis=(1, 2))) if layout == "avenue" else scene.labels

    (metrics,) = evaluate(layout, tmp_path / "set", OPTIONS, hardware).scenes.values()
    whole = "frame" if layout in LAYOUTS_OF_VIDEO else "image"
    compare(metrics, whole, expected(scores, maps, labels, masks))
    assert metrics.frames == 24
    assert metrics.pixel_auroc is not None
    assert 0.6 < metrics.pixel_auroc < 0.999


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the footage in ../shared")
def test_figures_of_magnetic_tiles_are_those_of_an_independent_computation(tmp_path: Path, hardware: Hardware) -> None:
    tiles, few = DATA / "tiles" / "magnetic_tile", tmp_path / "set" / "few"
    # Every twelfth tile: of all of them it would take a minute.
    training, good = (sorted((tiles / part).iterdir())[::12] for part in ("train/good", "test/good"))
    kinds = sorted(path for path in (tiles / "test").iterdir() if path.name != "good")
    defective = [path for kind in kinds for path in sorted(kind.iterdir())[::12]]
    truth = [tiles / "ground_truth" / path.parent.name / f"{path.stem}_mask.png" for path in defective]
    for path in (*training, *good, *defective, *truth):
        link = few / path.relative_to(tiles)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)

    options = FitOptions(SETTINGS, resize=(256, 256))
    detector = fitted([_rgb(path) for path in training], tmp_path / "plain", options, hardware)
    scores, maps = scored(detector, [_rgb(path) for path in (*good, *defective)])
    masks = np.stack([*(np.zeros((256, 256), dtype=bool) for _ in good), *(_rgb(path)[..., 0] > 0 for path in truth)])
    labels = np.array([False] * len(good) + [True] * len(defective))

    metrics = evaluate("mvtec", few, options, hardware).scenes["few"]
    compare(metrics, "image", expected(scores, maps, labels, masks))
    assert metrics.frames == len(labels)


def _rgb(path: Path) -> Image:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1]).astype(np.uint8)
