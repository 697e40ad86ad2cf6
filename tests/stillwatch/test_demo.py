"""The demo on a short street: everything it promises is there, and agrees with each other."""

from __future__ import annotations

import csv
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
        return CliRunner().invoke(demo.run, ["-o", str(folder)], catch_exceptions=False)


def test_it_says_of_every_anomaly_whether_it_was_found(shown: Result) -> None:
    assert shown.exit_code in (0, None)
    script = anomaly_script(WATCHED_S, 0)
    told = re.findall(r"^  \d:\d\d  (\w+) +(found|missed) +score ([\d.]+)$", shown.stdout, re.MULTILINE)
    assert [kind for kind, _, _ in told] == [anomaly.kind for anomaly in script]
    assert all(float(score) > 1 for _, outcome, score in told if outcome == "found")
    for kind in {anomaly.kind for anomaly in script}:
        found = sum(one == kind and outcome == "found" for one, outcome, _ in told)
        assert f"  {kind:<8}  {found} of {sum(a.kind == kind for a in script)} found\n" in shown.stdout


def test_it_tells_anomalies_from_people_walking(shown: Result) -> None:
    match = re.search(r"frame AUROC +([\d.]+),", shown.stdout)
    assert match is not None
    # A model of two minutes; the full demo has a quarter of an hour and reads 0.92.
    assert float(match[1]) > 0.6


def test_what_it_names_is_there_and_opens(shown: Result, folder: Path) -> None:
    named = re.findall(rf"{folder}/(\S+)", shown.stdout)
    assert named == ["anomalies.png", "heatmap.mp4", "scores.csv"]
    sheet = cv2.imread(str(folder / "anomalies.png"))
    assert sheet is not None
    with open(folder / "scores.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == WATCHED_S * 5  # five frames a second are scored
    (source,) = find_sources([folder / "heatmap.mp4"])
    with open_recording(source) as recording:
        assert recording.size == (360, 640)
        assert recording.duration_s == pytest.approx(WATCHED_S, abs=0.5)
