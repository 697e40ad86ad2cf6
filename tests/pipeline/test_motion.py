"""A model that has motion is given that of every frame, the same wherever the frames are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.calibrate import CalibrateOptions, calibrate
from pipeline.evaluation.run import evaluate
from pipeline.fit import FitOptions, FitResult, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import Hardware, choose_hardware
from pipeline.model.fitting import Fitter
from pipeline.model.padim import Evidence, Scores
from pipeline.model.settings import Method, Settings
from pipeline.replay import ReplayOptions, Task, replay
from pipeline.types import Geometry, Image, Motion, Size
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source, find_sources
from tests.pipeline.evaluation.arranged import WRITERS, Scene
from tests.pipeline.video.clips import moving, write_clip

SIZE: Size = (64, 128)
SETTINGS = Settings(Method.STILLWATCH, backbone="resnet18", weights="random", taps=("layer1",), dims=8)
OPTIONS = FitOptions(SETTINGS, short_side=64, fps=5.0, resumable=True)
WITHOUT = replace(OPTIONS, settings=SETTINGS.with_changes(method=Method.PADIM))

Motions = list[Motion | None]


@pytest.fixture(scope="module")
def hardware() -> Hardware:
    return choose_hardware("torch", "cpu", 2)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Eight seconds at 10 frames/s."""
    return find_sources([write_clip(tmp_path_factory.mktemp("motion") / "clip.mp4", moving(80))])[0]


@pytest.fixture(scope="module")
def fitted(source: Source, hardware: Hardware) -> FitResult:
    return fit_footage([source], OPTIONS, hardware)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Motions:
    """What fitters and detectors are given from now on."""
    found: Motions = []
    add, score = Fitter.add, Detector.score
    kinds, evidence = Detector.kinds, Detector.evidence

    def added(self: Fitter, pixels: Image, time_s: float, motion: Motion | None = None) -> None:
        found.append(motion)
        add(self, pixels, time_s, motion)

    def scored(self: Detector, frames: Image, motions: Sequence[Motion | None] | None = None) -> Scores:
        found.extend(motions or [None] * len(frames))
        return score(self, frames, motions)

    def judged(self: Detector, frames: Image, motions: Sequence[Motion | None] | None = None) -> list[Scores]:
        found.extend(motions or [None] * len(frames))
        return kinds(self, frames, motions)

    def weighed(
        self: Detector, frames: Image, motions: Sequence[Motion | None] | None = None
    ) -> dict[Evidence, Scores]:
        found.extend(motions or [None] * len(frames))
        return evidence(self, frames, motions)

    monkeypatch.setattr(Fitter, "add", added)
    monkeypatch.setattr(Detector, "score", scored)
    monkeypatch.setattr(Detector, "kinds", judged)
    monkeypatch.setattr(Detector, "evidence", weighed)
    return found


def of_recording(source: Source, fps: float | None) -> Motions:
    with open_recording(source) as recording:
        return [frame.motion for frame in recording.frames(Sampling(Geometry(SIZE), fps, motion=True))]


def told(motions: Motions) -> list[tuple[int, bytes] | None]:
    return [None if motion is None else (motion.frames, motion.planes.tobytes()) for motion in motions]


def test_a_fit_is_given_the_motion_of_each_recording_from_its_first_frame_on(
    source: Source, fitted: FitResult, hardware: Hardware, given: Motions
) -> None:
    expected = told(of_recording(source, 5.0))
    assert len(expected) == 40
    assert any(motion.planes.any() for motion in of_recording(source, 5.0) if motion is not None)
    fit_footage([source, source], OPTIONS, hardware)
    assert told(given) == expected * 2
    given.clear()
    fit_footage([source], OPTIONS, hardware, resumed=fitted.model)
    assert told(given) == expected


def test_replay_and_calibration_see_the_motion_that_the_fit_saw(
    source: Source, fitted: FitResult, given: Motions, tmp_path: Path
) -> None:
    detector, expected = Detector(fitted.model, fitted.engine), told(of_recording(source, 5.0))
    replay([Task(source, fitted.model, "gate")], lambda model: detector, tmp_path / "out", ReplayOptions())
    assert told(given) == expected
    given.clear()
    calibrate([source], detector, CalibrateOptions())
    assert told(given) == expected


def test_an_evaluation_scores_with_motion_at_the_rate_of_the_set(
    hardware: Hardware, given: Motions, tmp_path: Path
) -> None:
    pictures = moving(124, size=(64, 64))
    labels, masks = np.zeros(24, bool), np.zeros((24, 32, 32), bool)
    labels[12:], masks[12:, 8:16, 8:16] = True, True
    WRITERS["avenue"](tmp_path, Scene(pictures[:100], pictures[100:], labels, masks))
    evaluate("avenue", tmp_path, OPTIONS, hardware)
    counts = [None if motion is None else motion.frames for motion in given]
    # Of 4 s 20 frames are taken to fit on; of two clips of 12 frames every one is scored.
    assert [place for place, count in enumerate(counts) if count == 0] == [0, 20, 32]
    assert len(counts) == 20 + 24
    assert None not in counts
    assert {motion.planes.shape[1:] for motion in given if motion is not None} == {(8, 8)}


def test_a_model_without_motion_costs_none(source: Source, hardware: Hardware, given: Motions, tmp_path: Path) -> None:
    fitted = fit_footage([source], WITHOUT, hardware)
    detector = Detector(fitted.model, fitted.engine)
    replay([Task(source, fitted.model, "gate")], lambda model: detector, tmp_path / "out", ReplayOptions())
    calibrate([source], detector, CalibrateOptions())
    assert given == [None] * 120
