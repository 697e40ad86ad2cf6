"""Structured logs on stderr: one line an event, the fixed text first, then what is known about it.

    2026-11-24T09:01:02.123Z info  decoder-1 camera online camera=gate epoch=1795510862123 fps=5

Code has `log = logging.getLogger(__name__)` and writes `say(log, logging.INFO, "camera online", camera=name, fps=5)`:
the text never changes, so that it can be searched for and counted, and what changes are facts. A value is quoted where
it is empty or holds a space, quotes or `=`; no value, text or traceback ever breaks the line. Other libraries' records
come out in the same form.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Fact", "Repeated", "begin_logging", "say"]

Fact = str | int | float | bool | Path | BaseException | None

NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}
NAMES[logging.CRITICAL] = "error"
# They tell of each connection; what matters of it, our own modules say.
QUIET = ("redis", "urllib3")
BARE = re.compile(r'[^\s"=\\]+')
PASSWORD = re.compile(r"://[^/\s]*@")


def begin_logging(worker: str, level: str) -> None:
    """Write the records of this process to stderr, instead of whatever was set up before.

    Args:
        worker: the process's name, on every line.
        level: the least that is written: `debug`, `info`, `warning` or `error`, as the site file has it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a closed stderr must not end a worker, nor fill what is left of it


def say(log: logging.Logger, level: int, text: str, /, **facts: Fact) -> None:
    """Log an event: a fixed text, and facts about it.

    Args:
        facts: `camera="gate"`; an error is told as its class and its text.
    """
    if log.isEnabledFor(level):
        log.log(level, text, extra={"facts": facts}, stacklevel=2)


class Repeated:
    """An event that may come very often: said at once, then at most once in `every_s`, with how often it came.

    What is counted by itself is one text of one camera. `times` on a line counts since the line before it.
    """

    def __init__(
        self, log: logging.Logger, *, every_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._every_s, self._clock = log, every_s, clock
        self._lock = threading.Lock()
        self._said: dict[tuple[str, Fact], tuple[float, int]] = {}  # when last, and how often since

    def say(self, level: int, text: str, /, camera: str | None = None, **facts: Fact) -> None:
        """Log it, or count it."""
        now_s, key = self._clock(), (text, camera)
        with self._lock:
            last_s, times = self._said.get(key, (float("-inf"), 0))
            times += 1
            due = now_s - last_s >= self._every_s
            self._said[key] = (now_s, 0) if due else (last_s, times)
        if due:
            about: dict[str, Fact] = {} if camera is None else {"camera": camera}
            about |= facts
            say(self._log, level, text, **about, **({"times": times} if times > 1 else {}))


class _Line(logging.Formatter):
    def __init__(self, worker: str) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level = NAMES.get(record.levelno, record.levelname.lower())
        facts: dict[str, Fact] = dict(getattr(record, "facts", {}))
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        told = [f"{name}={_value(fact)}" for name, fact in facts.items()]
        line = " ".join([moment, f"{level:<5}", self._worker, _one_line(record.getMessage()), *told])
        # Nothing should hand an address with a password to a log; this is for the day when something does.
        return PASSWORD.sub("://", line)


def _value(fact: Fact) -> str:
    if isinstance(fact, BaseException):
        fact = f"{type(fact).__name__}: {fact}"
    if isinstance(fact, float):
        fact = f"{fact:.3f}".rstrip("0").rstrip(".")
    text = str(fact).lower() if fact is None or isinstance(fact, bool) else str(fact)
    if BARE.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]
