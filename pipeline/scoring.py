"""Frames of a recording with what a model says about them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.model.detector import Detector
from pipeline.model.frame_results import results_of
from pipeline.model.padim import Evidence, Scores
from pipeline.types import CoarseMap, Frame
from pipeline.video.prefetch import prefetched
from pipeline.video.recording import Recording
from pipeline.video.sampling import Sampling

__all__ = ["ScoredFrame", "batches", "evidence_frames", "scored_frames"]

# Frames scored at a time: the distances read each triangle once for four of them.
BATCH = 8


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """A frame and what the model says about it.

    Attributes:
        score: raw score divided by the threshold: above 1 is anomalous.
        peak: (x, y) of the anomaly map's maximum, in pixels of the source picture.
        coarse: the anomaly map as alerting takes it.
        anomaly_map: (H, W) float32 at model size, in units of the threshold; None where it was not asked for.
        motion: how much of the score is motion, 0 to 1; None for a model of appearance alone.
    """

    frame: Frame
    score: float
    raw_score: float
    peak: tuple[float, float]
    coarse: CoarseMap
    anomaly_map: NDArray[np.float32] | None
    motion: float | None = None


def scored_frames(
    recording: Recording, sampling: Sampling, detector: Detector, *, maps: bool = False
) -> Generator[ScoredFrame, None, None]:
    """Frames of a recording with their scores; decoded in one thread, scored in another, given out in a third.

    Args:
        sampling: with motion where the detector's model has it.
        maps: also give each frame's whole anomaly map.
    """
    decoded = prefetched(recording.frames(sampling))
    with closing(decoded), closing(prefetched(_scored(decoded, detector, maps=maps))) as scored:
        yield from scored


def evidence_frames(
    recording: Recording, sampling: Sampling, detector: Detector
) -> Generator[dict[Evidence, ScoredFrame], None, None]:
    """Frames of a recording with what each evidence says of them alone, with maps: as `Detector.evidence` has them."""
    decoded = prefetched(recording.frames(sampling))
    with closing(decoded), closing(prefetched(_evidence(decoded, detector))) as scored:
        yield from scored


def _scored(frames: Iterator[Frame], detector: Detector, *, maps: bool) -> Iterator[ScoredFrame]:
    for batch in batches(frames):
        scores = detector.score(np.stack([frame.pixels for frame in batch]), [frame.motion for frame in batch])
        yield from _said(batch, scores, detector, maps=maps)


def _evidence(frames: Iterator[Frame], detector: Detector) -> Iterator[dict[Evidence, ScoredFrame]]:
    for batch in batches(frames):
        found = detector.evidence(np.stack([frame.pixels for frame in batch]), [frame.motion for frame in batch])
        said = [_said(batch, scores, detector, maps=True) for scores in found.values()]
        for of_frame in zip(*said, strict=True):
            yield dict(zip(found, of_frame, strict=True))


def _said(batch: list[Frame], scores: Scores, detector: Detector, *, maps: bool) -> Iterable[ScoredFrame]:
    results = results_of(detector.model, scores, [frame.source_size for frame in batch])
    threshold = detector.model.threshold.value
    anomaly_maps = (scores.maps / threshold).cpu().numpy() if maps else [None] * len(batch)
    for frame, said, anomaly_map in zip(batch, results, anomaly_maps, strict=True):
        yield ScoredFrame(frame, said.score, said.raw_score, said.peak, said.coarse, anomaly_map, said.motion)


def batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Frames in the numbers that are scored at a time."""
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
