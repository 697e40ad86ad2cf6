"""The Python interface to what runs: the alerts of a site. It loads neither torch nor PyAV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic_core import PydanticCustomError

from pipeline.errors import ConfigError
from workers.alert import Alert
from workers.bus.broker import broker_address
from workers.bus.connection import Address
from workers.site.reading import read_site
from workers.site.services import broker_url
from workers.subscribing import Subscription

__all__ = ["subscribe"]

PASSWORD = "STILLWATCH_BROKER_PASSWORD"  # noqa: S105  # the name of a variable


def subscribe(
    where: str | Path,
    *,
    password: str | None = None,
    cameras: Sequence[str] = ("*",),
    since_s: float | None = None,
    follow: bool = True,
    trouble: Callable[[str], None] | None = None,
) -> Iterator[Alert]:
    """Alerts as they come, each once; waits for the next, and over losses of the broker.

    >>> for alert in subscribe("site.yaml", cameras=["gate"], since_s=3600):      # doctest: +SKIP
    ...     print(alert.state, alert.camera, alert.score, alert.clip)

    Args:
        where: address of the broker (redis://, rediss://, unix://), without a password; or a site file.
        password: of the broker at an address, else $STILLWATCH_BROKER_PASSWORD; that of a site file stands there.
        cameras: names or globs.
        since_s: also the alerts of so many seconds back, as far as the broker keeps them (the last 10,000).
        follow: False ends with the past instead of waiting.
        trouble: called with a sentence when the broker is lost, and when an alert is unreadable.
    Raises (while it is iterated):
        BusError: the broker cannot be reached in the beginning, or refuses.
        ConfigError: the site file is wrong, or the address.
    """
    site = isinstance(where, Path) or "://" not in where
    address = broker_address(read_site(Path(where))) if site else _address(str(where), password)
    yield from Subscription(address, cameras=cameras, since_s=since_s, follow=follow, trouble=trouble)


def _address(url: str, password: str | None) -> Address:
    try:
        url = broker_url(url, "", PASSWORD)
    except PydanticCustomError as error:
        raise ConfigError(f"the broker's address {(error.context or {})['text']}.") from None
    return Address(url, password or os.environ.get(PASSWORD), password_from=PASSWORD)
