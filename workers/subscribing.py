"""Alerts as they come, and those of the past: read from the alerts stream, over every loss of the broker."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from pydantic import ValidationError

from workers.alert import Alert
from workers.bus.bounds import ALERTS_KEPT
from workers.bus.connection import Address, BusLost, Connection
from workers.bus.feed import AlertFeed

__all__ = ["Subscription"]

WAIT_MS = 1000
MOST = 200
# How long to wait before the broker is asked again.
AGAIN_S = 0.5

Heard = Callable[[str], None]


class Subscription:
    """Alerts of some cameras, each once; an iterator that waits for the next.

    Args:
        cameras: names or globs.
        since_s: also those of so many seconds back, as far as the stream keeps them; None begins with the next.
        follow: go on when the past was given.
        stop: ends the iteration when set.
        trouble: told, once for each time, that the broker is lost or that an alert is unreadable.
    Raises (while it is iterated):
        BusError: the broker cannot be reached in the beginning, or refuses. Later losses are waited out.
    """

    def __init__(
        self,
        address: Address,
        *,
        cameras: Sequence[str] = ("*",),
        since_s: float | None = None,
        follow: bool = True,
        stop: threading.Event | None = None,
        trouble: Heard | None = None,
    ) -> None:
        self._address, self._cameras, self._since_s, self._follow = address, cameras, since_s, follow
        self._stop, self._trouble = stop or threading.Event(), trouble or (lambda sentence: None)
        # Several alerters may have to write an alert at another place after the broker lost its data.
        self._given: deque[str] = deque(maxlen=ALERTS_KEPT)
        self._known: set[str] = set()

    def __iter__(self) -> Iterator[Alert]:
        with Connection(self._address) as connection:
            feed = AlertFeed(connection)
            after = self._begin(connection, feed)
            lost = False
            while not self._stop.is_set():
                try:
                    entries = feed.read(after, MOST, WAIT_MS if self._follow else 0)
                    lost = False
                except BusLost as error:
                    if not lost:
                        self._trouble(str(error))
                    lost = True
                    self._stop.wait(AGAIN_S)
                    continue
                for key, message in entries:
                    after = key
                    yield from self._wanted(key, message)
                if not entries and not self._follow:
                    return

    def _begin(self, connection: Connection, feed: AlertFeed) -> str:
        """The id after which to read."""
        if self._since_s is None:
            return feed.last_id()
        first_ms = int((connection.now_s() - self._since_s) * 1000)
        return f"{max(0, first_ms - 1)}-{(1 << 64) - 1}"

    def _wanted(self, key: str, message: bytes) -> Iterator[Alert]:
        try:
            alert = Alert.model_validate_json(message)
        except ValidationError:
            self._trouble(f"the alert {key} is unreadable and was passed over; it may be of another version.")
            return
        if alert.id not in self._known and any(fnmatchcase(alert.camera, one) for one in self._cameras):
            self._remember(alert.id)
            yield alert

    def _remember(self, name: str) -> None:
        if len(self._given) == self._given.maxlen:
            self._known.discard(self._given[0])
        self._given.append(name)
        self._known.add(name)
