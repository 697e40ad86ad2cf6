"""Figures against scikit-learn, SciPy and the definitions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import precision_recall_curve, roc_auc_score

from pipeline.errors import ModelError, ShapeError
from pipeline.evaluation.metrics import KEPT_BYTES, FrameFigures, FrameMetrics, PixelFigures, PixelMetrics

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Counted = list[tuple[float, bool]]

# Other programs may slow one example down at any time.
ON_BUSY_MACHINES = settings(deadline=None)

# Few distinct scores, so that ties within and between the classes are the rule.
frames = st.lists(st.tuples(st.integers(-5, 5).map(float), st.booleans()), min_size=2, max_size=60)
two_classes = frames.filter(lambda counted: len({anomalous for _, anomalous in counted}) == 2)


def counted_frames(counted: Iterable[tuple[float, bool]]) -> FrameMetrics:
    metrics = FrameMetrics()
    for score, anomalous in counted:
        metrics.add(score, anomalous)
    return metrics


def counted_pixels(maps: Iterable[Map], masks: Iterable[Mask], kept_bytes: int = KEPT_BYTES) -> PixelMetrics:
    metrics = PixelMetrics(kept_bytes)
    for anomaly_map, mask in zip(maps, masks, strict=True):
        metrics.add(anomaly_map, mask)
    return metrics


def smooth(random: np.random.RandomState, count: int, height: int, width: int) -> NDArray[np.float64]:
    """Maps of smooth noise with unit deviation."""
    noise = ndimage.gaussian_filter(random.randn(count, height, width), (0, 3, 3))
    return np.asarray(noise / noise.std())


def footage(seed: int, count: int, height: int, width: int) -> tuple[list[Map], list[Mask]]:
    """Maps as of a detector that is often right, and masks with regions of all sizes; the last is normal."""
    random = np.random.RandomState(seed)
    masks = smooth(random, count, height, width) > 1.5
    masks[-1] = False
    maps = 10 + 3 * smooth(random, count, height, width) + 4 * ndimage.uniform_filter(masks * 1.0, (0, 5, 5))
    return list(np.abs(maps).astype(np.float32)), list(masks)


@pytest.fixture(scope="module")
def noise() -> NDArray[np.float32]:
    """Smooth noise of so many pixels that not all are kept."""
    noise = smooth(np.random.RandomState(0), 90, 240, 432).astype(np.float32)
    assert noise.nbytes > KEPT_BYTES
    return noise


def best_f1(anomalous: Sequence[bool] | Mask, scores: Sequence[float] | Map) -> float:
    precision, recall, _ = precision_recall_curve(anomalous, scores)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))


def aupro_by_definition(maps: list[Map], masks: list[Mask], limit: float) -> float:
    """Mean overlap over all regions at each threshold there is, integrated over the false positive rate."""
    normal = np.concatenate([m[~k] for m, k in zip(maps, masks, strict=True)])
    regions = [
        anomaly_map[labels == number]
        for anomaly_map, mask in zip(maps, masks, strict=True)
        for labels, count in [ndimage.label(mask, structure=np.ones((3, 3)))]
        for number in range(1, count + 1)
    ]
    x, y = [0.0], [0.0]
    for threshold in np.unique(maps)[::-1]:
        x.append(float(np.mean(normal >= threshold)))
        y.append(float(np.mean([np.mean(region >= threshold) for region in regions])))
    total = 0.0
    for left, right, low, high in zip(x, x[1:], y, y[1:], strict=False):
        if left < limit <= right:
            high = low + (high - low) * (limit - left) / (right - left)
        if left < limit:
            total += (min(right, limit) - left) * (low + high) / 2
    return total / limit


class TestFrames:
    @ON_BUSY_MACHINES
    @given(two_classes)
    def test_auroc_is_that_of_scikit_learn(self, counted: Counted) -> None:
        scores, anomalous = zip(*counted, strict=True)
        assert counted_frames(counted).result().auroc == pytest.approx(roc_auc_score(anomalous, scores), abs=1e-6)

    @ON_BUSY_MACHINES
    @given(two_classes)
    def test_f1_is_the_best_of_scikit_learns_curve(self, counted: Counted) -> None:
        scores, anomalous = zip(*counted, strict=True)
        assert counted_frames(counted).result().f1 == pytest.approx(best_f1(anomalous, scores), abs=1e-6)

    @ON_BUSY_MACHINES
    @given(st.lists(st.integers(0, 60), min_size=1, max_size=300), st.lists(st.integers(20, 80), min_size=1))
    def test_what_is_caught_is_the_most_that_any_threshold_catches(
        self, normal: list[int], abnormal: list[int]
    ) -> None:
        counted = [*((float(score), False) for score in normal), *((float(score), True) for score in abnormal)]
        best = max(
            sum(score > threshold for score in abnormal) / len(abnormal)
            for threshold in range(-1, 81)
            if 100 * sum(score > threshold for score in normal) <= len(normal)
        )
        assert counted_frames(counted).result().caught_1 == best

    def test_auroc_is_exact_for_scores_that_float32_cannot_tell_apart(self) -> None:
        counted = [(1.0, False), (1.0 + 1e-12, True), (1.0 + 2e-12, False), (1.0 + 3e-12, True)]
        assert counted_frames(counted).result().auroc == pytest.approx(0.75)

    @ON_BUSY_MACHINES
    @given(two_classes, st.floats(0.01, 100))
    def test_figures_do_not_change_with_the_scale(self, counted: Counted, scale: float) -> None:
        # Dividing by a threshold, and any other rising map.
        bent = [(np.arctan(score) * scale, anomalous) for score, anomalous in counted]
        assert counted_frames(bent).result() == counted_frames(counted).result()

    @ON_BUSY_MACHINES
    @given(frames, st.integers(0, 60))
    def test_figures_do_not_change_with_a_split(self, counted: Counted, cut: int) -> None:
        merged = counted_frames(counted[cut:])
        merged.merge(counted_frames(counted[:cut]))
        assert merged.result() == counted_frames(counted).result()

    def test_perfect_scores_give_1_equal_ones_a_half_and_reversed_ones_0(self) -> None:
        labels = [False, False, True, True, True]
        assert counted_frames(zip([1, 2, 3, 4, 5], labels, strict=True)).result() == FrameFigures(5, 1.0, 1.0, 1.0)
        assert counted_frames(zip([7] * 5, labels, strict=True)).result() == FrameFigures(5, 0.5, 0.75, 0.0)
        assert counted_frames(zip([5, 4, 3, 2, 1], labels, strict=True)).result().auroc == 0.0

    @pytest.mark.parametrize("labels", [[], [False, False], [True, True]])
    def test_one_class_alone_gives_a_count_and_no_figures(self, labels: list[bool]) -> None:
        assert counted_frames((1.0, label) for label in labels).result() == FrameFigures(len(labels), None, None, None)

    @pytest.mark.parametrize("score", [float("nan"), float("inf")])
    def test_a_score_that_is_no_number_is_refused(self, score: float) -> None:
        with pytest.raises(ModelError) as caught:
            FrameMetrics().add(score, True)
        assert str(caught.value) == f"the score of a frame is {score}, not a finite number; fit the model again."


class TestPixels:
    @pytest.mark.parametrize("seed", range(3))
    def test_auroc_is_that_of_scikit_learn(self, seed: int) -> None:
        maps, masks = footage(seed, 6, 120, 180)
        exact = roc_auc_score(np.ravel(masks), np.ravel(maps))
        assert 0.6 < exact < 0.99
        assert counted_pixels(maps, masks).result().auroc == pytest.approx(exact, abs=1e-4)

    @pytest.mark.parametrize("seed", range(3))
    def test_f1_is_the_best_of_scikit_learns_curve(self, seed: int) -> None:
        maps, masks = footage(seed, 6, 120, 180)
        exact = best_f1(np.ravel(masks), np.ravel(maps))
        assert counted_pixels(maps, masks).result().f1 == pytest.approx(exact, abs=1e-4)

    @pytest.mark.parametrize("seed", range(3))
    def test_aupro_is_that_of_its_definition(self, seed: int) -> None:
        maps, masks = footage(seed, 4, 24, 32)
        exact = aupro_by_definition(maps, masks, limit=0.3)
        assert 0.05 < exact < 0.95
        assert counted_pixels(maps, masks).result().aupro_30 == pytest.approx(exact, abs=1e-4)

    def test_aupro_is_that_of_its_definition_where_most_scores_are_equal(self) -> None:
        maps, masks = footage(0, 4, 24, 32)
        steps = [np.floor(anomaly_map / 4) for anomaly_map in maps]
        exact = aupro_by_definition(steps, masks, limit=0.3)
        assert counted_pixels(steps, masks).result().aupro_30 == pytest.approx(exact, abs=1e-6)

    # Down to scores that are neighbours in float32, and up to more than one doubling.
    @ON_BUSY_MACHINES
    @given(
        st.integers(0, 2**32 - 1),
        st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(2, 30)),
        st.floats(0.01, 0.99),
        st.sampled_from([1e-7, 1e-6, 1e-4, 0.01, 0.1, 1.0]),
        st.sampled_from([1e-3, 1.0, 1e4]),
    )
    def test_figures_of_few_pixels_are_exact(
        self, seed: int, shape: tuple[int, int, int], share: float, spread: float, scale: float
    ) -> None:
        random = np.random.RandomState(seed)
        masks = random.rand(*shape) < share
        masks.flat[:2] = True, False
        maps = np.abs(scale * (1 + spread * (random.randn(*shape) + masks))).astype(np.float32)
        figures = counted_pixels(maps, masks).result()
        assert figures.auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-6)
        assert figures.f1 == pytest.approx(best_f1(masks.ravel(), maps.ravel()), abs=1e-6)
        assert figures.aupro_30 == pytest.approx(aupro_by_definition(list(maps), list(masks), limit=0.3), abs=1e-6)

    # The mean of raw maps in standard deviations, or of divided ones; from 7,000 abnormal pixels to a million.
    @pytest.mark.parametrize(
        ("mean", "spread", "rarity"),
        [(0.5, 0.05, 1.3), (0.5, 0.05, 2.3), (0.5, 0.05, 3.2), (0.5, 0.2, 2.3), (20.0, 0.2, 3.2), (20.0, 0.6, 2.3)],
    )
    def test_figures_of_many_pixels_are_those_of_all_kept(
        self, noise: NDArray[np.float32], mean: float, spread: float, rarity: float
    ) -> None:
        masks = noise[::-1, ::-1] > rarity
        assert masks.sum() > 5000
        maps = np.abs(mean * (1 + spread * (noise + masks))).astype(np.float32)
        figures, exact = counted_pixels(maps, masks).result(), counted_pixels(maps, masks, 1 << 40).result()
        assert figures != exact
        assert figures.auroc == pytest.approx(exact.auroc, abs=1e-5)
        assert figures.f1 == pytest.approx(exact.f1, abs=1e-4)
        assert figures.aupro_30 == pytest.approx(exact.aupro_30, abs=1e-4)

    @ON_BUSY_MACHINES
    @given(st.integers(0, 2**32 - 1), st.integers(2, 3000), st.floats(0.01, 0.99), st.sampled_from([1e-5, 1e-3, 0.1]))
    def test_f1_of_histograms_loses_at_most_twice_the_share_of_a_bin(
        self, seed: int, count: int, share: float, spread: float
    ) -> None:
        random = np.random.RandomState(seed)
        masks = random.rand(1, 1, count) < share
        masks.flat[:2] = True, False
        bins = (1 + spread * random.rand(1, 1, count)).astype(np.float32).view(np.uint32) >> 8
        # At worst all abnormal pixels of a bin lie above its normal ones.
        maps = (bins << 8 | np.where(masks, 200, 50).astype(np.uint32)).view(np.float32)
        exact, found = (counted_pixels(maps, masks, kept_bytes).result().f1 for kept_bytes in (KEPT_BYTES, 0))
        assert exact is not None
        assert found is not None
        largest = np.unique(bins[masks], return_counts=True)[1].max() / masks.sum()
        assert exact - 2 * largest <= found <= exact

    def test_scores_out_of_range_of_the_histograms_are_ties(self) -> None:
        maps, masks = [np.array([[0.0, 1e-30, 1e30, 1e38]], np.float32)], [np.array([[False, True, False, True]])]
        assert counted_pixels(maps, masks).result().auroc == pytest.approx(3 / 4)
        assert counted_pixels(maps, masks, kept_bytes=0).result().auroc == pytest.approx((0.5 + 0 + 1 + 0.5) / 4)

    def test_aupro_counts_a_small_region_as_much_as_a_large_one(self) -> None:
        mask = np.zeros((10, 20), dtype=bool)
        mask[2:8, 2:8], mask[4, 15] = True, True
        large_found = np.where(np.arange(20) < 10, mask, 0).astype(np.float32)
        assert counted_pixels([large_found], [mask]).result().aupro_30 == pytest.approx(0.5 + 0.5 * 0.15)

    def test_pixels_that_touch_at_a_corner_are_one_region(self) -> None:
        mask = np.zeros((9, 9), dtype=bool)
        mask[2, 2], mask[3, 3], mask[7, 1:4] = True, True, True
        found = np.zeros((9, 9), dtype=np.float32)
        found[2, 2] = 1
        # Half of one of two regions; were there three, a third.
        assert counted_pixels([found], [mask]).result().aupro_30 == pytest.approx(0.25 + 0.75 * 0.15)

    @pytest.mark.parametrize("scale", [1e-30, 1e-3, 0.7, 1e6, 1e30])
    def test_figures_hardly_change_with_the_scale(self, scale: float) -> None:
        maps, masks = footage(1, 4, 60, 80)
        scaled = counted_pixels([anomaly_map * np.float32(scale) for anomaly_map in maps], masks).result()
        plain = counted_pixels(maps, masks).result()
        assert scaled.auroc == pytest.approx(plain.auroc, abs=1e-4)
        assert scaled.f1 == pytest.approx(plain.f1, abs=1e-4)
        assert scaled.aupro_30 == pytest.approx(plain.aupro_30, abs=1e-4)

    # All kept, none, and as many as two frames.
    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 100), st.integers(0, 5), st.sampled_from([KEPT_BYTES, 0, 2000]))
    def test_figures_do_not_change_with_a_split(self, seed: int, cut: int, kept_bytes: int) -> None:
        maps, masks = footage(seed, 5, 12, 16)
        merged = counted_pixels(maps[cut:], masks[cut:], kept_bytes)
        merged.merge(counted_pixels(maps[:cut], masks[:cut], kept_bytes))
        merged_figures, figures = merged.result(), counted_pixels(maps, masks, kept_bytes).result()
        assert (merged_figures.auroc, merged_figures.f1) == (figures.auroc, figures.f1)
        # Sums of 1 / size depend on their order in the last digit.
        assert merged_figures.aupro_30 == pytest.approx(figures.aupro_30, abs=1e-12)

    def test_perfect_maps_give_1_equal_ones_a_half(self) -> None:
        _, masks = footage(0, 4, 24, 32)
        perfect = [mask.astype(np.float32) for mask in masks]
        figures = counted_pixels(perfect, masks).result()
        assert (figures.auroc, figures.f1) == (1.0, 1.0)
        assert figures.aupro_30 == pytest.approx(1.0)
        constant = counted_pixels([np.full(mask.shape, 3, np.float32) for mask in masks], masks).result()
        assert constant.auroc == pytest.approx(0.5)
        assert constant.aupro_30 == pytest.approx(0.15)

    def test_minus_zero_is_zero(self) -> None:
        mask = np.array([[True, False]])
        figures = counted_pixels([np.array([[-0.0, 0.0]], dtype=np.float32)], [mask]).result()
        assert figures.auroc == 0.5

    @pytest.mark.parametrize("abnormal", [False, True])
    def test_one_class_alone_gives_no_figures(self, abnormal: bool) -> None:
        maps, masks = [np.ones((4, 5), np.float32)], [np.full((4, 5), abnormal)]
        assert counted_pixels(maps, masks).result() == PixelFigures(None, None, None)
        assert PixelMetrics().result() == PixelFigures(None, None, None)

    def test_memory_does_not_grow_with_the_number_of_frames(self) -> None:
        maps, masks = footage(0, 2, 480, 640)
        tracemalloc.start()
        metrics = PixelMetrics()
        for _ in range(20):
            metrics.add(maps[0], masks[0])
            metrics.merge(counted_pixels(maps[1:], masks[1:]))
        full, _ = tracemalloc.get_traced_memory()
        metrics.merge(counted_pixels(maps, masks))
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert abs(kept - full) < 1e5
        assert peak < 64e6

    @pytest.mark.parametrize("value", [-1.0, float("nan"), -float("nan"), float("inf"), -float("inf")])
    def test_a_map_with_a_number_that_is_none_of_a_distance_is_refused(self, value: float) -> None:
        anomaly_map = np.ones((4, 5), dtype=np.float32)
        anomaly_map[2, 3] = value
        with pytest.raises(ModelError) as caught:
            PixelMetrics().add(anomaly_map, np.zeros((4, 5), dtype=bool))
        assert str(caught.value) == (
            "an anomaly map holds a number that is negative or not finite; fit the model again."
        )

    def test_a_mask_of_another_size_is_refused(self) -> None:
        with pytest.raises(ShapeError) as caught:
            PixelMetrics().add(np.ones((4, 5), dtype=np.float32), np.zeros((5, 4), dtype=bool))
        assert str(caught.value) == "the mask of an anomaly map is (5, 4), expected (4, 5)."
