"""What is gathered of held-out frames: moments by their scores, what lingers by what counts where it stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.model.held_out import HeldOut
from pipeline.model.padim import Scores, scores_of
from pipeline.policy import Policy
from tests.pipeline.model import plain
from tests.pipeline.model.conftest import SIZE

POLICY = Policy()
FRAMES = 100
TIMES_S = [number / 5 for number in range(FRAMES)]


def scores(seed: int) -> Scores:
    """Of frames that hang together, so that what lingers is not all noise."""
    source = np.random.RandomState(seed)
    ground = source.gamma(2, 3, (1, *SIZE))
    maps = ground * source.uniform(0.5, 1, (FRAMES, 1, 1))
    return scores_of(torch.from_numpy(maps.astype(np.float32)), None)


def lingers(cells: NDArray[np.float32], times_s: list[float]) -> list[float | None]:
    """The highest of what lingers in each frame, as plainly as it is said."""
    least = plain.lingering(times_s, list(cells.astype(np.float64)), POLICY.gap_s)
    return [None if one is None else float(one.max()) for one in least]


def peaks(times_s: list[float], scores: list[float | None]) -> list[float]:
    """Of the frames in which anything can have lingered."""
    known = [(time_s, score) for time_s, score in zip(times_s, scores, strict=True) if score is not None]
    return plain.peaks([time_s for time_s, _ in known], [score for _, score in known], 2, 1)


def staying(cells: NDArray[np.float32]) -> list[float]:
    return peaks(TIMES_S, lingers(cells, TIMES_S))


def test_what_lingers_is_what_counts_where_it_stays_and_moments_are_what_movers_leave() -> None:
    excused = scores(1)
    found = HeldOut(POLICY, clocked=True)
    found.add(TIMES_S, [replace(excused, still=3 * excused.cells + 1)])
    block = found.block(70)
    assert list(block.tail) == plain.peaks(TIMES_S, excused.raw_scores.tolist(), 2, 1)
    assert list(block.lingering) == pytest.approx(staying(3 * excused.cells + 1))
    assert block.lingering[0] > block.tail[0]


def test_without_movers_what_lingers_is_what_every_moment_shows() -> None:
    appearance = scores(2)
    found = HeldOut(POLICY, clocked=True)
    found.add(TIMES_S, [appearance])
    assert list(found.block(70).lingering) == pytest.approx(staying(appearance.cells))


def test_motion_never_lingers() -> None:
    appearance, speed, direction = scores(3), scores(4), scores(5)
    found = HeldOut(POLICY, clocked=True, evidences=3)
    found.add(TIMES_S, [appearance, replace(speed, still=9 * speed.cells), direction])
    block = found.block(70)
    assert list(block.lingering) == pytest.approx(staying(appearance.cells))
    expected = [plain.peaks(TIMES_S, kind.raw_scores.tolist(), 2, 1) for kind in (speed, direction)]
    assert [list(kind.tail) for kind in block.motion] == expected


def test_what_lingers_is_followed_from_block_to_block_and_not_over_a_gap() -> None:
    appearance = scores(6)
    still = appearance.cells + 1
    times_s = [*TIMES_S[:70], *(time_s + 30 for time_s in TIMES_S[70:])]
    first, second, third = replace(appearance, still=still).split([40, 30, 30])
    found, blocks = HeldOut(POLICY, clocked=True), []
    for part, begin in ((first, 0), (second, 40), (third, 70)):
        found.add(times_s[begin : begin + len(part.raw_scores)], [part])
        assert len(found) == len(part.raw_scores)
        blocks.append(found.block(70))
    least = lingers(still, times_s)
    # The second block looks back into the first one, and the third has seen nothing for six seconds.
    assert [number for number, one in enumerate(least) if one is None] == [*range(30), *range(70, 100)]
    assert list(blocks[0].lingering) == pytest.approx(peaks(times_s[:40], least[:40]))
    assert list(blocks[1].lingering) == pytest.approx(peaks(times_s[40:70], least[40:70]))
    assert blocks[2].lingering == ()


def test_of_pictures_without_a_clock_nothing_lingers() -> None:
    appearance = scores(7)
    found = HeldOut(POLICY, clocked=False)
    found.add(TIMES_S, [replace(appearance, still=9 * appearance.cells)])
    block = found.block(70)
    assert block.lingering == ()
    assert list(block.tail) == sorted(appearance.raw_scores.tolist(), reverse=True)[:64]
