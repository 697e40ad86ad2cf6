"""Folds that were held out, scored as they are and with objects, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from threading import Event

import numpy as np

from pipeline.evaluation.synthetic.anomalies import Clip, Kind, Maker
from pipeline.evaluation.synthetic.counting import Counter, averaged, counted_frames
from pipeline.evaluation.synthetic.folds import Fold, Keeper, Stretch
from pipeline.evaluation.synthetic.learning import Told
from pipeline.evaluation.synthetic.report import Figures, SyntheticResults
from pipeline.model.detector import Detector
from pipeline.model.padim import Evidence
from pipeline.scoring import BATCH, batches
from pipeline.types import Motion
from pipeline.video.flow import MotionReader
from pipeline.video.prefetch import prefetched
from pipeline.video.sampling import Sampling

__all__ = ["Scored"]

# How long the frames after an object are looked at: an alarm ends when its object has left the picture.
AFTER_S = 1.0
# Of a model without motion.
ALONE = (Evidence.APPEARANCE,)


class Scored:
    """Figures of all folds, as far as they were scored to their ends."""

    def __init__(self, sampling: Sampling, clips: int, seed: int, stop: Event) -> None:
        assert sampling.fps is not None
        self._sampling, self._fps = sampling, sampling.fps
        self._clips, self._seed, self._stop = clips, seed, stop
        self._figures: list[dict[Evidence, dict[str, Figures]]] = []
        self._made: set[Kind] = set()
        self._normal_frames = self._walkers = 0

    def add(self, number: int, held_out: Fold, detector: Detector, doing: str, told: Told) -> bool:
        """Score a fold as it is and with objects; false where it was stopped."""
        counters = {evidence: Counter() for evidence in (Evidence if detector.model.has_motion else ALONE)}
        stretches = self._score_normal(held_out, detector, counters, doing, told)
        if self._stop.is_set():
            return False
        maker = Maker(stretches, self._fps, (self._seed, number))
        # Made in another thread while the one before is scored; a clip takes megabytes, so none waits in between.
        with closing(prefetched(self._clips_of(maker), depth=1)) as clips:
            for done, (clip, motions) in enumerate(clips, start=1):
                self._score_clip(clip, motions, detector, counters)
                told(f"{doing} clips", done, len(maker.kinds) * self._clips)
                if self._stop.is_set():
                    return False
        self._figures.append({evidence: counter.figures() for evidence, counter in counters.items()})
        self._normal_frames += counters[Evidence.APPEARANCE].normal_frames
        self._made.update(maker.kinds)
        self._walkers += len(maker.walkers)
        return True

    def results(self, backbone: str) -> SyntheticResults | None:
        """The figures; None where no fold was scored."""
        if not self._figures:
            return None
        evidences = self._figures[0]
        return SyntheticResults(
            method="stillwatch" if Evidence.COMBINED in evidences else "padim",
            backbone=backbone,
            fps=self._fps,
            folds=len(self._figures),
            normal_frames=self._normal_frames,
            walkers=self._walkers,
            left_out=[kind.value for kind in Kind if kind not in self._made],
            evidence={evidence: averaged([fold[evidence] for fold in self._figures]) for evidence in evidences},
        )

    def _score_normal(
        self, held_out: Fold, detector: Detector, counters: dict[Evidence, Counter], doing: str, told: Told
    ) -> list[Stretch]:
        """Score a fold as it is; returns what clips are made of."""
        keeper, done, expected = Keeper(held_out), 0, sum(part.frames for part in held_out)
        for number, part in enumerate(held_out):
            with closing(part.read(self._sampling)) as frames:
                for batch in batches(frames):
                    for frame in batch:
                        keeper.add(number, frame)
                    pixels, motions = np.stack([one.pixels for one in batch]), [one.motion for one in batch]
                    found = detector.evidence(pixels, motions)
                    for evidence, scores in found.items():
                        counters[evidence].add_normal(scores.raw_scores)
                    done += len(batch)
                    told(doing, done, expected)
                    if self._stop.is_set():
                        return []
        return keeper.stretches

    def _clips_of(self, maker: Maker) -> Iterator[tuple[Clip, list[Motion]]]:
        """Clips of a fold, and what moves in their frames."""
        for kind in maker.kinds:
            for number in range(self._clips):
                clip = maker.clip(kind, number)
                reader = MotionReader(self._sampling.geometry.size)
                yield clip, [reader.add(*frame) for frame in zip(clip.frames, clip.times_s.tolist(), strict=True)]

    def _score_clip(
        self, clip: Clip, motions: Sequence[Motion], detector: Detector, counters: dict[Evidence, Counter]
    ) -> None:
        shown, after = counted_frames(clip, round(AFTER_S * self._fps))
        wanted = [*shown, *after]
        for indexes in (wanted[begin : begin + BATCH] for begin in range(0, len(wanted), BATCH)):
            found = detector.evidence(clip.frames[indexes], [motions[index] for index in indexes])
            for evidence, scores in found.items():
                maps = scores.maps.cpu().numpy()
                for index, score, anomaly_map in zip(indexes, scores.raw_scores, maps, strict=True):
                    if index <= shown[-1]:
                        counters[evidence].add_shown(clip.kind, score, anomaly_map, clip.masks[index])
                    else:
                        counters[evidence].add_after(clip.kind, score)
