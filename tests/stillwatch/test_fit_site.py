"""`stillwatch fit -c SITE`: learning a camera of a site."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.card import read_card
from tests.pipeline.video.rtsp_server import RtspServer
from tests.stillwatch.conftest import scene, write_clip
from tests.stillwatch.running import run
from tests.stillwatch.sites import short_folder, write_site

LIVE = "source: 'rtsp://127.0.0.1:9/none'"
FIT = ("fit", "-c", "site.yaml")


@pytest.fixture
def folder(clip: Path) -> Iterator[Path]:
    with short_folder() as made:
        shutil.copy(clip, made / "gate.mp4")
        yield made


def test_the_model_lies_where_the_workers_find_it_and_is_as_the_site_says(folder: Path) -> None:
    (folder / "mask.yaml").write_text("polygons:\n  - [[0, 0], [72, 0], [72, 96], [0, 96]]\n")
    said = "source: gate.mp4, fps: 4, size: 64, mask: mask.yaml, false_alarms_per_day: 3"
    write_site(folder, {"gate": said})
    done = run(*FIT, "--camera", "gate", "--dims", "5", cwd=folder)
    assert (done.code, done.err) == (0, "")
    path = folder / "store" / "models" / "gate.stillwatch"
    assert done.out.startswith(f"{path}: efficientnet_lite0, fitted on 48 frames (0:12)\n")
    card = read_card(path)
    assert (card.fps, card.geometry.size) == (4, (64, 96))
    inspected = run("inspect", path, "--json", cwd=folder).out
    assert '"masked": 0.5' in inspected
    assert '"asked_a_day": 3' in inspected
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_it_may_be_written_elsewhere(folder: Path) -> None:
    write_site(folder, {"gate": "source: gate.mp4"})
    done = run(*FIT, "--camera", "gate", "--dims", "5", "-o", "other.stillwatch", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert (folder / "other.stillwatch").exists()
    assert not (folder / "store").exists()


def test_a_live_camera_is_learned_from_for_so_long(folder: Path) -> None:
    with RtspServer(write_clip(folder / "live.mp4", scene(6))) as server:
        write_site(folder, {"gate": f"source: '{server.url}'"})
        done = run(*FIT, "--camera", "gate", "--for", "4s", "--dims", "5", cwd=folder)
    assert done.code == 0
    assert 15 <= read_frames(done.out) <= 22
    assert (folder / "store" / "models" / "gate.stillwatch").exists()


def read_frames(said: str) -> int:
    return int(said.partition("fitted on ")[2].partition(" frames")[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "--camera is missing; name one of gate, yard."),
        (("--camera", "dock"), "{site}: there is no camera 'dock'; there are gate, yard."),
        (("--camera", "yard"), "yard is a live camera, which has no end; say how long to learn, such as --for 24h."),
        (
            ("--camera", "gate", "--for", "2h"),
            "gate is a recording, which is learned from as a whole; leave --for out.",
        ),
        (("--camera", "gate", "--fps", "3"), "--fps comes from the site file; leave it out."),
        (("--camera", "gate", "--mask", "m.png"), "--mask comes from the site file; leave it out."),
        (("--camera", "gate", "gate.mp4"), "footage comes from the site file; leave it out."),
    ],
)
def test_what_contradicts_the_site_is_wrong_use(options: tuple[str, ...], sentence: str, folder: Path) -> None:
    site = write_site(folder, {"gate": "source: gate.mp4", "yard": LIVE})
    done = run(*FIT, *options, cwd=folder)
    assert (done.code, done.out, done.err) == (2, "", f"Error: {sentence.format(site=site)}\n")


def test_camera_and_for_are_of_a_site(folder: Path) -> None:
    done = run("fit", "gate.mp4", "-o", "m.stillwatch", "--camera", "gate", cwd=folder)
    assert (done.code, done.err) == (2, "Error: --camera is one of a site file; name that with --config.\n")
    done = run("fit", "gate.mp4", "-o", "m.stillwatch", "--for", "2h", cwd=folder)
    assert (done.code, done.err) == (2, "Error: --for is for a camera of a site file; name that with --config.\n")


def test_a_length_of_time_has_a_unit(folder: Path) -> None:
    write_site(folder, {"gate": LIVE})
    done = run(*FIT, "--camera", "gate", "--for", "24", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("Error: Invalid value for '--for': '24' is no span of time; write 90s, 10m, 24h or 7d.\n")
