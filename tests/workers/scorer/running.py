"""A scorer in a thread of this process, what decoders would send it, and what it says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np

from pipeline.fit import FitOptions, fit_footage
from pipeline.model.engine import Hardware, choose_hardware
from pipeline.model.padim import Model
from pipeline.model.pool import DetectorPool
from pipeline.model.settings import Method, Settings
from pipeline.types import Frame, Image, Motion, Size
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.pipeline.video.clips import write_clip
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.frames import FrameWriter
from workers.bus.keys import Keys
from workers.bus.messages import Dropped, Ended, FrameMessage, ScoreMessage, score_message
from workers.bus.scores import ScoreReader
from workers.bus.status import StatusBoard
from workers.scorer.worker import Scorer
from workers.site.values import Site

__all__ = [
    "EPOCH",
    "FPS",
    "IDLE_MS",
    "SIZE",
    "Camera",
    "fit",
    "frames_of",
    "hardware",
    "passing",
    "scene",
    "scoring",
    "site_of",
    "until",
]

DEADLINE_S = 40.0
EPOCH, FPS = 1_795_000_000_000, 5.0
# Of the source's pictures, and of the model's.
SOURCE: Size = (72, 96)
SIZE: Size = (64, 80)
SETTINGS = Settings(Method.STILLWATCH, backbone="resnet18", weights="random", taps=("layer1",), dims=8)
# Instead of five seconds: these batches take milliseconds.
IDLE_MS = 300


def hardware() -> Hardware:
    """That of a scorer without options, on a CPU."""
    return choose_hardware(device="cpu")


def scene(count: int, *, seed: int = 0) -> list[Image]:
    """(72, 96, 3) pictures of a textured ground under noise."""
    ground = cv2.resize(np.random.RandomState(7).randint(40, 200, (9, 12, 3)).astype(np.uint8), SOURCE[::-1])
    noise = np.random.RandomState(seed)
    return [np.clip(ground + noise.normal(0, 4, ground.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def passing(pictures: list[Image]) -> list[Image]:
    """The same with something bright that goes through them."""
    for number, picture in enumerate(pictures):
        left = number * (SOURCE[1] - 16) // len(pictures)
        picture[30:46, left : left + 16] = 230
    return pictures


def fit(folder: Path, *, seed: int = 0, short_side: int = 64) -> Model:
    """A model of 12 s of the scene."""
    clip = write_clip(folder / f"scene-{seed}-{short_side}.mp4", scene(120, seed=seed))
    return fit_footage(find_sources([clip]), FitOptions(SETTINGS, short_side=short_side, fps=FPS), hardware()).model


def frames_of(clip: Path, model: Model) -> list[Frame]:
    """The frames of a recording as decoders and `replay` take them."""
    (source,) = find_sources([clip])
    with open_recording(source) as recording:
        return list(recording.frames(Sampling(model.geometry, FPS, motion=model.has_motion)))


def site_of(
    server: EmbeddedBroker,
    folder: Path,
    cameras: Mapping[str, Mapping[str, object]],
    *,
    shards: int = 1,
    scorer: Mapping[str, object] | None = None,
) -> Site:
    """A site with these cameras, written to `site.yaml` as well; frames are never late unless a camera says so."""
    described = {
        "storage": folder / "storage",
        "broker": server.address.url,
        "shards": shards,
        "cameras": {name: {"source": folder / "x.mp4", "pace": "fast", **own} for name, own in cameras.items()},
        "scorer": {"device": "cpu", **(scorer or {})},
        "telemetry": False,
    }
    text = json.dumps(described, default=str)  # YAML takes JSON
    (folder / "site.yaml").write_text(text)
    (folder / "storage" / "models").mkdir(parents=True, exist_ok=True)
    return Site.model_validate(json.loads(text) | {"path": folder / "site.yaml"})


@contextmanager
def scoring(
    site: Site, server: EmbeddedBroker, name: str = "scorer-1", pool: DetectorPool | None = None
) -> Iterator[Scorer]:
    """A scorer of all cameras of a site in a thread; stopped at the end, within three seconds."""
    stop, ended = threading.Event(), threading.Event()
    pool = DetectorPool(hardware()) if pool is None else pool  # an empty one is false
    with Connection(server.address) as connection:
        scorer = Scorer(site, list(site.cameras), name, connection, pool, idle_ms=IDLE_MS)

        def run() -> None:
            scorer.run(stop)
            ended.set()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield scorer
        finally:
            stop.set()
            thread.join(10)
    assert ended.is_set()


def until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Wait until something is so; fail if it does not come about."""
    end_s = time.monotonic() + deadline_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end_s, "it did not come about in time"
        pause.wait(0.02)


class Camera:
    """The decoder's side of one camera, and what is on the bus of it."""

    def __init__(self, connection: Connection, name: str = "gate", shards: int = 1) -> None:
        self.name, self._connection, self.keys = name, connection, Keys(shards)
        self._writer = FrameWriter(connection, self.keys)

    def publish(
        self,
        pictures: Sequence[Image],
        *,
        first: int = 0,
        age_s: float = 0.0,
        source: Size = SOURCE,
        motions: Sequence[Motion | None] = (),
    ) -> None:
        """Frames at model size, captured `age_s` ago; those without a motion come last."""
        for index, (pixels, motion) in enumerate(zip_longest(pictures, motions), start=first):
            captured_at = self._connection.now_s() - age_s
            frame = FrameMessage(EPOCH, index, index / FPS, captured_at, source, pixels, motion)
            self._writer.publish(self.name, frame, None, 0)

    def put(self, index: int, *fields: object) -> None:
        """An entry of the frames stream as nobody of ours writes it."""
        self._connection.do("XADD", self.keys.frames(self.name), f"{EPOCH}-{index}", *fields)

    def waiting(self) -> int:
        """Frames that are not settled."""
        return self._writer.waiting(self.name)

    def entries(self) -> list[ScoreMessage | Dropped | Ended]:
        """All of the scores stream, in the order in which they were written."""
        found = ScoreReader(self._connection, self.keys).read({self.name: "0"}, 10_000, 0)
        return [score_message(entry.fields) for entry in found]

    def scores(self) -> dict[int, ScoreMessage]:
        """Scores by index; no frame has two entries."""
        entries = self.entries()
        indices = [entry.index for entry in entries]
        assert len(indices) == len(set(indices)), "a frame was settled twice"
        return {entry.index: entry for entry in entries if isinstance(entry, ScoreMessage)}

    def drops(self) -> dict[int, str]:
        """Reasons by index."""
        return {entry.index: str(entry.reason) for entry in self.entries() if isinstance(entry, Dropped)}

    def dead(self) -> list[dict[str, str]]:
        """Notes of what was given up."""
        found = self._connection.do("XRANGE", self.keys.dead(self.keys.shard(self.name)), "-", "+")
        return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in found]

    def status(self) -> dict[str, str]:
        """Its state, as far as scorers know."""
        return StatusBoard(self._connection, self.keys).read([self.name])[self.name]
