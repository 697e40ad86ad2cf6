"""The report in a Chromium, opened as a file: what a click shows, what plays, what it asks the network for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from pipeline.report import Curve, Report, content, write_report
from tests.pipeline.report.making import NORTH, SOUTH, report_of_two
from tests.pipeline.report.visiting import NARROW, Visit

pytestmark = pytest.mark.chromium

# The number of the picture of the highest score.
HIGHEST = len(NORTH) + int(np.flatnonzero(SOUTH == 31)[0])

# Pixels of the curve above the threshold, half way up to the highest score.
ORANGE = """(() => {
  const canvas = document.querySelector("#plot canvas");
  const { data } = canvas.getContext("2d").getImageData(0, Math.round(canvas.height * 0.35), canvas.width, 1);
  return data.filter((red, place) => place % 4 === 0 && red > 180 && data[place + 2] < 120).length;
})()"""


def test_it_opens_at_the_peak_of_the_highest_event(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html")
    opened.settled()
    assert (opened.moment_s, opened.source) == (31, "From the clip of event 3")
    assert opened.shows(HIGHEST)
    expect(opened.page.locator("#score")).to_have_text("17.00 above the threshold")
    expect(opened.page.locator("#which")).to_have_text("south.mp4")
    expect(opened.page.locator("#event-3")).to_have_class("event chosen")


def test_the_page_runs_under_its_own_policy(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html", strict=True)
    area = opened.page.locator(".area")
    expect(area).to_have_attribute("aria-valuenow", "31.000")
    area.press("Home")
    expect(area).to_have_attribute("aria-valuenow", "12.000")
    expect(opened.page.locator("#from")).to_have_text("From heatmap.mp4")


# The clips begin at 7, 37 and 27 s; heatmap.mp4 holds north.mp4 from 0 and south.mp4, which begins at 12, from 60 s.
@pytest.mark.parametrize(
    ("recording", "time_s", "source", "begin_s"),
    [
        ("north.mp4", 7.1, "From the clip of event 1", 7),
        ("north.mp4", 12.0, "From the clip of event 1", 7),
        ("north.mp4", 16.9, "From the clip of event 1", 7),
        ("north.mp4", 44.2, "From the clip of event 2", 37),
        ("north.mp4", 0.0, "From heatmap.mp4", 0),
        ("north.mp4", 25.3, "From heatmap.mp4", 0),
        ("north.mp4", 59.8, "From heatmap.mp4", 0),
        ("south.mp4", 12.0, "From heatmap.mp4", -48),
        ("south.mp4", 20.7, "From heatmap.mp4", -48),
        ("south.mp4", 51.8, "From heatmap.mp4", -48),
        ("south.mp4", 29.0, "From the clip of event 3", 27),
    ],
)
def test_a_click_on_the_curve_shows_that_moment(
    recording: str, time_s: float, source: str, begin_s: float, folder: Path, visit: Visit
) -> None:
    opened = visit(folder / "report.html")
    opened.page.get_by_role("button", name=recording).click()
    opened.click_at(time_s)
    assert opened.source == source
    assert opened.video_s + begin_s == pytest.approx(time_s, abs=0.2)
    assert opened.moment_s == pytest.approx(time_s, abs=0.2)
    # The picture is that of the moment beneath it, to the frame.
    times_s, before = (NORTH, 0) if recording == "north.mp4" else (SOUTH, len(NORTH))
    assert opened.shows(before + int(np.argmin(np.abs(times_s - opened.moment_s))))


def test_a_click_lands_as_well_on_a_narrow_page(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html", NARROW)
    opened.page.get_by_role("button", name="north.mp4").click()
    opened.page.locator(".area").scroll_into_view_if_needed()
    for time_s in (9.0, 25.3, 40.4, 58.0):
        opened.click_at(time_s)
        assert opened.moment_s == pytest.approx(time_s, abs=0.2)


def test_a_finger_on_the_curve_shows_that_moment(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html", NARROW, touch=True)
    opened.page.get_by_role("button", name="north.mp4").tap()
    area = opened.page.locator(".area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    opened.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 60)
    opened.settled()
    # Half a pixel of rounding is 0.1 s here.
    assert opened.moment_s == pytest.approx(59.8 / 2, abs=0.2)
    assert opened.shows(round(opened.moment_s * 5))


def test_a_peak_of_one_frame_is_met_where_frames_are_denser_than_pixels(tmp_path: Path, visit: Visit) -> None:
    times_s = np.arange(24 * 3600 * 5) / 5
    scores = np.full(len(times_s), 0.5, np.float32)
    scores[200_001] = 40
    write_report(Report("gate", [Curve("day.mp4", times_s, scores)], []), tmp_path)
    opened = visit(tmp_path / "report.html")
    area = opened.page.locator(".area")
    area.press("Home")
    box = area.bounding_box()
    assert box is not None
    opened.page.mouse.click(box["x"] + times_s[200_001] / times_s[-1] * box["width"], box["y"] + 50)
    assert opened.moment_s == times_s[200_001]
    assert opened.page.evaluate(ORANGE) >= 1


def test_keys_move_by_frames_and_events_and_say_where(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html")
    opened.page.get_by_role("button", name="north.mp4").click()
    area = opened.page.get_by_role("slider", name="Moment in north.mp4")
    moves = [
        ("Home", 0, "0:00.0, 0.50 normal"),
        ("ArrowRight", 0.2, "0:00.2, 0.54 normal"),
        ("ArrowLeft", 0, "0:00.0, 0.50 normal"),
        ("ArrowLeft", 0, "0:00.0, 0.50 normal"),
        ("PageDown", 12, "0:12.0, 3.50 above the threshold, event 1"),
        ("PageDown", 40.4, "0:40.4, 1.25 above the threshold, event 2"),
        ("PageUp", 12, "0:12.0, 3.50 above the threshold, event 1"),
        ("End", 59.8, "0:59.8, 0.48 normal"),
    ]
    for key, time_s, said in moves:
        area.press(key)
        assert (opened.moment_s, area.get_attribute("aria-valuetext")) == (time_s, said), key
    opened.settled()
    assert opened.shows(299)


def test_the_curve_is_reached_with_the_tab_key(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html")
    reached = []
    for _ in range(4):
        opened.page.keyboard.press("Tab")
        reached.append(opened.page.evaluate("document.activeElement.getAttribute('role') || document.activeElement.id"))
    assert reached == ["out", "in", "all", "slider"]


def test_a_stretch_is_zoomed_into_and_all_of_it_seen_again(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html")
    opened.page.get_by_role("button", name="north.mp4").click()
    box = opened.page.locator(".area").bounding_box()
    assert box is not None
    left, right, y = box["x"] + box["width"] / 6, box["x"] + box["width"] / 3, box["y"] + 90
    opened.page.mouse.move(left, y)
    opened.page.mouse.down()
    opened.page.mouse.move(right, y, steps=4)
    opened.page.mouse.up()
    # A sixth of 59.8 s from the first sixth on; its middle is at a quarter.
    opened.page.mouse.click((left + right) / 2 + (box["x"] + box["width"] / 2 - (left + right) / 2), y)
    assert opened.moment_s == pytest.approx(59.8 / 4, abs=0.11)
    opened.page.mouse.click(box["x"] + 1, y)
    assert opened.moment_s == pytest.approx(59.8 / 6, abs=0.11)
    opened.page.mouse.dblclick(box["x"] + box["width"] - 1, y)
    opened.page.mouse.click(box["x"] + box["width"] - 1, y)
    assert opened.moment_s == pytest.approx(59.8, abs=0.11)


def test_every_clip_plays_to_its_end_and_seeks(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html")
    for number, length_s in ((1, 10.2), (2, 8.2), (3, 9.2)):
        opened.page.locator(f"#event-{number} .shot").click()
        expect(opened.page.locator("#from")).to_have_text(f"From the clip of event {number}")
        opened.page.evaluate("document.querySelector('video').playbackRate = 8")
        opened.page.wait_for_function("document.querySelector('video').ended")
        assert opened.page.evaluate("document.querySelector('video').duration") == pytest.approx(length_s, abs=0.001)
        first, last = report_of_two().events[number - 1].clip, opened.moment_s
        assert first is not None
        assert last == pytest.approx(first.end_s, abs=0.001)
        opened.page.evaluate("document.querySelector('video').currentTime = 2.5")
        opened.settled()
        assert opened.moment_s == pytest.approx(first.begin_s + 2.4, abs=0.001)


def test_the_heatmap_plays_on_into_the_next_recording(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html")
    opened.page.get_by_role("button", name="north.mp4").click()
    opened.page.locator(".area").press("End")
    opened.settled()
    opened.page.get_by_role("button", name="Play").click()
    expect(opened.page.locator("#which")).to_have_text("south.mp4")
    opened.page.get_by_role("button", name="Pause").click()
    assert 12 <= opened.moment_s < 20


def test_a_page_that_was_mailed_alone_shows_its_clips_and_says_what_is_missing(
    folder: Path, tmp_path: Path, visit: Visit
) -> None:
    shutil.copy(folder / "report.html", tmp_path)
    opened = visit(tmp_path / "report.html")
    opened.settled()
    assert opened.shows(HIGHEST)
    opened.page.locator(".area").press("Home")
    expect(opened.page.locator(".words")).to_have_text(
        "This page carries no picture of this moment. Shown: the nearest event, 3, 19.0 s later."
    )
    assert opened.page.evaluate("document.querySelector('.screen img').naturalWidth") == 320
    # That the heatmap is not there is the browser's own word, and true.
    assert [text for text in opened.complaints if "ERR_FILE_NOT_FOUND" not in text] == []
    opened.complaints.clear()
    with opened.page.expect_download() as saved:
        opened.page.locator("#event-1 .file").click()
    assert saved.value.suggested_filename == "gate-1.mp4"
    assert saved.value.path().read_bytes() == (folder / "events" / "gate-1.mp4").read_bytes()


def test_clips_beside_the_page_play_too(folder: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    page = folder / "linked.html"
    monkeypatch.setattr(content, "EMBEDDED_CLIPS_BYTES", 0)
    before = (folder / "report.html").read_bytes()
    write_report(report_of_two(), folder)
    (folder / "report.html").rename(page)
    (folder / "report.html").write_bytes(before)
    opened = visit(page)
    opened.settled()
    assert opened.source == "From the clip of event 3"
    assert opened.shows(HIGHEST)
    assert any(url.endswith("/events/gate-3.mp4") for url in opened.requests)


def test_events_are_ordered_by_score_on_demand(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html")
    opened.page.get_by_role("button", name="By score").click()
    assert opened.page.locator(".event .number").all_inner_texts() == ["3", "1", "2"]
    opened.page.get_by_role("button", name="By time").click()
    assert opened.page.locator(".event .number").all_inner_texts() == ["1", "2", "3"]
