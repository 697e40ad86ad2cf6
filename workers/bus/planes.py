"""What entries say of motion, in the head and in a field of its own.

A frame: how many planes and frames, and the planes in `motion`. A score: its parts, and of each cell of the coarse map
in `shares` how much is motion, in `still` what counts where it stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.parts import WHOLE, Parts
from pipeline.types import CELL_PX, PLANES, CoarseMap, Motion, Size
from workers.bus.heads import Fields, Head, number, refuse, whole

__all__ = ["coarse_in", "motion_in", "said_of"]


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


def coarse_in(head: Head, fields: Fields, levels: NDArray[np.uint8]) -> tuple[CoarseMap, Parts]:
    """The coarse map of such levels, (h, w), and the parts of its score; of appearance alone where no more was sent.

    Raises:
        BusError: they are not what the head says.
    """
    if b"shares" not in fields:
        return CoarseMap(levels), WHOLE
    shares, still = (_plane(fields, name, levels.shape) for name in ("shares", "still"))
    appearance, motion = number(head, "appearance"), number(head, "motion")
    if min(appearance, motion) < 0:
        refuse("a part of its score is below 0")
    return CoarseMap(levels, shares, still), Parts(appearance, motion)


def _plane(fields: Fields, name: str, grid: tuple[int, ...]) -> NDArray[np.uint8]:
    data = fields.get(name.encode(), b"")
    if len(data) != grid[0] * grid[1]:
        refuse(f"its plane of {name} has {len(data)} bytes, not {grid[0]} x {grid[1]}")
    return np.frombuffer(data, np.uint8).reshape(grid)
