"""Ctrl-C, and how numbers are said."""

from __future__ import annotations

import signal

import pytest

from stillwatch.console import interruptible, progress_bar, show


def test_the_first_ctrl_c_asks_to_finish_and_the_second_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    def press_twice() -> None:
        with interruptible() as stop:
            assert not stop.is_set()
            signal.raise_signal(signal.SIGINT)
            assert stop.is_set()
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr() == ("", "\nfinishing with what there is; Ctrl-C again to give up.\n")


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
