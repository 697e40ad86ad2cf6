"""Choosing without labels: each fold of normal footage is scored by a model of the others, as it is and with objects.

Frames of the held-out fold are what must not alarm, artificial clips made of them what must. Both are scored causally,
and what moves in a clip is computed from its own frames, as a decoder would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from pipeline.evaluation.synthetic.folds import folds_of
from pipeline.evaluation.synthetic.learning import Learner, Told
from pipeline.evaluation.synthetic.report import SyntheticResults
from pipeline.evaluation.synthetic.scoring import Scored
from pipeline.fit import FitOptions
from pipeline.model.engine import Hardware
from pipeline.model.weights import Progress
from pipeline.process import return_memory
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source

__all__ = ["Choices", "evaluate_synthetic"]


@dataclass(frozen=True, slots=True)
class Choices:
    """How artificial anomalies are made.

    Attributes:
        folds: how many parts of the footage are held out, one after the other; at least 2.
        clips: of each kind in each fold.
    """

    folds: int = 4
    clips: int = 4


def evaluate_synthetic(
    sources: Sequence[Source],
    options: FitOptions,
    hardware: Hardware,
    choices: Choices | None = None,
    *,
    told: Told | None = None,
    download: Progress | None = None,
    stop: Event | None = None,
) -> SyntheticResults | None:
    """Figures of artificial anomalies in normal footage; the same footage and options give the same figures.

    Args:
        sources: normal footage of one camera's view.
        options: of each fit; its rate is that of all frames, and its seed also draws the objects.
        told: progress: what is being done, how far it is, how far it goes.
        stop: ends the evaluation; the result has the folds that were finished, and is None where none was.
    Raises:
        SourceError: footage cannot be read.
        ConfigError: it has no clock, no end or another view, or it is too short.
        ModelError: too few frames, or too little memory.
    """
    choices, told, stop = choices or Choices(), told or (lambda what, done, total: None), stop or Event()
    with open_recording(sources[0], input_fps=options.input_fps) as first:
        view = first.size
    sampling = Sampling(options.geometry(view), options.fps, motion=options.settings.has_motion)
    folds = folds_of(sources, sampling, view, choices.folds, options.input_fps)
    learner = Learner(options, sampling, view, hardware, download)
    scored = Scored(sampling, choices.clips, options.settings.seed, stop)
    for number, held_out in enumerate(folds):
        name = f"fold {number + 1} of {len(folds)}"
        detector = learner.fitted([fold for fold in folds if fold is not held_out], f"{name}: fitting", told, stop)
        if detector is None or not scored.add(number, held_out, detector, f"{name}: scoring", told):
            break
        # Else the next fit, which takes most, would begin with what this fold has left: 450 MB on Ped2.
        del detector
        return_memory()
    return scored.results(options.settings.backbone)
