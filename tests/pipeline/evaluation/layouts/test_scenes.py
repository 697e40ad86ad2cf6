"""Truth about single frames, and counts that do not agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import MaskArray, MaskPictures
from pipeline.evaluation.layouts.scenes import LabelledFootage

GATE = Path("test/gate.mp4")
LABELS = FrameLabels(Path("labels/gate.csv"), np.array([False, True]))
MASKS = MaskArray(Path("masks/gate.npy"), np.array([[[0, 1], [0, 0]], [[0, 0], [0, 0]]]))


def test_labels_decide_and_masks_say_where() -> None:
    footage = LabelledFootage("gate", GATE, LABELS, MASKS)
    assert [footage.truth(index, (2, 2)).anomalous for index in (0, 1)] == [False, True]
    mask = footage.truth(0, (2, 2)).mask
    assert mask is not None
    assert mask.tolist() == [[False, True], [False, False]]


def test_with_labels_alone_there_is_no_mask() -> None:
    assert LabelledFootage("gate", GATE, LABELS, None).truth(1, (4, 4)).mask is None


def test_with_masks_alone_a_frame_is_abnormal_where_its_mask_is() -> None:
    footage = LabelledFootage("gate", GATE, None, MASKS)
    # A mask of one pixel may vanish when it is made smaller; the frame stays abnormal.
    assert [footage.truth(index, (1, 1)).anomalous for index in (0, 1)] == [True, False]


def test_a_mask_is_brought_to_the_size_asked_for_by_nearest_pixels() -> None:
    mask = LabelledFootage("gate", GATE, None, MASKS).truth(0, (4, 6)).mask
    assert mask is not None
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, np.kron([[0, 1], [0, 0]], np.ones((2, 3))) > 0)


def test_a_mask_made_smaller_is_sampled_at_pixel_centres() -> None:
    column = np.arange(9) == 4
    masks = MaskArray(Path("masks/gate.npy"), np.broadcast_to(column, (1, 9, 9)))
    mask = LabelledFootage("gate", GATE, None, masks).truth(0, (3, 3)).mask
    assert mask is not None
    assert mask.tolist() == [[False, True, False]] * 3


def test_a_picture_without_a_mask_file_is_normal_at_any_size() -> None:
    footage = LabelledFootage("good/1.png", GATE, None, MaskPictures(Path("good"), (None,)))
    truth = footage.truth(0, (5, 7))
    assert not truth.anomalous
    assert truth.mask is not None
    assert truth.mask.shape == (5, 7)
    assert not truth.mask.any()


def test_more_frames_than_labels_are_noticed_at_the_first_of_them() -> None:
    with pytest.raises(ConfigError) as caught:
        LabelledFootage("gate", GATE, LABELS, None).truth(2, (4, 4))
    assert str(caught.value) == (
        "labels/gate.csv: has 2 labels, but test/gate.mp4 has more frames; write one for each frame."
    )


def test_fewer_frames_than_labels_are_noticed_at_the_end() -> None:
    footage = LabelledFootage("gate", GATE, None, MASKS)
    footage.check_length(2)
    with pytest.raises(ConfigError) as caught:
        footage.check_length(1)
    assert str(caught.value) == (
        "masks/gate.npy: has 2 masks, but test/gate.mp4 has 1 frames; write one for each frame."
    )


def test_labels_and_masks_of_different_counts_are_refused() -> None:
    three = FrameLabels(Path("labels/gate.csv"), np.zeros(3, dtype=bool))
    with pytest.raises(ConfigError) as caught:
        LabelledFootage("gate", GATE, three, MASKS)
    assert str(caught.value) == (
        "labels/gate.csv: has 3 labels for gate, but masks/gate.npy has 2 masks; write one of each for every frame."
    )
