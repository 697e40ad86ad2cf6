"""`stillwatch replay`, as its users meet it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import av
import cv2
import pytest

from pipeline.model.model_file import read_header
from tests.stillwatch.conftest import THING, scene, write_clip
from tests.stillwatch.replaying import FILES, Replayed, replay
from tests.stillwatch.running import interrupted_when, run_process


@pytest.fixture(scope="module")
def replayed(odd: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """In a process: 4 s with a thing that does not belong there."""
    folder = tmp_path_factory.mktemp("replay")
    return Replayed(run_process("replay", odd, "-m", model, "-o", "out", cwd=folder), folder / "out")


def test_it_says_what_it_found_and_where_to_look(replayed: Replayed) -> None:
    assert (replayed.done.code, replayed.done.err) == (0, "")
    assert re.fullmatch(
        r"20 frames scored in 0:\d\d(, \d+ times faster than recorded)?\n"
        r"  events     1; 20 frames above 1, 100\.0%\n"
        r"  highest    \d+\.\d\d at 0:0\d of odd\.mp4, around x \d+, y \d+\n"
        r"  report     out/report\.html\n"
        r"  scores     out/scores\.csv\n"
        r"  heatmap    out/heatmap\.mp4\n",
        replayed.done.out,
    )
    assert replayed.files == ["events", *FILES]


def test_a_row_a_frame_with_the_columns_that_scripts_rely_on(replayed: Replayed) -> None:
    rows = replayed.rows
    assert [row["index"] for row in rows] == [str(number) for number in range(20)]
    assert [row["time_s"] for row in rows] == [f"{number / 5:.3f}" for number in range(20)]
    for row in rows:
        assert row["file"] == "odd.mp4"
        assert (row["appearance"], row["motion"]) == ("", "")
        assert float(row["raw_score"]) > float(row["score"]) > 1


def test_the_peak_is_on_the_thing(replayed: Replayed) -> None:
    x, y, width, height = THING
    for row in replayed.rows:
        assert x - 8 <= int(row["x"]) <= x + width + 8
        assert y - 8 <= int(row["y"]) <= y + height + 8


def test_the_heatmap_is_a_video_that_browsers_play(replayed: Replayed) -> None:
    path = replayed.out / "heatmap.mp4"
    with av.open(str(path)) as video:
        (stream,) = video.streams
        codec = stream.codec_context
        assert isinstance(codec, av.VideoCodecContext)
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert (codec.width % 2, codec.height % 2) == (0, 0)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # faststart


def test_the_heatmap_shows_every_frame_at_its_time(replayed: Replayed) -> None:
    assert replayed.shown == replayed.times


def test_the_summary_says_what_it_came_to(replayed: Replayed, model: Path) -> None:
    summary = replayed.summary
    highest = max(replayed.rows, key=lambda row: float(row["score"]))
    assert list(summary) == [
        *("files", "complete", "frames", "anomalous", "events", "footage_s", "elapsed_s", "damaged", "thresholds"),
        *("peak", "problems"),
    ]
    assert (summary["files"], summary["complete"]) == (["odd.mp4"], True)
    assert (summary["frames"], summary["anomalous"], summary["events"]) == (20, 20, 1)
    assert (summary["footage_s"], summary["damaged"], summary["problems"]) == (4.0, 0, [])
    assert summary["thresholds"] == {"gate": read_header(model).threshold.value}
    peak = summary["peak"]
    assert isinstance(peak, dict)
    assert list(peak) == ["file", "index", "time_s", "score", "appearance", "motion", "x", "y"]
    assert (peak["appearance"], peak["motion"]) == (None, None)
    assert (peak["file"], str(peak["index"])) == ("odd.mp4", highest["index"])
    assert f"{peak['score']:.6g}" == highest["score"]


def test_json_prints_the_summary_and_nothing_else(odd: Path, model: Path, tmp_path: Path) -> None:
    result = replay(odd, "--json", model=model, cwd=tmp_path)
    assert (result.done.code, result.done.err) == (0, "")
    assert json.loads(result.done.out) == result.summary


def test_without_a_heatmap_none_is_left_from_before(odd: Path, model: Path, tmp_path: Path) -> None:
    before = replay(odd, "--until", "2", model=model, cwd=tmp_path)
    assert before.files == ["events", *FILES]
    after = replay(odd, "--no-heatmap", model=model, cwd=tmp_path)
    assert after.files == ["events", *(name for name in FILES if name != "heatmap.mp4")]
    assert len(after.rows) == 20
    assert "heatmap" not in after.done.out


def test_several_recordings_follow_each_other(clip: Path, odd: Path, model: Path, tmp_path: Path) -> None:
    result = replay(clip, odd, "--from", "1", "--until", "3", model=model, cwd=tmp_path)
    once = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 2.8]
    assert result.done.code == 0
    assert [row["file"] for row in result.rows] == ["gate.mp4"] * 10 + ["odd.mp4"] * 10
    assert [int(row["index"]) for row in result.rows] == [*range(10), *range(10)]
    assert result.times == once * 2
    assert result.shown == [round(number / 5, 3) for number in range(20)]
    assert result.summary["footage_s"] == 4.0


def test_images_have_no_time_but_that_of_their_rate(model: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number, picture in enumerate(scene(2)):
        cv2.imwrite(str(images / f"{number}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    without = replay("images", model=model, cwd=tmp_path)
    assert without.times == [float(number) for number in range(20)]
    assert without.summary["footage_s"] == 0.0
    with_rate = replay("images", "--input-fps", "10", model=model, cwd=tmp_path)
    assert with_rate.times == [round(number / 5, 3) for number in range(10)]
    assert with_rate.summary["footage_s"] == 2.0
    assert {row["file"] for row in with_rate.rows} == {"images"}


def test_a_mask_hides_what_lies_under_it(odd: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "mask.yaml").write_text("polygons: [[[80, 0], [144, 0], [144, 96], [80, 96]]]\n")
    seen = replay(odd, "--mask", "mask.yaml", "--no-heatmap", model=model, cwd=tmp_path)
    assert seen.done.code == 0
    assert all(int(row["x"]) < 80 for row in seen.rows)


def test_a_single_picture_is_scored_too(model: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "one.mp4", [next(scene(1))])
    result = replay("one.mp4", model=model, cwd=tmp_path)
    assert result.done.code == 0
    assert re.match(r"1 frame scored in 0:0\d\n", result.done.out)
    assert (result.times, result.shown) == ([0.0], [0.0])


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text here")
def test_a_name_that_is_no_text_is_written_as_far_as_it_is(odd: Path, model: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    shutil.copy(odd, tmp_path / name)
    result = replay(name, "--until", "1", "--no-heatmap", model=model, cwd=tmp_path)
    assert result.done.code == 0
    assert " of caf\ufffd.mp4, " in result.done.out
    assert {row["file"] for row in result.rows} == {"caf?.mp4"}
    assert result.summary["files"] == ["caf?.mp4"]


def test_precisions_that_were_tried_agree(odd: Path, model: Path, tmp_path: Path) -> None:
    scores = [
        [float(row["raw_score"]) for row in replay(odd, "--no-heatmap", *how, model=model, cwd=tmp_path).rows]
        for how in ([], ["--engine", "torch", "--precision", "float32"])
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)


def long_replay(clip: Path, model: Path) -> list[str | Path]:
    """A replay of 6,000 frames."""
    return ["replay", *[clip] * 50, "--fps", "10", "-m", model, "-o", "out"]


def test_ctrl_c_leaves_whole_files_of_what_was_seen(clip: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = interrupted_when(
        (out / ".heatmap.mp4.part").exists,
        *long_replay(clip, model),
        cwd=tmp_path,
    )
    result = Replayed(done, out)
    rows = result.rows
    assert done.code == 130
    assert done.err == "\nfinishing with what there is; Ctrl-C again to give up.\n"
    assert re.match(rf"{len(rows):,} frames? scored in 0:\d\d.*, stopped early\n", done.out)
    assert result.files == FILES
    assert result.events == []
    assert 0 < len(rows) < 6000
    assert (result.summary["complete"], result.summary["frames"]) == (False, len(rows))
    assert len(result.shown) == len(rows)
