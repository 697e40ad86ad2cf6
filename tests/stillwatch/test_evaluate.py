"""`stillwatch evaluate`, as its users meet it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.evaluation.layouts import LAYOUTS
from pipeline.types import Image
from stillwatch.commands.evaluate import LAYOUTS as OFFERED
from tests.stillwatch.conftest import SIZE, SMALL, THING, scene, write_clip
from tests.stillwatch.running import Result, files_up_to, on_terminal_until, run

# Of appearance alone.
PLAIN = (*SMALL, "--method", "padim")
FIGURES_OF_PIXELS = ["pixel_auroc", "aupro_30", "pixel_f1"]
FIGURES_OF_FRAMES = ["frames", "frame_auroc", "frame_f1", "frame_caught_1", *FIGURES_OF_PIXELS]
FIGURES_OF_EVENTS = ["rbdc", "tbdc", "stretches_found", "false_events", "normal_hours", "false_events_per_day"]
FIGURES_OF_VIDEO = {*FIGURES_OF_FRAMES, *FIGURES_OF_EVENTS}
FIGURES_OF_IMAGES = {"frames", "image_auroc", "image_f1", "image_caught_1", *FIGURES_OF_PIXELS}


def write_pictures(folder: Path, pictures: Iterable[Image | NDArray[np.uint8]], suffix: str = ".png") -> None:
    """Pictures 001, 002 … in a folder."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures, start=1):
        cv2.imwrite(str(folder / f"{number:03d}{suffix}"), picture)


