"""Numbers of several processes on one page: processes that go on, are killed, come back, and never were ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from pipeline.errors import OutputError
from workers.telemetry.sharing import PREFIX, SharedFolder, shared_folder

# Does what each line of its input says, and answers with a line.
WORKER = """
import sys
from workers.telemetry.metrics import Metrics
metrics = Metrics(sys.argv[1])
for line in sys.stdin:
    said = eval(line)
    print(repr(said), flush=True)
"""
OWNER = """
import sys
from pathlib import Path
from workers.telemetry.sharing import shared_folder
with shared_folder(Path(sys.argv[1])) as folder:
    print(folder.path, flush=True)
    sys.stdin.read()
"""
DEADLINE_S = 20


class Worker:
    """A process with metrics of its own in the folder."""

    def __init__(self, name: str, folder: SharedFolder) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, name],
            env={**os.environ, **folder.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, call: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{call}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def page(self) -> list[str]:
        page: bytes = eval(self.do("metrics.page()"))  # noqa: S307 - what our own child printed
        return page.decode().splitlines()

    def kill(self) -> None:
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Let it end, and wait."""
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()
        self.process.wait(DEADLINE_S)


class Run:
    """A folder, and the workers started in it."""

    def __init__(self, folder: SharedFolder, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack

    def start(self, name: str) -> Worker:
        worker = Worker(name, self.folder)
        self._stack.callback(worker.close)
        return worker


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with shared_folder(tmp_path) as folder, ExitStack() as stack:
        yield Run(folder, stack)


def files(folder: SharedFolder) -> set[str]:
    return {path.name for path in folder.path.glob("*.db")}


def test_one_page_adds_up_the_workers_and_tells_each_gauge_once(run: Run) -> None:
    decoder, scorer, owner = (run.start(name) for name in ("decoder-1", "scorer", "run"))
    for worker in (decoder, scorer):
        worker.do("metrics.frame_captured('gate')")
        worker.do("metrics.frame_scored('gate', 0.05)")
    decoder.do("metrics.camera_up('gate', True)")
    owner.do("metrics.broker_memory(0.5)")
    scorer.do("metrics.broker_memory(0.75)")
    page = owner.page()
    assert 'stillwatch_frames_captured_total{camera="gate"} 2.0' in page
    assert 'stillwatch_capture_to_score_seconds_bucket{camera="gate",le="0.08"} 2.0' in page
    assert 'stillwatch_capture_to_score_seconds_count{camera="gate"} 2.0' in page
    assert 'stillwatch_camera_up{camera="gate"} 1.0' in page
    assert [line for line in page if line.startswith("stillwatch_broker")] == [
        "stillwatch_broker_memory_used_ratio 0.75"
    ]


def test_restarts_grow_neither_the_folder_nor_the_page_and_counters_never_fall(run: Run) -> None:
    owner = run.start("run")
    seen = []
    for times in range(1, 6):
        decoder = run.start("decoder-1")
        decoder.do("metrics.frame_captured('gate')")
        decoder.do("metrics.camera_up('gate', True)")
        page = owner.page()
        assert f'stillwatch_frames_captured_total{{camera="gate"}} {times}.0' in page
        assert 'stillwatch_camera_up{camera="gate"} 1.0' in page
        seen.append((files(run.folder), len(page), sum(path.stat().st_size for path in run.folder.path.iterdir())))
        decoder.kill()
        run.folder.died("decoder-1")
        assert 'stillwatch_camera_up{camera="gate"} 0.0' in owner.page()
    assert all(what == seen[0] for what in seen)
    assert seen[0][0] == {"counter_decoder-1.db", "gauge_mostrecent_decoder-1.db"}


def test_a_worker_killed_while_it_counts_loses_nothing_and_breaks_nothing(run: Run) -> None:
    owner, decoder = run.start("run"), run.start("decoder-1")
    decoder.do("metrics.frame_captured('gate')")
    assert decoder.process.stdin is not None
    decoder.process.stdin.write(
        "[(metrics.frame_captured(f'cam-{n % 500}'), metrics.frame_scored(f'cam-{n}', n)) for n in range(10**6)]\n"
    )
    decoder.process.stdin.flush()
    while not any('camera="cam-99"' in line for line in owner.page()):
        pass  # the deadline is the test's
    decoder.kill()
    run.folder.died("decoder-1")
    successor = run.start("decoder-1")
    successor.do("metrics.frame_captured('gate')")
    assert 'stillwatch_frames_captured_total{camera="gate"} 2.0' in owner.page()


def test_a_camera_that_moved_is_up_although_its_old_decoder_died(run: Run) -> None:
    owner, shared, own = (run.start(name) for name in ("run", "decoder-1", "decoder-gate"))
    shared.do("metrics.camera_up('gate', True)")
    shared.do("metrics.camera_up('dock', True)")
    own.do("metrics.camera_up('gate', True)")
    shared.kill()
    run.folder.died("decoder-1")
    page = owner.page()
    assert 'stillwatch_camera_up{camera="gate"} 1.0' in page
    assert 'stillwatch_camera_up{camera="dock"} 0.0' in page


def test_the_memory_of_the_broker_is_not_a_dead_worker_s_camera(run: Run) -> None:
    owner, decoder = run.start("run"), run.start("decoder-1")
    decoder.do("metrics.broker_memory(0.75)")
    decoder.kill()
    run.folder.died("decoder-1")
    assert "stillwatch_broker_memory_used_ratio 0.75" in owner.page()


def test_a_worker_that_died_before_it_said_anything_leaves_nothing_to_correct(run: Run) -> None:
    run.folder.died("decoder-1")
    assert files(run.folder) == set()


def test_files_take_their_room_at_once(run: Run) -> None:
    run.start("scorer").do("metrics.frame_scored('gate', 0.05)")
    taken = [path.stat() for path in run.folder.path.glob("*.db")]
    assert len(taken) == 2
    assert all(stat.st_blocks * 512 >= stat.st_size for stat in taken)


def test_histograms_of_two_hundred_cameras_fit_into_the_room_that_was_taken(run: Run) -> None:
    scorer = run.start("scorer")
    scorer.do("[metrics.frame_scored(f'a-camera-with-a-name-as-long-as-it-can-{n:02}', 1.0) for n in range(200)]")
    scorer.do("metrics.batch_scored(1, 1.0)")
    assert (run.folder.path / "histogram_scorer.db").stat().st_size == 1 << 20


def test_the_folder_is_private_and_goes_with_its_run(tmp_path: Path) -> None:
    with shared_folder(tmp_path) as folder:
        assert folder.path.parent == tmp_path
        assert folder.path.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def start_owner(parent: Path) -> tuple[subprocess.Popen[str], Path, IO[str]]:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner.stdout as said:
        return owner, Path(said.readline().strip()), owner.stdin


def test_what_a_killed_run_left_goes_with_the_next_one_and_a_living_one_keeps_its_own(tmp_path: Path) -> None:
    killed, left, killed_input = start_owner(tmp_path)
    living, kept, living_input = start_owner(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.wait(DEADLINE_S)
    assert left.is_dir()
    foreign = tmp_path / f"{PREFIX}link"
    foreign.symlink_to(kept)
    with killed_input, living_input, shared_folder(tmp_path):
        assert not left.exists()
        assert kept.is_dir()
        assert foreign.is_symlink()
    living.wait(DEADLINE_S)
    assert not kept.exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught, shared_folder(tmp_path / "absent"):
        pass
    assert str(caught.value) == (
        f"{tmp_path}/absent: a folder for metrics cannot be made there (No such file or directory); "
        "make room and permission for it, or set TMPDIR to another folder."
    )
