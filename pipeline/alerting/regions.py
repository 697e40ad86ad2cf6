"""Regions of a coarse map: cells that touch and are above a level; and groups of regions that are one thing.

Masks are (h, w) bool over the cells; rectangles are (x, y, w, h) in whole cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Box

__all__ = ["Cells", "Group", "apart", "belong", "groups_above", "grown", "rectangle_of", "zone_of"]

Cells = NDArray[np.bool_]

# The head and the shoes of a person may be all that differs from the ground behind: what lies within half the size of
# the larger of two regions belongs to it, and neighbours always do.
SHARE_OF_SIZE = 0.5
NEIGHBOURS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Regions that are one thing.

    Attributes:
        cells: all of them.
        parts: the rectangle of each region.
        level: the highest level in it.
    """

    cells: Cells
    parts: tuple[Box, ...]
    level: int


def groups_above(levels: NDArray[np.uint8], level: int) -> list[Group]:
    """Groups of the regions of (h, w) levels that are above a level, the highest first."""
    above = levels > level
    if not above.any():
        return []
    # Cells touch along sides or at corners; label 0 is the ground.
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above.view(np.uint8), connectivity=8)
    parts: list[Box] = [(x, y, width, height) for x, y, width, height, _ in stats[1:].tolist()]
    joined = _joined(parts)
    group_of = np.full(count, -1)
    for number, members in enumerate(joined):
        group_of[np.add(members, 1)] = number
    numbers, groups = group_of[labels], []
    for number, members in enumerate(joined):
        cells = numbers == number
        groups.append(Group(cells, tuple(parts[member] for member in members), int(levels[cells].max())))
    return sorted(groups, key=lambda group: -group.level)


def zone_of(cells: Cells) -> Cells:
    """Where everything is so near to cells that it belongs to them."""
    x, y, width, height = rectangle_of(cells)
    by = int(max(NEIGHBOURS, SHARE_OF_SIZE * max(width, height)))
    zone = np.zeros_like(cells)
    zone[max(0, y - by) : y + height + by, max(0, x - by) : x + width + by] = True
    return zone


def belong(one: Sequence[Box], other: Sequence[Box]) -> bool:
    """Whether any rectangle of one thing is so near to one of another that they are the same."""
    return any(_near(a, b) for a in one for b in other)


def apart(one: Sequence[Box], other: Sequence[Box]) -> int:
    """Cells between the nearest rectangles of two things; 0 where they touch."""
    return min(_gap(a, b) for a in one for b in other)


def grown(cells: Cells, by: int) -> Cells:
    """Cells and those up to `by` cells away from them, diagonals included."""
    kernel = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(cv2.dilate(cells.view(np.uint8), kernel) > 0)


def rectangle_of(cells: Cells) -> Box:
    """The smallest rectangle around cells, of which there is at least one."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def _joined(parts: Sequence[Box]) -> list[list[int]]:
    """Numbers of parts, in groups: a part is in the group of every part that is near it."""
    near = _all_near(parts)
    # A group is known by the highest number in it, which stands first.
    groups: dict[int, list[int]] = {}
    group_of = list(range(len(parts)))
    for number in range(len(parts)):
        found = sorted({group_of[other] for other in np.flatnonzero(near[number, :number]).tolist()})
        groups[number] = [number, *(member for other in found for member in groups.pop(other))]
        for member in groups[number]:
            group_of[member] = number
    return list(groups.values())


def _all_near(parts: Sequence[Box]) -> NDArray[np.bool_]:
    """Which of n parts are near each other, (n, n): `_near` for all of them at once, of which noise brings hundreds."""
    x, y, width, height = np.array(parts).T
    across, down = (
        np.maximum.outer(begin, begin) - np.minimum.outer(begin + size, begin + size)
        for begin, size in ((x, width), (y, height))
    )
    reach = np.maximum(NEIGHBOURS, SHARE_OF_SIZE * np.maximum(width, height))
    return np.asarray(np.maximum(across, down) <= np.maximum.outer(reach, reach))


def _near(one: Box, other: Box) -> bool:
    return _gap(one, other) <= max(NEIGHBOURS, SHARE_OF_SIZE * max(*one[2:], *other[2:]))


def _gap(one: Box, other: Box) -> int:
    sides = (max(one[k], other[k]) - min(one[k] + one[k + 2], other[k] + other[k + 2]) for k in (0, 1))
    return max(0, *sides)
