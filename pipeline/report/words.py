"""Numbers and events in the words of the page."""

from __future__ import annotations

import math

from pipeline.types import Box, EndReason, EventKind

__all__ = ["KINDS", "REASONS", "clock", "counted", "duration", "listed", "moment", "place", "score_text", "share_text"]

KINDS = {EventKind.ANOMALY: "Anomaly", EventKind.VIEW: "View changed", EventKind.CAMERA: "Camera out of reach"}
REASONS = {
    EndReason.GONE: "back to normal",
    EndReason.LONG: "lasted too long; its place is muted until it is normal",
    EndReason.VIEW: "the whole view changed",
    EndReason.FOOTAGE: "the footage ended",
    EndReason.BACK: "in reach again",
    None: "not ended yet",
}
# Beyond this many names a list says less than a number.
NAMES_LISTED = 3


def clock(time_s: float) -> str:
    """m:ss.s, or h:mm:ss.s from an hour on, as beneath the pictures of the heatmap.

    >>> clock(9.04), clock(59.96), clock(3599.96)
    ('0:09.0', '1:00.0', '1:00:00.0')
    """
    minutes, tenths = divmod(round(time_s * 10), 600)
    hours, rest = divmod(minutes, 60)
    seconds = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{rest:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def moment(time_s: float, *, clocked: bool) -> str:
    """A time of the recording; where there is no clock, the number of the picture."""
    return clock(time_s) if clocked else f"picture {time_s:.0f}"


def duration(length_s: float) -> str:
    """A length of time: seconds below a minute, else as a clock shows it.

    >>> duration(0), duration(4.84), duration(59.96), duration(3725.2)
    ('0 s', '4.8 s', '1:00', '1:02:05')
    """
    if not length_s:
        return "0 s"
    if round(length_s, 1) < 60:
        return f"{length_s:.1f} s"
    return clock(round(length_s))[:-2]


def score_text(score: float) -> str:
    """Two digits after the point, as everywhere; a score that is not finite is none.

    >>> score_text(1.005), score_text(float("nan"))
    ('1.00', '–')
    """
    return f"{score:.2f}" if math.isfinite(score) else "–"


def share_text(share: float) -> str:
    """A share of a whole, 0 to 1; little is not called nothing.

    >>> share_text(0), share_text(0.0001), share_text(0.159)
    ('0%', 'under 0.1%', '15.9%')
    """
    if not share:
        return "0%"
    return "under 0.1%" if share < 0.001 else f"{share:.1%}"


def counted(number: int, word: str) -> str:
    """A number with its noun.

    >>> counted(1, "event"), counted(12345, "frame")
    ('1 event', '12,345 frames')
    """
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def listed(names: list[str]) -> str:
    """Few names in words, many as nothing.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcd"))
    ('a', 'a, b and c', '')
    """
    if len(names) > NAMES_LISTED:
        return ""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def place(box: Box) -> str:
    """Where a box lies, in pixels of the source."""
    x, y, width, height = box
    return f"x {x}, y {y}, {width} × {height} px"
