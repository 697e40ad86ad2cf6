"""A connection to the broker: what every command goes through, and where the client's errors become ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis import exceptions as fault
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.errors import BusError

__all__ = ["Address", "BusFull", "BusLost", "Command", "Connection", "Script"]

# A broker that is frozen for longer is as good as gone: whoever asked tries again.
TIMEOUT_S = 2.0
CONNECT_TIMEOUT_S = 2.0
# A frame in few reads: the default of 64 kB takes five for one of 311 kB.
READ_BYTES = 1 << 18
# The clocks of two machines drift apart by less than a millisecond in this time.
CLOCK_S = 60.0

Command = Sequence[Any]  # the name and the arguments of one command


class BusLost(BusError):
    """The broker cannot be reached, or is starting, or is read-only; it may come back."""


class BusFull(BusError):
    """The broker has reached its memory limit and takes nothing more."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is.

    Attributes:
        url: redis://, rediss:// or unix:// without a password.
        password: kept out of `repr`.
        password_from: where it is set, for who is told that it is wrong.
    """

    url: str
    password: str | None = field(default=None, repr=False)
    password_from: str = "broker.password_file"  # noqa: S105  # a key of the site file

    @classmethod
    def of_socket(cls, path: Path) -> Address:
        """The broker that listens on a Unix socket."""
        return cls(f"unix://{path}")


@dataclass(frozen=True, slots=True)
class Script:
    """A step that the server takes as a whole.

    Its first line allows it to run at the memory limit: scores and drops free what frames take, and would be refused
    just when that is needed.
    """

    body: str

    @property
    def text(self) -> str:
        """As it is sent."""
        return f"#!lua flags=allow-oom\n{self.body}"


class Connection:
    """One client of the broker; it connects when it is first used, and again after every loss.

    It tries every command once: a command that is sent again by itself may be done twice. May be used by one thread at
    a time.
    """

    def __init__(self, address: Address) -> None:
        self._where = address.url.partition("://")[2].rpartition("@")[2] or address.url
        self._password_from = address.password_from
        self._client = redis.Redis.from_url(
            address.url,
            password=address.password,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_read_size=READ_BYTES,
            retry=Retry(NoBackoff(), 0),
            retry_on_timeout=False,
            health_check_interval=0,
            driver_info=None,
        )
        # The client takes every answer about single entries for the summary that the command gives without a range.
        self._client.response_callbacks.pop("XPENDING", None)
        self._digests: dict[Script, str] = {}
        self._offset_s, self._asked_s = 0.0, -CLOCK_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connection."""
        self._client.close()

    def do(self, *command: Any) -> Any:
        """The reply to one command.

        Raises:
            BusLost: the broker is out of reach.
            BusFull: it has no memory left.
            BusError: it refuses.
        """
        with self._translated(command[0]):
            return self._client.execute_command(*command)  # type: ignore[no-untyped-call]

    def all(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to several commands, sent in one go; not in one step of the server.

        A refused one gives its error (a BusError) in the place of its reply.

        Raises:
            BusLost: the broker is out of reach; some of them may have been done.
        """
        if not commands:
            return []
        with self._translated(commands[0][0]):
            pipe = self._client.pipeline(transaction=False)
            for command in commands:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            replies = pipe.execute(raise_on_error=False)
        return [
            self._error(str(command[0]), reply) if isinstance(reply, Exception) else reply
            for command, reply in zip(commands, replies, strict=True)
        ]

    def run(self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """The results of a script, called with keys and arguments, sent in one go.

        A script must do no harm when it is run twice: after a restart the server has lost it, and all are sent again.
        """
        if not calls:
            return []
        for _ in range(2):
            digest = self._digests.get(script) or self._load(script)
            replies = self.all([("EVALSHA", digest, len(keys), *keys, *arguments) for keys, arguments in calls])
            if not any(isinstance(reply, BusError) and "NOSCRIPT" in str(reply) for reply in replies):
                break
            self._digests.pop(script, None)
        for reply in replies:
            if isinstance(reply, BusError):
                raise reply
        return replies

    def now_s(self) -> float:
        """Unix time in seconds by the server's clock, which all workers share."""
        if time.monotonic() - self._asked_s >= CLOCK_S:
            before_s = time.monotonic()
            seconds, micros = self.do("TIME")
            self._asked_s = time.monotonic()
            self._offset_s = float(seconds) + float(micros) / 1e6 - (before_s + self._asked_s) / 2
        return time.monotonic() + self._offset_s

    def memory_share(self) -> float:
        """Share of its memory limit that the broker uses; 0 where it has no limit."""
        info = self.do("INFO", "memory")
        limit = float(info.get("maxmemory", 0))
        return float(info["used_memory"]) / limit if limit else 0.0

    def _load(self, script: Script) -> str:
        digest = self.do("SCRIPT LOAD", script.text)
        self._digests[script] = digest.decode() if isinstance(digest, bytes) else str(digest)
        return self._digests[script]

    @contextmanager
    def _translated(self, name: object) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise self._error(str(name), error) from error

    def _error(self, name: str, error: Exception) -> BusError:
        # The text of an error may hold the start of what was sent: a picture.
        if isinstance(error, fault.AuthenticationError | fault.AuthorizationError | fault.NoPermissionError):
            return BusError(f"{self._where}: the broker refuses user name or password; check {self._password_from}.")
        if isinstance(error, fault.OutOfMemoryError):
            return BusFull(f"{self._where}: the broker is at its memory limit and refuses {name}; raise it.")
        lost = (fault.ConnectionError, fault.TimeoutError, fault.ReadOnlyError, OSError)
        if isinstance(error, lost):
            return BusLost(f"{self._where}: the broker is out of reach ({_why(error)}); check that it runs.")
        return BusError(f"{self._where}: the broker refuses {name} ({_head(error)}).")


def _why(error: Exception) -> str:
    if isinstance(error, fault.BusyLoadingError):
        return "it is loading its data"
    if isinstance(error, fault.ReadOnlyError):
        return "it is a read-only replica"
    if isinstance(error, fault.TimeoutError | TimeoutError):
        return "no answer in time"
    causes: list[Callable[[], object]] = [lambda: error.__cause__, lambda: error.__context__, lambda: error]
    for cause in causes:
        found = cause()
        if isinstance(found, OSError) and found.strerror:
            return found.strerror.lower()
    return "the connection is closed"


def _head(error: Exception) -> str:
    """The beginning of a refusal: its code and a few words, in printable letters."""
    # The client takes the code off some refusals, this one among them.
    code = "NOSCRIPT " if isinstance(error, fault.NoScriptError) else ""
    text = code + str(error).split(" script:")[0][:80]
    return "".join(letter if letter.isprintable() else "?" for letter in text)
