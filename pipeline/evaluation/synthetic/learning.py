"""Models of folds: the ordinary fit, with one backbone made ready for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from threading import Event

from pipeline.evaluation.synthetic.folds import Fold, Part
from pipeline.fit import FitOptions
from pipeline.model.detector import Detector
from pipeline.model.embedding import network_of
from pipeline.model.engine import Hardware, build_engine
from pipeline.model.fitting import Fitter
from pipeline.model.memory import check_memory
from pipeline.model.settings import Precision
from pipeline.model.weights import Progress
from pipeline.types import Size
from pipeline.video.sampling import Sampling

__all__ = ["Learner", "Told"]

# Progress: what is being done, how far it is, how far it goes.
Told = Callable[[str, int, int | None], None]


class Learner:
    """Fits folds, with one backbone made ready for all of them."""

    def __init__(
        self, options: FitOptions, sampling: Sampling, view: Size, hardware: Hardware, download: Progress | None
    ) -> None:
        self._options, self._sampling, self._view = options, sampling, view
        self._network, self._settings = network_of(options.settings, None, download)
        check_memory(self._network, sampling.geometry.size, hardware.device)
        precision = options.precision or Precision.FLOAT32
        self._engine = build_engine(self._network, sampling.geometry.size, hardware, precision)

    def fitted(self, folds: Sequence[Fold], doing: str, told: Told, stop: Event) -> Detector | None:
        """A detector of all frames of folds; None where it was stopped."""
        fitter = Fitter(
            self._network,
            self._engine,
            self._settings,
            self._sampling.geometry,
            self._view,
            fps=self._sampling.fps,
            a_day=self._options.false_alarms_per_day,
        )
        parts = [part for fold in folds for part in fold]
        expected = sum(part.frames for part in parts)
        footage_s = 0.0
        for part in parts:
            footage_s += self._read(part, fitter, lambda: told(doing, fitter.frames, expected), stop)
            if stop.is_set():
                return None
        return Detector(fitter.finish(footage_s), self._engine)

    def _read(self, part: Part, fitter: Fitter, told: Callable[[], None], stop: Event) -> float:
        """Learn a part; returns its seconds."""
        assert self._sampling.fps is not None
        before = fitter.frames
        with closing(part.read(self._sampling)) as frames:
            for frame in frames:
                fitter.add(frame.pixels, frame.time_s, frame.motion)
                told()
                if stop.is_set():
                    break
        return (fitter.frames - before) / self._sampling.fps
