"""The format of messages: what is written is read again, and what is not a message is refused in a sentence."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pipeline.errors import BusError
from pipeline.parts import Parts
from pipeline.types import PLANES, CoarseMap, Geometry
from tests.workers.bus.making import EPOCH, frame, preview, score
from workers.bus.messages import Drop, Dropped, Ended, Fields, FrameMessage, PreviewMessage, ScoreMessage, score_message


def sent(fields: list[object]) -> dict[bytes, bytes]:
    """Fields as the broker gives them back."""
    texts = [one.encode() if isinstance(one, str) else bytes(one) for one in fields]  # type: ignore[call-overload]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def with_head(fields: Fields, **changes: object) -> dict[bytes, bytes]:
    """The same message with other values in its head; None takes a key away."""
    head = json.loads(fields[b"head"]) | changes
    text = json.dumps({key: value for key, value in head.items() if value is not None})
    return {**fields, b"head": text.encode()}


def test_a_frame_is_read_as_it_was_written() -> None:
    written = frame(7)
    read = FrameMessage.read(written.id.encode(), sent(written.fields()))
    assert np.array_equal(read.pixels, written.pixels)
    assert replace(read, pixels=written.pixels).fields()[:4] == written.fields()[:4]
    assert (read.epoch, read.index, read.source) == (EPOCH, 7, (432, 768))


@pytest.mark.parametrize("index", [0, 7])
def test_the_motion_of_a_frame_is_read_as_it_was_written(index: int) -> None:
    written = frame(index, motion=True)
    read = FrameMessage.read(written.id.encode(), sent(written.fields()))
    assert written.motion is not None
    assert read.motion is not None
    assert read.motion.frames == written.motion.frames == min(index, 9)
    assert np.array_equal(read.motion.planes, written.motion.planes)
    assert sent(read.fields()) == sent(written.fields())


def test_a_frame_without_motion_has_none_of_its_fields() -> None:
    fields = sent(frame(7).fields())
    assert sorted(fields) == [b"data", b"head", b"v"]
    assert sorted(json.loads(fields[b"head"])) == ["captured_at", "size", "source", "time_s"]
    assert FrameMessage.read(b"5-7", fields).motion is None


def test_the_motion_of_another_version_is_not_known_and_the_frame_is_read() -> None:
    fields = with_head(sent(frame(7, motion=True).fields()), planes=PLANES + 2)
    read = FrameMessage.read(b"5-7", {**fields, b"motion": bytes((PLANES + 2) * 12 * 20)})
    assert read.motion is None
    assert np.array_equal(read.pixels, frame(7).pixels)


def test_a_preview_is_read_as_it_was_written() -> None:
    written = preview(3)
    assert asdict(PreviewMessage.read(b"%d-3" % EPOCH, sent(written.fields()))) == asdict(written)


@given(
    some.floats(0, 1e6),
    some.floats(0, 1e6),
    some.tuples(some.floats(0, 4000), some.floats(0, 4000)),
    some.sampled_from([None, 96, 64]),
)
def test_a_score_is_read_as_it_was_written(
    value: float, raw: float, peak: tuple[float, float], crop: int | None
) -> None:
    written = replace(score(5), score=value, raw_score=raw, peak=peak, geometry=Geometry((96, 160), crop))
    read = score_message(sent(written.fields()))
    assert isinstance(read, ScoreMessage)
    assert np.array_equal(read.coarse.levels, written.coarse.levels)
    assert replace(read, coarse=written.coarse).fields() == written.fields()


def moving(score: ScoreMessage, share: float) -> ScoreMessage:
    """The same score by a model that knows motion."""
    levels, chance = score.coarse.levels, np.random.RandomState(score.index)
    shares, still = (chance.randint(0, most, levels.shape).astype(np.uint8) for most in (256, 253))
    return replace(score, coarse=CoarseMap(levels, shares, still), parts=Parts.of(score.score, share))


@given(some.floats(1e-3, 1e6), some.integers(0, 255))
def test_a_score_with_motion_is_read_as_it_was_written(value: float, step: int) -> None:
    written = moving(replace(score(5), score=value), step / 255)
    read = score_message(sent(written.fields()))
    assert isinstance(read, ScoreMessage)
    for name in ("levels", "shares", "still"):
        plane = getattr(read.coarse, name)
        assert (plane.dtype, plane.tolist()) == (np.uint8, getattr(written.coarse, name).tolist())
    assert (read.parts, read.parts.share) == (written.parts, step / 255)
    assert replace(read, coarse=written.coarse).fields() == written.fields()


def test_a_score_of_appearance_alone_says_nothing_of_motion() -> None:
    fields = sent(score(5).fields())
    assert fields.keys() == {b"v", b"head", b"data"}
    assert not {"appearance", "motion"} & json.loads(fields[b"head"]).keys()
    read = score_message(fields)
    assert isinstance(read, ScoreMessage)
    assert (read.parts, read.coarse.shares, read.coarse.still) == (Parts(None, None), None, None)


@pytest.mark.parametrize("reason", list(Drop))
def test_a_drop_is_read_as_it_was_written(reason: Drop) -> None:
    written = Dropped(EPOCH, 4, reason)
    assert score_message(sent(written.fields())) == written


def test_the_end_of_an_epoch_is_read_as_it_was_written() -> None:
    assert score_message(sent(Ended(EPOCH, 90).fields())) == Ended(EPOCH, 90)


FRAME, MOVED = sent(frame(1).fields()), sent(frame(1, motion=True).fields())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "it has version '', this stillwatch reads '1'"),
        ({**FRAME, b"v": b"2"}, "it has version '2', this stillwatch reads '1'"),
        ({**FRAME, b"head": b"{"}, "its head is not JSON"),
        ({**FRAME, b"head": b"[" * 4000}, "its head is not JSON"),
        ({**FRAME, b"head": b"[]"}, "its head is not an object"),
        ({**FRAME, b"head": b" " * 5000}, "its head has 5000 bytes"),
        ({**FRAME, b"data": b"short"}, "its picture has 5 bytes, not 96 x 160 x 3"),
        (with_head(FRAME, size=[9999, 9999]), "its size is 9999 x 9999, more than 4096"),
        (with_head(FRAME, size=[96, "160"]), "its size is not a size"),
        (with_head(FRAME, size=[True, 160]), "its size is not a size"),
        (with_head(FRAME, source=None), "its source is not a size"),
        (with_head(FRAME, time_s="soon"), "its time_s is not a number"),
        (with_head(FRAME, captured_at=float("nan")), "its captured_at is not a number"),
        ({**MOVED, b"motion": b"short"}, f"its motion has 5 bytes, not {PLANES} x 12 x 20"),
        ({name: MOVED[name] for name in FRAME}, f"its motion has 0 bytes, not {PLANES} x 12 x 20"),
        (with_head(MOVED, planes=1 << 50), f"its motion has {PLANES * 240} bytes, not {1 << 50} x 12 x 20"),
        (with_head(MOVED, planes=None), "its planes is not a whole number"),
        (with_head(MOVED, motion_frames=-1), "its motion_frames is not a whole number"),
    ],
)
def test_what_is_no_frame_is_refused(fields: Fields, why: str) -> None:
    with pytest.raises(BusError) as refused:
        FrameMessage.read(b"5-1", fields)
    assert str(refused.value) == f"a message is unreadable: {why}."


SCORE = sent(score(1).fields())
MOVING = sent(moving(score(1), 0.5).fields())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({**SCORE, b"data": b""}, "its map has 0 bytes, not 12 x 20"),
        (with_head(SCORE, grid=[1 << 14, 1 << 14]), "its grid is 16384 x 16384, more than 4096"),
        (with_head(SCORE, epoch=-1), "its epoch is not a whole number"),
        (with_head(SCORE, index=1.5), "its index is not a whole number"),
        (with_head(SCORE, score=float("inf")), "its score is not a number"),
        (with_head(SCORE, peak=[1]), "its peak is not a point"),
        (with_head(SCORE, peak=[1, "2"]), "its peak is not a number"),
        ({**MOVING, b"shares": b"short"}, "its plane of shares has 5 bytes, not 12 x 20"),
        ({**MOVING, b"still": b"short"}, "its plane of still has 5 bytes, not 12 x 20"),
        ({**MOVING, b"still": bytes(241)}, "its plane of still has 241 bytes, not 12 x 20"),
        ({**SCORE, b"shares": MOVING[b"shares"]}, "its plane of still has 0 bytes, not 12 x 20"),
        (with_head(MOVING, motion=None), "its motion is not a number"),
        (with_head(MOVING, appearance="all"), "its appearance is not a number"),
        (with_head(MOVING, motion=-0.1), "a part of its score is below 0"),
        (with_head(SCORE, dropped="tired"), "it was dropped because of 'tired'"),
        (
            with_head(SCORE, resize=[95, 160]),
            "model pictures of 95x160 have a side that is not a multiple of 16; choose sides that are",
        ),
    ],
)
def test_what_is_no_score_is_refused(fields: Fields, why: str) -> None:
    with pytest.raises(BusError) as refused:
        score_message(fields)
    assert str(refused.value).rstrip(".") == f"a message is unreadable: {why}"


def test_an_empty_or_a_huge_preview_is_refused() -> None:
    fields = sent(preview(1).fields())
    for data, found in ((b"", 0), (bytes((8 << 20) + 1), (8 << 20) + 1)):
        with pytest.raises(BusError, match=f"its JPEG has {found} bytes"):
            PreviewMessage.read(b"5-1", {**fields, b"data": data})
