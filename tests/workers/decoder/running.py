"""A decoder in threads of this process or in a process of its own, and what it left on the bus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.model.card import FORMAT_VERSION
from pipeline.types import Size
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.frames import FrameReader
from workers.bus.keys import Keys
from workers.bus.messages import Dropped, Ended, FrameMessage, PreviewMessage, ScoreMessage, score_message
from workers.bus.status import StatusBoard
from workers.decoder.worker import run_decoder
from workers.site.values import Site

__all__ = ["Bus", "Process", "decoder_process", "decoding", "model_file", "site_file", "site_of", "until"]

Process = subprocess.Popen[str]

DEADLINE_S = 40.0
KEYS = Keys()


def site_of(server: EmbeddedBroker, folder: Path, cameras: Mapping[str, Mapping[str, object]]) -> Site:
    """A site with these cameras on a broker of the test's; small pictures unless they say otherwise."""
    return Site.model_validate(json.loads(_described(server, folder, cameras)) | {"path": folder / "site.yaml"})


def site_file(server: EmbeddedBroker, folder: Path, cameras: Mapping[str, Mapping[str, object]]) -> Path:
    """The same in a file; YAML takes JSON."""
    path = folder / "site.yaml"
    path.write_text(_described(server, folder, cameras))
    return path


def _described(server: EmbeddedBroker, folder: Path, cameras: Mapping[str, Mapping[str, object]]) -> str:
    site = {
        "storage": folder / "storage",
        "broker": server.address.url,
        "defaults": {"fps": 10, "size": 64, "hold_off_s": 0},
        "cameras": cameras,
        "telemetry": False,
    }
    return json.dumps(site, default=str)


@contextmanager
def decoding(site: Site, name: str = "decoder-1") -> Iterator[threading.Event]:
    """A decoder of all cameras of a site in a thread; what it yields stops it. It has to end within three seconds."""
    stop, codes = threading.Event(), list[int]()
    thread = threading.Thread(target=lambda: codes.append(run_decoder(site, list(site.cameras), name, stop)))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        began_s = time.monotonic()
        thread.join(10)
        took_s = time.monotonic() - began_s
    assert codes == [0]
    assert took_s < 3, took_s


@contextmanager
def decoder_process(
    site: Path, name: str = "decoder-1", program: Sequence[str] = ("-m", "workers")
) -> Iterator[Process]:
    """A decoder as a supervisor starts it; killed at the end if it is still there.

    Args:
        program: what Python is told to run.
    """
    command = [sys.executable, "-P", *program, "decoder", str(site), "--name", name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=site.parent
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def model_file(path: Path, resize: Size, source: Size, *, motion: bool = False) -> None:
    """What a card is read from: a model file without tensors."""
    said: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "geometry": {"resize": resize},
        "source_size": source,
        "fps": 5,
        "threshold": {"value": 30.0},
        "motion": motion,
    }
    head = json.dumps({"__metadata__": {"stillwatch": json.dumps(said)}}).encode()
    part = path.with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(len(head).to_bytes(8, "little") + head)
    part.replace(path)


def until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Wait until something is so; fail if it does not come about."""
    end_s = time.monotonic() + deadline_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end_s, "it did not come about in time"
        pause.wait(0.02)


class Bus:
    """What is on the bus of one camera."""

    def __init__(self, connection: Connection, camera: str = "gate") -> None:
        self.connection, self.camera = connection, camera

    def status(self) -> dict[str, str]:
        return StatusBoard(self.connection, KEYS).read([self.camera])[self.camera]

    def state(self) -> str:
        return self.status().get("state", "")

    def frames(self) -> list[FrameMessage]:
        reply = self.connection.do("XRANGE", KEYS.frames(self.camera), "-", "+")
        return [FrameMessage.read(key, fields) for key, fields in reply]

    def ids(self) -> list[tuple[int, int]]:
        return [(frame.epoch, frame.index) for frame in self.frames()]

    def previews(self) -> list[PreviewMessage]:
        reply = self.connection.do("XRANGE", KEYS.previews(self.camera), "-", "+")
        return [PreviewMessage.read(key, fields) for key, fields in reply]

    def told(self) -> list[ScoreMessage | Dropped | Ended]:
        reply = self.connection.do("XRANGE", KEYS.scores(self.camera), "-", "+")
        return [score_message(fields) for _, fields in reply]

    def dropped(self) -> list[Dropped]:
        return [one for one in self.told() if isinstance(one, Dropped)]

    def ended(self) -> list[Ended]:
        return [one for one in self.told() if isinstance(one, Ended)]

    def accounted(self, epoch: int) -> list[int]:
        """Indices of an epoch that wait to be scored, or were dropped: each once."""
        waiting = [index for of, index in self.ids() if of == epoch]
        return sorted({*waiting, *(one.index for one in self.dropped() if one.epoch == epoch)})

    def write(self, **fields: object) -> None:
        StatusBoard(self.connection, KEYS).write({self.camera: fields})

    def take_frames(self) -> int:
        """Settle everything that waits, as scorers do; how many they were."""
        reader = FrameReader(self.connection, KEYS, "scorer-1")
        reader.join([self.camera])
        deliveries = reader.read([self.camera], 1000, 0)
        for delivery in deliveries:
            reader.bury(delivery, "a test took it")
        return len(deliveries)
