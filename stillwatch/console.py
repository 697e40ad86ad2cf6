"""What commands say: data on stdout, all else on stderr (progress only on a terminal); and what Ctrl-C does to them."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline.files import output_error

__all__ = ["Bar", "clock", "counted", "interruptible", "megabytes", "progress_bar", "say", "show", "warn"]


def show(text: str) -> None:
    """Data, on stdout. A file's name need not be text: what is not becomes a mark of its own (U+FFFD).

    Raises:
        OutputError: stdout is a file on a full disk.
    """
    try:
        click.echo(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise output_error(Path("standard output"), error) from error


def say(text: str) -> None:
    """A sentence for people, on stderr."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    """A warning, on stderr."""
    say(f"Warning: {text}")


def clock(seconds: float) -> str:
    """Seconds as people read a time.

    >>> clock(75.3), clock(4000)
    ('1:15', '1:06:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def megabytes(count: int) -> str:
    """Bytes as people read a size.

    >>> megabytes(27_100_000)
    '27.1 MB'
    """
    return f"{count / 1e6:.1f} MB"


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "frame"), counted(1394, "frame")
    ('1 frame', '1,394 frames')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextmanager
def interruptible() -> Iterator[Event]:
    """An event that the first Ctrl-C sets, for a command to end with what it has; the second ends it at once."""
    stop = Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("\nfinishing with what there is; Ctrl-C again to give up.")

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class _Rate(ProgressColumn):
    """Whole things a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = f" {unit}/s" if unit else "/s"

    def render(self, task: Task) -> Text:
        """The mean since the last seconds, as rich keeps it."""
        return Text(f"{task.speed:.0f}{self._unit}" if task.speed else "")


class Bar:
    """A progress bar whose tasks are made as they are named; silent where nobody looks."""

    # The terminal is not asked more often: at 300 frames/s drawing would cost more than smoothing.
    INTERVAL_S = 0.1

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._next_s = 0.0

    def update(self, what: str, done: int, total: int | None) -> None:
        """Set the task `what` to `done` of `total`."""
        now = time.monotonic()
        if what in self._tasks and now < self._next_s and done != total:
            return
        self._next_s = now + self.INTERVAL_S
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)

    def download(self, done: int, total: int | None) -> None:
        """Progress of a download, in megabytes."""
        self.update("weights (MB)", done // 1_000_000, None if total is None else total // 1_000_000)


@contextmanager
def progress_bar(unit: str = "frames") -> Iterator[Bar]:
    """A progress bar on stderr where that is a terminal.

    Args:
        unit: of what is counted; empty where that is not the same for all tasks.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not _on_terminal()) as progress:
        yield Bar(progress)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # None: closed by whoever started the command
