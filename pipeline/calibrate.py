"""A model's threshold set anew, from normal footage that it was not fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event

import numpy as np

from pipeline.errors import ModelError, SourceError
from pipeline.fit import Counted
from pipeline.model.blocks import Block
from pipeline.model.calibration import MIN_FRAMES, calibrated
from pipeline.model.detector import Detector
from pipeline.model.held_out import HeldOut
from pipeline.model.padim import Model
from pipeline.policy import Policy
from pipeline.scoring import batches
from pipeline.surveying import check_view, has_clock, survey
from pipeline.video.prefetch import prefetched
from pipeline.video.recording import Recording, open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source

__all__ = ["CalibrateOptions", "calibrate"]

# A block keeps so many peaks at the most; ten minutes each leave room for many alarms a day.
BLOCK_FRAMES = 3000


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """What a calibration is told.

    Attributes:
        a_day: false events a day to aim at; None for what the model was made for.
        fps: sampling rate of recordings; None for the model's.
        input_fps: rate of folders of images, which have no clock.
        from_s, until_s: window of each recording.
    """

    a_day: float | None = None
    fps: float | None = None
    input_fps: float | None = None
    from_s: float = 0.0
    until_s: float | None = None


def calibrate(
    sources: Sequence[Source],
    detector: Detector,
    options: CalibrateOptions,
    *,
    progress: Counted | None = None,
    stop: Event | None = None,
) -> Model:
    """The detector's model with a threshold from footage.

    What the fit left in the model for its own threshold goes: the blocks of this footage take its place.

    Args:
        sources: normal footage of the camera that the model was not fitted on.
        progress: called with the frames so far and the frames expected in all, where that is known.
        stop: ends early when set; the threshold is then of what was seen.
    Raises:
        SourceError: footage cannot be read, or has no frame in the window.
        ConfigError: a recording shows another view than the model's.
        ModelError: too few frames.
    """
    stop, progress = stop or Event(), progress or (lambda done, total: None)
    model = detector.model
    fps = options.fps or model.fps
    sampling = Sampling(model.geometry, fps, options.from_s, options.until_s, motion=model.has_motion)
    clocked = any(has_clock(source, options.input_fps) for source in sources)
    view = model.source_size if clocked or model.fps is not None else None
    expected = survey(sources, sampling, view, options.input_fps)
    held_out = HeldOut(Policy(), clocked=clocked, evidences=3 if model.has_motion else 1)
    blocks: list[Block] = []
    done = 0
    for source in sources:
        with open_recording(source, input_fps=options.input_fps) as recording:
            check_view(recording, view)
            for count in _score(recording, sampling, detector, held_out):
                done += count
                progress(done, expected)
                if len(held_out) >= BLOCK_FRAMES:
                    blocks.append(held_out.block(model.frames))
                if stop.is_set():
                    break
        if stop.is_set():
            break
    if len(held_out):
        blocks.append(held_out.block(model.frames))
    if not blocks:
        raise SourceError("the footage has no frame in the window that was asked for; give an earlier --from.")
    if done < MIN_FRAMES:
        seen = "1 frame was" if done == 1 else f"{done} frames were"
        raise ModelError(f"{seen} seen, a threshold needs {MIN_FRAMES}; calibrate on more footage.")
    a_day = options.a_day or model.threshold.asked_a_day or 1.0
    threshold = calibrated(blocks, len(model.channels), model.gaussians.foreign(), a_day)
    if not clocked:  # pictures without a clock tell nothing of motion
        threshold = replace(threshold, motion=model.threshold.motion, powers=model.threshold.powers)
    return replace(model, threshold=threshold, blocks=tuple(blocks), merged=False)


def _score(recording: Recording, sampling: Sampling, detector: Detector, held_out: HeldOut) -> Iterator[int]:
    """Score a recording in batches; gives how many frames each had."""
    with closing(prefetched(recording.frames(sampling))) as frames:
        for batch in batches(frames):
            scores = detector.kinds(np.stack([frame.pixels for frame in batch]), [frame.motion for frame in batch])
            held_out.add([frame.time_s for frame in batch], scores)
            yield len(batch)
