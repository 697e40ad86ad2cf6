"""Cameras that send what cannot be decoded: a loose cable, a network that loses packets, a broken encoder."""

from __future__ import annotations

import time

from pipeline.video.recording import Recording
from workers.decoder.standing import Standing

__all__ = ["LOOK_S", "Damage"]

LOOK_S = 4.0
DAMAGED = "most of its pictures are damaged; check the camera, its cable and the network."


class Damage:
    """Judges a camera that is online, every few seconds, by what came since; `look` is called before each packet.

    Args:
        where: the source, for the error.
    """

    def __init__(self, recording: Recording, standing: Standing, where: str) -> None:
        self._recording, self._standing, self._where = recording, standing, where
        self._begin()

    def look(self) -> None:
        """Count a packet, which holds a picture or a part of one."""
        self._packets += 1
        if time.monotonic() - self._since_s < LOOK_S:
            return
        most = self._recording.damaged - self._damaged > self._packets / 2
        self._standing.complain(f"{self._where}: {DAMAGED}" if most else "")
        self._begin()

    def _begin(self) -> None:
        self._since_s, self._packets, self._damaged = time.monotonic(), 0, self._recording.damaged
