"""What the same bytes cost with nothing but redis-py and the server, at the same pace: the floor of the transport.

One process writes a frame and its preview, another reads, acknowledges and deletes; no messages are made or read.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import redis

from pipeline.process import prepare_process
from workers.bus.broker import EmbeddedBroker

__all__ = ["bare"]

FRAME_BYTES, PREVIEW_BYTES = 240 * 432 * 3, 58_000
FRAMES_S = 80
MEMORY_MB = 256
BLOCK_MS = 500


def bare(seconds: float) -> dict[str, float]:
    """CPU milliseconds a frame of writer, reader and server."""
    frames = int(seconds * FRAMES_S)
    context = multiprocessing.get_context("spawn")
    spent = context.Queue()
    with tempfile.TemporaryDirectory(prefix="sw-") as folder, EmbeddedBroker(Path(folder), MEMORY_MB) as broker:
        server = psutil.Process(broker.pid)
        before = server.cpu_times()
        url = broker.address.url
        redis.Redis.from_url(url).xgroup_create("frames", "readers", id="0", mkstream=True)
        both = [context.Process(target=role, args=(url, frames, spent)) for role in (_write, _read)]
        for one in both:
            one.start()
        figures: dict[str, float] = dict(spent.get() for _ in both)
        for one in both:
            one.join()
        after = server.cpu_times()
    figures["broker"] = (after.user + after.system - before.user - before.system) / frames * 1e3
    return {**figures, "together": sum(figures.values())}


def _write(url: str, frames: int, spent: multiprocessing.Queue[tuple[str, float]]) -> None:
    prepare_process()
    client, frame, preview = redis.Redis.from_url(url), os.urandom(FRAME_BYTES), os.urandom(PREVIEW_BYTES)
    begun_s, begun_cpu_s = time.monotonic(), time.process_time()
    for index in range(frames):
        pipe = client.pipeline(transaction=False)
        pipe.xadd("frames", {"data": frame})
        pipe.xadd("previews", {"data": preview}, maxlen=100)
        pipe.execute()
        time.sleep(max(0.0, begun_s + (index + 1) / FRAMES_S - time.monotonic()))
    spent.put(("writer", (time.process_time() - begun_cpu_s) / frames * 1e3))


def _read(url: str, frames: int, spent: multiprocessing.Queue[tuple[str, float]]) -> None:
    prepare_process()
    client = redis.Redis.from_url(url)
    begun_cpu_s, seen = time.process_time(), 0
    while seen < frames:
        reply: Any = client.xreadgroup("readers", "one", {"frames": ">"}, count=8, block=BLOCK_MS)
        ids = [key for _, entries in reply for key, _ in entries]
        if ids:
            pipe = client.pipeline(transaction=False)
            pipe.xack("frames", "readers", *ids)
            pipe.xdel("frames", *ids)
            pipe.execute()
        seen += len(ids)
    spent.put(("reader", (time.process_time() - begun_cpu_s) / frames * 1e3))
