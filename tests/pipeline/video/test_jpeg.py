"""Pictures as JPEG, there and back; and what says it is one."""

from __future__ import annotations

import struct
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceCorrupt
from pipeline.types import Image, Size
from pipeline.video.jpeg import decode_jpeg, encode_jpeg, jpeg_size

MOST = 1_000_000


def picture(size: Size = (60, 100)) -> Image:
    """Soft colours, red to the left and blue to the right."""
    across = np.linspace(0, 255, size[1])
    down = np.linspace(0, 255, size[0])[:, None]
    layers = [255 - across + 0 * down, down + 0 * across, across + 0 * down]
    return np.rint(np.stack(layers, axis=2)).astype(np.uint8)


def said(data: bytes) -> str:
    return f"a picture of {len(data)} bytes is no JPEG, or is damaged; it cannot be shown."


@pytest.mark.parametrize("size", [(60, 100), (1, 1), (35, 77), (480, 854)])
def test_a_picture_comes_back_with_its_size_and_colours(size: Size) -> None:
    data = encode_jpeg(picture(size))
    assert jpeg_size(data) == size
    found = decode_jpeg(data, MOST)
    assert found.shape == (*size, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - picture(size)).mean() < 3


def test_quality_is_paid_for_in_bytes() -> None:
    sizes = [len(encode_jpeg(picture(), quality)) for quality in (30, 80, 95)]
    assert sizes == sorted(set(sizes))
    assert encode_jpeg(picture()) == encode_jpeg(picture(), 80)


def test_a_grey_and_a_progressive_one_are_read_too() -> None:
    grey = cv2.imencode(".jpg", np.full((20, 30), 90, np.uint8))[1].tobytes()
    assert decode_jpeg(grey, MOST).tolist() == np.full((20, 30, 3), 90).tolist()
    progressive = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert jpeg_size(progressive) == (60, 100)
    assert decode_jpeg(progressive, MOST).shape == (60, 100, 3)


def test_a_note_about_the_turn_of_the_camera_changes_nothing() -> None:
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    note = b"Exif\0\0" + tiff
    data = encode_jpeg(picture())
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + data[2:]
    upright = cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR)
    assert upright is not None
    assert upright.shape == (100, 60, 3)  # it is such a note
    assert jpeg_size(turned) == (60, 100)
    assert (decode_jpeg(turned, MOST) == decode_jpeg(data, MOST)).all()


def test_any_number_of_fill_bytes_may_stand_before_a_marker() -> None:
    data = encode_jpeg(picture())
    assert jpeg_size(data[:2] + b"\xff" * 9 + data[2:]) == (60, 100)


def test_one_that_is_too_large_is_refused_before_memory_is_taken() -> None:
    data = encode_jpeg(picture())
    place = data.index(b"\xff\xc0") + 5
    vast = data[:place] + struct.pack(">HH", 65000, 65000) + data[place + 4 :]
    tracemalloc.start()
    with pytest.raises(SourceCorrupt) as caught:
        decode_jpeg(vast, MOST)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    assert str(caught.value) == "a JPEG of 65000x65000 is larger than the 1000000 pixels that may be read."
    assert decode_jpeg(data, 6000).shape == (60, 100, 3)
    with pytest.raises(SourceCorrupt):
        decode_jpeg(data, 5999)


def test_one_that_is_cut_is_refused() -> None:
    data = encode_jpeg(picture())
    for length in [*range(0, len(data) - 2, 7), len(data) // 2]:
        with pytest.raises(SourceCorrupt) as caught:
            decode_jpeg(data[:length], MOST)
        assert str(caught.value) == said(data[:length])


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8" + b"\xff" * 50, b"\xff\xd8" + bytes(50), bytes(50)],
)
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    for read in (jpeg_size, lambda data: decode_jpeg(data, MOST)):
        with pytest.raises(SourceCorrupt) as caught:
            read(data)
        assert str(caught.value) == said(data)


def test_another_kind_of_picture_is_refused() -> None:
    data = cv2.imencode(".png", picture())[1].tobytes()
    with pytest.raises(SourceCorrupt) as caught:
        decode_jpeg(data, MOST)
    assert str(caught.value) == said(data)


@pytest.mark.parametrize("size", [(0, 100), (60, 0)])
def test_a_side_of_nothing_is_refused(size: Size) -> None:
    data = encode_jpeg(picture())
    place = data.index(b"\xff\xc0") + 5
    with pytest.raises(SourceCorrupt):
        jpeg_size(data[:place] + struct.pack(">HH", *size) + data[place + 4 :])


@given(st.binary(max_size=60))
def test_no_header_leads_astray(data: bytes) -> None:
    for one in (data, b"\xff\xd8" + data, b"\xff\xd8\xff\xe0" + data):
        try:
            height, width = jpeg_size(one)
        except SourceCorrupt:
            continue
        assert 0 < height < 65536
        assert 0 < width < 65536
