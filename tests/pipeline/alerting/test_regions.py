"""Regions of a coarse map and the groups they form, against a slow and plain reading of the same words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pipeline.alerting.regions import apart, belong, groups_above, grown, rectangle_of
from pipeline.types import Box, CoarseMap

ALARM = CoarseMap.level(1)

Cell = tuple[int, int]

# Few levels and many zeros: maps of several regions, some alike.
MAPS = arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 12)), elements=st.sampled_from([0, 0, 0, 0, 90, 150])
)
MASKS = arrays(np.bool_, (6, 9))
BOXES = st.tuples(st.integers(0, 15), st.integers(0, 15), st.integers(1, 6), st.integers(1, 6))
THINGS = st.lists(BOXES, min_size=1, max_size=3)


def levels_of(*boxes: Box, level: int = 150) -> NDArray[np.uint8]:
    levels = np.zeros((20, 30), np.uint8)
    for x, y, width, height in boxes:
        levels[y : y + height, x : x + width] = level
    return levels


def parts_of(levels: NDArray[np.uint8]) -> list[set[Box]]:
    return [set(group.parts) for group in groups_above(levels, ALARM)]


def cells_of(box: Box) -> list[Cell]:
    x, y, width, height = box
    return list(itertools.product(range(y, y + height), range(x, x + width)))


def plain_gap(one: Box, other: Box) -> int:
    """Cells on the shortest way between two rectangles, as a king walks."""
    steps = [max(abs(a - c), abs(b - d)) for (a, b), (c, d) in itertools.product(cells_of(one), cells_of(other))]
    return max(0, min(steps) - 1)


def plain_regions(levels: NDArray[np.uint8], level: int) -> list[set[Cell]]:
    """Cells above a level that touch, found one by one."""
    left = {(int(row), int(column)) for row, column in np.argwhere(levels > level)}
    regions = []
    while left:
        region, edge = set(), {left.pop()}
        while edge:
            region |= edge
            edge = {cell for cell in left if any(max(abs(cell[0] - row), abs(cell[1] - col)) == 1 for row, col in edge)}
            left -= edge
        regions.append(region)
    return regions


def plain_rectangle(cells: set[Cell]) -> Box:
    rows, columns = [row for row, _ in cells], [column for _, column in cells]
    return min(columns), min(rows), max(columns) - min(columns) + 1, max(rows) - min(rows) + 1


def plain_groups(levels: NDArray[np.uint8], level: int) -> set[frozenset[Cell]]:
    """Regions joined with whatever lies within half the size of the larger, or two cells, until nothing is joined."""
    groups = [[region] for region in plain_regions(levels, level)]

    def one_thing(some: list[set[Cell]], others: list[set[Cell]]) -> bool:
        for one, other in itertools.product(some, others):
            first, second = plain_rectangle(one), plain_rectangle(other)
            if plain_gap(first, second) <= max(2, max(*first[2:], *second[2:]) / 2):
                return True
        return False

    while True:
        pair = next((pair for pair in itertools.combinations(groups, 2) if one_thing(*pair)), None)
        if pair is None:
            return {frozenset().union(*group) for group in groups}
        groups = [group for group in groups if group not in pair] + [pair[0] + pair[1]]


@given(MAPS)
def test_groups_are_those_of_a_slow_search(levels: NDArray[np.uint8]) -> None:
    found = groups_above(levels, ALARM)
    sets = {frozenset((int(row), int(column)) for row, column in np.argwhere(group.cells)) for group in found}
    assert sets == plain_groups(levels, ALARM)
    assert len(sets) == len(found)


def plainly_joined(parts: list[Box]) -> set[frozenset[Box]]:
    """Rectangles joined one after the other with every group that has one near it."""
    groups: list[list[Box]] = []
    for part in parts:
        near = [group for group in groups if belong([part], group)]
        groups = [group for group in groups if group not in near] + [[part, *(one for group in near for one in group)]]
    return {frozenset(group) for group in groups}


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.005, 0.02, 0.05, 0.1, 0.3]))
@settings(max_examples=40)
def test_the_groups_of_noise_are_those_of_joining_one_after_the_other(seed: int, share: float) -> None:
    levels = np.where(np.random.RandomState(seed).random_sample((30, 54)) < share, np.uint8(200), np.uint8(50))
    groups = groups_above(levels, ALARM)
    parts = [part for group in groups for part in group.parts]
    assert {frozenset(group.parts) for group in groups} == plainly_joined(parts)


@given(MAPS)
def test_a_group_knows_its_regions_and_its_highest_level(levels: NDArray[np.uint8]) -> None:
    regions = [plain_rectangle(region) for region in plain_regions(levels, ALARM)]
    groups = groups_above(levels, ALARM)
    assert sorted(part for group in groups for part in group.parts) == sorted(regions)
    for group in groups:
        assert group.level == levels[group.cells].max() > ALARM
        assert set(group.parts) == {
            plain_rectangle(region) for region in plain_regions(levels, ALARM) if group.cells[next(iter(region))]
        }
    heights = [group.level for group in groups]
    assert heights == sorted(heights, reverse=True)


@given(MAPS)
def test_a_mirrored_map_has_mirrored_groups(levels: NDArray[np.uint8]) -> None:
    there = {group.cells.tobytes() for group in groups_above(levels, ALARM)}
    mirrored = groups_above(np.ascontiguousarray(levels[:, ::-1]), ALARM)
    assert {np.ascontiguousarray(group.cells[:, ::-1]).tobytes() for group in mirrored} == there


def test_a_map_without_anything_above_has_no_group() -> None:
    assert groups_above(levels_of((3, 3, 4, 4), level=ALARM), ALARM) == []
    assert parts_of(levels_of((3, 3, 4, 4), level=ALARM + 1)) == [{(3, 3, 4, 4)}]


def test_cells_that_touch_at_a_corner_are_one_region() -> None:
    levels = np.zeros((4, 4), np.uint8)
    levels[0, 0] = levels[1, 1] = levels[2, 2] = 150
    assert parts_of(levels) == [{(0, 0, 3, 3)}]


def test_the_head_and_the_shoes_of_a_person_are_one_thing() -> None:
    head, shoes = (10, 2, 2, 2), (10, 6, 3, 1)
    assert parts_of(levels_of(head, shoes)) == [{head, shoes}]


def test_what_lies_within_half_the_size_of_the_larger_belongs_to_it() -> None:
    lorry = (2, 2, 12, 6)
    assert parts_of(levels_of(lorry, (20, 4, 1, 1))) == [{lorry, (20, 4, 1, 1)}]
    assert len(parts_of(levels_of(lorry, (21, 4, 1, 1)))) == 2


def test_two_far_things_are_two_the_highest_first() -> None:
    levels = levels_of((1, 1, 2, 4))
    levels[12:16, 25:27] = 200
    assert parts_of(levels) == [{(25, 12, 2, 4)}, {(1, 1, 2, 4)}]


def test_a_chain_of_near_things_is_one() -> None:
    chain = [(x, 5, 1, 1) for x in range(1, 29, 3)]
    assert parts_of(levels_of(*chain)) == [set(chain)]


@given(THINGS, THINGS)
def test_apart_is_the_shortest_way_between_any_two_rectangles(one: list[Box], other: list[Box]) -> None:
    assert apart(one, other) == min(plain_gap(a, b) for a, b in itertools.product(one, other))


@given(THINGS, THINGS)
def test_apart_and_belong_do_not_mind_the_order(one: list[Box], other: list[Box]) -> None:
    assert apart(one, other) == apart(other, one) >= 0
    assert belong(one, other) == belong(other, one)


@given(THINGS, THINGS)
def test_what_is_two_cells_apart_or_less_belongs_together(one: list[Box], other: list[Box]) -> None:
    assert belong(one, one)
    if apart(one, other) <= 2:
        assert belong(one, other)
    if apart(one, other) > 3:  # half of six
        assert not belong(one, other)


@pytest.mark.parametrize(("by", "side"), [(0, 1), (1, 3), (2, 5)])
def test_growing_goes_to_all_sides_and_corners(by: int, side: int) -> None:
    cells = np.zeros((9, 9), bool)
    cells[4, 4] = True
    square = grown(cells, by)
    assert (square.sum(), rectangle_of(square)) == (side * side, (4 - by, 4 - by, side, side))


def test_growing_ends_at_the_edge() -> None:
    cells = np.zeros((4, 6), bool)
    cells[0, 0] = cells[3, 5] = True
    assert rectangle_of(grown(cells, 1)) == (0, 0, 6, 4)
    assert grown(cells, 1).sum() == 8


@given(MASKS)
def test_the_rectangle_is_the_smallest_around_the_cells(cells: NDArray[np.bool_]) -> None:
    if not cells.any():
        return
    found = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    assert rectangle_of(cells) == plain_rectangle(found)
