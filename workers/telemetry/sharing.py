"""One exporter for many processes: a private folder in which each keeps its numbers, in the library's own files.

A file belongs to a worker's name, not to its process: what is restarted goes on where its predecessor stopped, so
counters never fall, and months of restarts leave as many files as there are names. Whoever starts the workers says who
died, since the dead cannot say that their cameras are no longer up.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.values import MultiProcessValue, MutexValue

from pipeline.errors import OutputError

__all__ = ["FOLDER_VARIABLE", "SharedFolder", "Values", "shared_folder", "values_of"]

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name for it
PREFIX = "stillwatch-metrics-"
LOCK = "owner.lock"
UP_FILE, UP_METRIC = "gauge_mostrecent_{}.db", "stillwatch_camera_up"
# A dead worker's word is older than that of any living one, whatever its clock said.
LONG_AGO_S = 1.0
# Room taken when a file is made: a page that is first written on a full disk kills the process (SIGBUS).
# 1 MiB holds the histograms of 280 cameras, 256 KiB a thousand counters; beyond that the library grows the file.
ROOM_BYTES = {"histogram": 1 << 20, "counter": 256 << 10, "gauge": 64 << 10}

Values = Callable[..., Any]  # the library gives its numbers no type


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """The folder of one run.

    Attributes:
        path: read and written by its owner alone.
    """

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the owner itself and every child must have in its environment before it makes its `Metrics`."""
        return {FOLDER_VARIABLE: str(self.path)}

    def died(self, worker: str) -> None:
        """Say that the cameras a dead worker reported as up are not; call it before a successor is started.

        A camera that another worker reports is left as that one says.
        """
        file = self.path / UP_FILE.format(worker)
        if not file.exists():
            return
        values = MmapedDict(str(file))
        try:
            for key, _, _ in list(values.read_all_values()):
                if json.loads(key)[0] == UP_METRIC:
                    values.write_value(key, 0.0, LONG_AGO_S)
        finally:
            values.close()


@contextmanager
def shared_folder(parent: Path | None = None) -> Iterator[SharedFolder]:
    """A fresh private folder for the numbers of one run, gone when the `with` block ends.

    What runs that were killed left in `parent` is removed first: its owner's lock is free.

    Args:
        parent: where; by default what the system gives services or users for this (memory, as a rule), else the
            folder for temporary files.
    Raises:
        OutputError: the folder cannot be made.
    """
    within = parent or _parent()
    _sweep(within)
    try:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=within))
    except OSError as error:
        raise OutputError(
            f"{within}: a folder for metrics cannot be made there ({error.strerror}); "
            "make room and permission for it, or set TMPDIR to another folder."
        ) from error
    lock = _locked(path)
    try:
        yield SharedFolder(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def values_of(worker: str, folder: str | None) -> Values:
    """What makes the library's numbers for this process: kept in the shared folder where there is one, else in memory.

    Raises:
        OutputError: the folder has no room, as soon as a number is made.
    """
    if folder is None:
        return MutexValue
    assert re.fullmatch("[a-z0-9-]+", worker), worker  # becomes a part of file names that the library takes apart at _
    in_files = MultiProcessValue(process_identifier=lambda: worker)

    def with_room(kind: str, *names: Any, multiprocess_mode: str = "", **options: Any) -> Any:
        start = f"{kind}_{multiprocess_mode}" if multiprocess_mode else kind
        _take_room(Path(folder) / f"{start}_{worker}.db", ROOM_BYTES[kind])
        return in_files(kind, *names, multiprocess_mode=multiprocess_mode, **options)

    return with_room


def _take_room(path: Path, size_bytes: int) -> None:
    if path.exists() or not hasattr(os, "posix_fallocate"):
        return
    try:
        with path.open("xb") as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(
            f"{path.parent}: no room for metrics ({error.strerror}); make some, or set TMPDIR to another folder."
        ) from error


def _parent() -> Path:
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        folder = Path(os.environ.get(name, ""))
        if folder.is_absolute() and os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.gettempdir())


def _sweep(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if path.is_symlink() or path.stat().st_uid != os.getuid():
                continue
            lock = _locked(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _locked(path: Path) -> int | None:
    """The lock of a folder, ours until it is closed or this process ends; None where another process has it."""
    lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
