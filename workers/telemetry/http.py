"""Where a process is looked at: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever restarts and routes.

Answers come from one daemon thread a connection, at most `CONNECTIONS` of them and none for longer than
`CONNECTION_S`, so that a client which says nothing, or says it slowly, costs the worker nothing.
"""

from __future__ import annotations

import errno
import hmac
import ipaddress
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from pipeline.errors import ConfigError
from workers.telemetry.logs import say
from workers.telemetry.metrics import CONTENT_TYPE

__all__ = ["Exporter"]

CONNECTIONS = 8
CONNECTION_S = 5.0
POLL_S = 0.2  # how late a connection is cut, and how long stopping takes
Reasons = Callable[[], list[str]]

log = logging.getLogger(__name__)


class Exporter:
    """Serves one process, or one whole run, while the `with` block runs.

    Args:
        host: loopback, or an address that other machines reach; then a token is asked for.
        port: 0 takes a free one.
        page: what `/metrics` says, as `Metrics.page`.
        live: why the process must be restarted; nothing where it is well. Told without a token.
        ready: why it does not do its work now; nothing where it does.
        token: what `/metrics` and `/readyz` want as `Authorization: Bearer TOKEN`; None asks for nothing.
    Raises:
        ConfigError: the port is taken, the address is none of this machine's, or a token is missing.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        page: Callable[[], bytes],
        live: Reasons,
        ready: Reasons,
        token: str | None = None,
    ) -> None:
        if token is None and not _is_loopback(host):
            raise ConfigError(
                f"telemetry.host {host} is reached from other machines, and there is no token; "
                "set telemetry.token_file, or leave host out for 127.0.0.1."
            )
        self._server = _bound(host, port)
        self._server.answers = {"/metrics": _metrics(page), "/livez": _reasons(live), "/readyz": _reasons(ready)}
        self._server.token = token
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="telemetry", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the port; what is being answered is cut off."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    content: bytes
    kind: str


def _metrics(page: Callable[[], bytes]) -> Callable[[], _Answer]:
    return lambda: _Answer(HTTPStatus.OK, page(), CONTENT_TYPE)


def _reasons(ask: Reasons) -> Callable[[], _Answer]:
    def answer() -> _Answer:
        reasons = ask()
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _Answer(status, json.dumps(reasons).encode() + b"\n", "application/json")

    return answer


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bound(host: str, port: int) -> _Server:
    try:
        return _Server(host, port)
    except OSError as error:
        raise ConfigError(f"telemetry.port {port} on {host} {_trouble(error)}.") from error


def _trouble(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "is taken by another program; stop it, or set another port"
    if error.errno == errno.EACCES:
        return "may be opened by root alone; set a port above 1023"
    return f"cannot be opened ({error.strerror}); set telemetry.host to an address of this machine"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = CONNECTIONS

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answers: dict[str, Callable[[], _Answer]] = {}
        self.token: str | None = None
        self._open: dict[socket.socket, float] = {}  # with the monotonic time at which each is cut
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # As the base class does, without asking the name service what this machine is called.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)
        with self._lock:
            full = len(self._open) >= CONNECTIONS
            if not full:
                self._open[request] = time.monotonic() + CONNECTION_S
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        self._cut(until=time.monotonic())

    def server_close(self) -> None:
        super().server_close()
        self._cut(until=float("inf"))

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event; what fails here of ours is said by the handler."""

    def _cut(self, until: float) -> None:
        with self._lock:
            overdue = [connection for connection, end in self._open.items() if end <= until]
            for connection in overdue:
                with suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RDWR)  # its thread gets an error on it and closes it


class _Handler(BaseHTTPRequestHandler):
    timeout = CONNECTION_S
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        answer = self.server.answers.get(path)
        if answer is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif path != "/livez" and not self._may_ask():
            self._refuse(HTTPStatus.UNAUTHORIZED, ("WWW-Authenticate", "Bearer"))
        else:
            self._send(self._made(path, answer))

    def refuse_method(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET"))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = refuse_method  # noqa: N815 - the base class's names

    def version_string(self) -> str:
        return "stillwatch"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Requests come every few seconds for months: no line each."""

    def _may_ask(self) -> bool:
        token = self.server.token
        if token is None:
            return True
        return hmac.compare_digest(self.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())

    def _made(self, path: str, answer: Callable[[], _Answer]) -> _Answer:
        try:
            return answer()
        except Exception as error:  # the outermost loop of this thread
            say(
                log, logging.ERROR, "a page of the telemetry failed, its readers get status 500", path=path, error=error
            )
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return _Answer(status, f"{status.phrase}\n".encode(), "text/plain")

    def _refuse(self, status: HTTPStatus, *headers: tuple[str, str]) -> None:
        self._send(_Answer(status, f"{status.phrase}\n".encode(), "text/plain"), *headers)

    def _send(self, answer: _Answer, *headers: tuple[str, str]) -> None:
        self.send_response(answer.status)
        for name, value in [("Content-Type", answer.kind), ("Content-Length", str(len(answer.content))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)
