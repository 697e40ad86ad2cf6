"""From footage to a model: the composition that the command line, the evaluation and the web page use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from pipeline.errors import ModelError
from pipeline.model.embedding import EmbeddingNetwork, network_of
from pipeline.model.engine import Engine, Hardware, build_engine
from pipeline.model.fitting import Fitter
from pipeline.model.masks import read_mask
from pipeline.model.memory import check_memory
from pipeline.model.padim import Model
from pipeline.model.settings import Precision, Settings
from pipeline.model.weights import Progress
from pipeline.policy import Policy
from pipeline.surveying import check_view, has_clock, survey
from pipeline.types import Geometry, Size, model_size
from pipeline.video.footage import FootageCheck
from pipeline.video.live import LiveFootage
from pipeline.video.prefetch import prefetched
from pipeline.video.recording import Recording, open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source

__all__ = ["FitOptions", "FitResult", "fit_footage"]

Counted = Callable[[int, int | None], None]

# Frames a second below which flow loses what is fast: at 2, Ped2's 99 % quantile of speeds falls from 111 to 45 px/s.
LEAST_FPS = 4


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What a fit is told.

    Attributes:
        settings: choices that change a score.
        short_side: of model pictures; used where `resize` is None.
        resize, crop: as in `Geometry`.
        fps: sampling rate of recordings.
        input_fps: rate of folders of images, which have no clock; None takes every image.
        from_s, until_s: window of each recording.
        mask: file that says where scores are ignored.
        precision: what to compute in; None for float32.
        resumable: keep the moments, so that the fit can go on later or be merged.
        false_alarms_per_day: false events a day that the threshold aims at.
        live_s: how long to learn from each live source, by the clock on the wall from its first frame on, over every
            loss of it; None until it is lost, or the fit is stopped.
    """

    settings: Settings = field(default_factory=Settings)
    short_side: int = 240
    resize: Size | None = None
    crop: int | None = None
    fps: float = 5.0
    input_fps: float | None = None
    from_s: float = 0.0
    until_s: float | None = None
    mask: Path | None = None
    precision: Precision | None = None
    resumable: bool = False
    false_alarms_per_day: float = 1.0
    live_s: float | None = None

    def geometry(self, source: Size) -> Geometry:
        """Geometry for source pictures of (H, W)."""
        return Geometry(self.resize or model_size(source, self.short_side), self.crop)


@dataclass(frozen=True, slots=True)
class FitResult:
    """A model and what was noticed on the way.

    Attributes:
        engine: the engine that fitted it, for scoring at once.
        recordings: sources that were read, to their end or to where the fit was stopped.
        damaged: packets and pictures that were skipped.
        complete: whether all footage was seen.
        warnings: sentences on what will disappoint.
    """

    model: Model
    engine: Engine
    recordings: int
    damaged: int
    complete: bool
    warnings: list[str]


def fit_footage(
    sources: Sequence[Source],
    options: FitOptions,
    hardware: Hardware,
    *,
    resumed: Model | None = None,
    try_precisions: bool = False,
    progress: Counted | None = None,
    download: Progress | None = None,
    stop: Event | None = None,
) -> FitResult:
    """Learn from footage.

    Args:
        sources: all from one camera's view.
        resumed: a resumable model to go on from; its settings, geometry and mask are used.
        try_precisions: also try the other precisions of the hardware on held-out frames.
        progress: called with the frames so far and the frames expected in all, where that is known.
        download: progress of a download of weights.
        stop: ends the fit early when set; the model is then of what was seen.
    Raises:
        SourceError: footage cannot be read.
        ConfigError: a recording has another aspect ratio than the first, or the mask does not fit.
        ModelError: too few frames, or too little memory.
    """
    stop = stop or Event()
    with open_recording(sources[0], input_fps=options.input_fps) as first:
        source_size = resumed.source_size if resumed else first.size
        if sources[0].live:
            check_view(first, source_size)  # the survey passes it over
    geometry = resumed.geometry if resumed else options.geometry(source_size)
    mask = resumed.mask if resumed else read_mask(options.mask, geometry, source_size) if options.mask else None
    motion = (resumed.settings if resumed else options.settings).has_motion
    sampling = Sampling(geometry, options.fps, options.from_s, options.until_s, motion=motion)
    learner = _Learner(sources, sampling, source_size, options, progress or (lambda done, total: None), stop)
    expected = learner.survey()
    network, settings = _network(options, resumed, download)
    check_memory(network, geometry.size, hardware.device)
    precision = resumed.precision if resumed else options.precision or Precision.FLOAT32
    engine = build_engine(network, geometry.size, hardware, precision)
    fitter = Fitter(
        network,
        engine,
        settings,
        geometry,
        source_size,
        others=_others(network, engine, geometry, hardware) if try_precisions else (),
        fps=learner.fps,
        mask=mask,
        a_day=options.false_alarms_per_day,
        resumed=resumed,
    )
    footage_s = learner.teach(fitter, expected)
    model = fitter.finish(footage_s, resumable=options.resumable)
    warnings = [*_warnings(model), *learner.warnings]
    return FitResult(model, engine, learner.recordings, learner.damaged, not stop.is_set(), warnings)


