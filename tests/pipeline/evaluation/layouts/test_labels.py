"""Frame labels from CSV and NumPy files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels

if TYPE_CHECKING:
    from tests.pipeline.evaluation.conftest import Tree


@pytest.mark.parametrize(
    "text",
    [
        "0\n1\n1\n",
        "0\r\n1\r\n1",
        "label\n0\n1\n1\n\n",
        "0,0\n1,1\n2,1\n",
        "index,label\n0, 0\n1, 1\n2, 1\n",
        ",label\n0,0\n1,1\n2,1\n",
        "\ufeffindex,label\n0,0\n1,1\n2,1\n",
    ],
)
def test_a_table_is_read_with_or_without_indices_and_heading(tree: Tree, text: str) -> None:
    labels = FrameLabels.from_csv(tree.text("gate.csv", text))
    assert labels.anomalous.dtype == bool
    assert labels.anomalous.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0\n2\n", ":2: is '2', not 0 or 1; write a label, or index and label as in '1,0'."),
        ("0\nyes\n", ":2: is 'yes', not 0 or 1; write a label, or index and label as in '1,0'."),
        ("0,0.5,1\n", ":1: is '0,0.5,1', not 0 or 1; write a label, or index and label as in '0,0'."),
        ("index,label\n1,0\n2,0\n", ":2: is about frame '1', not 0; label every frame, counted from 0."),
        ("0,0\n\n2,1\n", ":3: is about frame '2', not 1; label every frame, counted from 0."),
    ],
)
def test_a_line_that_is_no_label_is_refused_by_its_number(tree: Tree, text: str, problem: str) -> None:
    path = tree.text("gate.csv", text)
    with pytest.raises(ConfigError) as caught:
        FrameLabels.from_csv(path)
    assert str(caught.value) == f"{path}{problem}"


def test_a_table_that_is_a_folder_is_refused(tree: Tree) -> None:
    path = tree.folder("gate.csv")
    with pytest.raises(ConfigError) as caught:
        FrameLabels.from_csv(path)
    assert str(caught.value) == f"{path}: cannot be read, is a directory; make it a readable text file."


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_an_array_of_0_and_1_is_read(tree: Tree, dtype: type) -> None:
    labels = FrameLabels.from_array(tree.array("gate.npy", np.array([0, 1, 1], dtype=dtype)))
    assert labels.anomalous.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.array([[0], [1]]), "is of shape (2, 1), not (frames,); save it so."),
        (np.array([0, 1, 255]), "label 2 is 255; write 0 for normal and 1 for abnormal."),
        (np.array([0, np.nan]), "label 1 is nan; write 0 for normal and 1 for abnormal."),
    ],
)
def test_an_array_of_something_else_is_refused(tree: Tree, array: np.ndarray, problem: str) -> None:
    path = tree.array("gate.npy", array)
    with pytest.raises(ConfigError) as caught:
        FrameLabels.from_array(path)
    assert str(caught.value) == f"{path}: {problem}"
