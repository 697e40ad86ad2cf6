"""The command line as its users meet it: in a process of its own, or in this one where a process is not the point."""

from __future__ import annotations

import os
import pty
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import IO
from unittest.mock import patch

import pytest

from stillwatch.cli import main

__all__ = [
    "Result",
    "files_up_to",
    "interrupted_when",
    "on_terminal_until",
    "run",
    "run_process",
    "started",
    "wait_until",
]

# Far more than anything here takes: what runs into it hangs.
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str


def run(*args: str | Path, cwd: Path) -> Result:
    """Run a command in this process, which has loaded torch already."""
    out, err = StringIO(), StringIO()
    argv = ["stillwatch", *map(str, args)]
    with (
        chdir(cwd),
        patch.object(sys, "argv", argv),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int)
    return Result(ended.value.code, out.getvalue(), err.getvalue())


def command(*args: str | Path) -> list[str]:
    """The command line of a process."""
    return [sys.executable, "-P", "-m", "stillwatch", *map(str, args)]


def run_process(*args: str | Path, cwd: Path, stdout: IO[str] | None = None) -> Result:
    """Run a command in a process of its own, to its end; what it prints may go elsewhere."""
    process = subprocess.Popen(
        command(*args), cwd=cwd, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err = process.communicate(timeout=DEADLINE_S)
    return Result(process.returncode, out or "", err)


def started(*args: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """A command that runs in a process of its own; its output is kept."""
    return subprocess.Popen(command(*args), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file may grow beyond a size: what a full disk is like, with another reason given."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until something is true; a test that waits longer than the deadline fails."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.002)


def interrupted_when(
    condition: Callable[[], bool], *args: str | Path, cwd: Path, by: signal.Signals = signal.SIGINT
) -> Result:
    """Start a command, send it a signal as soon as something is true, and wait for its end."""
    process = started(*args, cwd=cwd)
    try:
        wait_until(lambda: condition() or process.poll() is not None)
        process.send_signal(by)
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    return Result(process.returncode, out, err)


def on_terminal_until(pattern: str, *args: str | Path, cwd: Path) -> tuple[int, str]:
    """Run a command on a terminal and interrupt it when its text matches; its exit code and all it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command(*args), cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown, pressed = "", False
    try:
        while chunk := _read(ours):
            shown += chunk
            if not pressed and re.search(pattern, shown):
                process.send_signal(signal.SIGINT)
                pressed = True
        return process.wait(DEADLINE_S), shown
    finally:
        process.kill()
        os.close(ours)


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 1 << 16).decode("utf-8", "replace")
    except OSError:  # how Linux says that the other end was closed
        return ""
