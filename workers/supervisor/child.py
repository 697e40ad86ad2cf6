"""One worker process: started, listened to, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from workers.supervisor.jobs import Job

__all__ = ["Child"]

HUNG = "hung "
# A worker that writes megabytes without an end of line is read in parts.
LONGEST_LINE = 1 << 16
# What a process has written before it died is in the pipe: reading it takes no time, unless a child of its own,
# which has the pipe too, goes on.
READ_S = 1.0

Line = Callable[[str], None]


class Child:
    """A process of a job, and all that came before it.

    Start it from the main thread: the process asks the kernel to end it with the thread that made it.

    Args:
        command: its command line.
        tell: gets each line that it writes to stderr.
        environment: what it gets beside ours.
    """

    def __init__(self, job: Job, command: Sequence[str], tell: Line, environment: Mapping[str, str]) -> None:
        self.job, self._command, self._tell = job, list(command), tell
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._readers: list[threading.Thread] = []
        self.last_line = ""
        self.hung: list[str] = []

    @property
    def pid(self) -> int | None:
        """Of the process; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def code(self) -> int | None:
        """How it ended: an exit code, or minus the number of a signal; None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, in a process group of its own: Ctrl-C in the terminal is for the supervisor alone."""
        self.hung = []
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
            env={**os.environ, **self._environment},
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=_read, args=(self._process.stdout, self._heard), daemon=True),
            threading.Thread(target=_read, args=(self._process.stderr, self._said), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def read_out(self) -> None:
        """Wait until what a dead process has written is read."""
        for reader in self._readers:
            reader.join(READ_S)

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and everything it has started."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _heard(self, line: str) -> None:
        if line.startswith(HUNG):
            self.hung.append(line.removeprefix(HUNG).strip())
        else:
            self._tell(line)

    def _said(self, line: str) -> None:
        if line.strip():
            self.last_line = line.strip()
        self._tell(line)


def _read(stream: IO[bytes], heard: Line) -> None:
    with stream:
        while part := stream.readline(LONGEST_LINE):
            heard(part.decode("utf-8", "replace").rstrip("\r\n"))
