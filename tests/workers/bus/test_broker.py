"""The embedded broker: it answers, it is its owner's alone, and it does not outlive its parent."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import BusError
from tests.workers.brokers import running_broker
from workers.bus.broker import EmbeddedBroker, socket_path
from workers.bus.connection import Address, BusLost, Connection

PARENT = """
import sys, time
from pathlib import Path
from workers.bus.broker import EmbeddedBroker
with EmbeddedBroker(Path(sys.argv[1]), 32) as broker:
    print(broker.pid, flush=True)
    time.sleep(60)
"""


def test_only_its_owner_can_open_it() -> None:
    with running_broker() as server:
        socket = Path(server.address.url.removeprefix("unix://"))
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        with Connection(server.address) as connection:
            assert connection.do("CONFIG GET", "maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert 0 < connection.memory_share() < 0.5


def test_it_can_be_stopped_and_started_again() -> None:
    with running_broker() as server, Connection(server.address) as connection:
        connection.do("SET", "a", 1)
        server.stop()
        assert not server.alive
        with pytest.raises(BusLost) as lost:
            connection.do("GET", "a")
        assert str(lost.value).endswith("the broker is out of reach (no such file or directory); check that it runs.")
        server.start()
        assert connection.do("GET", "a") is None


def test_a_second_one_for_the_same_folder_is_refused() -> None:
    with running_broker() as server:
        folder = Path(server.address.url.removeprefix("unix://")).parent.parent
        with pytest.raises(BusError) as refused:
            EmbeddedBroker(folder, 32).start()
        assert str(refused.value).endswith("a broker runs there already; stop the other 'stillwatch run' first.")
        assert server.alive


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-P", "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline_s = time.monotonic() + 10
    while _lives(pid):
        assert time.monotonic() < deadline_s, "the broker outlived its parent"
        time.sleep(0.01)


def test_a_long_path_gets_a_socket_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert socket_path(Path("/var/lib/stillwatch")) == Path("/var/lib/stillwatch/broker/valkey.sock")
    elsewhere = socket_path(tmp_path / ("x" * 120))
    assert elsewhere.parent.parent == Path("/run/user/7")
    assert elsewhere != socket_path(tmp_path / ("y" * 120))


def test_an_address_does_not_show_its_password() -> None:
    assert "hunter2" not in repr(Address("redis://h:1/0", "hunter2"))


def test_a_wrong_password_is_said_in_a_sentence() -> None:
    with running_broker() as server:
        with Connection(server.address) as connection:
            connection.do("CONFIG SET", "requirepass", "right")
        with Connection(Address(server.address.url, "wrong")) as other, pytest.raises(BusError) as refused:
            other.do("PING")
    assert str(refused.value).endswith("the broker refuses user name or password; check broker.password_file.")
    assert not isinstance(refused.value, BusLost)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for its new parent to look.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
