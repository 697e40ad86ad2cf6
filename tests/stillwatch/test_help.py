"""`--help`, and that what it shows works."""

from __future__ import annotations

import json
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest

from stillwatch.cli import COMMANDS, cli
from tests.stillwatch.conftest import SIZE, scene
from tests.stillwatch.running import Result, interrupted_when, run
from tests.stillwatch.sites import write_site
from tests.stillwatch.test_evaluate import mask_of_the_thing, write_pictures
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import Role, StatusBoard

# Says of each command what its help loads, in a process that has loaded nothing yet.
LOADED_BY_HELP = """
import json, sys
from stillwatch.cli import COMMANDS, main
loaded = {}
for command in ([], *([name] for name in COMMANDS)):
    sys.argv = ["stillwatch", *command, "--help"]
    try:
        main()
    except SystemExit as ended:
        loaded[" ".join(command)] = [ended.code, *{"torch", "av", "redis"} & sys.modules.keys()]
print(json.dumps(loaded), file=sys.stderr)
"""
# They go on until they are told to end, or need something that runs beside them: they have tests of their own.
APART = {("demo",), ("run",), ("status",), ("subscribe",), ("worker",)}
# Three times what the design promises, of one core's time: the machine may be busy with something else.
LONGEST_S = 1.5


def leaves(path: tuple[str, ...] = (), command: click.Command = cli) -> Iterator[tuple[str, ...]]:
    """Every command that does something."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves((*path, name), inner)


def test_help_lists_every_command_in_the_order_of_a_first_use(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert re.findall(r"^  (\w+)  ", done.out.partition("Commands:")[2], re.MULTILINE) == list(COMMANDS)


def test_without_a_command_the_help_is_shown_and_it_was_wrong_use(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err == run("--help", cwd=tmp_path).out


def test_version(tmp_path: Path) -> None:
    done = run("--version", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"stillwatch \d+\.\d+\.\d+\n", done.out)


def test_help_is_quick_and_loads_neither_torch_nor_av_nor_redis(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-P", "-c", LOADED_BY_HELP], cwd=tmp_path, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(done.stderr) == {name: [0] for name in ("", *COMMANDS)}
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < LONGEST_S


@pytest.fixture(scope="module")
def pasted(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples name."""
    folder = tmp_path_factory.mktemp("pasted")
    shutil.copy(clip, folder / "gate.mp4")
    shutil.copy(clip, folder / "today.mp4")
    write_site(folder, {"gate": "source: gate.mp4, model: gate.stillwatch, size: 240"})
    scenes = folder / "UCSD_Anomaly_Dataset.v1p2" / "UCSDped1"
    write_pictures(scenes / "Train" / "Train001", scene(4), ".tif")
    write_pictures(scenes / "Test" / "Test001", scene(1, seed=1), ".tif")
    write_pictures(scenes / "Test" / "Test001_gt", [np.zeros(SIZE, np.uint8)] * 9 + [mask_of_the_thing()], ".bmp")
    return folder


def example_of(*path: str, cwd: Path) -> list[str]:
    """Arguments of the example in a command's help."""
    text = run(*path, "--help", cwd=cwd).out
    (example,) = re.findall(r"Example:\n    (stillwatch .+)\n", text)
    name, *args = shlex.split(example)
    assert (name, tuple(args[: len(path)])) == ("stillwatch", path)
    return args


# The demo takes a minute, and has a test of its own. The others come in the order in which one needs another's model.
@pytest.mark.parametrize("path", [path for path in leaves() if path not in APART], ids=" ".join)
def test_every_help_has_an_example_that_works_as_pasted(path: tuple[str, ...], pasted: Path) -> None:
    done = run(*example_of(*path, cwd=pasted), cwd=pasted)
    assert done.code == 0
    assert "Error" not in done.err


def test_the_example_of_subscribe_works_while_a_site_runs(pasted: Path) -> None:
    with EmbeddedBroker(pasted / "store", 64):
        done = run(*example_of("subscribe", cwd=pasted), "--no-follow", cwd=pasted)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_the_example_of_status_works_while_a_site_runs(pasted: Path) -> None:
    with EmbeddedBroker(pasted / "store", 64):
        done = run(*example_of("status", cwd=pasted), cwd=pasted)
    assert (done.code, done.err) == (0, "")


def test_the_example_of_worker_works_until_it_is_told_to_end(pasted: Path) -> None:
    with EmbeddedBroker(pasted / "store", 64) as broker, Connection(broker.address) as connection:
        board = StatusBoard(connection, Keys())
        done = interrupted_when(
            lambda: any(worker.role is Role.DECODER for worker in board.workers(1)),
            *example_of("worker", cwd=pasted),
            cwd=pasted,
            by=signal.SIGTERM,
        )
    assert done.code == 0


def test_an_unknown_command_or_option_is_wrong_use(tmp_path: Path) -> None:
    usage = "Usage: stillwatch [OPTIONS] COMMAND [ARGS]...\nTry 'stillwatch --help' for help.\n\n"
    assert run("learn", cwd=tmp_path) == Result(2, "", f"{usage}Error: No such command 'learn'.\n")
    assert run("--xyz", cwd=tmp_path) == Result(2, "", f"{usage}Error: No such option '--xyz'.\n")