def mask_of_the_thing() -> NDArray[np.uint8]:
    x, y, width, height = THING
    mask = np.zeros(SIZE, np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask


@pytest.fixture(scope="module")
def ucsd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with one scene, as UCSD distributes them: the thing lies in the last ten of twenty frames."""
    root = tmp_path_factory.mktemp("ucsd")
    write_pictures(root / "UCSDped3" / "Train" / "Train001", scene(6), ".tif")
    tests = [*scene(1, seed=1), *scene(1, seed=2, thing=True)]
    nothing = np.zeros(SIZE, np.uint8)
    write_pictures(root / "UCSDped3" / "Test" / "Test001", tests, ".tif")
    write_pictures(root / "UCSDped3" / "Test" / "Test001_gt", [nothing] * 10 + [mask_of_the_thing()] * 10, ".bmp")
    (root / "UCSDped3" / "Test" / "UCSDped3.m").write_text("TestVideoFile{end+1}.gt_frame = [11:20];\n")
    return root


@pytest.fixture(scope="module")
def evaluated(ucsd: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What it said with --json, and the folder it wrote."""
    folder = tmp_path_factory.mktemp("evaluate")
    return run("evaluate", "ucsd", ucsd, *PLAIN, "--json", "-o", "results", cwd=folder), folder / "results"


def test_json_has_the_keys_that_scripts_rely_on(evaluated: tuple[Result, Path]) -> None:
    done, _ = evaluated
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert list(found) == ["layout", "method", "backbone", "scenes", "mean", "pooled"]
    assert [found[key] for key in ("layout", "method", "backbone")] == ["ucsd", "padim", "efficientnet_lite0"]
    assert list(found["scenes"]) == ["UCSDped3"]
    for figures in (found["scenes"]["UCSDped3"], found["mean"], found["pooled"]):
        assert set(figures) == FIGURES_OF_VIDEO
        assert figures["frames"] == 20
        assert figures["frame_auroc"] == 1.0
        assert figures["pixel_auroc"] > 0.95


def test_the_folder_has_the_same_for_scripts_and_for_people(evaluated: tuple[Result, Path]) -> None:
    done, results = evaluated
    assert sorted(path.name for path in results.iterdir()) == ["evaluation.json", "evaluation.md"]
    assert (results / "evaluation.json").read_text("utf-8") == done.out
    lines = (results / "evaluation.md").read_text("utf-8").splitlines()
    assert lines[0] == "layout ucsd, method padim, backbone efficientnet_lite0"
    assert lines[2] == f"| {' | '.join(['scene', *FIGURES_OF_FRAMES, *FIGURES_OF_EVENTS])} |"


def test_people_get_a_table(evaluated: tuple[Result, Path], ucsd: Path, tmp_path: Path) -> None:
    figures = json.loads(evaluated[0].out)["scenes"]["UCSDped3"]
    done = run("evaluate", "ucsd", ucsd, *PLAIN, cwd=tmp_path)
    heading, *tables = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert heading == "layout ucsd, method padim, backbone efficientnet_lite0"
    assert tables[::3] == ["", ""]
    of_frames, of_events = (line.split() for line in tables[1::3])
    assert (of_frames, of_events) == (["scene", *FIGURES_OF_FRAMES], ["scene", *FIGURES_OF_EVENTS])
    first, second = (line.split() for line in tables[2::3])
    assert first == ["UCSDped3", "20", *(f"{figures[name]:.3f}" for name in FIGURES_OF_FRAMES[1:])]
    assert second[:4] == ["UCSDped3", *(f"{figures[name]:.3f}" for name in FIGURES_OF_EVENTS[:3])]
    assert second[4:] == [str(figures["false_events"]), f"{figures['normal_hours']:.3f}", "0"]
    assert max(map(len, tables)) <= 100


def test_markdown_is_what_the_folder_has(evaluated: tuple[Result, Path], ucsd: Path, tmp_path: Path) -> None:
    done = run("evaluate", "ucsd", ucsd, *PLAIN, "--markdown", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out == (evaluated[1] / "evaluation.md").read_text("utf-8")


def test_footage_of_your_own_needs_labels_alone(tmp_path: Path) -> None:
    for part in ("train", "test", "labels"):
        (tmp_path / "mine" / part).mkdir(parents=True)
    write_clip(tmp_path / "mine" / "train" / "monday.mp4", scene(6))
    write_clip(tmp_path / "mine" / "test" / "tuesday.mp4", [*scene(1, seed=1), *scene(1, seed=2, thing=True)])
    (tmp_path / "mine" / "labels" / "tuesday.csv").write_text("label\n" + "0\n" * 10 + "1\n" * 10)
    done = run("evaluate", "folder", "mine", *PLAIN, "--fps", "10", "--json", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["scenes"] == {
        "mine": {
            "frames": 20,
            "frame_auroc": 1.0,
            "frame_f1": 1.0,
            "frame_caught_1": 1.0,
            "stretches_found": 0.0,
            "false_events": 0,
            "normal_hours": pytest.approx(0.9 / 3600),
            "false_events_per_day": 0.0,
        }
    }


def test_the_paper_resizes_to_256_and_keeps_the_224_in_the_middle(tmp_path: Path) -> None:
    source = np.random.RandomState(0)
    tiles = [source.randint(0, 255, (256, 256, 3)).astype(np.uint8) for _ in range(18)]
    # Of the 256 columns the first 16 are cut off: of one defect nothing is left to be compared, of the other a column.
    for name, columns in (("edge", 16), ("inside", 17)):
        mask = np.zeros((256, 256), np.uint8)
        mask[:, :columns] = 255
        write_pictures(tmp_path / "set" / name / "train" / "good", tiles[:16])
        write_pictures(tmp_path / "set" / name / "test" / "good", tiles[16:17])
        write_pictures(tmp_path / "set" / name / "test" / "dent", tiles[17:])
        write_pictures(tmp_path / "set" / name / "ground_truth" / "dent", [mask])
        truth = tmp_path / "set" / name / "ground_truth" / "dent"
        (truth / "001.png").rename(truth / "001_mask.png")
    paper = ("--preset", "paper", "--weights", "random", "--dims", "8")
    done = run("evaluate", "mvtec", "set", *paper, "--json", cwd=tmp_path)
    found = json.loads(done.out)
    assert (done.code, done.err, found["backbone"]) == (0, "", "resnet18")
    assert set(found["scenes"]["edge"]) == {"frames", "image_auroc", "image_f1", "image_caught_1"}
    assert set(found["scenes"]["inside"]) == FIGURES_OF_IMAGES
    assert found["pooled"]["frames"] == 4


def test_rotated_and_cropped_pictures_depend_on_the_seed_alone(tmp_path: Path) -> None:
    source = np.random.RandomState(0)
    tiles = [source.randint(0, 255, (96, 96, 3)).astype(np.uint8) for _ in range(20)]
    mask = np.zeros((96, 96), np.uint8)
    mask[30:60, 40:70] = 255
    dented = [np.where(mask[..., None] > 0, 255, tile).astype(np.uint8) for tile in tiles[18:]]
    write_pictures(tmp_path / "set" / "nut" / "train" / "good", tiles[:16])
    write_pictures(tmp_path / "set" / "nut" / "test" / "good", tiles[16:18])
    write_pictures(tmp_path / "set" / "nut" / "test" / "dent", dented)
    truth = tmp_path / "set" / "nut" / "ground_truth" / "dent"
    write_pictures(truth, [mask, mask])
    for name in ("001", "002"):
        (truth / f"{name}.png").rename(truth / f"{name}_mask.png")
    small = ("--weights", "random", "--preset", "paper", "--taps", "layer1", "--dims", "6", "--rotate-crop")
    first, again, other = (
        run("evaluate", "mvtec", "set", *small, "--seed", seed, "--json", cwd=tmp_path) for seed in ("0", "0", "1")
    )
    assert (first.code, first.err) == (0, "")
    assert first == again != other
    assert set(json.loads(first.out)["scenes"]["nut"]) == FIGURES_OF_IMAGES


def test_footage_without_labels_is_evaluated_on_artificial_anomalies(clip: Path, tmp_path: Path) -> None:
    command = ("evaluate", "synthetic", clip, *PLAIN, "--fps", "10", "--folds", "2", "--clips", "1")
    done = run(*command, "--json", "-o", "results", cwd=tmp_path)
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (found["layout"], found["averaged_over"], found["folds"], found["normal_frames"]) == (
        "synthetic",
        "folds",
        2,
        120,
    )
    box = found["evidence"]["appearance"]["box"]
    assert list(box) == ["frames", "frame_auroc", "frame_caught_1", "after_1"]
    assert box["frames"] == 48
    assert (tmp_path / "results" / "evaluation.json").read_text("utf-8") == done.out
    lines = (tmp_path / "results" / "evaluation.md").read_text("utf-8").splitlines()
    assert lines[2] == "| kind | frames | frame_auroc | frame_caught_1 | pixel_auroc | after_1 |"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("synthetic", "gate.mp4", "--fps", "10", "--folds", "3"),
            "a part of the footage that is held out has 40 frames in a row, a clip is made of 60; name longer footage, "
            "or use fewer --folds or more --fps.",
        ),
        (("ucsd", ".", "--clips", "1"), "--clips is for the synthetic layout, not ucsd; leave it out."),
        (("ucsd", ".", "other"), "other: the ucsd layout has one folder; evaluate one after the other."),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_a_sentence(options: tuple[str, ...], sentence: str, footage: Path) -> None:
    assert run("evaluate", *options, *SMALL, cwd=footage) == Result(2, "", f"Error: {sentence}\n")


def test_the_command_offers_every_layout_in_the_order_of_its_help(tmp_path: Path) -> None:
    listed = run("evaluate", "--help", cwd=tmp_path).out.partition("ROOT is arranged:\n")[2].partition("\n\n")[0]
    assert tuple(line.split()[0] for line in listed.splitlines()) == (*OFFERED, "synthetic")
    assert tuple(LAYOUTS) == OFFERED


def commands_of_the_guide() -> list[str]:
    """Every `stillwatch evaluate` of the page on the paper's tables."""
    page = Path(__file__).parents[2] / "docs" / "guide" / "paper-tables.md"
    lines = (line.strip().replace("$layer", "layer2") for line in page.read_text("utf-8").splitlines())
    return [line for line in lines if line.startswith("stillwatch evaluate ")]


@pytest.mark.parametrize("command", commands_of_the_guide())
def test_the_guide_s_commands_lack_nothing_but_the_data(command: str, tmp_path: Path) -> None:
    _, _, layout, root, *options = command.split()
    done = run("evaluate", layout, root, *options, cwd=tmp_path)
    lacking = (
        "VisA_20220922/split_csv: is missing; the visa layout has split_csv/1cls.csv beside the objects' folders."
        if layout == "visa"
        else f"{root}: cannot be listed, no such file or directory; give the folder of a data set."
    )
    assert done == Result(2, "", f"Error: {lacking}\n")


def test_ctrl_c_before_a_scene_is_finished_leaves_nothing(ucsd: Path, tmp_path: Path) -> None:
    code, shown = on_terminal_until(
        r"UCSDped3: fitting", "evaluate", "ucsd", ucsd, "--size", "240", "-o", "a/results", cwd=tmp_path
    )
    assert code == 130
    assert shown.replace("\r\n", "\n").endswith("stopped early: 0 scenes finished.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_before_the_work(ucsd: Path, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("mine\n")
    done = run("evaluate", "ucsd", ucsd, *SMALL, "-o", "results", cwd=tmp_path)
    assert done == Result(1, "", "Error: results: is a file; give the name of a folder.\n")
    assert (tmp_path / "results").read_text() == "mine\n"


def test_figures_are_printed_also_where_they_cannot_be_written(ucsd: Path, tmp_path: Path) -> None:
    with files_up_to(10):
        done = run("evaluate", "ucsd", ucsd, *SMALL, "-o", "results", cwd=tmp_path)
    sentence = "results/evaluation.json: cannot be written, file too large; free some space or choose another place."
    assert (done.code, done.err) == (1, f"Error: {sentence}\n")
    assert "UCSDped3" in done.out
    assert list(tmp_path.iterdir()) == []
