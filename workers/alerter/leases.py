"""The cameras that an alerter has: those of its own that no other alerter has, by a lease on the broker."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from workers.alerter.camera import CameraAlerts
from workers.alerter.desk import Desk
from workers.alerter.store import Store
from workers.bus.status import StatusBoard
from workers.telemetry.logs import say

__all__ = ["RENEW_S", "Leases"]

log = logging.getLogger(__name__)

LEASE_S, RENEW_S = 10.0, 2.0
AT_ONCE_S = 0.001


class Leases:
    """Takes cameras, and lets go of them.

    Args:
        names: of the cameras that it may have.
    Attributes:
        cameras: those that it has, by name.
    """

    def __init__(self, desk: Desk, names: Sequence[str], store: Store, board: StatusBoard) -> None:
        self._desk, self._names, self._store, self._board = desk, tuple(names), store, board
        self._refused: set[str] = set()
        self.cameras: dict[str, CameraAlerts] = {}

    def renew(self) -> None:
        """Keep those that it has, and take those that nobody has any more.

        Raises:
            BusError: the broker is out of reach.
        """
        for name in self._names:
            fence = self._board.lease(name, self._desk.name, LEASE_S)
            if fence:
                self._refused.discard(name)
                self._hold(name, fence)
                continue
            self.let_go(name)
            if name not in self._refused:
                self._refused.add(name)
                say(log, logging.INFO, "another alerter has the camera", camera=name)

    def let_go(self, name: str) -> None:
        """Another alerter has a camera by now."""
        self._desk.fences.pop(name, None)
        camera = self.cameras.pop(name, None)
        if camera is not None:
            camera.close()

    def give_back(self) -> None:
        """Let the next alerter have them all at once; what is written by then is the last.

        Raises:
            BusError: the broker is out of reach.
        """
        for name in self.cameras:
            self._board.lease(name, self._desk.name, AT_ONCE_S)

    def close(self) -> None:
        """Close the files of all cameras."""
        for camera in self.cameras.values():
            camera.close()
        self.cameras.clear()

    def _hold(self, name: str, fence: int) -> None:
        camera = self.cameras.get(name)
        if camera is not None and self._store.fence(name) > camera.fence:
            self.let_go(name)  # another has had it meanwhile
            camera = None
        self._desk.fences[name] = fence
        if camera is not None:
            camera.fence = fence
        else:
            self.cameras[name] = self._taken(name, fence)

    def _taken(self, name: str, fence: int) -> CameraAlerts:
        desk = self._desk
        with self._store.transaction():  # from here on nobody else writes
            self._store.hold(name, fence)
        now_s = desk.now_s()
        camera = desk.site.cameras[name]
        return CameraAlerts(camera, desk.storage, self._store, desk.room, desk.metrics, fence=fence, now_s=now_s)
