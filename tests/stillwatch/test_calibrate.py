"""`stillwatch calibrate`, as its users meet it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from pipeline.model.model_file import read_header
from tests.stillwatch.conftest import scene, write_clip
from tests.stillwatch.running import Result, on_terminal_until, run, run_process


def content(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Header and tensors of a model's file, byte by byte."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name).numpy().tobytes() for name in file.keys()}  # noqa: SIM118  # not a dict
        return json.loads(file.metadata()["stillwatch"]), tensors


def test_it_says_the_threshold_and_what_it_promises(merged: Path, tuesday: Path, tmp_path: Path) -> None:
    shutil.copy(merged, tmp_path)
    shutil.copy(tuesday, tmp_path)
    before = read_header(merged).threshold
    done = run_process("calibrate", "tuesday.mp4", "-m", "both.stillwatch", cwd=tmp_path)
    after = read_header(tmp_path / "both.stillwatch").threshold
    assert done == Result(
        0,
        f"both.stillwatch: threshold {after.value:.4g}, was {before.value:.4g}\n"
        "  from       60 frames (0:12)\n"
        "  promise    at most 732 false alarms a day (0 to 732): 12 seconds of footage cannot speak for fewer, "
        "2.4 hours could for the 1 asked for\n",
        "",
    )
    assert (before.provisional, after.provisional) == (True, False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both.stillwatch", "tuesday.mp4"]


def test_all_but_the_threshold_stays_as_it_was(merged: Path, tuesday: Path, tmp_path: Path) -> None:
    before = merged.read_bytes()
    assert run("calibrate", tuesday, "-m", merged, "-o", "set.stillwatch", cwd=tmp_path).code == 0
    assert merged.read_bytes() == before
    (old, tensors), (new, same) = content(merged), content(tmp_path / "set.stillwatch")
    assert tensors == same
    assert old.keys() == new.keys()
    assert {name for name in old if old[name] != new[name]} == {"threshold", "blocks", "merged"}
    assert (old["merged"], new["merged"]) == (True, False)


def test_a_calibrated_model_scores_by_its_new_threshold(merged: Path, tuesday: Path, tmp_path: Path) -> None:
    run("calibrate", tuesday, "-m", merged, "-o", "set.stillwatch", cwd=tmp_path)
    done = run("replay", tuesday, "-m", "set.stillwatch", "-o", "out", "--no-heatmap", "--json", cwd=tmp_path)
    assert json.loads(done.out)["thresholds"] == {"set": read_header(tmp_path / "set.stillwatch").threshold.value}


def test_json_has_what_a_script_needs(model: Path, tuesday: Path, tmp_path: Path) -> None:
    more = ["-o", "set.stillwatch", "--false-alarms-per-day", "5000", "--json"]
    done = run("calibrate", tuesday, "-m", model, *more, cwd=tmp_path)
    threshold = read_header(tmp_path / "set.stillwatch").threshold
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "model": "set.stillwatch",
        "complete": True,
        "before": read_header(model).threshold.value,
        "threshold": {
            "value": threshold.value,
            "frames": 60,
            "held_out_s": 11.8,
            "lingering": threshold.lingering,
            "asked_a_day": 5000.0,
            "expected_a_day": threshold.expected_a_day,
            "interval_a_day": list(threshold.interval_a_day or ()),
            "provisional": False,
            "motion": list(threshold.motion),
            "powers": list(threshold.powers),
        },
    }


def test_ctrl_c_leaves_a_threshold_of_what_was_seen(model: Path, clip: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "gate.stillwatch")
    code, shown = on_terminal_until(
        r" (?:[2-9]\d|\d{3,})/3000", "calibrate", *[clip] * 50, "-m", "gate.stillwatch", cwd=tmp_path
    )
    threshold = read_header(tmp_path / "gate.stillwatch").threshold
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown).replace("\r\n", "\n")
    assert code == 130
    assert 16 <= threshold.frames < 3000
    assert "\nfinishing with what there is; Ctrl-C again to give up.\n" in plain
    assert re.search(rf"  from       {threshold.frames:,} frames \(\d:\d\d\), stopped early\n", plain)
    assert [path.name for path in tmp_path.iterdir()] == ["gate.stillwatch"]


NO_MODEL = "no such model; make one with 'stillwatch fit FOOTAGE -o nothere.stillwatch'."
BAD = [
    ("calibrate tuesday.mp4 -m nothere.stillwatch", 1, f"nothere.stillwatch: {NO_MODEL}"),
    (
        "calibrate tuesday.mp4 -m tuesday.mp4",
        2,
        "tuesday.mp4: is there already and is no model; give another name.",
    ),
    (
        "calibrate tuesday.mp4 -m gate.stillwatch -o tuesday.mp4",
        2,
        "tuesday.mp4: is there already and is no model; give another name.",
    ),
    (
        "calibrate tuesday.mp4 -m gate.stillwatch -o nothere/x",
        1,
        "nothere/x: there is no folder nothere; make it, or choose another place.",
    ),
    ("calibrate nothere.mp4 -m gate.stillwatch", 1, "nothere.mp4: there is no such file or folder; check the name."),
    (
        "calibrate tall.mp4 -m gate.stillwatch",
        2,
        "tall.mp4: its pictures are 144x96, another shape than the 96x144 the model is for; "
        "use footage of the same view, or fit a model of its own.",
    ),
    (
        "calibrate tuesday.mp4 -m gate.stillwatch --from 1000",
        1,
        "the footage has no frame in the window that was asked for; give an earlier --from.",
    ),
    (
        "calibrate tuesday.mp4 -m gate.stillwatch --until 0.1",
        1,
        "1 frame was seen, a threshold needs 16; calibrate on more footage.",
    ),
    (
        "calibrate tuesday.mp4 -m gate.stillwatch --until 3",
        1,
        "15 frames were seen, a threshold needs 16; calibrate on more footage.",
    ),
    (
        "calibrate nothere.mp4 -m gate.stillwatch --false-alarms-per-day nan",
        2,
        "nan false alarms a day cannot be aimed at; ask for a number above 0.",
    ),
]


@pytest.fixture(scope="module")
def place(model: Path, tuesday: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrate")
    shutil.copy(model, folder / "gate.stillwatch")
    shutil.copy(tuesday, folder / "tuesday.mp4")
    write_clip(folder / "tall.mp4", (picture.swapaxes(0, 1).copy() for picture in scene(2)))
    return folder


@pytest.mark.parametrize(("command", "code", "sentence"), BAD, ids=[case[0] for case in BAD])
def test_what_cannot_be_calibrated_leaves_everything_as_it_was(
    command: str, code: int, sentence: str, place: Path
) -> None:
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert run(*command.split(), cwd=place) == Result(code, "", f"Error: {sentence}\n")
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_the_model_and_the_footage_are_asked_for(tmp_path: Path) -> None:
    usage = "Usage: stillwatch calibrate [OPTIONS] FOOTAGE...\nTry 'stillwatch calibrate --help' for help.\n\n"
    assert run("calibrate", "-m", "x", cwd=tmp_path).err == f"{usage}Error: Missing argument 'FOOTAGE...'.\n"
    assert run("calibrate", "x", cwd=tmp_path).err == f"{usage}Error: Missing option '-m' / '--model'.\n"
