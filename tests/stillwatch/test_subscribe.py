"""`stillwatch subscribe` as its users meet it: alerts on stdout, one a line; everything else on stderr."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import stillwatch
from tests.stillwatch.running import run_process, started
from tests.workers.brokers import running_broker
from tests.workers.test_subscribing import alert, publish
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with running_broker() as one:
        yield one


@pytest.fixture
def now_ms(broker: EmbeddedBroker) -> int:
    """The time of an empty broker."""
    with Connection(broker.address) as connection:
        connection.do("FLUSHALL")
        return int(connection.now_s() * 1000)


def test_the_past_is_printed_and_the_end_is_the_end(broker: EmbeddedBroker, now_ms: int, tmp_path: Path) -> None:
    publish(broker.address, alert(f"{now_ms}-0"), alert(f"{now_ms}-1", "dock"))
    past = ("subscribe", "--url", broker.address.url, "--since", "1m", "--no-follow")
    done = run_process(*past, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert [line[19:] for line in done.out.splitlines()] == ["  started  something"] * 2
    done = run_process(*past, "--json", "--camera", "do*", cwd=tmp_path)
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == [f"{now_ms}-1"]


def test_what_comes_is_printed_at_once_until_ctrl_c(broker: EmbeddedBroker, now_ms: int, tmp_path: Path) -> None:
    process = started("subscribe", "--url", broker.address.url, "--since", "1m", "--json", cwd=tmp_path)
    assert process.stdout is not None
    for number in range(2):
        publish(broker.address, alert(f"{now_ms}-{number}"))
        assert json.loads(process.stdout.readline())["id"] == f"{now_ms}-{number}"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "\ninterrupted.\n")


def test_python_reads_the_same(broker: EmbeddedBroker, now_ms: int) -> None:
    publish(broker.address, alert(f"{now_ms}-0"), alert(f"{now_ms}-1", "dock"))
    found = stillwatch.subscribe(broker.address.url, cameras=["dock"], since_s=60, follow=False)
    assert [one.id for one in found] == [f"{now_ms}-1"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give the site file with -c, or the address of the broker with --url."),
        (
            ["--url", "redis://127.0.0.1:1"],
            1,
            "127.0.0.1:1: the broker is out of reach (connection refused); check that ",
        ),
        (["--url", "u", "--since", "yesterday"], 2, "'yesterday' is no span of time; write 90s, 10m, 24h or 7d."),
        (["-c", "missing.yaml"], 2, "missing.yaml"),
    ],
)
def test_mistakes_are_said_in_a_sentence(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = run_process("subscribe", *arguments, cwd=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err
