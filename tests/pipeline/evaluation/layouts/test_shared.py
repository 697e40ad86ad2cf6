"""The real data sets, where they are at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.evaluation.layouts import LAYOUTS

DATA = Path(__file__).parents[5] / "shared" / "data"

CLIPS = ("train/Train001.mp4", "test/Test002.mp4", "test/Test003.mp4")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the footage in ../shared"),
]


def test_magnetic_tiles_are_read_whole() -> None:
    (scene,) = LAYOUTS["mvtec"](DATA / "tiles")
    truths = [item.truth(0, (224, 224)) for item in scene.tests]
    assert (len(truths), sum(truth.anomalous for truth in truths)) == (481, 392)
    # Four defective tiles have an empty mask.
    assert sum(truth.mask is not None and bool(truth.mask.any()) for truth in truths) == 388


def test_ped2_as_it_is_distributed_is_read(tmp_path: Path) -> None:
    # Three of its 28 clips: writing them all as TIFF takes a quarter of a minute.
    for name in ("unpack.py", "masks.npz", *CLIPS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(DATA / "ped2" / name, tmp_path / name)
    subprocess.run([sys.executable, tmp_path / "unpack.py", tmp_path], check=True)
    (scene,) = LAYOUTS["ucsd"](tmp_path)
    assert (len(scene.training), [item.name for item in scene.tests]) == (1, ["Test002", "Test003"])
    # Abnormal are frames 95 to 180 of 180 and 1 to 146 of 150, counted from 1.
    abnormal = (range(94, 180), range(146))
    for item, frames, expected in zip(scene.tests, (180, 150), abnormal, strict=True):
        item.check_length(frames)
        truths = [item.truth(index, (240, 352)) for index in range(frames)]
        assert [truth.anomalous for truth in truths] == [index in expected for index in range(frames)]
        assert all(truth.mask is not None and truth.mask.any() == truth.anomalous for truth in truths)
