"""How a worker's process begins and ends, seen from outside: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from workers.process import PARENT_VARIABLE, child_environment

DEADLINE_S = 20
# Says READY, ends when told to, and says so.
WORKER = """
from workers.process import begin, stopping
begin("decoder-1")
with stopping() as stop:
    print("READY", flush=True)
    while not stop.wait(0.01):
        pass
    print("STOPPING", flush=True)
    {then}
print("DONE", flush=True)
"""
# Waits in C code that no signal interrupts, in the main thread, as a call into FFmpeg does.
IN_C = """
import ctypes
from workers.process import begin, stopping
begin("decoder-1")
libc = ctypes.CDLL(None)
with stopping() as stop:
    print("READY", flush=True)
    for _ in range(60):
        left = 1
        while left:
            left = libc.sleep(left)
"""
PARENT = """
import os, subprocess, sys
from workers.process import child_environment
command = [sys.executable, "-c", sys.argv[1]]
child = subprocess.Popen(command, env={**os.environ, **child_environment()}, stdout=sys.stderr)
print(child.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def started(code: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def wait_until(what: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end_s, "it did not come about in time"
        time.sleep(0.01)


def say(code: str, **environment: str) -> object:
    """What a process prints as JSON."""
    return json.loads(subprocess.check_output([sys.executable, "-c", code], env={**os.environ, **environment}))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_the_worker_finish(number: signal.Signals) -> None:
    with started(WORKER.format(then="pass")) as worker:
        assert line(worker) == "READY"
        worker.send_signal(number)
        assert [line(worker), line(worker)] == ["STOPPING", "DONE"]
        assert worker.wait(DEADLINE_S) == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(number: signal.Signals, status: int) -> None:
    with started(WORKER.format(then="while True: pass")) as worker:
        assert line(worker) == "READY"
        worker.send_signal(signal.SIGTERM)
        assert line(worker) == "STOPPING"
        worker.send_signal(number)
        assert worker.wait(DEADLINE_S) == status


def test_signals_count_although_the_main_thread_is_in_c_code() -> None:
    with started(IN_C) as worker:
        assert line(worker) == "READY"
        began_s = time.monotonic()
        while worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
            time.sleep(0.05)
            assert time.monotonic() - began_s < 1
        assert worker.wait(DEADLINE_S) == 143


def test_after_the_block_both_signals_do_what_they_did_before() -> None:
    code = (
        "import os, signal, threading\n"
        "from workers.process import begin, stopping\n"
        "begin('decoder-1')\n"
        "before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]\n"
        "descriptors = len(os.listdir('/proc/self/fd'))\n"
        "with stopping() as stop:\n"
        "    pass\n"
        "assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before\n"
        "assert signal.set_wakeup_fd(-1) == -1\n"
        "assert threading.active_count() == 1\n"
        "assert len(os.listdir('/proc/self/fd')) == descriptors\n"
        "print('DONE', flush=True)\n"
        "signal.pause()\n"
    )
    with started(code) as worker:
        assert line(worker) == "DONE"
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(DEADLINE_S) == -signal.SIGTERM


def test_other_signals_with_handlers_stop_nothing() -> None:
    with started("import signal\nsignal.signal(signal.SIGUSR2, print)\n" + WORKER.format(then="pass")) as worker:
        assert line(worker) == "READY"
        worker.send_signal(signal.SIGUSR2)
        assert line(worker).startswith("12 ")
        worker.send_signal(signal.SIGTERM)
        assert line(worker) == "STOPPING"


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@contextmanager
def family(code: str) -> Iterator[tuple[subprocess.Popen[bytes], int, Callable[[], bytes]]]:
    """A parent, the process id of its child, and what reads a line that the child prints."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    child = int(parent.stdout.readline())
    try:
        yield parent, child, parent.stderr.readline
    finally:
        parent.kill()
        if alive(child):
            os.kill(child, signal.SIGKILL)
        parent.communicate()


def test_a_worker_finishes_and_ends_when_its_parent_is_killed() -> None:
    with family(WORKER.format(then="pass")) as (parent, child, read):
        assert read() == b"READY\n"
        parent.kill()
        assert [read(), read()] == [b"STOPPING\n", b"DONE\n"]
        wait_until(lambda: not alive(child))


def test_an_orphan_that_does_not_finish_is_ended() -> None:
    code = "import workers.process\nworkers.process.ORPHAN_GRACE_S = 0.1\n"
    with family(code + WORKER.format(then="while True: pass")) as (parent, child, read):
        assert read() == b"READY\n"
        parent.kill()
        assert read() == b"STOPPING\n"
        wait_until(lambda: not alive(child))


def test_without_a_word_from_the_system_the_parent_is_looked_after() -> None:
    # As on macOS, where no signal comes when a parent dies.
    code = "import sys, workers.process\nsys.platform = 'darwin'\n"
    with family(code + WORKER.format(then="pass")) as (parent, child, read):
        assert read() == b"READY\n"
        parent.kill()
        assert [read(), read()] == [b"STOPPING\n", b"DONE\n"]
        wait_until(lambda: not alive(child))


def test_a_worker_whose_parent_died_before_it_began_does_not_begin() -> None:
    with started(WORKER.format(then="pass"), **{PARENT_VARIABLE: str(os.getpid() + 1)}) as worker:
        assert worker.wait(DEADLINE_S) == 143
        assert line(worker) == ""


def test_a_worker_started_by_hand_outlives_what_started_it(tmp_path: Path) -> None:
    code = WORKER.format(then="pass").replace('print("READY", flush=True)', "open('begun', 'w').close()")
    start = f"import subprocess as s, sys\nprint(s.Popen([sys.executable, '-c', {code!r}], stdout=s.DEVNULL).pid)"
    child = int(subprocess.run([sys.executable, "-c", start], cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout)
    try:
        wait_until((tmp_path / "begun").exists)
        assert alive(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_grandchildren_are_not_bound_to_the_grandparent() -> None:
    code = "import json, os\nfrom workers.process import begin\nbegin('decoder-1')\nprint(json.dumps([*os.environ]))"
    passed_on = say(code, **child_environment())
    assert isinstance(passed_on, list)
    assert PARENT_VARIABLE not in passed_on


@pytest.mark.parametrize("order", ["before", "after"])
def test_opencv_keeps_to_one_thread_whenever_it_is_loaded(order: str) -> None:
    lines = ["import cv2, json", "from workers.process import begin; begin('decoder-1')"]
    ordered = lines if order == "before" else lines[::-1]
    assert say("\n".join([*ordered, "print(json.dumps(cv2.getNumThreads()))"])) == 1


def test_beginning_loads_neither_opencv_nor_torch() -> None:
    code = "import json, sys\nfrom workers.process import begin\nbegin('alerter')\nprint(json.dumps([*sys.modules]))"
    loaded = say(code)
    assert isinstance(loaded, list)
    assert not {"cv2", "torch", "numpy", "av"} & set(loaded)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names processes so")
def test_a_worker_is_called_by_its_name() -> None:
    with started(WORKER.format(then="pass")) as worker:
        assert line(worker) == "READY"
        assert Path(f"/proc/{worker.pid}/comm").read_text() == "decoder-1\n"


def test_stacks_of_all_threads_come_on_request_and_the_worker_goes_on(tmp_path: Path) -> None:
    with (tmp_path / "stacks").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER.format(then="pass")], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert line(process) == "READY"
    process.send_signal(signal.SIGUSR1)
    wait_until(lambda: 'File "<string>"' in (tmp_path / "stacks").read_text())
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=DEADLINE_S)
    assert (said, process.returncode) == ("STOPPING\nDONE\n", 0)
    stacks = (tmp_path / "stacks").read_text()
    assert stacks.startswith("Thread 0x")
    assert "in _listen" in stacks
