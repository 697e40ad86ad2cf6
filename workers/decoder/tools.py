"""What the threads of one decoder share."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from workers.bus.connection import Address
from workers.bus.keys import Keys
from workers.decoder.link import Link
from workers.site.values import Site
from workers.telemetry.metrics import Metrics

__all__ = ["Tools"]


@dataclass(frozen=True, slots=True)
class Tools:
    """Of one process.

    Attributes:
        name: the worker's.
        stop: set when the process is to end.
    """

    site: Site
    name: str
    address: Address
    link: Link
    metrics: Metrics
    stop: threading.Event

    @property
    def keys(self) -> Keys:
        """Names on the broker."""
        return Keys(self.site.shards)
