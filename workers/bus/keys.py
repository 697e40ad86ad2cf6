"""Names of everything on the broker. Keys of a shard carry its hash tag, so that one command may touch several."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

__all__ = ["ALERTS", "GROUP", "Keys"]

# The stream of alerts and, with the same messages, the channel; those of one camera are on ALERTS:CAMERA.
ALERTS = "stillwatch:alerts"
# The consumer group of the scorers on every frames stream. It begins with what lies there when it is made.
GROUP = "scorers"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of the cameras of one site.

    Attributes:
        shards: how many the cameras are spread over; the same for every worker of a site.
    """

    shards: int = 1

    def shard(self, camera: str) -> int:
        """Shard of a camera: a hash that is the same everywhere and for ever."""
        return zlib.crc32(camera.encode()) % self.shards

    def frames(self, camera: str) -> str:
        """Stream of frames at model size."""
        return self._of("frames", camera)

    def previews(self, camera: str) -> str:
        """Stream of JPEGs at display size."""
        return self._of("previews", camera)

    def scores(self, camera: str) -> str:
        """Stream of scores and of drops."""
        return self._of("scores", camera)

    def status(self, camera: str) -> str:
        """Hash of a camera's state."""
        return self._of("status", camera)

    def dead(self, shard: int) -> str:
        """Stream of what could not be read or failed three times."""
        return f"stillwatch:{{{shard}}}:dead"

    def workers(self, shard: int) -> str:
        """Hash of the workers of a shard and when each was last seen."""
        return f"stillwatch:{{{shard}}}:workers"

    def lease(self, camera: str) -> str:
        """Who raises the alerts of a camera, and the number of times that changed."""
        return self._of("lease", camera)

    def _of(self, what: str, camera: str) -> str:
        return f"stillwatch:{{{self.shard(camera)}}}:{what}:{camera}"
