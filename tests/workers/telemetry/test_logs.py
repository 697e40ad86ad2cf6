"""Lines of the log, as they come out of a process."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workers.telemetry.logs import Fact, Repeated, say

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SETUP = """
import logging, warnings
from workers.telemetry.logs import begin_logging, say
log = logging.getLogger("workers.decoder")
begin_logging("decoder-1", {level!r})
"""


def written(code: str, level: str = "info") -> list[str]:
    """What a process that runs `code` writes on stderr, each line without its time."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP.format(level=level) + code],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == ""
    lines = done.stderr.split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert re.match(f"{MOMENT} ", line), line
    return [line[25:] for line in lines]


def fact(value: str) -> str:
    """How a value stands on a line; `value` is Python."""
    (line,) = written(f"from pathlib import Path\nsay(log, logging.INFO, 'x', fact={value})")
    return line.removeprefix("info  decoder-1 x fact=")


def test_a_line_is_time_level_worker_text_and_facts() -> None:
    code = "say(log, logging.INFO, 'camera online', camera='gate', epoch=1795510862123, fps=5.0)"
    assert written(code) == ["info  decoder-1 camera online camera=gate epoch=1795510862123 fps=5"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'gate'", "gate"),
        ("'été'", "été"),
        ("''", '""'),
        ("'two words'", '"two words"'),
        ("'a=b'", '"a=b"'),
        ("""'say "no"'""", r'"say \"no\""'),
        ("'a\\\\b'", r'"a\\b"'),
        ("'one\\ntwo'", r'"one\ntwo"'),
        ("'one\\u2028two\\x1b[31m'", r'"one\u2028two\u001b[31m"'),
        ("b'\\xff'.decode('utf-8', 'surrogateescape')", r'"\udcff"'),
        ("0.0804", "0.08"),
        ("12.0", "12"),
        ("1795510862.1234", "1795510862.123"),
        ("float('nan')", "nan"),
        ("True", "true"),
        ("None", "none"),
        ("Path('/var/lib/stillwatch')", "/var/lib/stillwatch"),
        ("OSError('the camera is gone')", '"OSError: the camera is gone"'),
    ],
)
def test_values_are_quoted_where_needed_and_never_break_the_line(value: str, text: str) -> None:
    assert fact(value) == text
    if text.startswith('"'):
        json.loads(text)


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_of_the_site_decides_what_is_written(level: str, count: int) -> None:
    code = "[say(log, getattr(logging, name), 'x') for name in ('ERROR', 'WARNING', 'INFO', 'DEBUG')]"
    every = ["error decoder-1 x", "warn  decoder-1 x", "info  decoder-1 x", "debug decoder-1 x"]
    assert written(code, level) == every[:count]


def test_a_traceback_stays_on_its_line() -> None:
    code = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('a batch failed')"
    (line,) = written(code)
    text, _, traceback = line.partition(" traceback=")
    assert text == "error decoder-1 a batch failed"
    assert json.loads(traceback).endswith("ZeroDivisionError: division by zero")


def test_records_of_other_libraries_come_out_in_the_same_form_and_chatty_ones_not_at_all() -> None:
    code = (
        "logging.getLogger('asyncio').warning('slow\\n%s', 'callback')\n"
        "logging.getLogger('redis.connection').warning('reconnecting')\n"
        "logging.getLogger('urllib3.connectionpool').debug('GET /')\n"
        "warnings.simplefilter('always')\n"
        "warnings.warn_explicit('old', DeprecationWarning, 'a.py', 3)\n"
    )
    assert written(code, "debug") == [
        r"warn  decoder-1 slow\ncallback",
        r"warn  decoder-1 a.py:3: DeprecationWarning: old\n",
    ]


def test_a_password_in_an_address_is_left_out() -> None:
    code = "say(log, logging.INFO, 'x', source='rtsp://viewer:s@cret@cam1.lan/a@b', other='http://u:p@h')"
    assert written(code) == ["info  decoder-1 x source=rtsp://cam1.lan/a@b other=http://h"]


def test_what_was_set_up_before_is_replaced() -> None:
    assert written("begin_logging('decoder-2', 'info')\nlog.info('once')") == ["info  decoder-2 once"]


def test_a_closed_stderr_ends_nothing(tmp_path: Path) -> None:
    code = SETUP.format(level="info") + "import sys\nsys.stderr.close()\nlog.info('into nothing')\nprint('done')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n")


class Said(logging.Handler):
    """Keeps text and facts of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, Fact]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append((record.getMessage(), record.__dict__["facts"]))


@pytest.fixture
def log() -> logging.Logger:
    return logging.Logger("tests", logging.INFO)  # not of the tree: pytest listens at its root


@pytest.fixture
def said(log: logging.Logger) -> Said:
    handler = Said()
    log.addHandler(handler)
    return handler


def test_what_repeats_is_said_once_a_minute_with_its_count(log: logging.Logger, said: Said) -> None:
    now_s = 0.0
    repeated = Repeated(log, clock=lambda: now_s)
    for now_s in (0.0, 1.0, 59.9, 60.0, 61.0, 200.0):
        repeated.say(logging.WARNING, "frame too old", camera="gate", age_s=now_s)
    assert said.all == [
        ("frame too old", {"camera": "gate", "age_s": 0.0}),
        ("frame too old", {"camera": "gate", "age_s": 60.0, "times": 3}),
        ("frame too old", {"camera": "gate", "age_s": 200.0, "times": 2}),
    ]


def test_each_text_and_each_camera_is_counted_by_itself(log: logging.Logger, said: Said) -> None:
    repeated = Repeated(log, clock=lambda: 0.0)
    for _ in range(3):
        repeated.say(logging.WARNING, "frame too old", camera="gate")
        repeated.say(logging.WARNING, "frame too old", camera="dock")
        repeated.say(logging.WARNING, "broker slow")
    assert said.all == [
        ("frame too old", {"camera": "gate"}),
        ("frame too old", {"camera": "dock"}),
        ("broker slow", {}),
    ]


def test_a_text_with_a_percent_sign_is_taken_as_it_is(log: logging.Logger, said: Said) -> None:
    say(log, logging.INFO, "100 % of frames")
    assert said.all == [("100 % of frames", {})]
