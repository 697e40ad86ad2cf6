"""One score of appearance and motion: either alone raises it, neither drowns the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.model.detector import Detector
from pipeline.model.engine import Engine
from pipeline.model.judging import Judge, joined
from pipeline.model.motion import MotionGaussians
from pipeline.model.padim import Evidence, Model, Scores, scores_of
from pipeline.types import PLANES, Motion
from pipeline.velocities import planes_of, velocities_of
from tests.pipeline.model.conftest import SIZE, pictures

CELLS = SIZE[0] // 8, SIZE[1] // 8

Floats = NDArray[np.float32]


def scores(seed: int, frames: int = 4, scale: float = 10.0) -> Scores:
    maps = np.random.RandomState(seed).gamma(2, scale / 4, (frames, *SIZE)).astype(np.float32)
    return scores_of(torch.from_numpy(maps), None)


def with_threshold(model: Model, value: float, motion: tuple[float, ...], powers: tuple[float, ...]) -> Model:
    return replace(model, threshold=replace(model.threshold, value=value, motion=motion, powers=powers))


def flat(value: float) -> Scores:
    """One frame that scores the same everywhere."""
    return scores_of(torch.full((1, *SIZE), value), None)


@pytest.fixture
def judged(model: Model) -> Model:
    return with_threshold(model, 20.0, (4.0, 6.0), (0.5, 0.8))


def test_the_threshold_of_each_evidence_is_the_threshold_of_all(judged: Model) -> None:
    for appearance, speed, direction in ((20.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 6.0), (20.0, 4.0, 6.0)):
        both, _ = joined(flat(appearance), [flat(speed), flat(direction)], judged)
        assert both.raw_scores.tolist() == pytest.approx([20.0])
        assert both.cells == pytest.approx(np.full((1, *CELLS), 20.0))
        assert both.maps.numpy() == pytest.approx(np.full((1, *SIZE), 20.0))


@pytest.mark.parametrize("times", [0.25, 0.99, 1.01, 4.0])
def test_an_evidence_of_motion_is_raised_to_its_power_about_its_threshold(judged: Model, times: float) -> None:
    for speed, direction, power in ((4 * times, 0.0, 0.5), (0.0, 6 * times, 0.8)):
        both, motion = joined(flat(0.0), [flat(speed), flat(direction)], judged)
        assert both.raw_scores.tolist() == motion.raw_scores.tolist() == pytest.approx([20 * times**power])
        assert both.shares == pytest.approx(np.ones((1, *CELLS)))
        # So whatever is above its own threshold is above the other, and whatever is below is below.
        assert (both.raw_scores[0] > 20) == (times > 1)


def test_the_combination_is_the_larger_of_its_parts_in_every_place(judged: Model) -> None:
    appearance, moving = scores(1), [scores(2, scale=2.0), scores(3, scale=3.0)]
    both, motion = joined(appearance, moving, judged)
    by_speed, by_direction = 20 * (moving[0].maps / 4) ** 0.5, 20 * (moving[1].maps / 6) ** 0.8
    torch.testing.assert_close(motion.maps, torch.maximum(by_speed, by_direction), rtol=1e-5, atol=1e-5)
    assert torch.equal(both.maps, torch.maximum(appearance.maps, motion.maps))
    assert np.array_equal(both.cells, np.maximum(appearance.cells, motion.cells))
    assert np.array_equal(both.raw_scores, np.maximum(appearance.raw_scores, motion.raw_scores))
    assert (both.maps >= appearance.maps).all()
    assert (both.maps >= motion.maps).all()


def test_score_peak_and_cells_are_those_of_the_map(judged: Model) -> None:
    both, motion = joined(scores(4), [scores(5, scale=2.0), scores(6, scale=3.0)], judged)
    for found in (both, motion):
        expected = scores_of(found.maps, None)
        np.testing.assert_allclose(found.raw_scores, expected.raw_scores, rtol=1e-5)
        np.testing.assert_allclose(found.cells, expected.cells, rtol=1e-5)
        assert np.array_equal(found.peaks, expected.peaks)
    assert len({tuple(peak) for peak in both.peaks.tolist()}) == 4


def test_shares_say_how_much_is_motion(judged: Model) -> None:
    appearance, moving = scores(7), [scores(8, scale=2.0), scores(9, scale=3.0)]
    both, motion = joined(appearance, moving, judged)
    assert both.shares is not None
    np.testing.assert_allclose(both.shares, motion.cells / (motion.cells + appearance.cells), rtol=1e-5)
    nothing, _ = joined(flat(0.0), [flat(0.0), flat(0.0)], judged)
    still, _ = joined(flat(7.0), [flat(0.0), flat(0.0)], judged)
    alike, _ = joined(flat(20.0), [flat(0.0), flat(6.0)], judged)
    for found, share in ((nothing, 0.0), (still, 0.0), (alike, 0.5)):
        assert found.shares == pytest.approx(np.full((1, *CELLS), share))
    assert not nothing.maps.any()


def test_what_counts_where_it_stays_is_appearance_without_motion(judged: Model) -> None:
    appearance, moving = scores(7), [scores(8, scale=2.0), scores(9, scale=3.0)]
    both, motion = joined(appearance, moving, judged)
    assert both.still is not None
    assert np.array_equal(both.still, appearance.cells)
    assert (both.still < both.cells).any()
    assert motion.still is None
    # By distances of its own, where movers excuse some of the moment.
    still = 2 * appearance.cells
    excused, _ = joined(replace(appearance, still=still), moving, judged)
    assert excused.still is not None
    assert np.array_equal(excused.still, still)
    assert np.array_equal(excused.cells, both.cells)


def test_what_it_was_given_stays_as_it_was(judged: Model) -> None:
    appearance, speed, direction = scores(10), scores(11), scores(12)
    before = [kind.maps.clone() for kind in (appearance, speed, direction)]
    joined(appearance, [speed, direction], judged)
    for kind, maps in zip((appearance, speed, direction), before, strict=True):
        assert torch.equal(kind.maps, maps)


# Of a judge and a detector


def gaussians() -> MotionGaussians:
    """Who moves walks to the right at 20 px/s, 5 more or less, everywhere."""
    mean = np.broadcast_to(np.array([20, 0, 20], np.float32), (*CELLS, 3)).copy()
    whitening = np.broadcast_to(np.array([0.2, 0, 0.2, 0.2], np.float32), (*CELLS, 4)).copy()
    return MotionGaussians(mean, whitening)


def moving_at(across: float, down: float, *, rows: slice, columns: slice) -> Motion:
    """Something that moves in some of the cells."""
    shares = np.zeros(CELLS, np.float32)
    shares[rows, columns] = 1
    everywhere = np.ones(CELLS, np.float32)
    speed = float(np.hypot(across, down))
    return Motion(planes_of(across * everywhere, down * everywhere, speed * everywhere, shares), 5)


@pytest.fixture
def detector(model: Model, engine: Engine) -> Detector:
    return Detector(replace(with_threshold(model, 20.0, (4.0, 4.0), (1.0, 1.0)), motion=gaussians()), engine)


def test_who_runs_and_who_walks_the_wrong_way_score_where_they_are(detector: Detector) -> None:
    there = {"rows": slice(2, 5), "columns": slice(4, 7)}
    runs, walks = moving_at(80, 0, **there), moving_at(20, 0, **there)
    turns = moving_at(-20, 0, **there)
    seen = velocities_of(np.stack([motion.planes for motion in (runs, walks, turns)]))
    speed, direction = Judge.of(detector.model, detector.engine).moving(seen)
    # Smoothed, a patch keeps most of its height: 60 and 40 px/s off are 12 and 8 deviations.
    assert 8 < speed.raw_scores[0] < 12.5
    assert speed.raw_scores[1:].max() < 0.2
    assert 8 < direction.raw_scores[0] < 12.5
    assert direction.raw_scores[1] < 0.2
    assert 5.5 < direction.raw_scores[2] < 8.5
    for found in (speed.peaks[0], direction.peaks[2]):
        assert 32 <= found[0] < 56
        assert 16 <= found[1] < 40


def test_either_alone_raises_the_alarm(detector: Detector) -> None:
    usual = pictures(2, seed=6)
    runs = moving_at(80, 0, rows=slice(2, 5), columns=slice(4, 7))
    found = detector.evidence(usual, [runs, None])
    assert list(found) == [Evidence.COMBINED, Evidence.APPEARANCE, Evidence.MOTION]
    assert found[Evidence.APPEARANCE].raw_scores.max() < 20 < found[Evidence.COMBINED].raw_scores[0]
    assert found[Evidence.MOTION].raw_scores.tolist() == [found[Evidence.COMBINED].raw_scores[0], 0]
    assert found[Evidence.COMBINED].raw_scores[1] == found[Evidence.APPEARANCE].raw_scores[1]
    strange = usual[:1].copy()
    strange[0, 24:40, 40:56] = (250, 10, 10)
    still = detector.evidence(strange, [None])
    assert still[Evidence.COMBINED].raw_scores[0] == still[Evidence.APPEARANCE].raw_scores[0] > 20
    for name in ("maps", "raw_scores", "cells", "shares", "peaks"):
        expected = getattr(found[Evidence.COMBINED], name)
        assert np.array_equal(np.asarray(getattr(detector.score(usual, [runs, None]), name)), np.asarray(expected))


def test_where_no_motion_is_known_appearance_is_all_there_is(detector: Detector) -> None:
    frames = pictures(3, seed=6)
    alone = Detector(replace(detector.model, motion=None), detector.engine).score(frames)
    first = Motion(np.zeros((PLANES, *CELLS), np.uint8), 0)
    for motions in (None, [None] * 3, [first] * 3):
        found = detector.score(frames, motions)
        assert torch.equal(found.maps, alone.maps)
        assert np.array_equal(found.peaks, alone.peaks)
        assert found.shares is not None
        assert not found.shares.any()
    assert alone.shares is None
    assert list(Detector(replace(detector.model, motion=None), detector.engine).evidence(frames)) == [
        Evidence.APPEARANCE
    ]


def test_a_mask_hides_what_moves_under_it(detector: Detector) -> None:
    runs = moving_at(80, 0, rows=slice(2, 5), columns=slice(1, 3))
    mask: NDArray[np.bool_] = np.zeros(SIZE, bool)
    mask[:, :40] = True
    masked = Detector(replace(detector.model, mask=mask), detector.engine)
    found = masked.evidence(pictures(1, seed=6), [runs])
    assert detector.score(pictures(1, seed=6), [runs]).raw_scores[0] > 20
    assert not found[Evidence.COMBINED].maps[:, :, :40].any()
    assert found[Evidence.COMBINED].raw_scores[0] < 20
