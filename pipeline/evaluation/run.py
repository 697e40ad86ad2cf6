"""Fit and score a data set scene by scene, and count.

Every labelled frame is scored, at the set's own rate, by what was known before it: nothing is normalised by the
recording's own future. Maps are divided by the model's threshold, so that scenes can be pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import MappingProxyType

import numpy as np

from pipeline.alerting.tracker import Observation, View
from pipeline.errors import ModelError
from pipeline.evaluation.counting import Counters
from pipeline.evaluation.layouts import LAYOUTS, LabelledFootage, Scene, Truth
from pipeline.evaluation.published import published_for
from pipeline.evaluation.report import Metrics, Results, Scenes
from pipeline.evaluation.rotation import ROTATED_SIZE, rotated_and_cropped
from pipeline.fit import FitOptions, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import Hardware
from pipeline.model.padim import Evidence, Model
from pipeline.model.weights import Progress
from pipeline.scoring import evidence_frames
from pipeline.surveying import has_clock
from pipeline.types import Geometry, Size
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources

__all__ = ["PAPER_SIZES", "evaluate"]

# How --preset paper resizes and crops a data set's pictures: --resize as given on the command line, and --crop.
# mvtec and stc are the paper's (section IV-B); the paper has no others, for which 256x256 is usual (anomalib's).
PAPER_SIZES: Mapping[str, tuple[str, int | None]] = MappingProxyType(
    {
        "mvtec": ("256x256", 224),
        "stc": ("256x256", None),
        "avenue": ("256x256", None),
        "btad": ("256x256", None),
        "visa": ("256x256", None),
    }
)

Told = Callable[[str, int, int | None], None]


def evaluate(
    layout: str,
    root: Path,
    options: FitOptions,
    hardware: Hardware,
    *,
    rotate_crop: bool = False,
    told: Told | None = None,
    download: Progress | None = None,
    stop: Event | None = None,
) -> Results:
    """Figures of a data set.

    Args:
        layout: a key of `LAYOUTS`.
        root: the data set's folder.
        options: of the fit of each scene; `input_fps` there stands before the rate that the layout has.
        rotate_crop: rotate and crop all pictures at random, as in the paper's Rd-MVTec AD; `options` then needs no
            size, and its seed says how. For layouts of pictures.
        told: progress: what is being done, how far it is, how far it goes.
        stop: ends the evaluation before the next scene is scored; the result has the scenes that were finished.
    Raises:
        ConfigError: the data set is not laid out as it should be.
        SourceError, ModelError: as in `fit_footage`.
    """
    stop, told = stop or Event(), told or (lambda what, done, total: None)
    scenes = LAYOUTS[layout](root)
    figures: dict[Evidence, dict[str, Metrics]] = {}
    pooled: dict[Evidence, Counters] = {}
    if rotate_crop:
        options = replace(options, resize=ROTATED_SIZE, crop=None)
    for scene in scenes:
        with _prepared(scene, rotate_crop, options.settings.seed, told) as prepared:
            counters = _measured(prepared, options, hardware, told, download, stop)
        if counters is None:
            break
        for evidence, counted in counters.items():
            figures.setdefault(evidence, {})[scene.name] = counted.metrics()
            pooled.setdefault(evidence, Counters(scene.kind)).merge(counted)
    rows = {evidence: Scenes(figures[evidence], pooled[evidence].metrics()) for evidence in figures}
    if Evidence.COMBINED in rows:
        whole = rows.pop(Evidence.COMBINED)
        return Results(layout, "stillwatch", options.settings.backbone, whole.scenes, whole.pooled, parts=rows)
    alone = rows.get(Evidence.APPEARANCE, Scenes({}, Counters(scenes[0].kind).metrics()))
    published = published_for(layout, options.settings, rotate_crop=rotate_crop, scenes=alone.scenes)
    return Results(layout, "padim", options.settings.backbone, alone.scenes, alone.pooled, published)


def _prepared(scene: Scene, rotate_crop: bool, seed: int, told: Told) -> AbstractContextManager[Scene]:
    if not rotate_crop:
        return nullcontext(scene)
    return rotated_and_cropped(scene, seed, lambda done, total: told(f"{scene.name}: rotating", done, total))


def _measured(
    scene: Scene, options: FitOptions, hardware: Hardware, told: Told, download: Progress | None, stop: Event
) -> dict[Evidence, Counters] | None:
    """Counters of a scene, for each evidence; None when it was stopped before its end."""
    try:
        fps = options.input_fps or scene.fps
        detector = _fitted(scene, replace(options, input_fps=fps), hardware, told, download, stop)
    except ModelError:
        if stop.is_set():  # before there was enough for a model
            return None
        raise
    kinds = Evidence if detector.model.has_motion else [Evidence.APPEARANCE]
    counters = {evidence: Counters(scene.kind) for evidence in kinds}
    for number, footage in enumerate(scene.tests, start=1):
        if stop.is_set():
            return None
        _count(footage, detector, counters, fps)
        told(f"{scene.name}: scoring", number, len(scene.tests))
    return counters


def _fitted(
    scene: Scene, options: FitOptions, hardware: Hardware, told: Told, download: Progress | None, stop: Event
) -> Detector:
    result = fit_footage(
        find_sources(scene.training),
        options,
        hardware,
        progress=lambda done, total: told(f"{scene.name}: fitting", done, total),
        download=download,
        stop=stop,
    )
    return Detector(result.model, result.engine)


def _count(
    footage: LabelledFootage, detector: Detector, counters: Mapping[Evidence, Counters], fps: float | None
) -> None:
    """Score every frame of a recording, or one picture, against its truth; all evidence in one pass."""
    model, counted = detector.model, 0
    sampling = Sampling(model.geometry, motion=model.has_motion)
    (source,) = find_sources([footage.footage])
    with open_recording(source, input_fps=fps) as recording:
        clocked = has_clock(source, fps)
        for one in counters.values():
            one.begin(_view(model, recording.size) if clocked else None)
        for found in evidence_frames(recording, sampling, detector):
            frame = next(iter(found.values())).frame
            truth = _cut(footage.truth(frame.index, _uncropped(frame.source_size, model.geometry)), model.geometry)
            for evidence, said in found.items():
                assert said.anomaly_map is not None
                observation = Observation(frame.index, frame.time_s, said.score, said.coarse)
                counters[evidence].add(observation, said.anomaly_map, truth)
            counted += 1
        for one in counters.values():
            one.end()
    footage.check_length(counted)


def _view(model: Model, source: Size) -> View:
    """What events of a recording are followed with; nobody reads their names."""
    return View("test", 1, model.geometry, source, model.threshold.lingering)


def _uncropped(source: Size, geometry: Geometry) -> Size:
    """Size at which masks are compared: the source's own; with a crop that of the resized picture, as in the paper."""
    return source if geometry.crop is None else geometry.resize


def _cut(truth: Truth, geometry: Geometry) -> Truth:
    if geometry.crop is None or truth.mask is None:
        return truth
    left, top = geometry.offset
    cut = truth.mask[top : top + geometry.crop, left : left + geometry.crop]
    return replace(truth, mask=np.ascontiguousarray(cut))
