"""The report of a real replay, opened in a Chromium as a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.pipeline.report.conftest import browser, visit
from tests.pipeline.report.visiting import Visit
from tests.stillwatch.replaying import Replayed, replay

pytestmark = pytest.mark.chromium

__all__ = ["browser", "visit"]  # fixtures of the report's own tests; `visit` fails where a page complains

VIDEO = "document.querySelector('video')"
# The time of a frame at the rate that is scored.
NEAR_S = 0.2


@pytest.fixture(scope="module")
def replayed(visit_clip: Path, odd: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """Two recordings with an event in each."""
    result = replay(visit_clip, odd, model=model, cwd=tmp_path_factory.mktemp("report"))
    assert [event["id"] for event in result.events] == ["gate-1-30", "gate-2-0"]
    return result


def test_it_opens_at_the_peak_of_the_highest_event(replayed: Replayed, visit: Visit) -> None:
    opened = visit(replayed.out / "report.html")
    opened.settled()
    best = max(replayed.events, key=lambda event: float(event["score"]))
    assert abs(opened.moment_s - best["peak_s"]) <= NEAR_S
    assert opened.source == f"From the clip of event {replayed.events.index(best) + 1}"
    expect(opened.page.locator("#which")).to_have_text(best["file"])
    expect(opened.page.locator(".event")).to_have_count(2)
    promise = "gate: at most 732 false alarms a day (0 to 732)"
    assert promise in opened.page.locator("body").inner_text()


# The clip of the first event begins at 1 s of visit.mp4 and ends at 14.8 s.
@pytest.mark.parametrize(
    ("time_s", "source", "begin_s"),
    [
        (0.4, "From heatmap.mp4", 0.0),
        (1.2, "From the clip of event 1", 1.0),
        (8.3, "From the clip of event 1", 1.0),
        (15.6, "From heatmap.mp4", 0.0),
    ],
)
def test_a_click_on_the_curve_shows_that_moment(
    time_s: float, source: str, begin_s: float, replayed: Replayed, visit: Visit
) -> None:
    opened = visit(replayed.out / "report.html")
    opened.page.get_by_role("button", name="visit.mp4").click()
    opened.settled()
    opened.click_at(time_s)
    assert abs(opened.moment_s - time_s) <= NEAR_S
    assert opened.source == source
    assert abs(opened.video_s + begin_s - time_s) <= NEAR_S


@pytest.mark.parametrize("number", [0, 1])
def test_every_clip_plays_to_its_end_and_seeks(number: int, replayed: Replayed, visit: Visit) -> None:
    event = replayed.events[number]
    opened = visit(replayed.out / event["clip"])
    opened.page.wait_for_function(f"{VIDEO}.readyState >= 2")
    duration_s = opened.page.evaluate(f"{VIDEO}.duration")
    assert duration_s >= event["end_s"] - event["begin_s"]
    opened.page.evaluate(f"{VIDEO}.pause(); {VIDEO}.currentTime = 2.1")
    opened.settled()
    assert opened.video_s == pytest.approx(2.1, abs=0.01)
    opened.page.evaluate(f"{VIDEO}.muted = true; {VIDEO}.playbackRate = 16; {VIDEO}.play()")
    opened.page.wait_for_function(f"{VIDEO}.ended && !{VIDEO}.error")
    assert opened.video_s == pytest.approx(duration_s, abs=0.05)


def test_mailed_alone_it_has_its_clips_and_opens(replayed: Replayed, visit: Visit, tmp_path: Path) -> None:
    shutil.copy(replayed.out / "report.html", tmp_path)
    opened = visit(tmp_path / "report.html")
    opened.page.get_by_role("button", name="visit.mp4").click()
    opened.settled()
    opened.click_at(8.3)
    assert opened.source == "From the clip of event 1"
    assert abs(opened.video_s + 1.0 - 8.3) <= NEAR_S


def test_without_a_heatmap_it_opens_too(visit_clip: Path, model: Path, visit: Visit, tmp_path: Path) -> None:
    result = replay(visit_clip, "--no-heatmap", model=model, cwd=tmp_path)
    opened = visit(result.out / "report.html")
    opened.settled()
    assert opened.source == "From the clip of event 1"
    area = opened.page.locator(".area").bounding_box()
    assert area is not None
    opened.page.mouse.click(area["x"] + 2, area["y"] + area["height"] / 2)
    expect(opened.page.locator(".words")).to_have_text(
        "This page carries no picture of this moment. Shown: the nearest event, 1, 7.0 s later."
    )


def test_without_an_event_it_says_so(tuesday: Path, model: Path, visit: Visit, tmp_path: Path) -> None:
    result = replay(tuesday, "--until", "2", model=model, cwd=tmp_path)
    opened = visit(result.out / "report.html")
    opened.click_at(1.0)
    assert opened.source == "From heatmap.mp4"
    assert abs(opened.video_s - 1.0) <= NEAR_S
    expect(opened.page.locator(".event")).to_have_count(0)