class _Learner:
    """Reads sources one after the other and gives their frames to a fitter."""

    def __init__(
        self,
        sources: Sequence[Source],
        sampling: Sampling,
        source_size: Size,
        options: FitOptions,
        progress: Counted,
        stop: Event,
    ) -> None:
        self._sources, self._sampling, self._source_size = sources, sampling, source_size
        self._input_fps, self._live_s = options.input_fps, options.live_s
        self._progress, self._stop = progress, stop
        self._check = FootageCheck()
        self._losses: list[str] = []
        self.recordings = self.damaged = 0

    @property
    def fps(self) -> float | None:
        """Sampling rate of the footage; None where it has no clock."""
        return self._sampling.fps if self._clocked else None

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the footage."""
        found = [*self._losses, *(self._check.warnings if self._clocked else [])]
        if self.damaged:
            found.append(f"{self.damaged} damaged packets or pictures were skipped.")
        return found

    @property
    def _clocked(self) -> bool:
        return any(has_clock(source, self._input_fps) for source in self._sources)

    @property
    def _view(self) -> Size | None:
        """Pictures without a clock are no camera's: they may be of any shape."""
        return self._source_size if self._clocked else None

    def survey(self) -> int | None:
        """Frames to expect; refuses what cannot be learned from before anything is built for it."""
        live = [source for source in self._sources if source.live]
        if self._live_s is None or not live or self._sampling.fps is None:
            return survey(self._sources, self._sampling, self._view, self._input_fps)
        recorded = [source for source in self._sources if not source.live]
        frames = survey(recorded, self._sampling, self._view, self._input_fps)
        return None if frames is None else frames + len(live) * round(self._sampling.fps * self._live_s)

    def teach(self, fitter: Fitter, expected: int | None) -> float:
        """Give every frame to the fitter; returns the seconds of footage."""
        before, footage_s = fitter.frames, 0.0
        for source in self._sources:
            if source.live and self._live_s is not None:
                footage_s += self._watch(source, self._live_s, fitter, before, expected)
            else:
                with open_recording(source, input_fps=self._input_fps) as recording:
                    footage_s += self._read(recording, fitter, before, expected)
            if self._stop.is_set():
                break
        return footage_s

    def _watch(self, source: Source, seconds: float, fitter: Fitter, before: int, expected: int | None) -> float:
        """Learn from a camera for so long; returns the seconds of footage."""
        # What is so far apart no part of a fit takes for neighbours.
        apart_s = 2 * Policy().gap_s
        live = LiveFootage(source, self._sampling, self._source_size, seconds=seconds, apart_s=apart_s, stop=self._stop)
        with closing(live.frames()) as frames:
            for frame in frames:
                self._check.add(frame)
                fitter.add(frame.pixels, frame.time_s, frame.motion)
                self._progress(fitter.frames - before, expected)
        self.recordings += 1
        self.damaged += live.damaged
        self._losses += live.warnings
        return live.seen_s

    def _read(self, recording: Recording, fitter: Fitter, before: int, expected: int | None) -> float:
        check_view(recording, self._view)
        first_s = last_s = 0.0
        taken = 0
        frames = prefetched(recording.frames(self._sampling))
        try:
            for frame in frames:
                first_s = frame.time_s if taken == 0 else first_s
                last_s = frame.time_s
                taken += 1
                self._check.add(frame)
                fitter.add(frame.pixels, frame.time_s, frame.motion)
                self._progress(fitter.frames - before, expected)
                if self._stop.is_set():
                    break
        finally:
            frames.close()
        self.recordings += 1
        self.damaged += recording.damaged
        step_s = 1 / self._sampling.fps if self._sampling.fps and self._clocked else 0.0
        return last_s - first_s + step_s if taken and self._clocked else 0.0


def _network(
    options: FitOptions, resumed: Model | None, download: Progress | None
) -> tuple[EmbeddingNetwork, Settings]:
    """The network that a model is, or was, fitted with."""
    settings, channels = (resumed.settings, resumed.channels) if resumed else (options.settings, None)
    network, settings = network_of(settings, channels, download)
    if resumed and network.backbone.digest != resumed.weights_digest:
        raise ModelError("the weights are not those that the model to resume was fitted with; restore them.")
    return network, settings


def _others(network: EmbeddingNetwork, engine: Engine, geometry: Geometry, hardware: Hardware) -> list[Engine]:
    return [
        build_engine(network, geometry.size, hardware, precision)
        for precision in hardware.offered
        if precision is not engine.precision
    ]


def _warnings(model: Model) -> list[str]:
    found = []
    needed = 2 * len(model.channels)
    if model.frames < needed:
        found.append(
            f"{model.frames} frames are few for {len(model.channels)} numbers a position: unseen footage will score "
            f"higher than it should; fit on {needed} or more."
        )
    # What came, not what was asked for: a camera may send less. Times of pictures are rounded.
    came = round(model.frames / model.footage_s, 1) if model.has_motion and model.footage_s else math.inf
    if came < LEAST_FPS:
        found.append(
            f"{came:g} frames a second are few to see motion in: what is fast is lost between them, or looks slow; fit "
            f"on {LEAST_FPS} or more, or with --method padim."
        )
    return found
