"""Looking at footage before work is done for it: whether it can be read, how much there is, whether it is the view."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import ConfigError
from pipeline.types import Size, same_view
from pipeline.video.recording import Recording, open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source

__all__ = ["check_view", "has_clock", "survey"]


def has_clock(source: Source, input_fps: float | None) -> bool:
    """Whether its frames have times: all but pictures whose rate was not given."""
    return input_fps is not None or not source.pictures


def survey(sources: Sequence[Source], sampling: Sampling, view: Size | None, input_fps: float | None) -> int | None:
    """Look at all footage before work is done for it: the frames to expect, or None where a source does not say.

    A live source is passed over: it cannot be opened twice.

    Args:
        view: as in `check_view`.
    Raises:
        SourceError: footage cannot be read.
        ConfigError: a recording shows another view.
    """
    total: int | None = 0
    for source in sources:
        if source.live:
            total = None
            continue
        with open_recording(source, input_fps=input_fps) as recording:
            check_view(recording, view)
            frames = recording.expected_frames(sampling)
        total = None if total is None or frames is None else total + frames
    return total


def check_view(recording: Recording, view: Size | None) -> None:
    """Refuse footage of another view than the model's.

    Args:
        view: (H, W) of the pictures that the model is fitted on; None where any shape will do.
    Raises:
        ConfigError: the aspect ratios differ by more than 2 %.
    """
    if view is not None and not same_view(recording.size, view):
        (height, width), (view_height, view_width) = recording.size, view
        raise ConfigError(
            f"{recording.name}: its pictures are {height}x{width}, another shape than the {view_height}x{view_width} "
            "the model is for; use footage of the same view, or fit a model of its own."
        )
