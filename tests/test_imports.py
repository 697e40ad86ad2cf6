"""Importing does no work, and loads only what is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Imports what it is told, everything below a package where the name ends in `.*`, and says what that loaded and did.
PROBE = """
import importlib, json, pkgutil, sys, threading
for name in sys.argv[1:]:
    package = importlib.import_module(name.removesuffix(".*"))
    if name.endswith(".*"):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
heavy = "av cv2 kornia numba numpy openvino openvino_telemetry redis safetensors torch torchvision".split()
loaded = [name for name in heavy if sys.modules.get(name)]
json.dump({"loaded": loaded, "threads": threading.active_count()}, open("said.json", "w"))
"""


def imported(*names: str, cwd: Path) -> list[str]:
    """Which heavy libraries are loaded when modules are imported in a process that can only write to `cwd`.

    Fails where importing prints, warns, starts a thread or writes a file.
    """
    home = {"HOME": str(cwd), "XDG_CACHE_HOME": str(cwd / "cache"), "STILLWATCH_CACHE": str(cwd / "own")}
    done = subprocess.run(
        [sys.executable, "-P", "-B", "-c", PROBE, *names],
        cwd=cwd,
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in cwd.rglob("*")] == ["said.json"]
    said = json.loads((cwd / "said.json").read_text())
    assert said["threads"] == 1
    loaded: list[str] = said["loaded"]
    return loaded


@pytest.mark.parametrize("name", ["stillwatch", "workers", "pipeline", "stillwatch.cli", "pipeline.files"])
def test_a_package_loads_nothing_heavy(name: str, tmp_path: Path) -> None:
    assert imported(name, cwd=tmp_path) == []


def test_video_loads_no_torch(tmp_path: Path) -> None:
    assert imported("pipeline.video.*", cwd=tmp_path) == ["av", "cv2", "numpy"]


def test_the_site_file_is_read_without_anything_heavy(tmp_path: Path) -> None:
    assert imported("workers.site.reading", cwd=tmp_path) == []


def test_what_the_broker_needs_is_counted_without_torch_or_av(tmp_path: Path) -> None:
    assert imported("workers.site.*", cwd=tmp_path) == ["numpy"]


def test_a_decoder_loads_neither_torch_nor_openvino(tmp_path: Path) -> None:
    assert imported("workers.decoder.*", cwd=tmp_path) == ["av", "cv2", "numpy", "redis"]


def test_a_supervisor_loads_nothing_of_what_its_workers_compute_with(tmp_path: Path) -> None:
    assert imported("workers.supervisor.*", cwd=tmp_path) == ["numpy", "redis"]


def test_a_check_leaves_the_opening_of_sources_to_a_process_of_its_own(tmp_path: Path) -> None:
    assert imported("workers.checking.*", cwd=tmp_path) == ["cv2", "numpy", "redis"]


def test_the_card_of_a_model_is_read_without_torch(tmp_path: Path) -> None:
    assert imported("pipeline.model.card", cwd=tmp_path) == ["numpy"]


@pytest.mark.parametrize("name", ["pipeline.surveying", "pipeline.video.live"])
def test_footage_is_looked_at_without_torch(name: str, tmp_path: Path) -> None:
    assert imported(name, cwd=tmp_path) == ["av", "cv2", "numpy"]


def test_importing_everything_does_no_work_and_tells_nobody(tmp_path: Path) -> None:
    loaded = imported("pipeline.*", "workers.*", "stillwatch.*", cwd=tmp_path)
    assert {"av", "openvino", "torch"} <= set(loaded)
    assert "openvino_telemetry" not in loaded  # writes an id into the home folder, and reports to a server


def test_who_subscribes_loads_a_client_of_the_broker_alone(tmp_path: Path) -> None:
    assert imported("stillwatch.live", cwd=tmp_path) == ["numpy", "redis"]
