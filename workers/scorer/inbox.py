"""Frames for a scorer: of the cameras that are its own now, new ones and those that a dead peer left."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence

from pipeline.errors import BusError
from workers.bus.connection import Connection
from workers.bus.frames import Delivery, FrameReader
from workers.bus.keys import Keys
from workers.scorer.sharing import rendezvous
from workers.timing import Due

__all__ = ["Inbox"]

# Shorter than the socket's timeout, and a stop is heard in between.
WAIT_MS = 500
# One call blocks on one shard: frames of the others wait for so long at most.
TURN_MS = 10
CLAIM_S = 1.0
# A batch takes a fraction of a second; who holds frames for so long is dead, or died of them.
IDLE_MS = 5000


class Inbox:
    """Reads frames, fairly over cameras.

    Args:
        name: of the scorer.
        cameras: all that it may take.
        batch: frames to score at a time.
        batch_wait_ms: for how long to wait for more where fewer came.
        idle_ms: frames that were delivered so long ago and not settled are claimed.
    """

    def __init__(
        self,
        connection: Connection,
        keys: Keys,
        name: str,
        cameras: Sequence[str],
        batch: int,
        batch_wait_ms: float,
        idle_ms: int = IDLE_MS,
    ) -> None:
        self.reader = FrameReader(connection, keys, name)
        self._keys, self._name, self._all = keys, name, tuple(cameras)
        self._batch, self._batch_wait_ms, self._idle_ms = batch, batch_wait_ms, idle_ms
        self._claim = Due(CLAIM_S)
        self.mine: tuple[str, ...] = self._all
        self._joined = False

    def share(self, scorers: Mapping[str, Collection[str]]) -> None:
        """Take the cameras that fall to this scorer among the living, by name, and itself."""
        self.mine = rendezvous(self._name, {**scorers, self._name: self._all})

    def take(self) -> list[Delivery]:
        """The next frames; none where nothing came for a while.

        Raises:
            BusError: the broker is out of reach, or refuses.
        """
        try:
            if not self._joined:
                self.reader.join(self._all)
                self._joined = True
            return self._left_behind() or self._new()
        except BusError as error:
            if "NOGROUP" not in str(error):
                raise
            self._joined = False  # the broker lost its data
            return []

    def _left_behind(self) -> list[Delivery]:
        if not self._claim:
            return []
        # Of all cameras: who had them may be alive, and its share another now. One at a time, and asked again at once:
        # if one of them is what its scorer died of, the others of that batch must not die with it again.
        for camera in self.reader.abandoned(self._all, self._idle_ms):
            claimed = self.reader.claim([camera], self._idle_ms, 1)
            if claimed:
                return claimed
        self._claim.done()
        return []

    def _new(self) -> list[Delivery]:
        shards = self._shards()
        if not shards:
            time.sleep(WAIT_MS / 1000)
            return []
        found: list[Delivery] = []
        for cameras in shards:
            wait_ms = 0 if found else WAIT_MS if len(shards) == 1 else TURN_MS
            found += self.reader.read(cameras, self._each(len(self.mine)), wait_ms)
        if found and len(found) < self._batch and len(self.mine) > 1 and self._batch_wait_ms >= 1:
            found += self._more({one.camera for one in found}, self._batch - len(found))
        return found

    def _more(self, served: set[str], room: int) -> list[Delivery]:
        """What else comes within the deadline, of the cameras that gave nothing yet."""
        found: list[Delivery] = []
        deadline_s = time.monotonic() + self._batch_wait_ms / 1000
        for cameras in self._shards(without=served):
            left_ms = math.ceil((deadline_s - time.monotonic()) * 1000)
            if left_ms > 0 and len(found) < room:
                found += self.reader.read(cameras, 1, left_ms)
        return found

    def _shards(self, without: Collection[str] = ()) -> list[list[str]]:
        shards: dict[int, list[str]] = {}
        for camera in self.mine:
            if camera not in without:
                shards.setdefault(self._keys.shard(camera), []).append(camera)
        return list(shards.values())

    def _each(self, cameras: int) -> int:
        return max(1, math.ceil(self._batch / max(1, cameras)))
