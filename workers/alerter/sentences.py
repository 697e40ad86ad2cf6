"""Alerts in a sentence, for people who read them on a phone."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.parts import Parts, mainly
from pipeline.types import Box, EventKind, Size
from workers.alert import AlertState
from workers.alerter.values import EventRow

__all__ = ["sentence"]


def sentence(row: EventRow, state: AlertState) -> str:
    """What has become of an event: where, what, how much, for how long."""
    if row.kind is EventKind.CAMERA:
        return _of_camera(row, state)
    what = "the whole view has changed" if row.kind is EventKind.VIEW else f"something {_where(row.box, row.picture)}"
    lasted = f", for {_length(row.end_at - row.begin_at)}" if row.end_at > row.begin_at else ""
    over = "; it is over" if state is AlertState.ENDED else ""
    words = mainly(Parts(row.appearance, row.motion).share)
    parts = f" ({words})" if words else ""
    return f"{row.camera}: {what}, {row.score:.1f} times the threshold{parts}{lasted}{over}"


def _of_camera(row: EventRow, state: AlertState) -> str:
    if state is AlertState.ENDED:
        return f"{row.camera}: in reach again after {_length(row.end_at - row.begin_at)}"
    since = datetime.fromtimestamp(row.begin_at, UTC)
    error = f" ({row.error.rstrip('.')})" if row.error else ""
    return f"{row.camera}: out of reach since {since:%H:%M:%S} UTC{error}"


def _where(box: Box | None, picture: Size | None) -> str:
    if box is None or picture is None:
        return "in the picture"
    down, across = ((box[axis] + box[axis + 2] / 2) * 3 / side for axis, side in ((1, picture[0]), (0, picture[1])))
    words = (("top", "", "bottom")[min(2, int(down))], ("left", "", "right")[min(2, int(across))])
    place = " ".join(word for word in words if word)
    return f"at the {place}" if place else "in the middle"


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 7200 else f"{round(seconds / 3600)} h"
