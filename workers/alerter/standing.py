"""What an alerter says of its cameras on the bus: how far each is, what is open, who says it."""

from __future__ import annotations

from collections.abc import Mapping

from workers.alerter.camera import CameraAlerts
from workers.alerter.desk import Desk
from workers.bus.status import StatusBoard
from workers.site.values import Pace
from workers.timing import Due

__all__ = ["Standing"]

# Recordings that are read fast wait for what is dealt with; of the others nobody needs to know it so soon.
STATUS_S, LIVE_STATUS_S = 0.2, 1.0


class Standing:
    """Tells it: at once where an event is new or over, else when it is due."""

    def __init__(self, desk: Desk, board: StatusBoard) -> None:
        self._desk, self._board = desk, board
        self._due, self._live_due = Due(STATUS_S), Due(LIVE_STATUS_S)
        self._told: dict[str, tuple[str, int]] = {}

    def tell(self, cameras: Mapping[str, CameraAlerts]) -> None:
        """Write what is due of each.

        Raises:
            BusError: the broker is out of reach.
        """
        if not self._due:
            return
        everybody = bool(self._live_due)
        fields: dict[str, Mapping[str, object]] = {}
        for name, camera in cameras.items():
            news = camera.events.highest, camera.events.pending + self._desk.pending[name]
            if everybody or news != self._told.get(name) or self._desk.site.cameras[name].paced is Pace.FAST:
                fields[name] = self._fields(camera, *news)
                self._told[name] = news
        self._board.write(fields)
        self._due.done()
        if everybody:
            self._live_due.done()

    def _fields(self, camera: CameraAlerts, event: str, pending: int) -> Mapping[str, object]:
        return {
            "event": event,
            "alerted": camera.alerted,
            "pending": pending,
            "clips": "yes" if self._desk.room.enough else "no",
            "alerter": self._desk.name,
            "alerter_at": f"{self._desk.now_s():.3f}",
        }
