"""Webhooks: a POST for each alert, signed, again and again for a day until it is taken.

    POST /hook HTTP/1.1
    Content-Type: application/json
    Stillwatch-Alert: 1795510862123-4563402752
    Stillwatch-Timestamp: 1795510862
    Stillwatch-Signature: v1=HEX

HEX is HMAC-SHA256 with the secret over `TIMESTAMP.BODY`. A receiver that checks the timestamp too is safe from repeats
by others; from ours, which come when its answer was lost, by the id of the alert. TLS certificates are checked, and no
redirect is followed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import logging
import ssl
import threading
import time
from urllib.parse import urlsplit

from pipeline.errors import OutputError
from workers.alerter.desk import Desk
from workers.alerter.store import HOOK_HOURS, Store, hook_name
from workers.site.values import Webhook
from workers.telemetry.logs import Repeated, say
from workers.timing import backoff_s

__all__ = ["Webhooks"]

log = logging.getLogger(__name__)
again = Repeated(log)

POLL_S = 0.25
# How long it is left alone after an attempt that failed.
FIRST_S, MOST_S, REST_S = 1.0, 600.0, 60.0
# Of one webhook in a row, before the others have their turn.
SOME = 10
DUE = "SELECT * FROM deliveries WHERE hook = ? AND next_at <= ? ORDER BY ms, seq LIMIT ?"


class Webhooks:
    """Delivers what stands in the store."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hooks = {hook_name(hook): hook for hook in desk.site.webhooks}
        # A webhook that is away costs its time-out once, and not for each alert that waits for it.
        self._rests: dict[str, tuple[int, float]] = {}
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin; without webhooks there is nothing to do."""
        if self._hooks:
            self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the call that is under way."""
        if self._hooks:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        with Store(self._desk.storage) as store:
            while not self._desk.stop.is_set():
                for name, hook in self._hooks.items():
                    try:
                        self._deliver_due(store, name, hook)
                    except OutputError as error:
                        again.say(logging.ERROR, "webhooks cannot be kept account of", error=error)
                    except Exception as error:  # the outermost loop of this thread
                        again.say(logging.ERROR, "a webhook failed", webhook=hook.where, error=type(error).__name__)
                self._desk.stop.wait(POLL_S)

    def _deliver_due(self, store: Store, name: str, hook: Webhook) -> None:
        failures, rests_until = self._rests.get(name, (0, 0.0))
        if time.monotonic() < rests_until:
            return
        for row in store.database.read(DUE, name, self._desk.now_s(), SOME):
            if self._desk.stop.is_set():
                return
            problem = _post(hook, f"{row['ms']}-{row['seq']}", row["body"])
            key = (name, row["ms"], row["seq"])
            if problem is None:
                failures = 0
                self._rests.pop(name, None)
                self._done(store, key, "delivered")
                continue
            failures += 1
            self._rests[name] = (failures, time.monotonic() + min(REST_S, backoff_s(failures, FIRST_S, MOST_S)))
            again.say(logging.WARNING, "a webhook does not take alerts", webhook=hook.where, why=problem)
            self._postpone(store, key, row["tries"] + 1, row["until_at"], hook)
            return

    def _postpone(self, store: Store, key: tuple[str, int, int], tries: int, until_at: float, hook: Webhook) -> None:
        next_at = self._desk.now_s() + backoff_s(tries, FIRST_S, MOST_S)
        if next_at > until_at:
            alert = f"{key[1]}-{key[2]}"
            say(log, logging.ERROR, f"given up after {HOOK_HOURS} hours", webhook=hook.where, alert=alert)
            self._done(store, key, "given_up")
            return
        self._desk.metrics.webhook_called("failed")
        statement = "UPDATE deliveries SET tries = ?, next_at = ? WHERE hook = ? AND ms = ? AND seq = ?"
        with store.transaction():
            store.database.write(statement, tries, next_at, *key)

    def _done(self, store: Store, key: tuple[str, int, int], outcome: str) -> None:
        with store.transaction():
            store.database.write("DELETE FROM deliveries WHERE hook = ? AND ms = ? AND seq = ?", *key)
        self._desk.metrics.webhook_called(outcome)


def _post(hook: Webhook, alert: str, body: str) -> str | None:
    """Call a webhook; why it did not take the alert."""
    parts, content, stamp = urlsplit(hook.url), body.encode(), str(int(time.time()))
    headers = {"Content-Type": "application/json", "Stillwatch-Alert": alert, "Stillwatch-Timestamp": stamp}
    if hook.secret is not None:
        key = hook.secret.get_secret_value().encode()
        signature = hmac.new(key, f"{stamp}.".encode() + content, hashlib.sha256).hexdigest()
        headers["Stillwatch-Signature"] = f"v1={signature}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme.lower() == "https":
        secure = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=hook.timeout_s, context=secure)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=hook.timeout_s)
    try:
        connection.request("POST", path, content, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or type(error).__name__
    finally:
        connection.close()
    return None if 200 <= status < 300 else f"status {status}"
