"""`stillwatch subscribe` as its users meet it: alerts on stdout, one a line; everything else on stderr."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import stillwatch
from tests.stillwatch.running import run_process, started
from tests.stillwatch.sites import foreign_broker, write_site
from tests.workers.brokers import running_broker
from tests.workers.test_subscribing import alert, publish
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Address, Connection


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
        (["--url", "localhost:6379"], 2, "--url is no address of a broker; write redis://HOST:PORT/DB, rediss://… or "),
        (
            ["--url", "http://localhost"],
            2,
            "the broker's address is 'http://localhost', not redis://HOST:PORT/DB, rediss://… or unix:///PATH; write",
        ),
        (
            ["--url", "redis://:hidden@localhost"],
            2,
            "address is redis://localhost with a password or options in it; use STILLWATCH_BROKER_PASSWORD, and keep ",
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
    assert "hidden" not in done.err


def test_a_wrong_password_for_an_address_names_where_it_comes_from(tmp_path: Path) -> None:
    with foreign_broker(tmp_path, "--requirepass", "right") as port:
        done = run_process("subscribe", "--url", f"redis://127.0.0.1:{port}", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (
        1,
        "",
        f"Error: 127.0.0.1:{port}: the broker refuses user name or password; check STILLWATCH_BROKER_PASSWORD.\n",
    )


def test_with_a_site_file_clips_are_named_as_they_can_be_opened(tmp_path: Path) -> None:
    with foreign_broker(tmp_path) as port:
        write_site(tmp_path, {"gate": "source: 'rtsp://127.0.0.1:9/cam'"}, f"broker: 'redis://127.0.0.1:{port}'")
        address = Address(f"redis://127.0.0.1:{port}")
        with Connection(address) as connection:
            now_ms = int(connection.now_s() * 1000)
        publish(address, alert(f"{now_ms}-0").model_copy(update={"clip": "events/2026-11-24/gate-1-2.mp4"}))
        done = run_process("subscribe", "-c", "site.yaml", "--since", "1m", "--no-follow", cwd=tmp_path)
    assert done.err == ""
    assert done.out.endswith(f"  {tmp_path}/store/events/2026-11-24/gate-1-2.mp4\n")
