"""From footage to figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.evaluation.synthetic.anomalies import Kind, Maker
from pipeline.evaluation.synthetic.counting import counted_frames
from pipeline.evaluation.synthetic.folds import Fold, Keeper, folds_of
from pipeline.evaluation.synthetic.report import Figures
from pipeline.evaluation.synthetic.run import Choices, evaluate_synthetic
from pipeline.evaluation.synthetic.scoring import Scored
from pipeline.fit import FitOptions, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import Hardware, choose_hardware
from pipeline.model.padim import Evidence, Scores, scores_of
from pipeline.model.settings import Settings
from pipeline.types import Geometry, Image, Motion
from pipeline.video.flow import MotionReader
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.pipeline.evaluation.synthetic.conftest import FPS, SIZE

OPTIONS = FitOptions(
    Settings(backbone="resnet18", weights="random", taps=("layer1",), dims=8), short_side=SIZE[0], fps=float(FPS)
)
CHOICES = Choices(folds=2, clips=1)


@pytest.fixture(scope="module")
def hardware() -> Hardware:
    return choose_hardware("torch", "cpu", 2)


def test_the_same_footage_and_seed_give_the_same_figures(recording: Path, hardware: Hardware) -> None:
    sources = find_sources([recording])
    first, again = (evaluate_synthetic(sources, OPTIONS, hardware, CHOICES) for _ in range(2))
    assert first is not None
    assert first == again
    assert first.folds == 2
    assert first.normal_frames == 260
    assert first.walkers > 0
    assert first.left_out == []
    found = first.evidence[Evidence.APPEARANCE]
    assert list(found) == ["fast", "glide", "odd", "thrown", "box", "slow", "moving", "still", "all", "walk"]
    assert found["box"].frames == 2 * 24
    assert all(figures.frame_auroc is not None for figures in found.values())


def test_progress_names_what_is_done(recording: Path, hardware: Hardware) -> None:
    told: list[tuple[str, int, int | None]] = []
    evaluate_synthetic(find_sources([recording]), OPTIONS, hardware, CHOICES, told=lambda *step: told.append(step))
    assert list(dict.fromkeys(what for what, _, _ in told)) == [
        "fold 1 of 2: fitting",
        "fold 1 of 2: scoring",
        "fold 1 of 2: scoring clips",
        "fold 2 of 2: fitting",
        "fold 2 of 2: scoring",
        "fold 2 of 2: scoring clips",
    ]
    assert [step for step in told if step[1] == step[2]][:3] == [
        ("fold 1 of 2: fitting", 130, 130),
        ("fold 1 of 2: scoring", 130, 130),
        ("fold 1 of 2: scoring clips", 7, 7),
    ]


@pytest.mark.parametrize(("where", "folds"), [("fold 1 of 2: scoring clips", None), ("fold 2 of 2: fitting", 1)])
def test_stopped_early_it_gives_the_folds_that_were_finished(
    where: str, folds: int | None, recording: Path, hardware: Hardware
) -> None:
    stop = Event()

    def enough(what: str, done: int, total: int | None) -> None:
        if what == where:
            stop.set()

    results = evaluate_synthetic(find_sources([recording]), OPTIONS, hardware, CHOICES, told=enough, stop=stop)
    assert (results.folds if results else None) == folds


class Watched(Detector):
    """Remembers what it was given."""

    def __init__(self, like: Detector) -> None:
        super().__init__(like.model, like.engine)
        self.given: list[tuple[Image, Motion | None]] = []

    def evidence(self, frames: Image, motions: Sequence[Motion | None] | None = None) -> dict[Evidence, Scores]:
        self.given += zip(frames, motions or [None] * len(frames), strict=True)
        return super().evidence(frames, motions)


class Knowing(Detector):
    """Says of every pixel how far it is from the held-out frame that a frame was made of; or says nothing."""

    def __init__(self, like: Detector, held_out: Image, *, blind: bool) -> None:
        super().__init__(like.model, like.engine)
        self._held_out, self._blind = held_out, blind

    def evidence(self, frames: Image, motions: Sequence[Motion | None] | None = None) -> dict[Evidence, Scores]:
        maps = [np.zeros(SIZE, np.float32) if self._blind else self._changed(frame) for frame in frames]
        return {Evidence.APPEARANCE: scores_of(torch.from_numpy(np.stack(maps)), None)}

    def _changed(self, frame: Image) -> NDArray[np.float32]:
        # Noise makes every pixel of other frames differ, so that some of them tell which it was.
        same = (self._held_out[:, ::6, ::6] == frame[::6, ::6]).sum(axis=(1, 2, 3))
        difference = np.abs(self._held_out[same.argmax()].astype(np.float32) - frame)
        return np.asarray(difference.max(axis=2), np.float32)


@dataclass(frozen=True)
class Fitted:
    """The first of two folds, its frames, and a model."""

    sampling: Sampling
    held_out: Fold
    frames: Image
    detector: Detector


@pytest.fixture(scope="module")
def fitted(recording: Path, hardware: Hardware) -> Fitted:
    sources, sampling = find_sources([recording]), Sampling(Geometry(SIZE), float(FPS), motion=True)
    result = fit_footage(sources, OPTIONS, hardware)
    held_out = folds_of(sources, sampling, SIZE, 2, None)[0]
    frames = np.stack([frame.pixels for part in held_out for frame in part.read(sampling)])
    return Fitted(sampling, held_out, frames, Detector(result.model, result.engine))


def figures_of(detector: Detector, fitted: Fitted) -> Mapping[str, Figures]:
    scored = Scored(fitted.sampling, 1, 0, Event())
    assert scored.add(0, fitted.held_out, detector, "scoring", lambda what, done, total: None)
    results = scored.results("resnet18")
    assert results is not None
    return results.evidence[Evidence.APPEARANCE]


def test_who_knows_what_was_pasted_finds_it_all_and_nothing_afterwards(fitted: Fitted) -> None:
    for figures in figures_of(Knowing(fitted.detector, fitted.frames, blind=False), fitted).values():
        assert (figures.frame_auroc, figures.frame_caught_1, figures.after_1) == (1, 1, 0)
        assert figures.pixel_auroc is None or figures.pixel_auroc > 0.99


def test_who_sees_nothing_is_at_chance(fitted: Fitted) -> None:
    for figures in figures_of(Knowing(fitted.detector, fitted.frames, blind=True), fitted).values():
        assert (figures.frame_auroc, figures.frame_caught_1, figures.after_1) == (0.5, 0, 0)
        assert figures.pixel_auroc in (None, 0.5)


def test_what_moves_in_a_clip_is_computed_from_its_own_frames(fitted: Fitted) -> None:
    detector = Watched(fitted.detector)
    figures_of(detector, fitted)
    keeper = Keeper(fitted.held_out)
    for number, part in enumerate(fitted.held_out):
        for frame in part.read(fitted.sampling):
            keeper.add(number, frame)
    clip = Maker(keeper.stretches, FPS, (0, 0)).clip(Kind.FAST, 0)
    reader = MotionReader(SIZE)
    motions = [reader.add(pixels, time_s) for pixels, time_s in zip(clip.frames, clip.times_s, strict=True)]
    shown, after = counted_frames(clip, FPS)
    assert len(shown) >= 8
    for index, (pixels, motion) in zip([*shown, *after], detector.given[len(fitted.frames) :], strict=False):
        assert motion is not None
        assert np.array_equal(pixels, clip.frames[index])
        assert np.array_equal(motion.planes, motions[index].planes)
        assert motion.frames == motions[index].frames > 1
