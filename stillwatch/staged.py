"""The live part of the demo: the street as a camera, real workers, and a subscriber that prints their alerts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import BusError, StillwatchError
from workers.process import child_environment

if TYPE_CHECKING:
    from workers.alert import Alert
    from workers.bus.connection import Address

__all__ = ["watch_live"]

SITE = """\
# The demo's street as a camera in real time. The same with cameras of your own: docs/guide/monitor.md
storage: .
telemetry: false
cameras:
  street:
    source: live.mp4
    pace: realtime
    model: ../street.stillwatch
"""
START_S = 30.0
# After the end of the recording: the post-roll, the clip, and a busy machine.
END_S = 60.0
AGAIN_S = 0.2


def watch_live(folder: Path, length_s: float, told: Callable[[Alert], None], stop: threading.Event) -> list[Alert]:
    """Run `live.mp4` in a folder through decoder, scorer and alerter as it was recorded; its alerts.

    Args:
        length_s: of the recording.
        told: called with each alert as it arrives.
        stop: ends it early when set.
    Raises:
        StillwatchError: the workers do not run; their log is in the folder.
    """
    from workers.bus.broker import broker_address
    from workers.site.reading import read_site

    path = folder / "site.yaml"
    path.write_text(SITE, "utf-8")
    address = broker_address(read_site(path))
    command = [sys.executable, "-P", "-m", "stillwatch", "run", "-c", str(path)]
    with open(folder / "run.log", "wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **child_environment()}
        )
    alerts: list[Alert] = []
    ended = threading.Event()
    listener = threading.Thread(target=_listen, args=(address, alerts, told, ended), daemon=True)
    listener.start()
    try:
        deadline_s = time.monotonic() + START_S + length_s + END_S
        while process.poll() is None and not stop.is_set() and time.monotonic() < deadline_s:
            stop.wait(AGAIN_S)
        if not stop.is_set() and process.poll() != 0:
            raise StillwatchError(f"the workers did not do their work; see {folder / 'run.log'}.")
    finally:
        ended.set()
        process.terminate()
        process.wait()
        listener.join()
    return alerts


def _listen(address: Address, alerts: list[Alert], told: Callable[[Alert], None], ended: threading.Event) -> None:
    from workers.subscribing import Subscription

    while not ended.is_set():
        try:
            for alert in Subscription(address, since_s=3600, stop=ended):
                if alert.id not in {one.id for one in alerts}:
                    alerts.append(alert)
                    told(alert)
        except BusError:  # not there yet
            ended.wait(AGAIN_S)
