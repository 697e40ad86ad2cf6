"""`stillwatch fit`, as its users meet it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import pytest

from pipeline.model.model_file import load_model, read_header
from tests.stillwatch.conftest import SMALL, scene
from tests.stillwatch.running import Result, on_terminal_until, run, run_process


@pytest.fixture(scope="module")
def fitted(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """In a process: the folder it ran in, and what it said."""
    folder = tmp_path_factory.mktemp("fit")
    shutil.copy(clip, folder)
    return folder, run_process("fit", "gate.mp4", "-o", "gate.stillwatch", *SMALL, cwd=folder)


def test_it_says_what_it_learned(fitted: tuple[Path, Result]) -> None:
    folder, done = fitted
    header = read_header(folder / "gate.stillwatch")
    size = (folder / "gate.stillwatch").stat().st_size / 1e6
    held_out = header.threshold.frames
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "gate.stillwatch: efficientnet_lite0, fitted on 60 frames (0:12)\n"
        "  positions  12 x 18, 20 numbers each, on pictures of 96 x 144\n"
        f"  size       {size:.1f} MB\n"
        f"  threshold  {header.threshold.value:.4g}, provisional: the highest of {held_out} held-out frames\n"
    )


def test_it_leaves_the_model_and_nothing_else(fitted: tuple[Path, Result]) -> None:
    folder, _ = fitted
    assert sorted(path.name for path in folder.iterdir()) == ["gate.mp4", "gate.stillwatch"]


def test_json_has_what_a_script_needs(clip: Path, tmp_path: Path) -> None:
    done = run("fit", clip, "-o", "gate.stillwatch", *SMALL, "--json", cwd=tmp_path)
    facts = json.loads(done.out)
    header = read_header(tmp_path / "gate.stillwatch")
    assert (done.code, done.err) == (0, "")
    assert facts == {
        "model": "gate.stillwatch",
        "complete": True,
        "frames": 60,
        "footage_s": 12.0,
        "backbone": "efficientnet_lite0",
        "positions": [12, 18],
        "dims": 20,
        "model_size": [96, 144],
        "bytes": (tmp_path / "gate.stillwatch").stat().st_size,
        "threshold": header.threshold.value,
        "threshold_provisional": True,
        "held_out_frames": header.threshold.frames,
        "precisions": list(header.precisions),
    }


def test_the_same_footage_gives_the_same_model(model: Path, clip: Path, tmp_path: Path) -> None:
    run("fit", clip, "-o", "again.stillwatch", *SMALL, "--resumable", cwd=tmp_path)
    assert (tmp_path / "again.stillwatch").read_bytes() == model.read_bytes()


def test_few_frames_are_warned_of_on_stderr(clip: Path, tmp_path: Path) -> None:
    done = run("fit", clip, "-o", "short.stillwatch", *SMALL, "--until", "6", cwd=tmp_path)
    assert done.code == 0
    assert done.err == (
        "Warning: 30 frames are few for 20 numbers a position: unseen footage will score higher than it should; "
        "fit on 40 or more.\n"
    )


def test_a_model_grows_where_it_lies_when_it_is_resumed(model: Path, odd: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "gate.stillwatch")
    done = run("fit", odd, "--resume", "gate.stillwatch", "-o", "gate.stillwatch", cwd=tmp_path)
    grown = load_model(tmp_path / "gate.stillwatch")
    assert (done.code, done.err) == (0, "")
    assert (grown.frames, round(grown.footage_s, 3)) == (80, 16.0)
    assert done.out.startswith("gate.stillwatch: efficientnet_lite0, fitted on 80 frames (0:16)\n")
    assert ", can be resumed\n" in done.out


def test_merged_models_are_one_of_all_footage(model: Path, tmp_path: Path) -> None:
    done = run("fit", "--merge", model, model, "-o", "both.stillwatch", cwd=tmp_path)
    assert done.code == 0
    assert done.out.startswith("both.stillwatch: efficientnet_lite0, fitted on 120 frames (0:24)\n")
    assert done.err == (
        "Warning: no part of the footage was scored by a model of all the rest: the threshold is a guess.\n"
    )
    assert read_header(tmp_path / "both.stillwatch").merged


def test_a_folder_of_images_is_footage(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number, picture in enumerate(scene(4)):
        cv2.imwrite(str(images / f"{number}.png"), picture)
    taken = [
        json.loads(run("fit", "images", "-o", "m.stillwatch", *SMALL, *more, "--json", cwd=tmp_path).out)
        for more in ([], ["--input-fps", "10"])
    ]
    assert [(facts["frames"], facts["footage_s"]) for facts in taken] == [(40, 0.0), (20, 4.0)]


def test_what_is_no_model_is_not_replaced(clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "gate.mp4")
    done = run("fit", "gate.mp4", "-o", "gate.mp4", cwd=tmp_path)
    assert done == Result(2, "", "Error: gate.mp4: is there already and is no model; give another name after -o.\n")
    assert (tmp_path / "gate.mp4").read_bytes() == clip.read_bytes()


def test_a_model_may_have_any_name_and_be_replaced(model: Path, clip: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "gate")
    done = run("fit", clip, "-o", "gate", *SMALL, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("option", ["--size", "--dims", "--seed", "--fps", "--backbone", "--mask", "--epsilon"])
def test_what_the_resumed_model_decides_is_refused(option: str, model: Path, clip: Path, tmp_path: Path) -> None:
    values = {"--backbone": "resnet18", "--mask": "mask.yaml", "--epsilon": "0.2"}
    done = run("fit", clip, "--resume", model, "-o", "x", option, values.get(option, "96"), cwd=tmp_path)
    assert done == Result(
        2, "", f"Error: {option} comes from the model that is resumed and cannot be changed; leave it out.\n"
    )


@pytest.mark.parametrize("option", ["--size", "--from", "--fps", "--threads", "--resume"])
def test_what_a_merge_could_only_ignore_is_refused(option: str, model: Path, tmp_path: Path) -> None:
    done = run("fit", "--merge", model, model, "-o", "x", option, "96", cwd=tmp_path)
    assert done == Result(
        2, "", f"Error: {option} is of no use to --merge, which takes all from the models; leave it out.\n"
    )


def test_ctrl_c_leaves_a_model_of_what_was_seen_and_a_terminal_shows_progress(clip: Path, tmp_path: Path) -> None:
    code, shown = on_terminal_until(
        r" (?:[4-9]\d|\d{3,})/3000", "fit", *[clip] * 50, "-o", "gate.stillwatch", *SMALL, cwd=tmp_path
    )
    frames = load_model(tmp_path / "gate.stillwatch").frames
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown).replace("\r\n", "\n")
    assert code == 130
    assert 40 <= frames < 3000
    assert re.search(r"fitting ━+[╸╺━]* +\d+/3000 \d+ frames/s \d:\d\d:\d\d", plain)
    assert "\nfinishing with what there is; Ctrl-C again to give up.\n" in plain
    assert re.search(
        rf"gate\.stillwatch: efficientnet_lite0, fitted on {frames:,} frames \(\d:\d\d\), stopped early", plain
    )
    assert [path.name for path in tmp_path.iterdir()] == ["gate.stillwatch"]
