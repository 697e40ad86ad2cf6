"""Cameras for the tests of workers: processes that can be killed, frozen, and started again on the same port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

__all__ = ["CameraProcess"]

ROOT = Path(__file__).parent.parent.parent
DEADLINE_S = 20


class CameraProcess:
    """An RTSP camera at `url` while the `with` block runs.

    Args:
        clip: H.264 without B-frames, its key frames close together (`write_clip` with options bf 0 and g 5).
        trouble: what is wrong with it, one of those that `tests.workers.rtsp_camera` has.
    """

    def __init__(self, clip: Path, trouble: str = "none") -> None:
        self._clip, self._trouble = clip, trouble
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Its address; the same after a restart."""
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def start(self, clip: Path | None = None) -> None:
        """Start, on the port of before; another clip may have pictures of another size."""
        assert self._process is None, "it runs"
        self._clip = clip or self._clip
        command = [sys.executable, "-m", "tests.workers.rtsp_camera", str(self._clip)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port), "--trouble", self._trouble],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ready, _, port = self._process.stdout.readline().partition(" ")
        assert ready == "READY", "the camera did not start"
        self.port = int(port)

    def kill(self) -> None:
        """End it at once, as a camera that loses its power."""
        if self._process is not None:
            self._process.kill()  # a frozen process, too
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        """Let it do nothing more, with its connections open, and wait until it does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        frozen = psutil.Process(self._process.pid)
        while frozen.status() != psutil.STATUS_STOPPED:
            pass  # a matter of microseconds

    def thaw(self) -> None:
        """Let it go on, with what piled up."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
