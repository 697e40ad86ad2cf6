"""Figures of scores whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.evaluation.synthetic.anomalies import Clip, Kind
from pipeline.evaluation.synthetic.counting import Counter, averaged, counted_frames
from pipeline.evaluation.synthetic.report import Figures

SIZE = (64, 96)


def mask_at(x: int, y: int, side: int = 16) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def counter_of(seed: int, *, oracle: bool, unit: float = 1.0) -> Counter:
    """Of an evidence that knows where everything is, or one that sees nothing, in a unit of its own."""
    rng = np.random.RandomState(seed)
    counter = Counter()
    counter.add_normal(unit * rng.uniform(0, 1, 2000))
    for kind in Kind:
        for _ in range(100):
            mask = mask_at(rng.randint(80), rng.randint(48))
            noise = rng.uniform(0, 1, SIZE).astype(np.float32)
            shown = oracle and kind is not Kind.WALK
            score = rng.uniform(2, 3) if shown else rng.uniform(0, 1)
            anomaly_map = (unit * (noise + 2 * (mask & shown))).astype(np.float32)
            counter.add_shown(kind, unit * score, anomaly_map, mask)
            counter.add_after(kind, unit * rng.uniform(0, 1))
    return counter


def test_an_oracle_finds_all_and_the_control_looks_normal() -> None:
    figures = counter_of(0, oracle=True).figures()
    assert list(figures) == ["fast", "glide", "odd", "thrown", "box", "slow", "moving", "still", "all", "walk"]
    for name in [*figures][:-1]:
        assert (figures[name].frame_auroc, figures[name].frame_caught_1) == (1, 1)
    assert [figures[name].pixel_auroc for name in ("moving", "still", "all")] == pytest.approx([1, 1, 1], abs=1e-3)
    assert figures["walk"].frame_auroc == pytest.approx(0.5, abs=0.1)
    assert figures["walk"].pixel_auroc is None
    assert figures["all"].frames == 600
    assert figures["all"].after_1 == pytest.approx(0.01, abs=0.01)


def test_who_sees_nothing_is_at_chance() -> None:
    figures = counter_of(1, oracle=False).figures()["all"]
    assert figures.frame_auroc == pytest.approx(0.5, abs=0.03)
    assert figures.pixel_auroc == pytest.approx(0.5, abs=0.03)
    assert figures.frame_caught_1 == pytest.approx(0.01, abs=0.01)


def test_folds_of_very_different_scales_do_not_disturb_each_other() -> None:
    folds = [counter_of(seed, oracle=True, unit=unit).figures() for seed, unit in ((0, 1.0), (1, 1000.0))]
    figures = averaged(folds)
    for name in [*figures][:-1]:
        # Counted together, next to no normal frame of the second fold would lie below an object of the first.
        assert (figures[name].frame_auroc, figures[name].frame_caught_1) == (1, 1)
    assert figures["all"].pixel_auroc == pytest.approx(1, abs=1e-3)
    assert figures["all"].after_1 == pytest.approx(0.01, abs=0.01)
    assert figures["walk"].frame_auroc == pytest.approx(0.5, abs=0.1)
    assert figures["all"].frames == 1200


def test_the_unit_of_a_fold_changes_no_figure() -> None:
    one, other = (counter_of(0, oracle=False, unit=unit).figures() for unit in (1.0, 1024.0))
    assert one == other


def test_figures_are_means_over_the_folds_that_have_them() -> None:
    box, thrown = Figures(24, 0.75, 0.5, None, 0.0), Figures(48, 0.5)
    folds = [
        {"box": box, "still": replace(box, pixel_auroc=0.75)},
        {"thrown": thrown, "box": replace(box, frame_auroc=0.25), "still": Figures(20, 0.25, 0.25, None, 0.5)},
    ]
    figures = averaged(folds)
    assert list(figures) == ["thrown", "box", "still"]
    assert figures["thrown"] == thrown
    assert figures["box"] == Figures(48, 0.5, 0.5, None, 0.0)
    assert figures["still"] == Figures(44, 0.5, 0.375, 0.75, 0.25)


def test_kinds_without_a_frame_have_no_row() -> None:
    counter = Counter()
    counter.add_normal([0.1, 0.2])
    counter.add_shown(Kind.BOX, 0.5, np.zeros(SIZE, np.float32), mask_at(0, 0))
    assert list(counter.figures()) == ["box", "still", "all"]
    assert counter.figures()["box"].after_1 is None


def clip_of(shown: list[int], sides: int = 16) -> Clip:
    masks = np.stack([mask_at(0, 0, sides if index in shown else 0) for index in range(60)])
    return Clip(Kind.BOX, np.zeros((60, *SIZE, 3), np.uint8), masks, np.arange(60.0))


def test_frames_after_an_object_begin_where_it_was_last_seen() -> None:
    assert counted_frames(clip_of([22, 23, 25]), 3) == ([22, 23, 25], [26, 27, 28])
    assert counted_frames(clip_of([55, 56]), 10) == ([55, 56], [57, 58, 59])


def test_an_object_that_hardly_shows_is_not_counted() -> None:
    assert counted_frames(clip_of([22, 23], sides=6), 3) == ([], [])
