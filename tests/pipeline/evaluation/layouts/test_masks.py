"""Masks from pictures of every kind and from NumPy files."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ConfigError, SourceError
from pipeline.evaluation.layouts.masks import MaskArray, MaskPictures, read_mask

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree

SHAPE = np.zeros((6, 8), dtype=bool)
SHAPE[2:5, 3:7] = True


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("white.png", SHAPE * np.uint8(255)),
        ("one.png", SHAPE * np.uint8(1)),
        ("one.bmp", SHAPE * np.uint8(1)),
        ("sixteen-bit.png", SHAPE * np.uint16(256)),
        ("sixteen-bit.tif", SHAPE * np.uint16(65535)),
        ("red.png", SHAPE[..., None] * np.array([0, 0, 200], np.uint8)),
        ("opaque.png", np.dstack([SHAPE * np.uint8(255)] * 3 + [np.full((6, 8), 255, np.uint8)])),
        ("large.JPG", np.kron(SHAPE, np.ones((11, 11))).astype(np.uint8) * 255),
    ],
)
def test_a_pixel_is_abnormal_where_it_is_not_black(tree: Tree, name: str, pixels: NDArray[Any]) -> None:
    mask = read_mask(tree.picture(name, pixels))
    assert mask.dtype == bool
    size = (8, 6) if mask.shape == SHAPE.shape else (88, 66)
    expected = cv2.resize(SHAPE.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    np.testing.assert_array_equal(mask, expected)


def test_a_mask_may_have_a_palette(tree: Tree) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in SHAPE.astype(np.uint8))
    header = struct.pack(">IIBBBBB", 8, 6, 8, 3, 0, 0, 0)
    png = [
        (b"IHDR", header),
        (b"PLTE", bytes([0, 0, 0, 128, 0, 0])),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    path = tree.root / "palette.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in png))
    np.testing.assert_array_equal(read_mask(path), SHAPE)


@pytest.mark.parametrize("content", ["", "not a picture"])
def test_a_mask_that_is_no_picture_is_refused(tree: Tree, content: str) -> None:
    path = tree.text("001.bmp", content)
    with pytest.raises(SourceError) as caught:
        MaskPictures(tree.root, (path,))[0]
    assert str(caught.value) == f"{path}: is not a picture that can be read; replace this mask."


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32])
def test_an_array_is_abnormal_where_it_is_not_0(tree: Tree, dtype: type) -> None:
    masks = MaskArray.open(tree.array("gate.npy", np.stack([SHAPE, ~SHAPE, SHAPE]).astype(dtype)))
    assert len(masks) == 3
    assert masks[1].dtype == bool
    np.testing.assert_array_equal(masks[1], ~SHAPE)


def test_an_array_is_not_read_before_it_is_asked_for(tree: Tree) -> None:
    assert isinstance(MaskArray.open(tree.array("gate.npy", np.zeros((3, 6, 8)))).array, np.memmap)


def test_an_array_of_another_shape_is_refused(tree: Tree) -> None:
    path = tree.array("gate.npy", np.zeros((6, 8), dtype=bool))
    with pytest.raises(ConfigError) as caught:
        MaskArray.open(path)
    assert str(caught.value) == f"{path}: is of shape (6, 8), not (frames, height, width); save it so."


def test_a_file_that_is_no_array_of_numbers_is_refused(tree: Tree) -> None:
    for path, problem in (
        (tree.text("text.npy", "0 0 1"), "is not a NumPy file of numbers; write it with numpy.save."),
        (tree.text("empty.npy", ""), "is not a NumPy file of numbers; write it with numpy.save."),
        (tree.root / "absent.npy", "is not a NumPy file of numbers; write it with numpy.save."),
        (tree.array("words.npy", np.array(["no", "yes"])), "holds <U3 instead of numbers; write 0 and 1."),
    ):
        with pytest.raises(ConfigError) as caught:
            MaskArray.open(path)
        assert str(caught.value) == f"{path}: {problem}"


def test_an_array_of_objects_is_not_unpickled(tree: Tree) -> None:
    path = tree.root / "objects.npy"
    np.save(path, np.array([None, 1], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError) as caught:
        MaskArray.open(path)
    assert str(caught.value) == f"{path}: is not a NumPy file of numbers; write it with numpy.save."
