"""`stillwatch inspect`, as its users meet it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.inspection import sensitivity
from pipeline.model.model_file import load_model
from tests.stillwatch.conftest import SIZE
from tests.stillwatch.replaying import Replayed, replay
from tests.stillwatch.running import Result, run, run_process


def test_it_says_what_a_model_was_made_of_and_promises(model: Path) -> None:
    loaded = load_model(model)
    least, mean, most = sensitivity(loaded)
    threshold = loaded.threshold
    assert run_process("inspect", "gate.stillwatch", cwd=model.parent) == Result(
        0,
        "gate.stillwatch\n"
        f"  size        {model.stat().st_size / 1e6:.1f} MB\n"
        "  fitted on   60 frames, 0:12.0 at 5 frames/s, of 144 x 96 pixels\n"
        "  backbone    efficientnet_lite0, weights imagenet, taps block3, block5, block11\n"
        "  sees        pictures of 144 x 96, 18 x 12 positions\n"
        "  embedding   20 numbers a position, channels picked with seed 0\n"
        "  covariance  shrinkage 0.7, epsilon 0.1\n"
        "  smoothing   bilinear, sigma 4 px\n"
        f"  threshold   {threshold.value:.4g}, {threshold.lingering:.2f} of it for what lingers\n"
        "  promise     at most 732 false alarms a day (0 to 732): 12 seconds of footage cannot speak for fewer, "
        "2.4 hours could for the 1 asked for\n"
        "  mask        none\n"
        f"  precision   {', '.join(loaded.precisions)}\n"
        f"  variance    {least:.3g} to {most:.3g} a position, {mean:.3g} on average\n",
        "",
    )


def test_json_has_what_a_script_needs(merged: Path) -> None:
    done = run("inspect", merged, "--json", cwd=merged.parent)
    loaded = load_model(merged)
    threshold = loaded.threshold
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "model": str(merged),
        "bytes": merged.stat().st_size,
        "frames": 120,
        "footage_s": 24.0,
        "fps": 5.0,
        "settings": json.loads(json.dumps(asdict(loaded.settings))),
        "model_size": [96, 144],
        "source_size": [96, 144],
        "positions": [12, 18],
        "dims": 20,
        "precisions": list(loaded.precisions),
        "resumable": True,
        "merged": True,
        "masked": 0.0,
        "threshold": {
            **json.loads(json.dumps(asdict(threshold))),
            "at_most": True,
            "promise": "366 false alarms a day (0 to 366), "
            "a guess: no part of the footage was scored by a model of all the rest",
        },
        "variance": dict(zip(("least", "mean", "most"), sensitivity(loaded), strict=True)),
    }


def test_the_picture_is_dark_where_the_scene_never_varied(model: Path, tmp_path: Path) -> None:
    done = run("inspect", model, "-o", "where.png", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("  picture     where.png\n")
    assert (tmp_path / "where.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    picture = cv2.imread(str(tmp_path / "where.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    height, width = SIZE
    # Five times as large, within a rim and above its caption: the square crosses the lines 64 to 80.
    left, top = (picture.shape[1] - 5 * width) // 2, (picture.shape[1] - 5 * width) // 2
    grown = picture[top : top + 5 * height, left : left + 5 * width].astype(np.float64)
    crossed, still = grown[5 * 64 : 5 * 80], grown[: 5 * 40]
    assert crossed[:, : 5 * 128].mean() > 2 * still.mean()


@pytest.fixture(scope="module")
def replayed(odd: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return replay(odd, "--no-heatmap", model=model, cwd=tmp_path_factory.mktemp("inspect"))


def test_it_says_what_a_replay_found(replayed: Replayed) -> None:
    (event,) = replayed.events
    x, y, width, height = event["box"]
    assert run("inspect", "out", cwd=replayed.out.parent) == Result(
        0,
        "out: 20 frames of odd.mp4\n"
        "  1 event, 20 frames above 1\n"
        f"  odd.mp4  0:00 to 0:04  anomaly  score {event['score']:.2f}  x {x} y {y} {width}x{height}  "
        "events/gate-1-0.mp4\n",
        "",
    )


def test_json_has_the_summary_and_the_events_of_a_replay(replayed: Replayed) -> None:
    done = run("inspect", "out", "--json", cwd=replayed.out.parent)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"summary": replayed.summary, "events": replayed.events}


@pytest.fixture(scope="module")
def place(model: Path, odd: Path, replayed: Replayed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "gate.stillwatch").write_bytes(model.read_bytes())
    (folder / "odd.mp4").write_bytes(odd.read_bytes())
    for name, summary, events in [
        ("replay", json.dumps(replayed.summary), json.dumps(replayed.events)),
        ("half", json.dumps(replayed.summary), None),
        ("other", "{}", "[]"),
        ("text", "nothing", "[]"),
        ("strange", json.dumps(replayed.summary), '[{"id": 1}]'),
    ]:
        (folder / name).mkdir()
        (folder / name / "summary.json").write_text(summary)
        if events is not None:
            (folder / name / "events.json").write_text(events)
    (folder / "empty").mkdir()
    return folder


NOT_OURS = "its summary.json or events.json is not that of a replay; replay again."
BAD = [
    (
        "nothere.stillwatch",
        1,
        "nothere.stillwatch: no such model; make one with 'stillwatch fit FOOTAGE -o nothere.stillwatch'.",
    ),
    (
        "odd.mp4",
        1,
        "odd.mp4: is not a stillwatch model, or is cut off; copy it again or make one with 'stillwatch fit'.",
    ),
    ("empty", 2, "empty: has no summary.json; give the folder that a replay wrote."),
    ("half", 2, "half: has no events.json; give the folder that a replay wrote."),
    ("text", 2, "text/summary.json: is not JSON; replay again."),
    ("other", 2, f"other: {NOT_OURS}"),
    ("strange", 2, f"strange: {NOT_OURS}"),
    ("strange --json", 2, f"strange: {NOT_OURS}"),
    (
        "replay -o x.png",
        2,
        "replay: is the folder of a replay, a picture is made of a model; leave --output out.",
    ),
    (
        "gate.stillwatch -o gate.stillwatch",
        2,
        "gate.stillwatch: a picture is written as PNG; give a name that ends in .png.",
    ),
    ("gate.stillwatch -o odd.mp4", 2, "odd.mp4: a picture is written as PNG; give a name that ends in .png."),
    (
        "gate.stillwatch -o nothere/x.png",
        1,
        "nothere/x.png: there is no folder nothere; make it, or choose another place.",
    ),
]


@pytest.mark.parametrize(("args", "code", "sentence"), BAD, ids=[case[0] for case in BAD])
def test_what_cannot_be_inspected_stays_as_it_was(args: str, code: int, sentence: str, place: Path) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert run("inspect", *args.split(), cwd=place) == Result(code, "", f"Error: {sentence}\n")
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
