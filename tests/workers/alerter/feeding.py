"""Scores and previews as scorers and decoders would write them, painted by hand; and alerters that read them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.alerting.tracker import Change, EventTracker, Observation, View
from pipeline.parts import Parts
from pipeline.policy import Policy
from pipeline.types import CoarseMap, Geometry, Image
from pipeline.video.jpeg import encode_jpeg
from tests.pipeline.alerting.painting import SOURCE, Things, painted
from tests.pipeline.video.clips import numbered
from workers.alert import Alert
from workers.alerter.worker import run_alerter
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.feed import AlertFeed
from workers.bus.keys import Keys
from workers.bus.messages import Dropped, Ended, PreviewMessage, ScoreMessage
from workers.site.reading import read_site
from workers.site.values import Site

__all__ = ["CAMERA", "POLICY", "Feeder", "alerter", "alerts_of", "direct", "film", "process", "site_for", "wait_for"]

CAMERA, FPS, MODEL, QUIET = "gate", 5, "0123456789abcdef", 0.3
GEOMETRY = Geometry((96, 160))
POLICY = Policy(min_duration_s=0.4, gap_s=0.6, pre_roll_s=1.0, post_roll_s=1.0)
DEADLINE_S = 30.0
SITE = """
storage: {storage}
broker: unix://{socket}
cameras:
{cameras}
defaults:
  alert: {{min_duration_s: 0.4, gap_s: 0.6, pre_roll_s: 1, post_roll_s: 1}}
telemetry: false
{more}
"""


def site_for(
    server: EmbeddedBroker, folder: Path, cameras: Sequence[str] = (CAMERA,), more: str = "retention: {floor_gb: 0}"
) -> Site:
    """A site whose cameras nobody reads; its file is `site.yaml` in the folder.

    Its clips are cut however full the disk of this machine is, unless `more` says otherwise.
    """
    sources = "\n".join(f"  {name}: {{source: rtsp://127.0.0.1:9/{name}}}" for name in cameras)
    socket = server.address.url.removeprefix("unix://")
    path = folder / "site.yaml"
    path.write_text(SITE.format(storage=folder / "storage", socket=socket, cameras=sources, more=more))
    return read_site(path)


def film(*parts: tuple[int, Things]) -> list[Things]:
    """What each frame shows: so many frames of one thing after the other."""
    return [things for count, things in parts for _ in range(count)]


class Feeder:
    """Writes one camera's frames to the broker; their previews show their numbers unless something else is given.

    Args:
        shares: how much of each cell is motion, by a model that knows it.
    """

    def __init__(
        self,
        connection: Connection,
        camera: str = CAMERA,
        epoch: int | None = None,
        picture: Callable[[int], Image] = lambda index: numbered(index % 256, (96, 160)),
        shares: NDArray[np.float32] | None = None,
    ) -> None:
        self._picture, self._shares = picture, shares
        self._connection, self._keys, self._camera = connection, Keys(), camera
        self.epoch = epoch or int(time.time() * 1000)

    def message(self, index: int, things: Things, model: str = MODEL) -> ScoreMessage:
        """The score of a frame."""
        score, coarse, motion = _judged(things, self._shares)
        at = self.epoch / 1000 + index / FPS
        return ScoreMessage(
            self.epoch,
            index,
            round(index / FPS, 6),
            at,
            SOURCE,
            at,
            score,
            score * 40,
            (0.0, 0.0),
            coarse,
            GEOMETRY,
            model,
            1.0,
            1.0,
            Parts.of(score, motion),
        )

    def say(self, message: ScoreMessage | Dropped | Ended) -> None:
        """Write an entry of the scores stream."""
        self._connection.do("XADD", self._keys.scores(self._camera), "*", *message.fields())

    def preview(self, index: int) -> None:
        """Write the preview of a frame, which shows its number."""
        jpeg = encode_jpeg(self._picture(index))
        message = PreviewMessage(self.epoch, index, index / FPS, self.epoch / 1000 + index / FPS, jpeg)
        entry = ("MAXLEN", "~", 1000, f"{self.epoch}-{index}", *message.fields())
        self._connection.do("XADD", self._keys.previews(self._camera), *entry)

    def show(self, shown: Sequence[Things], first: int = 0, *, previews: bool = True) -> None:
        """Write frames with their previews."""
        for index, things in enumerate(shown, first):
            if previews:
                self.preview(index)
            self.say(self.message(index, things))

    def end(self, count: int) -> None:
        """Say that the epoch is over."""
        self.say(Ended(self.epoch, count))


def direct(
    shown: Sequence[Things],
    epoch: int,
    camera: str = CAMERA,
    policy: Policy = POLICY,
    shares: NDArray[np.float32] | None = None,
) -> list[Change]:
    """What a tracker says that is shown the same frames."""
    tracker = EventTracker(policy, View(camera, epoch, GEOMETRY, SOURCE, 1.0))
    changes: list[Change] = []
    for index, things in enumerate(shown):
        score, coarse, motion = _judged(things, shares)
        changes += tracker.observe(Observation(index, round(index / FPS, 6), score, coarse, motion)).changes
    return [*changes, *tracker.finish()]


def _judged(things: Things, shares: NDArray[np.float32] | None) -> tuple[float, CoarseMap, float | None]:
    """Score, map and how much of the score is motion."""
    coarse = painted(things, None, shares)
    row, column = divmod(int(coarse.levels.argmax()), coarse.levels.shape[1])
    return max([QUIET, *things.values()]), coarse, coarse.motion_at(row, column)


@contextmanager
def alerter(site: Site, name: str = "test-alerter-1") -> Iterator[threading.Event]:
    """An alerter in a thread; it is stopped at the end."""
    stop, codes = threading.Event(), list[int]()
    thread = threading.Thread(target=lambda: codes.append(run_alerter(site, list(site.cameras), name, stop)))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(DEADLINE_S)
    assert codes == [0]


def process(site: Site, name: str = "test-alerter-1") -> subprocess.Popen[str]:
    """An alerter in a process of its own."""
    command = [sys.executable, "-P", "-m", "workers", "alerter", str(site.path), "--name", name]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def alerts_of(connection: Connection) -> list[Alert]:
    """All alerts on the bus."""
    return [Alert.model_validate_json(message) for _, message in AlertFeed(connection).read("0", 10_000, 0)]


def wait_for(condition: Callable[[], object], what: str = "it") -> None:
    """Look until something is true; a test that waits longer than the deadline fails."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not happen in time"
        time.sleep(0.01)
