"""Webhooks get every alert, signed, however often they fail before they take it."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.types import Box
from tests.workers.alerter.feeding import Feeder, alerter, alerts_of, film, site_for, wait_for
from workers.alerter.webhooks import FIRST_S, MOST_S
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.timing import backoff_s

PERSON: Box = (2, 0, 3, 3)
SHOWN = film((10, {}), (10, {PERSON: 1.8}), (12, {}))
SECRET = "open sesame"  # noqa: S105 - a test's


@dataclass
class Receiver:
    """What a web server was sent.

    Attributes:
        answers: status of each answer, the last for all that follow.
    """

    port: int
    answers: list[int]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiver(*answers: int) -> Iterator[Receiver]:
    """A web server that answers as it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.got.append((dict(self.headers), body))
            status = one.answers.pop(0) if len(one.answers) > 1 else one.answers[0]
            self.send_response(status)
            self.send_header("Location", f"http://localhost:{one.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        one = Receiver(server.server_port, list(answers))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield one
        server.shutdown()
        thread.join()


def hook(port: int) -> str:
    """The part of a site file."""
    return f"webhooks: [{{url: 'http://127.0.0.1:{port}/hook?to=me', secret: '${{HOOK_SECRET}}'}}]"


def test_alerts_are_signed_and_sent_until_they_are_taken(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with receiver(500, 503, 204) as one:
        site, feeder = site_for(server, tmp_path, more=hook(one.port)), Feeder(connection)
        with alerter(site):
            feeder.show(SHOWN)
            wait_for(lambda: len(one.got) == 4)
    taken = one.got[2:]
    for headers, body in one.got:
        stamp = headers["Stillwatch-Timestamp"]
        signature = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["Stillwatch-Signature"] == f"v1={signature}"
        assert headers["Content-Type"] == "application/json"
        assert headers["Stillwatch-Alert"] == json.loads(body)["id"]
    sent = {headers["Stillwatch-Alert"] for headers, _ in taken}
    assert sent == {alert.id for alert in alerts_of(connection)}


def test_what_was_not_taken_is_sent_after_the_next_start(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with receiver(500) as one:
        site, feeder = site_for(server, tmp_path, more=hook(one.port)), Feeder(connection)
        with alerter(site):
            feeder.show(SHOWN)
            wait_for(lambda: one.got and len(alerts_of(connection)) == 2)
        tried = len(one.got)
        one.answers[:] = [200]
        with alerter(site):
            wait_for(lambda: len(one.got) >= tried + 2)
    sent = {headers["Stillwatch-Alert"] for headers, _ in one.got[tried:]}
    assert sent == {alert.id for alert in alerts_of(connection)}


def test_a_redirect_is_not_followed(
    server: EmbeddedBroker, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with receiver(307) as one:
        site, feeder = site_for(server, tmp_path, more=hook(one.port)), Feeder(connection)
        with alerter(site):
            feeder.show(SHOWN[:15])
            wait_for(lambda: len(one.got) == 2)
    assert {headers["Stillwatch-Alert"] for headers, _ in one.got} == {alerts_of(connection)[0].id}


def test_the_wait_grows_to_ten_minutes() -> None:
    for tries in range(1, 40):
        whole_s = min(MOST_S, 2.0 ** (tries - 1))
        assert whole_s / 2 <= backoff_s(tries, FIRST_S, MOST_S) <= whole_s
