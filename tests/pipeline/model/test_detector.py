"""From a saved model to scores, and the models that cannot be scored here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.errors import ConfigError, ModelError, ShapeError
from pipeline.model.detector import Detector, load_detector
from pipeline.model.engine import Engine, EngineKind, Hardware
from pipeline.model.model_file import load_model, save_model
from pipeline.model.padim import Model
from pipeline.model.settings import Precision
from tests.pipeline.model.conftest import SIZE, pictures


@pytest.fixture
def detector(model: Model, engine: Engine) -> Detector:
    return Detector(model, engine)


def test_a_saved_model_scores_as_the_fitted_one_did(
    detector: Detector, model: Model, hardware: Hardware, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "gate.stillwatch")
    loaded = load_detector(load_model(tmp_path / "gate.stillwatch"), hardware)
    frames = pictures(3, seed=6)
    assert np.array_equal(loaded.score(frames).raw_scores, detector.score(frames).raw_scores)


def test_something_new_scores_above_the_threshold_where_it_is(detector: Detector, model: Model) -> None:
    frames = pictures(2, seed=6)
    frames[1, 24:40, 40:56] = (250, 10, 10)
    scores = detector.score(frames)
    assert scores.maps.shape == (2, *SIZE)
    assert scores.raw_scores[0] < model.threshold.value < scores.raw_scores[1]
    x, y = scores.peaks[1]
    assert 36 <= x < 60
    assert 20 <= y < 44


def test_a_mask_hides_it(detector: Detector, model: Model, engine: Engine) -> None:
    frames = pictures(1, seed=6)
    frames[0, 24:40, 40:56] = (250, 10, 10)
    mask: NDArray[np.bool_] = np.zeros(SIZE, bool)
    mask[:, 24:] = True
    masked = Detector(replace(model, mask=mask), engine).score(frames)
    assert masked.raw_scores[0] < detector.score(frames).raw_scores[0] / 2
    assert masked.peaks[0, 0] < 24


def test_frames_of_another_size_are_refused(detector: Detector) -> None:
    with pytest.raises(ShapeError) as caught:
        detector.score(pictures(2, size=(48, 80)))
    assert str(caught.value) == "the shape of a frame is (48, 80, 3), expected (48, 64, 3)."
    with pytest.raises(ShapeError) as caught:
        detector.score(pictures(1)[0])
    assert str(caught.value) == "the shape of a frame is (64, 3), expected (48, 64, 3)."


def test_a_model_of_other_weights_is_refused(model: Model, hardware: Hardware) -> None:
    with pytest.raises(ModelError) as caught:
        load_detector(replace(model, weights_digest="of others"), hardware)
    assert str(caught.value) == (
        "the weights of resnet18 (random) are not those the model was fitted with; restore them, "
        "or fit the model again."
    )


def test_a_model_fitted_on_a_gpu_is_scored_in_the_closest_precision_it_was_tried_in(model: Model) -> None:
    hardware = Hardware(EngineKind.OPENVINO, torch.device("cpu"), 1)
    fitted = replace(model, precision=Precision.FLOAT16, precisions=(Precision.FLOAT16, Precision.FLOAT32))
    frames = pictures(2, seed=6)
    chosen = load_detector(fitted, hardware).score(frames)
    assert np.array_equal(chosen.raw_scores, load_detector(model, hardware).score(frames).raw_scores)
    with pytest.raises(ModelError) as caught:
        load_detector(replace(fitted, precisions=(Precision.FLOAT16,)), hardware)
    assert str(caught.value) == (
        "the model was fitted in float16, which does not run on cpu; fit it again with --precision float32."
    )


def test_a_precision_that_is_asked_for_is_taken_or_refused(model: Model, hardware: Hardware) -> None:
    with pytest.raises(ConfigError) as caught:
        load_detector(model, hardware, Precision.FLOAT16)
    assert str(caught.value) == "float16 does not run on cpu; choose --precision float32 or bfloat16."
