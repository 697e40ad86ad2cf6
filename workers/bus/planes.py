"""The motion of a frame in its entry: how many planes and frames in the head, the planes themselves in `motion`."""

from __future__ import annotations

import numpy as np

from pipeline.types import CELL_PX, PLANES, Motion, Size
from workers.bus.heads import Fields, Head, refuse, whole

__all__ = ["motion_in", "said_of"]


def said_of(motion: Motion | None) -> dict[str, object]:
    """What the head says of it."""
    return {} if motion is None else {"planes": len(motion.planes), "motion_frames": motion.frames}


def motion_in(head: Head, fields: Fields, size: Size) -> Motion | None:
    """The motion of a frame of (H, W); None where it has none, or that of another version, which means other things.

    Raises:
        BusError: it is not what the head says.
    """
    if "motion_frames" not in head:
        return None
    planes, frames, data = whole(head, "planes"), whole(head, "motion_frames"), fields.get(b"motion", b"")
    height, width = size[0] // CELL_PX, size[1] // CELL_PX
    if len(data) != planes * height * width:
        refuse(f"its motion has {len(data)} bytes, not {planes} x {height} x {width}")
    if planes != PLANES:
        return None
    return Motion(np.frombuffer(data, np.uint8).reshape(planes, height, width), frames)
