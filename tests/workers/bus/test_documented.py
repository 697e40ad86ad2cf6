"""The page on the bus shows messages that can be read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.types import PLANES, Geometry
from workers.bus.messages import Drop, Dropped, Ended, Fields, FrameMessage, PreviewMessage, ScoreMessage, score_message

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "bus.md"


def example(number: int, data: bytes = b"", **others: bytes) -> Fields:
    """The n-th message of the page, as it would arrive."""
    heads = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return {b"v": b"1", b"head": json.dumps(json.loads(heads[number])).encode(), b"data": data} | {
        name.encode(): value for name, value in others.items()
    }


def test_the_examples_of_the_page_are_messages() -> None:
    picture, motion = bytes(240 * 432 * 3), bytes(PLANES * 30 * 54)
    frame = FrameMessage.read(b"1795000000000-62", example(0, picture, motion=motion))
    assert (frame.time_s, frame.source, frame.pixels.shape) == (12.4, (432, 768), (240, 432, 3))
    assert frame.motion is not None
    assert (frame.motion.planes.shape, frame.motion.frames) == ((PLANES, 30, 54), 9)
    assert PreviewMessage.read(b"1795000000000-62", example(1, b"jpeg")).captured_at == frame.captured_at
    planes = {name: bytes([number] * 30 * 54) for number, name in enumerate(("shares", "still"), 1)}
    score = score_message(example(2, bytes(30 * 54), **planes))
    assert isinstance(score, ScoreMessage)
    assert (score.parts.appearance or 0) + (score.parts.motion or 0) == pytest.approx(score.score)
    assert (score.epoch, score.index, score.geometry) == (1_795_000_000_000, 62, Geometry((240, 432)))
    assert score.coarse.shares is not None
    assert score.coarse.still is not None
    planes_read = (score.coarse.levels, score.coarse.shares, score.coarse.still)
    assert [(plane.shape, set(plane.ravel().tolist())) for plane in planes_read] == [((30, 54), {n}) for n in range(3)]
    assert score_message(example(3)) == Dropped(1_795_000_000_000, 63, Drop.LATE)
    assert score_message(example(4)) == Ended(1_795_000_000_000, 64)


def test_the_page_names_every_reason_of_a_drop() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"`{reason}`" in text for reason in Drop)
