"""The wheel works in an environment and a folder that are not ours."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from pipeline.report.page import SCRIPTS

ROOT = Path(__file__).parent.parent
DEADLINE_S = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=DEADLINE_S)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of a fresh environment, with the wheel in it and the libraries it needs from ours."""
    home = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(home)
    python = home / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=DEADLINE_S)
    (libraries,) = home.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but .pth files in it are not read: our editable install stays unknown.
    (libraries / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages of our names that are not ours."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("pipeline", "workers", "stillwatch"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise SystemExit('the package of the folder was imported')\n")
    return folder


def test_the_wheel_holds_the_three_packages_and_the_licence_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [Path(name) for name in archive.namelist()]
    tops = {name.parts[0] for name in names}
    assert tops == {"stillwatch", "workers", "pipeline", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    ours = [name for name in names if not name.parts[0].endswith(".dist-info")]
    page = {name for name in ours if name.suffix != ".py"}
    assert {name.parent for name in page} == {Path("pipeline/report")}
    assert {name.name for name in page} == {"page.html", "style.css", *SCRIPTS}
    assert any(name.parts[-2:] == ("licenses", "LICENSE") for name in names)


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (["stillwatch", "--version"], "stillwatch "),
        (["python", "-P", "-m", "stillwatch", "--help"], "Usage: stillwatch "),
        (["python", "-P", "-m", "stillwatch", "weights", "fetch", "efficientnet_lite0"], "efficientnet_lite0: "),
    ],
    ids=["the script", "the module", "the library"],
)
def test_it_runs_where_packages_of_the_same_names_lie_in_wait(
    start: list[str], says: str, installed: Path, hostile: Path
) -> None:
    command = [str(installed / start[0]), *start[1:]]
    done = subprocess.run(command, cwd=hostile, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(says)


def test_what_runs_is_the_wheel_and_not_the_checkout(installed: Path, hostile: Path) -> None:
    where = "import pipeline, stillwatch, workers; print(*(p.__path__[0] for p in (pipeline, stillwatch, workers)))"
    done = subprocess.run(
        [installed / "python", "-P", "-c", where], cwd=hostile, capture_output=True, text=True, check=True
    )
    assert all(Path(path).is_relative_to(installed.parent) for path in done.stdout.split())
