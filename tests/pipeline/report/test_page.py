"""What a report says and carries, read without a browser."""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import OutputError, ShapeError
from pipeline.report import Clip, Curve, Facts, Report, Shown, assets, content, write_report
from pipeline.types import EventKind
from tests.pipeline.report.making import event, report_of_two, told_apart

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"


class Page(HTMLParser):
    """A page taken apart: elements with their attributes, the text of the body, the content of scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.text = ""
        self._raw: str | None = None
        self.feed(path.read_text("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.text += " "
        self._raw = str(dict(attrs).get("id", tag)) if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._raw = None

    def handle_data(self, data: str) -> None:
        if self._raw is None:
            self.text += data
        else:
            self.scripts[self._raw] = self.scripts.get(self._raw, "") + data

    @property
    def said(self) -> str:
        """The visible words, with single spaces."""
        return " ".join(self.text.split())

    @property
    def data(self) -> Any:  # whatever JSON holds
        return json.loads(self.scripts["data"], parse_constant=pytest.fail)

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


def written(report: Report, folder: Path) -> Page:
    write_report(report, folder)
    return Page(folder / "report.html")


def unpacked(recording: dict[str, Any]) -> tuple[list[float], list[float]]:
    steps = np.frombuffer(b64decode(recording["steps"]), f"<u{recording['step_bytes']}")
    times_s = (recording["first_ms"] + np.cumsum(steps.astype(np.int64))) / 1000
    return times_s.tolist(), np.frombuffer(b64decode(recording["scores"]), "<f4").tolist()


def with_files(folder: Path, sizes: dict[int, int]) -> Report:
    """Events whose number is their score, with clips of some sizes."""
    (folder / "events").mkdir()
    shown = []
    for number, size in sizes.items():
        (folder / f"events/{number}.mp4").write_bytes(bytes([number]) * size)
        (folder / f"events/{number}.jpg").write_bytes(bytes([number]) * size)
        clip = Clip(f"events/{number}.mp4", 0, 9)
        shown.append(Shown(event(number, number, number, number, number), 0, f"events/{number}.jpg", clip))
    times_s = np.arange(50) / 5
    return Report("gate", [Curve("a.mp4", times_s, np.full(50, 0.5, np.float32))], shown)


def test_the_headline_counts_what_was_seen(tmp_path: Path) -> None:
    page = written(report_of_two(), tmp_path)
    assert "gate stillwatch replay 2 recordings: north.mp4 and south.mp4 Events 3 " in page.said
    assert "Highest score 17.00 0:31.0 of south.mp4 Time above 1 9.6 s 9.6% of frames" in page.said
    assert "Footage 1:40 500 frames 1 false alarm a day is expected (0.4 to 2.6)." in page.said
    assert "Stopped early" not in page.said
    assert "Made with Model File gate.stillwatch Fitted on 4,500 frames, 15:00" in page.said


def test_an_event_says_when_where_how_strong_and_how_it_ended(tmp_path: Path) -> None:
    page = written(report_of_two(), tmp_path)
    assert (
        "3 Anomaly 17.00 0:30.0 – 0:33.0, 3.0 s highest at 0:31.0 "
        "Recording south.mp4 Where x 30, y 20, 60 × 80 px Ended back to normal gate-3 Show the peak"
    ) in page.said


def test_a_page_says_how_much_is_appearance_and_how_much_motion(tmp_path: Path) -> None:
    page = written(told_apart(report_of_two(), [0.92, 0.1, 0.55]), tmp_path)
    assert "Highest score 17.00 0:31.0 of south.mp4, motion 55%, appearance 45% Time above 1" in page.said
    assert "score motion appearance: the rest of it" in page.said
    for number, words in enumerate(("motion 92%, appearance 8%", "motion 10%, appearance 90%"), 1):
        assert f"Recording north.mp4 Score {words} Where x {number}0, " in page.said
    north, _ = (np.frombuffer(b64decode(packed["shares"]), np.uint8) for packed in page.data["recordings"])
    assert len(north) == 300
    assert north[[0, 60, 202]].tolist() == [128, 235, 26]


def test_a_page_of_appearance_alone_does_not_speak_of_motion(tmp_path: Path) -> None:
    page = written(report_of_two(), tmp_path)
    assert "legend" not in page.attributes("id")
    assert "motion" not in page.said
    assert [packed["shares"] for packed in page.data["recordings"]] == [None, None]


def test_events_are_numbered_by_time_whatever_their_order(tmp_path: Path) -> None:
    report = report_of_two()
    page = written(replace(report, events=report.events[::-1]), tmp_path)
    assert [(each["number"], each["recording"], each["begin_s"]) for each in page.data["events"]] == [
        (1, 0, 10.0),
        (2, 0, 40.0),
        (3, 1, 30.0),
    ]


def test_a_replay_that_was_stopped_and_warnings_stand_out(tmp_path: Path) -> None:
    page = written(replace(report_of_two(), complete=False, warnings=["It was dark."]), tmp_path)
    stopped = "Stopped early. The footage was not replayed to its end; this is what was seen until then."
    assert f"{stopped} It was dark." in page.said


def test_curves_come_back_to_the_millisecond(tmp_path: Path) -> None:
    rates = np.random.RandomState(0).uniform(0.001, 65, 1000)
    curves = [
        Curve("a.mp4", 7.25 + np.cumsum(rates), np.linspace(0, 90, 1000, dtype=np.float32), 3.5),
        Curve("b.mp4", np.array([0.0, 70.0, 86_400.123]), np.array([1, 2, 3], np.float32)),
    ]
    recordings = written(Report("gate", curves, []), tmp_path).data["recordings"]
    for curve, recording in zip(curves, recordings, strict=True):
        times_s, scores = unpacked(recording)
        assert times_s == pytest.approx(curve.times_s.tolist(), abs=0.000_501)
        assert scores == curve.scores.tolist()
        assert (recording["file"], recording["video_s"]) == (curve.file, curve.video_s)
    assert [recording["step_bytes"] for recording in recordings] == [2, 4]


def test_a_day_of_frames_takes_less_than_4_megabytes(tmp_path: Path) -> None:
    times_s = np.arange(24 * 3600 * 5) / 5
    scores = np.random.RandomState(0).uniform(0, 2, len(times_s)).astype(np.float32)
    write_report(Report("gate", [Curve("day.mp4", times_s, scores)], []), tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 4_000_000


@pytest.mark.parametrize("where", ["title", "file", "id", "fact", "sentence", "warning", "path"])
def test_names_are_text_and_nothing_else(where: str, tmp_path: Path) -> None:
    def name(place: str) -> str:
        return HOSTILE if place == where else "plain"

    path = f"events/{name('path').replace('/', '')}#?%.mp4"
    (tmp_path / "events").mkdir()
    (tmp_path / path).write_bytes(b"clip")
    happened = replace(event(1, 0, 0, 0, 2), id=name("id"))
    curve = Curve(name("file"), np.zeros(1), np.ones(1, np.float32))
    report = Report(
        name("title"),
        [curve, curve],
        [Shown(happened, 0, None, Clip(path, 0, 1))],
        [Facts(name("fact"), [(name("fact"), name("fact"))])],
        [name("sentence")],
        [name("warning")],
    )
    page = written(report, tmp_path)
    assert [attributes for tag, attributes in page.elements if tag == "img"] == [{"alt": "", "hidden": None}]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert [attributes.get("type") for tag, attributes in page.elements if tag == "script"] == [
        "text/plain",
        "application/json",
        None,
    ]
    assert where in ("path", "file") or " ".join(HOSTILE.split()) in page.said
    assert page.data["recordings"][0]["file"] == name("file")


def test_a_path_is_never_taken_for_a_server_or_a_scheme(tmp_path: Path) -> None:
    for name in ("javascript:alert(1)", "/server/a.mp4"):
        (tmp_path / name.lstrip("/")).parent.mkdir(exist_ok=True)
        (tmp_path / name.lstrip("/")).write_bytes(b"clip")
    assert assets.link("javascript:alert(1)", tmp_path) == "./javascript%3Aalert%281%29"
    assert assets.link("server//a.mp4", tmp_path) == "./server//a.mp4"
    assert assets.link("none.mp4", tmp_path) is None


def test_names_that_are_no_text_become_question_marks(tmp_path: Path) -> None:
    name = "caf\udce9.mp4"
    page = written(Report(name, [Curve(name, np.zeros(1), np.ones(1, np.float32))], []), tmp_path)
    assert "1 recording: caf?.mp4" in page.said


def test_nothing_points_outside(tmp_path: Path) -> None:
    page = written(with_files(tmp_path, {2: 10, 3: 10}), tmp_path)
    links = [link for name in ("src", "href", "srcset", "poster", "action", "data") for link in page.attributes(name)]
    assert len(links) > 4
    assert all(re.match(r"data:|\./events/|#", link) for link in links), links
    code = page.scripts["script"] + page.scripts["style"]
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(|eval\(|[\"'`]//", code)
    policy = next(str(attributes["content"]) for tag, attributes in page.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_clips_and_thumbnails_go_into_the_page(tmp_path: Path) -> None:
    page = written(with_files(tmp_path, {2: 10, 3: 20}), tmp_path)
    assert b64decode(page.scripts["clip-1"]) == b"\2" * 10
    assert b64decode(page.scripts["clip-2"]) == b"\3" * 20
    assert [link.split(",")[0] for link in page.attributes("src")] == ["data:image/jpeg;base64"] * 2
    assert "beside this page" not in page.said


def test_the_highest_scores_have_the_first_claim_on_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "EMBEDDED_CLIPS_BYTES", 100)
    monkeypatch.setattr(content, "EMBEDDED_THUMBNAILS_BYTES", 70)
    page = written(with_files(tmp_path, {2: 40, 3: 50, 4: 60, 5: 61}), tmp_path)
    carried = {each["number"] for each in page.data["events"] if each["clip"]["carried"]}
    # 61 of the highest; neither 60 nor 50 fits beside it, 40 does not either: 39 are left.
    assert carried == {4}
    assert {name for name in page.scripts if name.startswith("clip-")} == {"clip-4"}
    assert "3 clips of lower score lie beside this page, in its folder; the others are within it." in page.said
    assert [link for link in page.attributes("src") if link.startswith("./")] == [
        "./events/2.jpg",
        "./events/3.jpg",
        "./events/4.jpg",
    ]


def test_smaller_files_take_the_room_that_is_left(tmp_path: Path) -> None:
    for name, size in {"a": 6, "b": 5, "c": 4}.items():
        (tmp_path / name).write_bytes(bytes(size))
    assert assets.carried(["a", None, "none", "b", "c"], tmp_path, 10) == {"a", "c"}


def test_files_that_are_gone_are_left_out(tmp_path: Path) -> None:
    page = written(report_of_two(), tmp_path)
    assert [each["clip"] for each in page.data["events"]] == [None] * 3
    assert page.attributes("src") == []


def test_the_same_report_is_the_same_bytes(tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_report(with_files(tmp_path / name, {2: 10, 3: 20}), tmp_path / name)
        pages.append((tmp_path / name / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_full_disk_leaves_the_report_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    path.with_name(".report.html.part").symlink_to("/dev/full")
    with pytest.raises(OutputError) as caught:
        write_report(report_of_two(), tmp_path)
    assert str(caught.value) == (
        f"{path}: cannot be written, no space left on device; free some space or choose another place."
    )
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


def test_no_recording_and_no_frame_are_said_in_words(tmp_path: Path) -> None:
    none = Curve("none.mp4", np.zeros(0), np.zeros(0, np.float32))
    for report, seen in (
        (Report("gate", [], []), "0 recordings"),
        (Report("gate", [none], []), "1 recording: none.mp4"),
    ):
        page = written(report, tmp_path)
        assert f"{seen} Events 0 Highest score – Time above 1 0 s Footage 0 s 0 frames" in page.said
        assert "Nothing was above the threshold for long enough to be an event." in page.said


def test_a_single_frame_takes_no_time(tmp_path: Path) -> None:
    page = written(Report("gate", [Curve("a.mp4", np.full(1, 2.0), np.full(1, 3, np.float32))], []), tmp_path)
    assert "Highest score 3.00 0:02.0 Time above 1 0 s 100.0% of frames Footage 0 s 1 frame" in page.said


def test_pictures_without_a_clock_are_counted(tmp_path: Path) -> None:
    curve = Curve("tiles", np.arange(4.0), np.array([0.5, 2, 3, 0.5], np.float32))
    shown = Shown(event(1, 1, 2, 2, 3), 0)
    page = written(Report("tiles", [curve], [shown], clocked=False), tmp_path)
    assert "Highest score 3.00 picture 2 Frames above 1 2 50.0% of frames Frames 4" in page.said
    assert "1 Anomaly 3.00 picture 1 – picture 2 highest at picture 2" in page.said


def test_footage_that_is_missing_counts_for_nothing(tmp_path: Path) -> None:
    times_s = np.array([0, 1, 2, 3, 1003, 1004.0])
    page = written(Report("gate", [Curve("a.mp4", times_s, np.full(6, 2, np.float32))], []), tmp_path)
    assert "Time above 1 8.0 s" in page.said


def test_scores_that_are_none_are_gaps_and_never_shown(tmp_path: Path) -> None:
    scores = np.array([0.5, np.nan, np.inf, 0.75], np.float32)
    happened = replace(event(1, 0, 1, 2, math.nan), kind=EventKind.VIEW, reason=None)
    page = written(Report("gate", [Curve("a.mp4", np.arange(4.0), scores)], [Shown(happened, 0)]), tmp_path)
    assert "Highest score 0.75 0:03.0 Time above 1" in page.said
    assert "1 View changed – 0:00.0 – 0:02.0, 2.0 s" in page.said
    assert "Ended not ended yet" in page.said
    assert not re.search("nan|inf", page.said, re.IGNORECASE)
    _, packed = unpacked(page.data["recordings"][0])
    assert packed == pytest.approx([0.5, math.nan, math.nan, 0.75], nan_ok=True)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        Curve("a.mp4", np.zeros(3), np.zeros(2, np.float32))
    assert str(caught.value) == "a.mp4: the shape of its scores is (2,), expected (3,)."
    with pytest.raises(ShapeError) as caught:
        Curve("a.mp4", np.arange(3.0), np.zeros(3, np.float32), None, np.zeros(2, np.float32))
    assert str(caught.value) == "a.mp4: the shape of its motion is (2,), expected (3,)."
    with pytest.raises(ShapeError) as caught:
        Curve("a.mp4", np.array([0, 1, 1.0]), np.zeros(3, np.float32))
    assert str(caught.value) == "a.mp4: the order of its times is another, expected rising."
