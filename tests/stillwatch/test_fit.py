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

# Of 11.8 s of held-out footage ten times as much may be spoken about: 732 events a day, or 2.4 hours for one.
PROMISE = (
    "at most 732 false alarms a day (0 to 732): 12 seconds of footage cannot speak for fewer, "
    "2.4 hours could for the 1 asked for"
)


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
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "gate.stillwatch: efficientnet_lite0, fitted on 60 frames (0:12)\n"
        "  positions  12 x 18, 20 numbers each, on pictures of 96 x 144\n"
        f"  size       {size:.1f} MB\n"
        f"  threshold  {header.threshold.value:.4g}: {PROMISE}\n"
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
        "threshold": {
            "value": header.threshold.value,
            "frames": 60,
            "held_out_s": 11.8,
            "lingering": header.threshold.lingering,
            "asked_a_day": 1.0,
            "expected_a_day": header.threshold.expected_a_day,
            "interval_a_day": list(header.threshold.interval_a_day or ()),
            "provisional": False,
            "motion": list(header.threshold.motion),
            "powers": list(header.threshold.powers),
        },
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
    threshold = read_header(tmp_path / "both.stillwatch").threshold
    assert done.out.endswith(
        f"  threshold  {threshold.value:.4g}: 366 false alarms a day (0 to 366), "
        "a guess: no part of the footage was scored by a model of all the rest\n"
    )
    assert done.err == (
        "Warning: the threshold is a guess; 'stillwatch calibrate FOOTAGE -m both.stillwatch' with other footage "
        "sets it.\n"
    )
    assert read_header(tmp_path / "both.stillwatch").merged
    assert threshold.provisional


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
    assert done == Result(2, "", "Error: gate.mp4: is there already and is no model; give another name.\n")
    assert (tmp_path / "gate.mp4").read_bytes() == clip.read_bytes()


def test_a_model_may_have_any_name_and_be_replaced(model: Path, clip: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "gate")
    done = run("fit", clip, "-o", "gate", *SMALL, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")


def test_the_more_false_alarms_are_asked_for_the_lower_the_threshold(clip: Path, tmp_path: Path) -> None:
    found = []
    for asked in ("1", "2000", "8000", "20000"):
        more = ["--false-alarms-per-day", asked]
        done = run("fit", clip, "-o", "gate.stillwatch", *SMALL, *more, "--json", cwd=tmp_path)
        threshold = json.loads(done.out)["threshold"]
        assert (done.code, done.err, threshold["asked_a_day"]) == (0, "", float(asked))
        found.append(threshold)
    values = [threshold["value"] * threshold["lingering"] for threshold in found]
    assert values == sorted(values, reverse=True)
    assert [threshold["expected_a_day"] for threshold in found] == sorted(one["expected_a_day"] for one in found)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("0", "0.0 is not in the range x>0."),
        ("-1", "-1.0 is not in the range x>0."),
        ("few", "'few' is not a valid float range."),
    ],
)
@pytest.mark.parametrize("command", ["fit", "calibrate"])
def test_a_rate_that_is_none_is_wrong_use(command: str, asked: str, why: str, clip: Path, tmp_path: Path) -> None:
    done = run(command, clip, "-o", "x", "--false-alarms-per-day", asked, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"Error: Invalid value for '--false-alarms-per-day': {why}\n")


def test_a_resumed_fit_keeps_the_rate_that_was_asked_for(tuesday: Path, clip: Path, tmp_path: Path) -> None:
    first: list[str | Path] = [
        "fit",
        clip,
        "-o",
        "gate.stillwatch",
        *SMALL,
        "--resumable",
        "--false-alarms-per-day",
        "3000",
    ]
    assert run(*first, cwd=tmp_path).code == 0
    resume: list[str | Path] = ["fit", tuesday, "--resume", "gate.stillwatch", "-o", "more.stillwatch", "--json"]
    kept = json.loads(run(*resume, cwd=tmp_path).out)["threshold"]
    changed = json.loads(run(*resume, "--false-alarms-per-day", "9", cwd=tmp_path).out)["threshold"]
    assert (kept["asked_a_day"], changed["asked_a_day"]) == (3000.0, 9.0)
    assert kept["value"] <= changed["value"]


def test_a_merge_keeps_the_rate_of_the_first_unless_another_is_asked_for(model: Path, tmp_path: Path) -> None:
    merge: list[str | Path] = ["fit", "--merge", model, model, "-o", "both.stillwatch", "--json"]
    asked = [
        json.loads(run(*merge, *more, cwd=tmp_path).out)["threshold"]["asked_a_day"]
        for more in ([], ["--false-alarms-per-day", "9"])
    ]
    assert asked == [1.0, 9.0]


def test_a_model_without_its_moments_cannot_be_resumed_or_merged(
    bare: Path, model: Path, tuesday: Path, tmp_path: Path
) -> None:
    resumed = run("fit", tuesday, "--resume", bare, "-o", "x.stillwatch", cwd=tmp_path)
    assert resumed == Result(
        1,
        "",
        "Error: the model to resume was saved without its moments; fit it again with --resumable to go on later.\n",
    )
    merged = run("fit", "--merge", model, bare, "-o", "x.stillwatch", cwd=tmp_path)
    assert merged == Result(
        1, "", "Error: a model to merge was saved without its moments; fit it again with --resumable.\n"
    )
    assert list(tmp_path.iterdir()) == []


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
        r" (?:[4-9]\d|\d{3,})/3000[^/]*\d frames/s.*\d:\d\d:\d\d",
        "fit",
        *[clip] * 50,
        "-o",
        "gate.stillwatch",
        *SMALL,
        cwd=tmp_path,
    )
    frames = load_model(tmp_path / "gate.stillwatch").frames
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown).replace("\r\n", "\n")
    assert code == 130
    assert 40 <= frames < 3000
    assert re.search(r"fitting [━╸╺]+ +\d+/3000 \d+ frames/s \d:\d\d:\d\d", plain)
    assert "\nfinishing with what there is; Ctrl-C again to give up.\n" in plain
    assert re.search(
        rf"gate\.stillwatch: efficientnet_lite0, fitted on {frames:,} frames \(\d:\d\d\), stopped early", plain
    )
    assert [path.name for path in tmp_path.iterdir()] == ["gate.stillwatch"]
