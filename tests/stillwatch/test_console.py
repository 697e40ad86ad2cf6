"""Ctrl-C, and how numbers are said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stillwatch.console import progress_bar, show

# In a process of its own: the one that runs many tests at once may listen for Ctrl-C itself.
PRESSED_TWICE = """
import signal
from stillwatch.console import interruptible
before = signal.getsignal(signal.SIGINT)
try:
    with interruptible() as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    assert signal.getsignal(signal.SIGINT) is before
    print("interrupted")
"""


def test_the_first_ctrl_c_asks_to_finish_and_the_second_ends_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PRESSED_TWICE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = "\nfinishing with what there is; Ctrl-C again to give up.\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", said)


def test_data_goes_to_stdout_and_a_bar_to_nobody_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as bar:
        bar.update("fitting", 1, 10)
        bar.download(1_000_000, None)
        show("data")
    assert capsys.readouterr() == ("data\n", "")


def test_a_stderr_that_is_closed_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with progress_bar() as bar:
        bar.update("fitting", 10, 10)
