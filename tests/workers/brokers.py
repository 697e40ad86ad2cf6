"""Real brokers for tests: the embedded one, and Debian's redis-server where it is installed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from workers.bus import broker
from workers.bus.broker import EmbeddedBroker

__all__ = ["REDIS_SERVER", "running_broker"]

REDIS_SERVER = shutil.which("redis-server")
MEMORY_MB = 128


@contextmanager
def running_broker(program: str | None = None, memory_mb: int = MEMORY_MB) -> Iterator[EmbeddedBroker]:
    """A broker of the test's own, in a folder of its own; `program` is another server than the embedded one."""
    # Paths below pytest's folders may be longer than a Unix socket's may be.
    folder = Path(tempfile.mkdtemp(prefix="sw-"))
    try:
        other = patch.object(broker, "get_binary_path", lambda: program) if program else nullcontext()
        with other, EmbeddedBroker(folder, memory_mb) as server:
            yield server
    finally:
        shutil.rmtree(folder)
