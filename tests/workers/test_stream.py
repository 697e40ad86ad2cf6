"""The whole stream as its users have it: cameras in, `stillwatch run`, alerts at a subscriber out."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

import av
import pytest

from pipeline.errors import BusError
from pipeline.parts import Parts
from tests.pipeline.video.clips import write_clip as write_camera_clip
from tests.stillwatch.conftest import FPS, SMALL, scene, write_clip
from tests.stillwatch.replaying import replay
from tests.stillwatch.running import DEADLINE_S, run, started, wait_until
from tests.stillwatch.sites import short_folder, write_site
from tests.workers.servers import CameraProcess
from workers.alert import Alert, AlertState
from workers.bus.broker import socket_path
from workers.bus.connection import Address, Connection
from workers.bus.keys import Keys
from workers.bus.messages import Dropped, Ended, ScoreMessage, score_message
from workers.bus.scores import ScoreReader
from workers.bus.status import StatusBoard
from workers.subscribing import Subscription

# Two a process: each decoder has one that is well.
TROUBLES = {"gate": "none", "door": "mute", "yard": "none", "dock": "noise"}
GOOD = ("gate", "yard")
SILENT = "nothing came in time; check that the camera or server runs and can be reached."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 12 s of a small scene."""
    folder = tmp_path_factory.mktemp("model")
    write_clip(folder / "gate.mp4", scene(12))
    done = run("fit", "gate.mp4", "-o", "gate.stillwatch", *SMALL, cwd=folder)
    assert (done.code, done.err) == (0, "")
    return folder / "gate.stillwatch"


@pytest.fixture
def folder(model: Path) -> Iterator[Path]:
    """Of a site whose cameras all have this model."""
    with short_folder() as made:
        (made / "store" / "models").mkdir(parents=True)
        for name in TROUBLES:
            shutil.copy(model, made / "store" / "models" / f"{name}.stillwatch")
        yield made


class Listener:
    """What a site says from now on, as somebody hears it who is no part of it."""

    def __init__(self, address: Address) -> None:
        self._address, self._stop = address, threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._hear, self._count)]
        self.alerts: list[Alert] = []
        self.scores: list[ScoreMessage | Dropped | Ended] = []

    def __enter__(self) -> Listener:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _hear(self) -> None:
        self.alerts.extend(Subscription(self._address, since_s=DEADLINE_S, stop=self._stop))

    def _count(self) -> None:
        position = "0"
        with Connection(self._address) as connection:
            reader = ScoreReader(connection, Keys())
            while not self._stop.is_set():
                try:
                    entries = reader.read({"gate": position}, 500, 200)
                except BusError:
                    self._stop.wait(0.1)  # the broker ends with the run
                    continue
                for entry in entries:
                    position = entry.position
                    self.scores.append(score_message(entry.fields))


@contextmanager
def running(folder: Path) -> Iterator[tuple[Address, subprocess.Popen[str]]]:
    """`stillwatch run`, from when its broker answers until it has ended, by itself or asked to."""
    process = started("run", "-c", "site.yaml", cwd=folder)
    address = Address.of_socket(socket_path(folder / "store"))
    try:
        wait_until(lambda: answers(address))
        yield address, process
        process.terminate()  # does nothing to one that has ended
        _, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert "Traceback" not in err


def answers(address: Address) -> bool:
    try:
        with Connection(address) as connection:
            connection.do("PING")
    except BusError:
        return False
    return True


def test_a_recording_through_the_stream_is_what_replay_finds(folder: Path, model: Path) -> None:
    visit = chain(scene(6, seed=2), scene(4, seed=3, thing=True), scene(6, seed=4))
    replayed = replay(write_clip(folder / "gate.mp4", visit), model=model, cwd=folder)
    write_site(folder, {"gate": "source: gate.mp4, pace: fast"})
    with running(folder) as (address, process), Listener(address) as heard:
        wait_until(lambda: process.poll() is not None)

    *scores, end = sorted(heard.scores, key=lambda one: one.index)
    assert isinstance(end, Ended)
    assert end.index == len(replayed.rows) == len(scores) == 80
    for row, score in zip(replayed.rows, scores, strict=True):
        assert isinstance(score, ScoreMessage)
        assert str(score.index) == row["index"]
        assert score.raw_score == pytest.approx(float(row["raw_score"]), rel=1e-4)

    (event,) = replayed.events
    begun, ended = (one for one in heard.alerts if one.state is not AlertState.UPDATED)
    assert (begun.state, ended.state) == (AlertState.STARTED, AlertState.ENDED)
    assert begun.event == ended.event == f"gate-{end.epoch}-{event['id'].rsplit('-', 1)[1]}"
    assert ended.box is not None
    assert (ended.kind, list(ended.box), ended.reason) == (event["kind"], event["box"], event["reason"])
    assert ended.score == pytest.approx(event["score"], rel=1e-3)  # as both round it
    assert Parts(ended.appearance, ended.motion).share == Parts(event["appearance"], event["motion"]).share
    assert seconds_of(folder / "store", ended) >= 4


def seconds_of(storage: Path, alert: Alert) -> float:
    """Length of an alert's clip, every picture of which can be decoded."""
    assert alert.clip is not None
    with av.open(str(storage / alert.clip)) as clip:
        times = [frame.time for frame in clip.decode(video=0)]
    assert times[0] is not None
    assert times[-1] is not None
    return times[-1] - times[0]


def test_cameras_that_are_not_well_leave_their_neighbours_alone(folder: Path, tmp_path: Path) -> None:
    clip = write_camera_clip(tmp_path / "clip.mp4", list(scene(6)), fps=FPS, options={"bf": "0", "g": "5"})
    with ExitStack() as stack:
        cameras = {name: stack.enter_context(CameraProcess(clip, trouble)) for name, trouble in TROUBLES.items()}
        sources = {name: f"source: '{camera.url}', hold_off_s: 0" for name, camera in cameras.items()}
        write_site(folder, sources, "cameras_per_process: 2")
        address, _ = stack.enter_context(running(folder))
        board = StatusBoard(stack.enter_context(Connection(address)), Keys())

        def said(name: str, field: str) -> str:
            return board.read([name])[name].get(field, "")

        wait_until(lambda: all(said(name, "scored").isdigit() and int(said(name, "scored")) > 20 for name in GOOD))
        wait_until(lambda: bool(said("door", "error")) and bool(said("dock", "error")))
        assert said("gate", "decoder") != said("yard", "decoder")
        for name in GOOD:
            assert (said(name, "state"), said(name, "reconnects"), said(name, "error")) == ("online", "0", "")
        assert said("door", "error") == f"{cameras['door'].url}: {SILENT}"
        assert said("dock", "error").startswith(f"{cameras['dock'].url}: ")
