"""The demo on a short street: everything it promises is there, and agrees with each other."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from pipeline.video.recording import open_recording
from pipeline.video.sources import find_sources
from pipeline.video.street import anomaly_script
from stillwatch.commands import demo

WATCHED_S = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def shown(folder: Path) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "NORMAL_S", 120.0)
        patch.setattr(demo, "WATCHED_S", WATCHED_S)
        patch.setattr(demo, "WATCHED_FPS", 5.0)
        patch.setattr(demo, "LIVE_MARGIN_S", 6.0)  # as long as what lingers is looked at
        return CliRunner().invoke(demo.run, ["-o", str(folder)], catch_exceptions=False)


def test_it_says_of_every_anomaly_whether_it_was_found(shown: Result, folder: Path) -> None:
    assert shown.exit_code in (0, None)
    script = anomaly_script(WATCHED_S, 0)
    told = re.findall(
        r"^  \d:\d\d  (\w+) +(?:(found), event (\d+)|missed) +score ([\d.]+)(?:  (?:motion|appearance) .+)?$",
        shown.stdout,
        re.MULTILINE,
    )
    assert [kind for kind, *_ in told] == [anomaly.kind for anomaly in script]
    events = json.loads((folder / "events.json").read_text("utf-8"))
    for (kind, found, number, score), anomaly in zip(told, script, strict=True):
        if found:
            event = events[int(number) - 1]
            assert float(score) == pytest.approx(event["score"], abs=0.005)
            assert float(score) > 1
            assert anomaly.begin_s <= event["peak_s"] < anomaly.end_s, kind
    for kind in {anomaly.kind for anomaly in script}:
        found = sum(one == kind and outcome == "found" for one, outcome, *_ in told)
        assert f"  {kind:<8}  {found} of {sum(a.kind == kind for a in script)} found\n" in shown.stdout


def test_it_tells_anomalies_from_people_walking(shown: Result) -> None:
    match = re.search(r"frame AUROC +([\d.]+),", shown.stdout)
    assert match is not None
    # A model of two minutes; the full demo has a quarter of an hour and reads 0.92.
    assert float(match[1]) > 0.6


def test_it_ends_with_the_events_and_where_to_look(shown: Result, folder: Path) -> None:
    events = json.loads((folder / "events.json").read_text("utf-8"))
    assert events
    false = len(events) - len(set(re.findall(r"found, event (\d+)", shown.stdout)))
    counted = re.search(r"\n  events        (\d+), of which (\d+) show nothing that was staged\n", shown.stdout)
    assert counted is not None
    assert int(counted[1]) == len(events)
    assert int(counted[2]) <= false  # of one anomaly there may be two events
    width = len(str(folder / "anomalies.png"))
    assert shown.stdout.endswith(
        f"look at  {folder / 'report.html'!s:<{width}}  the curve of scores, the events, their clips: "
        "open it in a browser\n"
        f"         {folder / 'anomalies.png'}  the events side by side\n"
        f"         {folder / 'events'!s:<{width}}  a clip and a picture of each event\n"
        f"         {folder / 'heatmap.mp4'!s:<{width}}  the day, with what was found laid over it\n"
        f"         {folder / 'scores.csv'!s:<{width}}  a row a frame\n"
        f"         {folder / 'live'!s:<{width}}  the site file of the live part, its events and their clips\n"
        "then     stillwatch fit YOUR_FOOTAGE -o camera.stillwatch\n"
    )


def test_what_it_names_is_there_and_opens(shown: Result, folder: Path) -> None:
    named = re.findall(rf"{folder}/(\S+)", shown.stdout)
    assert named == ["report.html", "anomalies.png", "events", "heatmap.mp4", "scores.csv", "live"]
    assert all((folder / name).exists() for name in named)
    sheet = cv2.imread(str(folder / "anomalies.png"))
    assert sheet is not None
    with open(folder / "scores.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == WATCHED_S * 5  # five frames a second are scored
    (source,) = find_sources([folder / "heatmap.mp4"])
    with open_recording(source) as recording:
        assert recording.size == (360, 640)
        assert recording.duration_s == pytest.approx(WATCHED_S, abs=0.5)


def test_the_live_part_shows_the_alerts_that_the_workers_raised(shown: Result, folder: Path) -> None:
    # A model of two minutes may find nothing there; tests/workers/test_stream.py has a thing that cannot be missed.
    counted = re.search(
        r"^street: (\d+) frames, (\d+) events?$", (folder / "live" / "run.log").read_text(), re.MULTILINE
    )
    assert counted is not None
    assert int(counted[1]) > 0
    assert len(re.findall(r"^  \d:\d\d  started  street: ", shown.stdout, re.MULTILINE)) == int(counted[2])
    assert len(list((folder / "live").rglob("*.mp4"))) == 1 + int(counted[2])
