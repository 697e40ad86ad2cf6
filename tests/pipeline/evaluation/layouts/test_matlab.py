"""Masks in MATLAB files, whole and broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.matlab import MatlabMasks

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree

SHAPE = np.zeros((6, 8), np.uint8)
SHAPE[2:5, 3:7] = 1


def message(path: Path) -> str:
    """Why the second mask of a file cannot be had."""
    with pytest.raises(ConfigError) as caught:
        MatlabMasks.open(path, "volLabel")[1]
    return str(caught.value)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
def test_each_cell_is_a_mask_abnormal_where_it_is_not_0(tree: Tree, dtype: type) -> None:
    path = tree.matlab("1_label.mat", volLabel=[SHAPE.astype(dtype), (1 - SHAPE).astype(dtype), SHAPE.astype(dtype)])
    masks = MatlabMasks.open(path, "volLabel")
    assert len(masks) == 3
    assert masks[1].dtype == bool
    np.testing.assert_array_equal(masks[1], SHAPE == 0)
    np.testing.assert_array_equal(masks[2], SHAPE == 1)


def test_an_empty_cell_is_a_normal_frame(tree: Tree) -> None:
    masks = MatlabMasks.open(tree.matlab("1_label.mat", volLabel=[np.zeros((0, 0), np.uint8), SHAPE]), "volLabel")
    assert not masks[0].any()
    assert masks[0].size


def test_a_file_that_is_not_whole_is_refused(tree: Tree) -> None:
    whole = tree.matlab("1_label.mat", volLabel=[SHAPE] * 50).read_bytes()
    hdf5 = b"\x89HDF\r\n\x1a\n" + bytes(600)
    for number, content in enumerate((b"", b"not a matrix", b"x" * 600, hdf5, whole[:150], whole[:-20])):
        path = tree.root / f"{number}.mat"
        path.write_bytes(content)
        assert message(path) == f"{path}: is not a MATLAB file with a cell array volLabel; download it again."


def test_a_file_of_something_else_is_refused(tree: Tree) -> None:
    other = tree.matlab("other.mat", vol=[SHAPE])
    array = tree.matlab("array.mat", volLabel=SHAPE)
    for path in (other, array):
        assert message(path) == f"{path}: is not a MATLAB file with a cell array volLabel; download it again."
    words = tree.matlab("words.mat", volLabel=[SHAPE, np.array(["normal"])])
    assert message(words) == f"{words}: cell 2 of volLabel is no mask; download it again."


def test_scipy_is_loaded_only_for_a_matlab_file() -> None:
    script = "import sys, pipeline.evaluation.run; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
