"""How the report looks in a Chromium: at every width, light and dark, without scripts, with hardly anything in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from pipeline.parts import mainly
from pipeline.report import Curve, Report, Shown, write_report
from tests.pipeline.report.making import NORTH, event, report_of_two, told_apart
from tests.pipeline.report.visiting import NARROW, WIDE, Visit

pytestmark = pytest.mark.chromium


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, (800, 600), NARROW, (320, 640)])
def test_nothing_reaches_beyond_the_width_and_every_text_can_be_read(
    size: tuple[int, int], scheme: Literal["light", "dark"], tmp_path: Path, visit: Visit
) -> None:
    report = told_apart(report_of_two(), [0.92, 0.1, 0.55])
    long = "a-name-of-a-file-that-goes-on-and-on-" * 4
    curves = [replace(curve, file=f"{long}{number}") for number, curve in enumerate(report.curves)]
    write_report(replace(report, curves=curves, complete=False, warnings=[long]), tmp_path)
    opened = visit(tmp_path / "report.html", size, scheme)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert opened.page.evaluate(CONTRASTS) == []
    for share in (0.05, 0.48, 0.52, 0.95):
        width = opened.page.locator(".area").evaluate("area => area.clientWidth")
        opened.page.locator(".area").hover(position={"x": share * width, "y": 20})
        expect(opened.page.locator(".hover")).to_contain_text("motion")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    opened.complaints.clear()  # no heatmap here


# Texts with less contrast to their ground than WCAG 2's AA asks of small text.
CONTRASTS = """() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.tagName === "SCRIPT" || element.disabled) continue;
    const [one, other] = [parts(getComputedStyle(element).color), ground(element)].map(luminance);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) found.push([element.className || element.tagName, ratio]);
  }
  return found;
}"""


# Whether the curve has the hue of motion near its foot, and near its line: bluer than it is green, by more than the
# ground and both lines are.
VIOLET = """(() => {
  const { width, height } = document.querySelector("#plot canvas");
  const { data } = document.querySelector("#plot canvas").getContext("2d").getImageData(0, 0, width, height);
  const violet = (at) => data[at + 3] > 60 && data[at + 2] - data[at + 1] > 40;
  const row = (share) => Array.from({ length: width }, (_, x) => 4 * (Math.round(height * share) * width + x));
  return [0.8, 0.35].map((share) => row(share).filter(violet).length > 100);
})()"""


def test_the_curve_shows_its_motion_below_the_line_and_only_where_there_is_any(tmp_path: Path, visit: Visit) -> None:
    times_s = np.arange(100) / 5
    scores: NDArray[np.float32] = np.full(100, 3, np.float32)
    seen = []
    for number, share in enumerate((None, 0.02, 0.9)):
        motion = None if share is None else np.full(100, share, np.float32)
        write_report(Report("gate", [Curve("a.mp4", times_s, scores, None, motion)], []), tmp_path)
        opened = visit(tmp_path / "report.html")
        seen.append(opened.page.evaluate(VIOLET))
        expect(opened.page.locator("#legend")).to_have_count(min(number, 1))
    assert seen == [[False, False], [False, False], [True, True]]


def test_the_page_has_the_same_words_for_parts_as_everything_else(tmp_path: Path, visit: Visit) -> None:
    write_report(told_apart(report_of_two(), [0.92, 0.1, 0.55]), tmp_path)
    opened = visit(tmp_path / "report.html")
    shares = [step / 255 for step in range(256)]
    said = opened.page.evaluate("(shares) => shares.map((share) => partsText(share))", shares)
    assert said == [mainly(share) for share in shares]
    expect(opened.page.locator("#score")).to_have_text("17.00 above the threshold, motion 55%, appearance 45%")
    opened.complaints.clear()  # no clips here


def test_without_scripts_events_and_facts_are_there(folder: Path, visit: Visit) -> None:
    opened = visit(folder / "report.html", scripts=False)
    assert opened.page.locator(".event img").count() == 3
    assert opened.page.locator("#event-1 .shot").get_attribute("href") == "./events/gate-1.mp4"
    expect(opened.page.get_by_text("4,500 frames, 15:00")).to_be_visible()
    expect(opened.page.locator("#stage")).to_be_hidden()


def test_thirty_recordings_can_be_chosen_from(tmp_path: Path, visit: Visit) -> None:
    curves = [Curve(f"hour-{number:02d}.mp4", NORTH, np.full(300, number / 30, np.float32)) for number in range(30)]
    write_report(Report("gate", curves, []), tmp_path)
    opened = visit(tmp_path / "report.html")
    expect(opened.page.locator("#which")).to_have_text("hour-29.mp4")
    opened.page.get_by_role("button", name=re.compile("hour-03.mp4")).click()
    expect(opened.page.locator("#which")).to_have_text("hour-03.mp4")
    assert opened.page.evaluate("document.documentElement.scrollHeight") < 1400


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_hardly_any_frames_are_no_trouble(frames: int, tmp_path: Path, visit: Visit) -> None:
    curve = Curve("a.mp4", np.arange(3.0, 3 + frames), np.full(frames, np.nan, np.float32))
    happened = Shown(event(1, 3, 3, 3, 2), 0)
    write_report(Report("gate", [curve, curve], [happened]), tmp_path)
    opened = visit(tmp_path / "report.html")
    if not frames:
        expect(opened.page.locator("#stage")).to_be_hidden()
        return
    opened.page.locator(".area").click()
    for key in ("+", "-", "End", "Home", "PageDown", "Escape"):
        opened.page.locator(".area").press(key)
    expect(opened.page.locator("#score")).to_have_text("no score")
    assert "NaN" not in opened.page.locator("body").inner_text()


def test_names_from_outside_run_nothing(tmp_path: Path, visit: Visit) -> None:
    hostile = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
    curve = Curve(hostile, NORTH, np.full(300, 2, np.float32))
    shown = [Shown(replace(event(1, 3, 4, 5, 2), id=hostile), 0)]
    write_report(Report("gate", [curve, curve], shown, warnings=[hostile]), tmp_path)
    opened = visit(tmp_path / "report.html")
    expect(opened.page.locator("#which")).to_have_text(hostile)
    expect(opened.page).to_have_title("gate: 1 event · stillwatch")
