"""The commands of the guide on learning and replaying, and those of the README, run on small pictures."""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import islice
from pathlib import Path

import pytest

from tests.stillwatch.conftest import SMALL, scene, write_clip
from tests.stillwatch.running import run

ROOT = Path(__file__).parents[2]
GUIDE, README = ROOT / "docs" / "guide" / "fit-and-replay.md", ROOT / "README.md"
# At 5 of 10 frames/s a little more than the 16 that a model needs.
FRAMES = 40


def commands(page: Path) -> list[str]:
    """What a page shows to be typed on footage, in its order; what needs cameras is tried in tests of its own."""
    lines = page.read_text("utf-8").splitlines()
    typed = [line.partition("#")[0].strip() for line in lines if line.startswith("    stillwatch ")]
    shown = [command for command in typed if "-c site.yaml" not in command]
    return [*shown, *re.findall(r"`(stillwatch inspect [^`]+)`", page.read_text("utf-8"))]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the footage that the pages name."""
    folder = tmp_path_factory.mktemp("guide")
    for number, name in enumerate(
        ["monday/1.mp4", "tuesday/1.mp4", "tuesday.mp4", "today.mp4", "gate.mp4", "today/gate-1.mp4"]
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        write_clip(folder / name, islice(scene(12, seed=number), FRAMES))
    return folder


def needed(command: str, place: Path) -> None:
    """Models that a command is about, of whatever the commands before it have made."""
    made = place / "gate.stillwatch"
    for name in ("north.stillwatch", "south.stillwatch", "models/gate.stillwatch"):
        if name in command or ("-m models" in command and name.startswith("models")):
            (place / name).parent.mkdir(exist_ok=True)
            shutil.copy(made, place / name)


@pytest.mark.parametrize("page", [GUIDE, README], ids=lambda page: page.name)
def test_every_command_of_the_page_works(page: Path, place: Path) -> None:
    typed = commands(page)
    assert len(typed) > 1
    for command in typed:
        needed(command, place)
        program, *args = shlex.split(command)
        fits = args[0] == "fit" and not {"--resume", "--merge"} & set(args)
        done = run(*args, *(SMALL if fits else ()), cwd=place)
        assert (program, done.code) == ("stillwatch", 0), f"{command}: {done.err}"
