"""Regions of masks, and what goes on as what."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.tracks import Regions, predecessors


def regions(*rows: str) -> Regions:
    """Regions of a mask that is drawn with `#`."""
    return Regions.of(np.array([[cell == "#" for cell in row] for row in rows]))


def test_regions_are_what_touches_along_sides_or_at_corners() -> None:
    found = regions("##..#", "..#..", "....#", "....#")
    assert found.count == 3
    assert found.labels.tolist() == [[1, 1, 0, 0, 2], [0, 0, 1, 0, 0], [0, 0, 0, 0, 3], [0, 0, 0, 0, 3]]


def test_a_normal_mask_has_none() -> None:
    found = regions("...", "...")
    assert (found.count, found.on((1, 1)), found.labels.shape) == (0, [], (2, 3))


def test_on_a_coarser_grid_a_region_takes_shares_of_cells() -> None:
    (one,) = regions("##..", "##..", "##..", "....").on((2, 2))
    assert (one.cells.tolist(), one.shares.tolist(), one.area) == ([0, 2], [1.0, 0.5], 1.5)


def test_on_a_grid_that_divides_pixels_no_area_is_lost() -> None:
    mask = np.zeros((240, 360), dtype=bool)
    mask[31, 207], mask[100:117, 50:93] = True, True
    point, box = Regions.of(mask).on((120, 176))
    assert point.area * 4 * 360 / 352 == pytest.approx(1, rel=1e-5)
    assert box.area * 4 * 360 / 352 == pytest.approx(17 * 43, rel=1e-5)


def test_a_region_goes_on_with_the_one_it_overlaps() -> None:
    assert predecessors(regions("##.....#"), regions(".##...##")) == [0, 1]
    assert predecessors(regions(".....##."), regions("##...##.")) == [None, 0]


def test_a_region_that_overlaps_none_begins_anew_however_near() -> None:
    assert predecessors(regions("##......"), regions("..##....")) == [None]
    assert predecessors(regions("........"), regions("..##....")) == [None]
    assert predecessors(regions("..##...."), regions("........")) == []


def test_where_two_meet_the_one_that_overlaps_more_goes_on() -> None:
    assert predecessors(regions("##..####"), regions("########")) == [1]


def test_where_one_parts_the_larger_goes_on_and_the_other_begins() -> None:
    assert predecessors(regions("########"), regions("##..####")) == [None, 0]


def test_the_highest_overlap_is_taken_first_and_each_only_once() -> None:
    # The second of now overlaps both of before, and the one that it overlaps more is the better match of no other.
    before, now = regions("####.##########"), regions("#.###.#########")
    assert predecessors(before, now) == [None, 0, 1]
    before, now = regions("######.###"), regions("..####.###")
    assert predecessors(before, now) == [0, 1]


def test_nothing_goes_on_where_the_pictures_change_their_size() -> None:
    assert predecessors(regions("###"), regions("###", "###")) == [None]
