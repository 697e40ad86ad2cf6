"""RBDC and TBDC, worked out by hand and by a plain computation that takes every threshold and every pixel in turn."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.evaluation.regions import THRESHOLDS, RegionFigures, RegionMetrics

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Recording = list[tuple[Map, Mask]]
Pixels = frozenset[tuple[int, int]]

CORNERS = np.ones((3, 3))
OURS = [2 ** (number / 28) / 8 for number in range(THRESHOLDS)]


def counted(recordings: Iterable[Recording]) -> RegionMetrics:
    metrics = RegionMetrics()
    for recording in recordings:
        for anomaly_map, mask in recording:
            metrics.add(anomaly_map, mask)
        metrics.end()
    return metrics


def figures(*frames: tuple[Map, Mask]) -> RegionFigures:
    """Figures of one recording."""
    return counted([list(frames)]).result()


def picture(**boxes: tuple[float, slice, slice]) -> Map:
    """(12, 40) map of zeros with boxes of a score."""
    scores = np.zeros((12, 40), np.float32)
    for score, rows, columns in boxes.values():
        scores[rows, columns] = score
    return scores


def mask_of(*boxes: tuple[slice, slice]) -> Mask:
    mask = np.zeros((12, 40), dtype=bool)
    for box in boxes:
        mask[box] = True
    return mask


LEFT, RIGHT, MIDDLE = np.s_[2:6, 2:6], np.s_[2:6, 30:36], np.s_[7:10, 15:20]
NOTHING = mask_of()


class TestByHand:
    def test_what_is_found_exactly_gives_1(self) -> None:
        found = picture(left=(2, *LEFT), right=(0.4, *RIGHT)), mask_of(LEFT, RIGHT)
        assert figures(found, found) == RegionFigures(1.0, 1.0)

    def test_what_is_never_found_gives_0(self) -> None:
        assert figures((picture(middle=(2, *MIDDLE)), mask_of(LEFT))) == RegionFigures(0.0, 0.0)

    def test_normal_footage_alone_gives_none(self) -> None:
        assert figures((picture(middle=(2, *MIDDLE)), NOTHING)) == RegionFigures(None, None)
        assert RegionMetrics().result() == RegionFigures(None, None)

    def test_false_regions_are_counted_by_frame(self) -> None:
        # One of two regions is found without a false one, the other below a false one in two frames.
        first = picture(left=(8, *LEFT)), mask_of(LEFT)
        second = picture(middle=(4, *MIDDLE), right=(2, *RIGHT)), mask_of(RIGHT)
        assert figures(first, second) == RegionFigures(0.5 * 0.5 + 0.5, 0.5 * 0.5 + 0.5)
        # Of four frames it is one in four.
        normal = picture(), NOTHING
        assert figures(first, second, normal, normal) == RegionFigures(0.25 * 0.5 + 0.75, 0.25 * 0.5 + 0.75)

    def test_beyond_one_false_region_a_frame_nothing_counts_and_the_line_to_there_is_straight(self) -> None:
        # Two false regions in one frame come before anything is found.
        late = picture(middle=(4, *MIDDLE), right=(4, *RIGHT), left=(2, *LEFT)), mask_of(LEFT)
        assert figures(late) == RegionFigures(0.0, 0.0)
        # All three at once: at one false region half of what is found at two.
        at_once = picture(middle=(4, *MIDDLE), right=(4, *RIGHT), left=(4, *LEFT)), mask_of(LEFT)
        assert figures(at_once) == RegionFigures(0.25, 0.25)

    def test_an_iou_of_a_tenth_detects_and_less_is_false(self) -> None:
        truth = mask_of(np.s_[0:1, 0:4])
        tenth, less = np.s_[0:1, 0:40], np.s_[0:2, 0:21]  # 4 of 40, 4 of 42
        assert figures((picture(one=(2, *tenth)), truth)) == RegionFigures(1.0, 1.0)
        assert figures((picture(one=(2, *less)), truth)) == RegionFigures(0.0, 0.0)

    def test_one_region_can_detect_two_and_is_not_false(self) -> None:
        over_both = np.s_[2:6, 2:36]
        assert figures((picture(one=(2, *over_both)), mask_of(LEFT, RIGHT))) == RegionFigures(1.0, 1.0)

    def test_two_regions_on_one_of_the_truth_are_both_right(self) -> None:
        halves = picture(upper=(2, *np.s_[2:4, 30:36]), lower=(2, *np.s_[5:6, 30:36]))
        assert figures((halves, mask_of(RIGHT))) == RegionFigures(1.0, 1.0)

    def test_pixels_that_touch_at_a_corner_are_one_region(self) -> None:
        scores = picture(one=(2, *np.s_[2:4, 2:4]), other=(2, *np.s_[4:6, 4:6]), false=(4, *np.s_[10:11, 10:11]))
        scores[11, 11] = 4
        # Were the false ones two, the curve would be cut half way to them.
        assert figures((scores, mask_of(LEFT)), (picture(), NOTHING)) == RegionFigures(0.5, 0.5)

    def test_a_track_needs_a_tenth_of_its_regions(self) -> None:
        hit, miss = (picture(left=(2, *LEFT)), mask_of(LEFT)), (picture(), mask_of(LEFT))
        assert figures(*[hit] * 2, *[miss] * 18) == RegionFigures(0.1, 1.0)
        assert figures(*[hit] * 2, *[miss] * 19) == RegionFigures(2 / 21, 0.0)

    def test_a_track_is_followed_where_it_overlaps_itself(self) -> None:
        # It moves by three columns a frame and is seen in the first of four. Another lies still and is never seen.
        first, *others = [np.s_[2:6, column : column + 5] for column in (0, 3, 6, 9)]
        still = np.s_[8:10, 0:9]
        frames = [(picture(), mask_of(place, still)) for place in others]
        assert figures((picture(one=(2, *first)), mask_of(first, still)), *frames) == RegionFigures(1 / 8, 0.5)

    def test_tracks_do_not_go_on_into_the_next_recording(self) -> None:
        hit, miss = (picture(left=(2, *LEFT)), mask_of(LEFT)), (picture(), mask_of(LEFT))
        assert counted([[hit, miss]]).result() == RegionFigures(0.5, 1.0)
        assert counted([[hit], [miss]]).result() == RegionFigures(0.5, 0.5)

    def test_a_threshold_so_low_that_all_is_one_region_takes_nothing_back(self) -> None:
        scores = picture(left=(2, *LEFT))
        scores[scores == 0] = 0.5
        assert figures((scores, mask_of(LEFT))) == RegionFigures(1.0, 1.0)

    def test_where_most_of_the_picture_is_abnormal_the_lowest_threshold_finds_it(self) -> None:
        scores = np.full((12, 40), 0.5, np.float32)
        assert figures((scores, ~NOTHING)) == RegionFigures(1.0, 1.0)

    def test_scores_above_the_scale_count_as_its_end_and_scores_below_it_never(self) -> None:
        assert figures((picture(left=(1e6, *LEFT)), mask_of(LEFT))) == RegionFigures(1.0, 1.0)
        assert figures((picture(left=(0.12, *LEFT)), mask_of(LEFT))) == RegionFigures(0.0, 0.0)

    def test_a_finer_mask_gives_the_same(self) -> None:
        frames = [
            (picture(left=(8, *LEFT)), mask_of(LEFT)),
            (picture(middle=(4, *MIDDLE), right=(2, *RIGHT)), mask_of(RIGHT)),
        ]
        finer = [(scores, mask.repeat(3, axis=0).repeat(2, axis=1)) for scores, mask in frames]
        assert figures(*finer) == figures(*frames)


class TestByBruteForce:
    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_figures_are_those_of_the_definitions(self, seed: int) -> None:
        recordings = [footage(seed, 4), footage(seed + 1, 3)]
        found, known = counted(recordings).result(), slow(recordings, OURS)
        assert found.rbdc == pytest.approx(known.rbdc, abs=1e-9)
        assert found.tbdc == pytest.approx(known.tbdc, abs=1e-9)

    @pytest.mark.parametrize("seed", range(2))
    def test_four_times_as_many_thresholds_give_hardly_another_figure(self, seed: int) -> None:
        recordings = [footage(seed, 100, moving=True), footage(seed + 10, 100, moving=True)]
        found = counted(recordings).result()
        # Fourth powers lie four times as far apart. All that counts here happens between scores of 1 and 16.
        fine = counted([[((scores / 1.6) ** 4, mask) for scores, mask in frames] for frames in recordings]).result()
        assert found != fine
        assert found.rbdc == pytest.approx(fine.rbdc, abs=0.006)
        assert found.tbdc == pytest.approx(fine.tbdc, abs=0.006)
        assert found.rbdc is not None
        assert 0.2 < found.rbdc < 0.8

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(0, 4))
    def test_figures_do_not_change_with_a_split(self, seed: int, cut: int) -> None:
        recordings = [footage(seed + number, 3) for number in range(4)]
        merged = counted(recordings[cut:])
        merged.merge(counted(recordings[:cut]))
        assert merged.result() == counted(recordings).result()


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    recording = footage(0, 5)
    metrics = counted([recording])
    tracemalloc.start()
    metrics.merge(counted([recording]))
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(10):
        for anomaly_map, mask in recording:
            metrics.add(anomaly_map, mask)
        metrics.end()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000


def footage(seed: int, count: int, *, moving: bool = False) -> Recording:
    """Maps as of a detector that is often right, over masks of regions that stay nearly where they were."""
    random = np.random.RandomState(seed % 2**32)
    noise = ndimage.gaussian_filter(random.randn(count + 4, 24, 32), (1.5 if moving else 0.7, 2.5, 2.5))[2:-2]
    masks = noise / noise.std() > 1.2
    masks[0] = False
    other = ndimage.gaussian_filter(random.randn(count, 24, 32), (0.5, 2, 2))
    maps = 0.3 * np.exp(0.5 * other / other.std() + 1.6 * ndimage.uniform_filter(masks * 1.0, (0, 5, 5)))
    return list(zip(maps.astype(np.float32), masks, strict=True))


def slow(recordings: Sequence[Recording], thresholds: Sequence[float]) -> RegionFigures:
    """The figures by their definitions."""
    frames = sum(len(recording) for recording in recordings)
    truths = [[parts(mask) for _, mask in recording] for recording in recordings]
    tracks = [track for of_frames in truths for track in linked(of_frames)]
    rows = []
    for threshold in sorted(thresholds, reverse=True):
        false, detected = 0, set()
        for place, recording in enumerate(recordings):
            for number, (anomaly_map, _) in enumerate(recording):
                found, truth = parts(anomaly_map > np.float32(threshold)), truths[place][number]
                pairs = [(one, other) for one in found for other in truth if iou(one, other) >= 0.1]
                false += len(found) - len({one for one, _ in pairs})
                detected |= {(id(truth), other) for _, other in pairs}
        hits = [sum(region in detected for region in track) / len(track) for track in tracks]
        regions = sum(map(len, tracks))
        rows.append((false / frames, len(detected) / regions, float(np.mean([hit >= 0.1 for hit in hits]))))
    x, rbdr, tbdr = zip(*rows, strict=True)
    return RegionFigures(area_by_definition(x, rbdr), area_by_definition(x, tbdr))


def parts(mask: Mask) -> list[Pixels]:
    labels, count = ndimage.label(mask, structure=CORNERS)
    return [
        frozenset((row, column) for row, column in np.argwhere(labels == number).tolist())
        for number in range(1, count + 1)
    ]


def iou(one: Pixels, other: Pixels) -> float:
    return len(one & other) / len(one | other)


def linked(truth: Sequence[list[Pixels]]) -> list[list[tuple[int, Pixels]]]:
    """Tracks of a recording, each of the regions that it is seen as, under the frame's identity."""
    done: list[list[tuple[int, Pixels]]] = []
    live: dict[Pixels, list[tuple[int, Pixels]]] = {}
    for regions in truth:
        pairs = sorted(((iou(one, other), one, other) for one in live for other in regions), key=lambda pair: -pair[0])
        before, live = live, {}
        for overlap, one, other in pairs:
            if overlap > 0 and one in before and other not in live:
                live[other] = [*before.pop(one), (id(regions), other)]
        done.extend(before.values())
        live |= {region: [(id(regions), region)] for region in regions if region not in live}
    return [*done, *live.values()]


def area_by_definition(x: Sequence[float], y: Sequence[float]) -> float:
    """Area from 0 to 1 under the best y so far along x, of points from the highest threshold to the first beyond 1."""
    points = []
    for point in zip(x, y, strict=True):
        points.append(point)
        if point[0] > 1:
            break
    total, at, best = 0.0, 0.0, 0.0
    for right, high in sorted(points):
        risen = max(best, high)
        if right > 1:
            risen, right = best + (risen - best) * (1 - at) / (right - at), 1.0
        total += (right - at) * (best + risen) / 2
        at, best = right, risen
    return total + (1 - at) * best
