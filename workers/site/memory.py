"""What the broker needs, counted from the site file: every stream has a bound, so the sum of them has one.

Sizes of pictures are (H, W), memory is in bytes unless a name says MB, which are the broker's own: 1024 × 1024.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.types import CELL_PX, PLANES, Size, display_size, model_size
from workers.bus.bounds import ALERTS_KEPT, SCORES_KEPT
from workers.site.values import Camera, Site

__all__ = ["BrokerMemory", "broker_memory"]

MB = 1024 * 1024
# A server without data takes 1 MB; the rest is for the workers' connections, status hashes and dead letters.
BASE = 32 * MB
# Decoders stop at this share of the limit: at the limit even scores and status are refused.
USED_SHARE = 0.8
# What an entry takes beside its picture, map or JSON, measured with 40 to 10,000 entries a stream as the growth of
# used_memory: frames 150 to 240, scores 420 to 550 bytes on Valkey 9.1 (libc) and Redis 7 (jemalloc). What motion adds
# to a frame's head and names is 45.
FRAME_EXTRA, SCORE_EXTRA = 300, 600
# Scores with all their planes are too large to lie together: each has a node of the stream's tree to itself.
NODE_BYTES = 100
ALERT_BYTES = 1100  # 900 bytes of JSON take 930 to 1,030
# JPEG of quality 80 (cv2.imencode) of every 20th frame at 480 lines, or the footage's own where those are fewer; the
# largest of each clip, in bytes a pixel: 0.07 and 0.10 of two indoor scenes, 0.14 of UCSD Ped2's Test001, 0.20 of PETS
# 2009's lawn. So 82 kB at 854×480.
PREVIEW_BYTES_A_PIXEL = 0.2
# Of a camera that nobody has opened yet.
ASSUMED_SOURCE: Size = (2160, 3840)


@dataclass(frozen=True, slots=True)
class BrokerMemory:
    """Bytes of everything that may lie on the bus at once.

    Attributes:
        frames, previews, scores: of all cameras.
        alerts: the feed of alerts.
        replies: the batch that a scorer is just being sent, once more.
        base: the server itself.
    """

    frames: int
    previews: int
    scores: int
    alerts: int
    replies: int
    base: int = BASE

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.frames + self.previews + self.scores + self.alerts + self.replies + self.base

    @property
    def max_memory_mb(self) -> int:
        """The limit to give the broker, `maxmemory`: all of it fits into the share that decoders fill."""
        return math.ceil(self.total / USED_SHARE / MB)


def broker_memory(site: Site, sizes: Mapping[str, tuple[Size, Size]] | None = None) -> BrokerMemory:
    """What the broker needs for a site.

    Args:
        sizes: of each camera that is known by name: the picture that its model sees, and that of a preview. The others
            are taken to be 16:9, and large enough for the previews asked for.
    """
    known = {name: (sizes or {}).get(name) or _assumed(camera) for name, camera in site.cameras.items()}

    def summed(kept: Callable[[Camera], int], entry: Callable[[Camera, Size, Size], int]) -> int:
        return sum(kept(camera) * entry(camera, *known[name]) for name, camera in site.cameras.items())

    frame = max(_frame_bytes(model) for model, _ in known.values())
    return BrokerMemory(
        frames=summed(lambda camera: camera.frames_kept, lambda _, model, __: _frame_bytes(model)),
        previews=summed(
            lambda camera: camera.previews_kept * camera.previews, lambda _, __, shown: _preview_bytes(shown)
        ),
        scores=summed(lambda _: SCORES_KEPT, lambda _, model, __: _score_bytes(model)),
        alerts=ALERTS_KEPT * ALERT_BYTES,
        replies=site.scorer.batch * frame,
    )


def _assumed(camera: Camera) -> tuple[Size, Size]:
    return model_size(ASSUMED_SOURCE, camera.size), display_size(ASSUMED_SOURCE, camera.preview_size)


def _frame_bytes(model: Size) -> int:
    # With motion, whatever the model of now: it may be fitted again with it at any time.
    return _allocated(model[0] * model[1] * 3 + PLANES * _cells(model) + FRAME_EXTRA)


def _preview_bytes(shown: Size) -> int:
    return _allocated(math.ceil(shown[0] * shown[1] * PREVIEW_BYTES_A_PIXEL) + FRAME_EXTRA)


def _score_bytes(model: Size) -> int:
    return _allocated(3 * _cells(model) + SCORE_EXTRA) + NODE_BYTES  # a level, a share, and one of what stays each


def _cells(model: Size) -> int:
    return (model[0] // CELL_PX) * (model[1] // CELL_PX)


def _allocated(size: int) -> int:
    """What jemalloc hands out for so much: four sizes to each doubling (240×432 RGB: 311,040 take 327,680)."""
    step = 1 << max(0, (size - 1).bit_length() - 3)
    return math.ceil(size / step) * step
