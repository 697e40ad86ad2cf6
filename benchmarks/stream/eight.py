"""Eight cameras of one decoder under `stillwatch run`, of which three are not well: what the other five lose."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.stream.scenery import make_site, sent_by_camera
from benchmarks.stream.tally import Tally
from tests.workers.servers import CameraProcess
from workers.bus.broker import broker_address
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import StatusBoard
from workers.site.values import Site

__all__ = ["eight"]

GOOD = [f"good-{number}" for number in range(1, 6)]
# What is wrong with them, as `tests.workers.rtsp_camera` names it; the last has no model.
OTHERS = {"garbage": "garbage", "silent": "mute", "unfitted": "none"}
FIT_S, BEGIN_S, STOP_S, LOOK_S = 30.0, 60.0, 60.0, 0.1
COMMAND = [sys.executable, "-P", "-m", "stillwatch"]


def eight(footage: Path, seconds: float) -> dict[str, float]:
    """Figures of the five good cameras over so many seconds; `stillwatch status` tells of all of them on stderr."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sw-")))
        clip = sent_by_camera(footage, folder / "camera.mp4")
        troubles = {**dict.fromkeys(GOOD, "none"), **OTHERS}
        cameras = {name: stack.enter_context(CameraProcess(clip, trouble)) for name, trouble in troubles.items()}
        told = {name: {"source": camera.url, "pace": "live"} for name, camera in cameras.items()}
        site = make_site(folder, clip, FIT_S, {}, told)
        site.model_of(site.cameras["unfitted"]).unlink()
        stack.enter_context(_running(site))
        tally = stack.enter_context(Tally(broker_address(site), GOOD))
        _wait(site, lambda: tally.cameras_since(0) == len(GOOD))
        return _figures(site, tally, seconds)


def _figures(site: Site, tally: Tally, seconds: float) -> dict[str, float]:
    tally.begin()  # what came while the model was loaded is of no interest
    scored = len(tally.scores)
    with Connection(broker_address(site)) as connection:
        board = StatusBoard(connection, Keys())
        words = _listen(board, seconds)
        said = board.read(GOOD)
    dropped = sum(tally.reasons().values())
    figures: dict[str, float] = {
        "good_online": sum(said[name]["state"] == "online" for name in GOOD),
        "most_reconnects": max(int(said[name]["reconnects"]) for name in GOOD),
        "scored": len(tally.scores) - scored,
        "dropped": dropped,
        "unaccounted": _gaps(tally),
        "twice": tally.repeats,
        **{f"{name}_says_why": sum(count for said, count in words[name].items() if ": " in said) for name in OTHERS},
    }
    subprocess.run([*COMMAND, "status", "-c", str(site.path)], check=False, stdout=sys.stderr)
    for name in OTHERS:
        for word, count in words[name].most_common():
            print(f"{name}, {count} of {seconds:.0f} s: {word}", file=sys.stderr)
    return figures


def _listen(board: StatusBoard, seconds: float) -> dict[str, Counter[str]]:
    """What is said of the cameras that are not well: for how many seconds which state, and why."""
    words = {name: Counter[str]() for name in OTHERS}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, fields in board.read(list(OTHERS)).items():
            why = fields.get("error") or fields.get("model_error") or ""
            words[name][f"{fields.get('state', '')}: {why}" if why else fields.get("state", "")] += 1
        time.sleep(1)
    return words


def _gaps(tally: Tally) -> int:
    """Frames that have neither a score nor a reason, although a later one of their epoch has."""
    settled = [*list(tally.scores), *list(tally.drops)]
    highest: dict[tuple[str, int], int] = {}
    for camera, epoch, index in settled:
        highest[camera, epoch] = max(index, highest.get((camera, epoch), -1))
    return sum(index + 1 for index in highest.values()) - len(settled)


@contextmanager
def _running(site: Site) -> Iterator[None]:
    """`stillwatch run`, its log beside the site file."""
    with open(_log(site), "wb") as log:
        process = subprocess.Popen([*COMMAND, "run", "-c", str(site.path)], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(site: Site, condition: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > BEGIN_S:
            raise TimeoutError(f"the cameras were not scored in {BEGIN_S:g} s\n{_log(site).read_text()}")
        time.sleep(LOOK_S)


def _log(site: Site) -> Path:
    return site.path.with_suffix(".log")
