"""Whether a threshold keeps what it promises: on other footage of the same kind there are as many false events."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, signal

from pipeline.lingering import LINGERING_S
from pipeline.model.blocks import Block
from pipeline.model.calibration import calibrated
from pipeline.model.threshold import Threshold
from pipeline.policy import Policy
from tests.pipeline.model import plain

DAY_S = 86400.0
POLICY = Policy()
LINGERING = round(LINGERING_S * 5)  # frames

Floats = NDArray[np.float64]


def watched(frames: int, kind: Literal["normal", "gamma"], frames_alike: float, seed: int) -> tuple[Floats, Floats]:
    """Scores of a moment and of what lingers at 5 frames/s: six cells of noise that hangs together for a while."""
    keep = math.exp(-1 / frames_alike)
    parts = 1 if kind == "normal" else 2
    source = np.random.RandomState(seed)
    noise = signal.lfilter([math.sqrt(1 - keep**2)], [1, -keep], source.normal(0, 1, (parts, 6, frames)))
    cells = 10 + 1.5 * noise[0] if kind == "normal" else 2 + 2 * np.square(noise).sum(axis=0)
    return cells.max(axis=0), np.max([looking_back(cell, LINGERING + 1) for cell in cells], axis=0)


def looking_back(scores: Floats, frames: int) -> Floats:
    """The least over so many frames up to each; 0 where there are not so many."""
    least: Floats = ndimage.minimum_filter1d(scores, frames, origin=(frames - 1) // 2, mode="constant", cval=0)
    return least


def events(moment: Floats, stays: Floats, threshold: Threshold) -> int:
    """What would have been events: for a second above either threshold, five seconds apart."""
    scores = np.maximum(moment / threshold.value, stays / (threshold.value * threshold.lingering))
    return plain.clusters(np.flatnonzero(looking_back(scores, 6) > 1), 25)


def test_looking_back_is_the_least_of_the_frames_before() -> None:
    scores = np.random.RandomState(0).rand(60)
    assert looking_back(scores, 6)[5:].tolist() == [scores[place - 5 : place + 1].min() for place in range(5, 60)]


def daily(asked: float, days: float, kind: Literal["normal", "gamma"], frames_alike: float) -> float:
    """Events a day on other footage, after calibration on two hours of it; the mean of eight times."""
    counts, frames = [], 2 * 18_000
    for seed in range(8):
        moment, stays = watched(frames, kind, frames_alike, seed)
        blocks = []
        for part in np.array_split(np.arange(frames), 4):
            known = [None if frame < LINGERING else stays[frame].item() for frame in part.tolist()]
            blocks.append(Block.of_footage(10**6, (part / 5).tolist(), [moment[part].tolist()], known, POLICY))
        threshold = calibrated(blocks, 10, 0.0, asked)
        assert threshold.expected_a_day == pytest.approx(asked, rel=0.01)
        later = watched(round(days * DAY_S * 5), kind, frames_alike, 1000 + seed)
        counts.append(events(*later, threshold) / days)
    return float(np.mean(counts))


KINDS = pytest.mark.parametrize(("kind", "frames_alike"), [("normal", 10.0), ("gamma", 3.0), ("gamma", 10.0)])


@KINDS
def test_on_other_footage_there_are_about_as_many_false_alarms_as_were_asked_for(
    kind: Literal["normal", "gamma"], frames_alike: float
) -> None:
    # Two in the time that was looked at.
    assert 12 <= daily(24.0, 0.25, kind, frames_alike) <= 48


@KINDS
def test_fewer_than_the_footage_can_have_shown_err_on_the_quiet_side(
    kind: Literal["normal", "gamma"], frames_alike: float
) -> None:
    # Half of one in the time that was looked at. A normal distribution's tail falls faster than can be told from it,
    # so what is expected of all that is plausible is several times what comes: that may be, the other way not.
    assert 0.6 <= daily(6.0, 0.5, kind, frames_alike) <= 12
