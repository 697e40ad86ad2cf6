"""The page of metrics and the probes, asked over the network by clients of every kind."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from pipeline.errors import ConfigError
from workers.telemetry import http as telemetry
from workers.telemetry.http import CONNECTIONS, Exporter
from workers.telemetry.metrics import CONTENT_TYPE

HOST = "127.0.0.1"
DEADLINE_S = 10
SECRET = "t0ken"  # noqa: S105 - it guards nothing


@dataclass
class Process:
    """What the process behind the exporter says of itself."""

    page: bytes = b"stillwatch_camera_up 1.0\n"
    live: list[str] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)

    @contextmanager
    def exported(self, host: str = HOST, port: int = 0, token: str | None = None) -> Iterator[Exporter]:
        with Exporter(
            host, port, page=lambda: self.page, live=lambda: self.live, ready=lambda: self.ready, token=token
        ) as exporter:
            yield exporter


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes


def ask(port: int, path: str, method: str = "GET", token: str | None = None) -> Reply:
    connection = http.client.HTTPConnection(HOST, port, timeout=DEADLINE_S)
    connection.request(method, path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return Reply(answer.status, dict(answer.getheaders()), content)


def connect(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=DEADLINE_S)


def test_metrics_are_served_in_prometheus_text_format() -> None:
    with Process().exported() as exporter:
        reply = ask(exporter.port, "/metrics")
    assert (reply.status, reply.content) == (200, b"stillwatch_camera_up 1.0\n")
    assert reply.headers["Content-Type"] == CONTENT_TYPE
    assert reply.headers["Server"] == "stillwatch"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/readyz?verbose"])
def test_a_well_process_answers_200_and_an_empty_list(path: str) -> None:
    with Process().exported() as exporter:
        reply = ask(exporter.port, path)
    assert (reply.status, json.loads(reply.content), reply.headers["Content-Type"]) == (200, [], "application/json")


def test_a_process_that_is_not_ready_says_why_and_is_still_alive() -> None:
    process = Process()
    with process.exported() as exporter:
        process.ready = ["the broker is out of reach", "gate has no model"]
        reply = ask(exporter.port, "/readyz")
        assert (reply.status, json.loads(reply.content)) == (503, process.ready)
        assert ask(exporter.port, "/livez").status == 200
        process.ready, process.live = [], ["the scorer has done nothing for 60 s"]
        assert ask(exporter.port, "/readyz").status == 200
        reply = ask(exporter.port, "/livez")
        assert (reply.status, json.loads(reply.content)) == (503, process.live)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_get_is_answered(method: str) -> None:
    with Process().exported() as exporter:
        reply = ask(exporter.port, "/metrics", method)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/../metrics", "/livez/x"])
def test_other_paths_are_not_found(path: str) -> None:
    with Process().exported() as exporter:
        reply = ask(exporter.port, path)
    assert (reply.status, reply.content) == (404, b"Not Found\n")


def test_a_page_that_fails_is_status_500_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    process = Process()

    def page() -> bytes:
        if process.ready:
            raise RuntimeError("the file is corrupted")
        return process.page

    process.ready = ["x"]
    with Exporter(HOST, 0, page=page, live=list, ready=list) as exporter:
        assert ask(exporter.port, "/metrics").status == 500
        process.ready = []
        assert ask(exporter.port, "/metrics").status == 200
    assert [record.message for record in caplog.records] == [
        "a page of the telemetry failed, its readers get status 500"
    ]


def test_beyond_loopback_a_token_is_asked_for() -> None:
    process = Process()
    with process.exported("0.0.0.0", token=SECRET) as exporter:
        for wrong in (None, "", "t0keN", "été"):
            reply = ask(exporter.port, "/metrics", token=wrong and wrong.encode().decode("latin-1"))
            assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert ask(exporter.port, "/readyz").status == 401
        assert ask(exporter.port, "/metrics", token=SECRET).content == process.page
        assert ask(exporter.port, "/readyz", token=SECRET).status == 200
        assert ask(exporter.port, "/livez").status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "cam-server.lan"])
def test_beyond_loopback_without_a_token_is_refused(host: str) -> None:
    with pytest.raises(ConfigError) as caught, Process().exported(host):
        pass
    assert str(caught.value) == (
        f"telemetry.host {host} is reached from other machines, and there is no token; "
        "set telemetry.token_file, or leave host out for 127.0.0.1."
    )


def test_a_taken_port_is_one_sentence_and_stopping_frees_it() -> None:
    with Process().exported() as exporter:
        port = exporter.port
        with pytest.raises(ConfigError) as caught, Process().exported(port=port):
            pass
        assert str(caught.value) == (
            f"telemetry.port {port} on 127.0.0.1 is taken by another program; stop it, or set another port."
        )
        assert ask(port, "/livez").status == 200
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    with Process().exported(port=port):
        assert ask(port, "/livez").status == 200


def test_an_address_of_another_machine_is_one_sentence() -> None:
    with pytest.raises(ConfigError) as caught, Process().exported("192.0.2.1", 9108, token=SECRET):
        pass
    assert str(caught.value) == (
        "telemetry.port 9108 on 192.0.2.1 cannot be opened (Cannot assign requested address); "
        "set telemetry.host to an address of this machine."
    )


def test_it_listens_on_the_loopback_of_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    with Process().exported("::1") as exporter, socket.create_connection(("::1", exporter.port)) as client:
        client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert client.makefile("rb").readline() == b"HTTP/1.0 200 OK\r\n"


def test_at_most_a_few_connections_are_held_and_each_is_soon_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "CONNECTION_S", 1.0)
    with Process().exported() as exporter, ExitStack() as stack:
        started_s = time.monotonic()
        silent = [stack.enter_context(connect(exporter.port)) for _ in range(CONNECTIONS)]
        silent[0].sendall(b"GET /metrics HTTP/1.0\r\nX-Slow: ")
        with connect(exporter.port) as refused:
            assert received(refused) == b""
        assert time.monotonic() - started_s < 1.0
        # One sends a letter now and then, which would keep a plain timeout from ever coming.
        while not closed(silent[0]):
            assert time.monotonic() - started_s < DEADLINE_S
        assert [received(client) for client in silent[1:]] == [b""] * (CONNECTIONS - 1)
        while not answers(exporter.port):  # a client sees its end a moment before its thread is gone
            assert time.monotonic() - started_s < DEADLINE_S


def answers(port: int) -> bool:
    try:
        return ask(port, "/livez").status == 200
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return False


def received(client: socket.socket) -> bytes:
    try:
        return client.recv(1)
    except ConnectionResetError:
        return b""


def closed(client: socket.socket) -> bool:
    """Send a letter, wait a little for the end."""
    client.settimeout(0.1)
    try:
        client.sendall(b"x")
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except (BrokenPipeError, ConnectionResetError):
        return True


def test_stopping_does_not_wait_for_a_client_that_says_nothing() -> None:
    with ExitStack() as stack:
        with Process().exported() as exporter:
            silent = stack.enter_context(connect(exporter.port))
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 2.0
        assert received(silent) == b""


def test_a_client_that_hangs_up_is_no_event(capfd: pytest.CaptureFixture[str]) -> None:
    process = Process(page=b"x" * 10_000_000)
    with process.exported() as exporter:
        with connect(exporter.port) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            client.recv(1)
        assert ask(exporter.port, "/livez").status == 200
    assert capfd.readouterr() == ("", "")
