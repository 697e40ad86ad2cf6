"""All figures of a scene from what is said of its frames."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.alerting.tracker import Observation, View
from pipeline.evaluation.counting import Counters
from pipeline.evaluation.layouts import SceneKind, Truth
from pipeline.evaluation.report import Metrics
from pipeline.types import CoarseMap, Geometry

SIZE = (64, 96)
VIEW = View("test", 1, Geometry(SIZE), SIZE)
THING = np.s_[16:32, 24:48]


def said(index: int, score: float) -> tuple[Observation, NDArray[np.float32]]:
    """A frame that scores so much at one place, as a model would say it at 5 frames/s."""
    anomaly_map = np.full(SIZE, 0.25, np.float32)
    anomaly_map[THING] = score
    cells = anomaly_map.reshape(8, 8, 12, 8).max(axis=(1, 3))
    return Observation(index, index / 5, score, CoarseMap.of(cells)), anomaly_map


def truth(anomalous: bool) -> Truth:
    mask = np.zeros(SIZE, dtype=bool)
    mask[THING] = anomalous
    return Truth(anomalous, mask)


def counted(kind: SceneKind = "video", view: View | None = VIEW, *, masks: bool = True) -> Metrics:
    """Figures of twenty normal frames and ten that show a thing."""
    counters = Counters(kind)
    counters.begin(view)
    for index in range(30):
        known = truth(index >= 20)
        observation, anomaly_map = said(index, 3.0 if index >= 20 else 0.5)
        counters.add(observation, anomaly_map, known if masks else Truth(known.anomalous, None))
    counters.end()
    return counters.metrics()


def test_a_recording_has_all_figures() -> None:
    assert counted().present() == {
        "frames": 30,
        "frame_auroc": 1.0,
        "frame_f1": 1.0,
        "frame_caught_1": 1.0,
        "pixel_auroc": 1.0,
        "aupro_30": pytest.approx(1.0),
        "pixel_f1": 1.0,
        "rbdc": 1.0,
        "tbdc": 1.0,
        "stretches_found": 1.0,
        "false_events": 0,
        "normal_hours": pytest.approx(3.8 / 3600),
        "false_events_per_day": 0.0,
    }


def test_footage_without_a_clock_has_no_events() -> None:
    figures = counted(view=None)
    assert (figures.rbdc, figures.false_events, figures.normal_hours) == (1.0, None, None)


def test_pictures_have_neither_regions_nor_events() -> None:
    assert set(counted("images", None).present()) == {
        *("frames", "image_auroc", "image_f1", "image_caught_1", "pixel_auroc", "aupro_30", "pixel_f1")
    }


def test_without_masks_there_are_figures_of_frames_and_events_alone() -> None:
    assert set(counted(masks=False).present()) == {
        *("frames", "frame_auroc", "frame_f1", "frame_caught_1"),
        *("stretches_found", "false_events", "normal_hours", "false_events_per_day"),
    }


def test_several_counters_can_count_the_same_frames_and_each_its_own_scores() -> None:
    seeing, blind = Counters("video"), Counters("video")
    for counters in (seeing, blind):
        counters.begin(VIEW)
    for index in range(30):
        for counters, score in ((seeing, 3.0), (blind, 0.5)):
            counters.add(*said(index, score if index >= 20 else 0.5), truth(index >= 20))
    for counters in (seeing, blind):
        counters.end()
    assert seeing.metrics() == counted()
    assert blind.metrics().frame_auroc == 0.5
    assert blind.metrics().stretches_found == 0.0


def test_scenes_together_have_the_frames_of_all() -> None:
    together = Counters("video")
    for number in range(2):
        scene = Counters("video")
        scene.begin(VIEW)
        for index in range(10):
            scene.add(*said(index, 3.0), truth(number == 0))
        scene.end()
        together.merge(scene)
    figures = together.metrics()
    # Every region comes together with as many false ones, in every second frame: the curve rises straight to there.
    assert (figures.frames, figures.frame_auroc, figures.rbdc) == (20, 0.5, 0.75)
    assert (figures.stretches_found, figures.false_events) == (1.0, 1)
