"""What a camera's thread writes on the bus, and what it owes while the broker is full or away.

Every index that was captured ends on the bus: as a frame, or as a drop with its reason, told when the broker is back.
A frame whose writing was not answered may be there or not: it is written again under its id, which does no harm.
"""

from __future__ import annotations

import logging
from collections import deque

from pipeline.errors import BusError
from workers.bus.bounds import SCORES_KEPT
from workers.bus.connection import BusFull, BusLost
from workers.bus.frames import FrameWriter, TakenOver
from workers.bus.messages import Drop, Dropped, Ended, FrameMessage, PreviewMessage
from workers.decoder.link import Link
from workers.decoder.standing import Standing
from workers.site.values import Camera
from workers.telemetry.logs import Repeated

__all__ = ["MOST_OWED", "Outbox"]

log = logging.getLogger(__name__)
again = Repeated(log)

# Minutes of a camera; as many as the scores stream keeps.
MOST_OWED = SCORES_KEPT
TOLD_AT_ONCE = 200


class Outbox:
    """Of one camera; used by its thread alone."""

    def __init__(self, camera: Camera, writer: FrameWriter, link: Link, standing: Standing) -> None:
        self._camera, self._writer, self._link, self._standing = camera, writer, link, standing
        self._owed: deque[Dropped | Ended] = deque()
        self._unanswered: tuple[FrameMessage, PreviewMessage | None] | None = None

    def send(self, frame: FrameMessage, preview: PreviewMessage | None) -> None:
        """Publish a frame, or drop it: a live camera waits for nobody.

        Raises:
            TakenOver: another decoder writes the frames of this camera.
        """
        if self._link.full:
            self._drop(frame, Drop.MEMORY)
        elif not self.pay() or not self._published(frame, preview):
            self._drop_unless_unanswered(frame)
        self.pay()

    def send_surely(self, frame: FrameMessage, preview: PreviewMessage | None) -> int | None:
        """Publish a frame of a recording that loses nothing: how many wait, or None when it is to be tried again.

        Raises:
            TakenOver: as `send`.
        """
        if not self._link.up or self._link.full:
            return None
        try:
            waiting = self._writer.publish(self._camera.name, frame, preview, self._camera.previews_kept)
        except TakenOver:
            raise
        except BusError as error:
            self._failed(error)
            return None
        self._standing.published()
        return waiting

    def end(self, epoch: int, count: int) -> None:
        """Say that an epoch is over after so many frames."""
        self._owe(Ended(epoch, count))
        self.pay()

    def pay(self) -> bool:
        """Tell what is owed; whether nothing is any more.

        Raises:
            TakenOver: as `send`.
        """
        if not self._owed and self._unanswered is None:
            return self._link.up
        try:
            return self._link.up and self._answered() and self._tell()
        except TakenOver:
            raise
        except BusError as error:
            self._failed(error)
            return False

    def _published(self, frame: FrameMessage, preview: PreviewMessage | None) -> bool:
        name, kept = self._camera.name, self._camera.frames_kept
        try:
            waiting = self._writer.publish(name, frame, preview, self._camera.previews_kept)
        except TakenOver:
            self._drop(frame, Drop.BROKER)
            raise
        except BusFull:
            self._drop(frame, Drop.MEMORY)
            return True
        except BusLost as error:
            self._unanswered = frame, preview
            self._failed(error)
            return False
        except BusError as error:
            self._failed(error)
            return False
        self._standing.published()
        if waiting > kept:
            self._shorten(kept)
        return True

    def _shorten(self, kept: int) -> None:
        try:
            self._standing.dropped(Drop.LATE, self._writer.shorten(self._camera.name, kept))
        except BusError as error:
            self._failed(error)

    def _answered(self) -> bool:
        """Write again what was not answered; later frames have later ids, so nothing may go before it."""
        if self._unanswered is not None:
            frame, preview = self._unanswered
            try:
                self._writer.publish(self._camera.name, frame, preview, self._camera.previews_kept)
                self._standing.published()
            except TakenOver:
                self._unanswered = None
                self._drop(frame, Drop.BROKER)
                raise
            except BusFull:
                self._drop(frame, Drop.MEMORY)
            self._unanswered = None
        return True

    def _tell(self) -> bool:
        while self._owed:
            part = [self._owed[place] for place in range(min(TOLD_AT_ONCE, len(self._owed)))]
            self._writer.tell(self._camera.name, part)
            for _ in part:
                self._owed.popleft()
        return True

    def _drop_unless_unanswered(self, frame: FrameMessage) -> None:
        if self._unanswered is None or self._unanswered[0] is not frame:
            self._drop(frame, Drop.BROKER)

    def _drop(self, frame: FrameMessage, reason: Drop) -> None:
        self._standing.dropped(reason)
        self._owe(Dropped(frame.epoch, frame.index, reason))

    def _owe(self, said: Dropped | Ended) -> None:
        if len(self._owed) >= MOST_OWED:
            self._owed.popleft()
            again.say(logging.WARNING, "drops forgotten, the broker is away for too long", camera=self._camera.name)
        self._owed.append(said)

    def _failed(self, error: BusError) -> None:
        if not isinstance(error, BusFull):
            self._link.lost()
        again.say(logging.WARNING, "frames do not reach the broker", camera=self._camera.name, error=str(error))
