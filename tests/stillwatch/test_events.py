"""The events of a replay: what is found, what is written about it, and what becomes of it the next time."""

from __future__ import annotations

import json
import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.stillwatch.conftest import THING, scene, write_clip
from tests.stillwatch.replaying import FILES, Replayed, replay
from tests.stillwatch.running import files_up_to

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "results.md"


def documented(name: str) -> list[str]:
    """Keys of a table of the page on results, in its order."""
    section = PAGE.read_text("utf-8").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]


def times_of(video: Path) -> list[float]:
    """Times of the pictures of a video."""
    with av.open(str(video)) as opened:
        return [round(frame.time or 0.0, 3) for frame in opened.decode(video=0)]


def overlap(box: list[int], other: tuple[int, int, int, int]) -> bool:
    return all(box[axis] < other[axis] + other[axis + 2] and other[axis] < box[axis] + box[axis + 2] for axis in (0, 1))


@pytest.fixture(scope="module")
def visited(visit_clip: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """A thing comes after 6 s, stays for 4 s and is gone for 6 s."""
    return replay(visit_clip, model=model, cwd=tmp_path_factory.mktemp("visited"))


def test_what_comes_and_goes_is_one_event_where_and_when_it_was(visited: Replayed) -> None:
    (event,) = visited.events
    assert (visited.done.code, visited.done.err) == (0, "")
    assert (event["id"], event["camera"], event["kind"], event["reason"]) == ("gate-1-30", "gate", "anomaly", "gone")
    assert (event["file"], event["begin_s"], event["end_s"]) == ("visit.mp4", 6.0, 9.8)
    assert overlap(event["box"], THING)
    highest = max(visited.rows, key=lambda row: float(row["score"]))
    assert (event["peak_s"], event["score"]) == (float(highest["time_s"]), float(highest["score"]))
    assert visited.summary["events"] == 1


def test_what_is_normal_is_no_event(tuesday: Path, model: Path, tmp_path: Path) -> None:
    result = replay(tuesday, "--no-heatmap", model=model, cwd=tmp_path)
    assert result.events == []
    assert result.files == ["events.json", "report.html", "scores.csv", "summary.json"]
    assert "  events     0; 0 frames above 1, 0.0%\n" in result.done.out


def test_the_entries_have_the_keys_of_the_page_in_an_order_that_does_not_change(visited: Replayed) -> None:
    example = json.loads(PAGE.read_text("utf-8").partition("```json\n")[2].partition("```")[0])
    assert [list(event) for event in visited.events] == [list(example)]
    assert documented("events.json") == list(example)
    (event,) = visited.events
    # The example is of a model that knows motion.
    alone = {"appearance", "motion"}
    assert {key for key in example if type(event[key]) is not type(example[key])} == alone
    assert {event[key] for key in alone} == {None}


def test_the_page_names_the_columns_of_the_scores_and_the_keys_of_the_summary(visited: Replayed) -> None:
    assert documented("scores.csv") == list(visited.rows[0])
    said = PAGE.read_text("utf-8").partition("\n## summary.json\n")[2]
    keys = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", said))
    assert keys == list(visited.summary)
    assert re.findall(r"`(\w+)`", said.partition("`peak` (")[2].partition(")")[0]) == list(visited.summary["peak"])


def test_the_folder_of_events_holds_their_clips_and_pictures_and_nothing_else(visited: Replayed) -> None:
    (event,) = visited.events
    assert (event["clip"], event["thumbnail"]) == ("events/gate-1-30.mp4", "events/gate-1-30.jpg")
    assert sorted(visited.content) == sorted([event["clip"], event["thumbnail"], *FILES])
    picture = cv2.imread(str(visited.out / event["thumbnail"]))
    assert picture is not None
    assert picture.shape == (96, 144, 3)


def test_a_clip_shows_from_five_seconds_before_to_five_seconds_after_at_the_recordings_own_times(
    visited: Replayed,
) -> None:
    (event,) = visited.events
    clip = visited.out / event["clip"]
    assert times_of(clip) == [round(float(Fraction(number, 5)), 3) for number in range(70)]  # from 1.0 to 14.8
    with av.open(str(clip)) as video:
        (stream,) = video.streams
        codec = stream.codec_context
        assert isinstance(codec, av.VideoCodecContext)
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    content = clip.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # faststart


def test_the_same_replay_into_the_same_folder_gives_the_same_bytes(
    visited: Replayed, visit_clip: Path, model: Path
) -> None:
    before = visited.content
    assert replay(visit_clip, model=model, cwd=visited.out.parent).content == before


def test_an_earlier_result_goes_and_what_is_not_ours_stays(
    visit_clip: Path, odd: Path, tuesday: Path, model: Path, tmp_path: Path
) -> None:
    before = replay(odd, model=model, cwd=tmp_path)
    ours = {path.name for path in (before.out / "events").iterdir()}
    assert ours == {"gate-1-0.mp4", "gate-1-0.jpg"}
    foreign = ["notes.txt", "gate-2026-11-24.mp4", "gate-1-7.jpg", "elsewhere.mp4"]
    for name in foreign:
        (before.out / "events" / name).write_text(name)
    (before.out / "mine.txt").write_text("mine")
    after = replay(visit_clip, model=model, cwd=tmp_path)
    assert sorted(path.name for path in (after.out / "events").iterdir()) == sorted(
        [*foreign, "gate-1-30.jpg", "gate-1-30.mp4"]
    )
    none = replay(tuesday, model=model, cwd=tmp_path)
    assert sorted(path.name for path in (none.out / "events").iterdir()) == sorted(foreign)
    assert all((none.out / "events" / name).read_text() == name for name in foreign)
    assert (none.out / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("listed", ['[{"clip": "../mine.mp4"}]', '{"clip": 1}', "[1]", "nothing", '[{"clip": []}]'])
def test_a_list_of_events_that_is_not_ours_removes_nothing(
    listed: str, tuesday: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / "events").mkdir(parents=True)
    (tmp_path / "out" / "mine.mp4").touch()
    (tmp_path / "out" / "events.json").write_text(listed)
    result = replay(tuesday, "--until", "1", "--no-heatmap", model=model, cwd=tmp_path)
    assert (result.done.code, result.events) == (0, [])
    assert (tmp_path / "out" / "mine.mp4").exists()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `odd.mp4` shows, in pictures so large that a clip of it takes more room than a report."""
    pictures = (
        np.asarray(cv2.resize(picture, (576, 384), interpolation=cv2.INTER_NEAREST), np.uint8)
        for picture in scene(4, seed=1, thing=True)
    )
    return write_clip(tmp_path_factory.mktemp("large") / "large.mp4", pictures)


def test_a_clip_that_does_not_fit_on_the_disk_is_said_and_the_rest_is_there(
    large: Path, model: Path, tmp_path: Path
) -> None:
    with files_up_to(130_000):
        result = replay(large, "--no-heatmap", model=model, cwd=tmp_path)
    problem = "out/events/gate-1-0.mp4: cannot be written, file too large; free some space or choose another place."
    (event,) = result.events
    assert (result.done.code, result.done.err) == (0, f"Warning: {problem}\n")
    assert (event["clip"], event["thumbnail"]) == (None, "events/gate-1-0.jpg")
    assert result.summary["problems"] == [problem]
    assert problem in (result.out / "report.html").read_text("utf-8")
    assert sorted(result.content) == [
        *("events.json", "events/gate-1-0.jpg", "report.html", "scores.csv", "summary.json")
    ]
    assert len(result.rows) == 20


def test_a_report_that_does_not_fit_leaves_nothing_of_the_attempt(large: Path, model: Path, tmp_path: Path) -> None:
    with files_up_to(200_000):  # the clip does fit, and the report that carries it does not
        result = replay(large, "--no-heatmap", model=model, cwd=tmp_path)
    assert (result.done.code, result.done.err) == (
        1,
        "Error: out/report.html: cannot be written, file too large; free some space or choose another place.\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def models(model: Path, tmp_path: Path) -> Path:
    """A folder of the models of three cameras."""
    (tmp_path / "models").mkdir()
    for name in ("gate", "gate-north", "dock"):
        shutil.copy(model, tmp_path / "models" / f"{name}.stillwatch")
    return tmp_path / "models"


def test_each_recording_takes_the_model_it_is_called_after(models: Path, odd: Path, tmp_path: Path) -> None:
    names = ["gate-monday.mp4", "gate-north_2.mp4", "Dock.mp4", "gate.mp4"]
    for name in names:
        shutil.copy(odd, tmp_path / name)
    result = replay(*names, "--no-heatmap", model=models, cwd=tmp_path)
    assert result.done.code == 0
    assert [(event["file"], event["camera"], event["id"]) for event in result.events] == [
        ("gate-monday.mp4", "gate", "gate-1-0"),
        ("gate-north_2.mp4", "gate-north", "gate-north-2-0"),
        ("Dock.mp4", "dock", "dock-3-0"),
        ("gate.mp4", "gate", "gate-4-0"),
    ]
    assert sorted(result.summary["thresholds"]) == ["dock", "gate", "gate-north"]
    page = (result.out / "report.html").read_text("utf-8")
    assert "<title>dock, gate, gate-north" in page
    for camera in ("dock", "gate", "gate-north"):
        assert f"Model {camera}" in page
    for name in names:
        assert name in page


def test_a_recording_that_no_model_is_called_after(models: Path, odd: Path, tmp_path: Path) -> None:
    shutil.copy(odd, tmp_path / "gatehouse.mp4")
    result = replay("gatehouse.mp4", model=Path("models"), cwd=tmp_path)
    assert (result.done.code, result.done.out, result.done.err) == (
        2,
        "",
        "Error: gatehouse.mp4: none of the models in models is called as it begins (dock, gate, gate-north); "
        "name its model models/gatehouse.stillwatch, or give one model alone.\n",
    )
    assert not result.out.exists()


def test_a_folder_without_models(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    result = replay(odd, model=Path("models"), cwd=tmp_path)
    assert (result.done.code, result.done.out, result.done.err) == (
        2,
        "",
        "Error: models: holds no model (*.stillwatch); "
        "make one with 'stillwatch fit FOOTAGE -o models/odd.stillwatch'.\n",
    )
    assert not result.out.exists()
