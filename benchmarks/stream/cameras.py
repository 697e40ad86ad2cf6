"""A real camera that dies, freezes or changes its pictures: how soon that is said, and how soon it is scored again."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.stream.scenery import WHOLE_S, sent_by_camera
from benchmarks.stream.stage import Stage
from benchmarks.stream.tally import Tally
from tests.workers.servers import CameraProcess
from workers.bus.keys import ALERTS
from workers.bus.status import CameraState, StatusBoard

__all__ = ["camera_outages"]

# Of a camera that was set to another size; the model's pictures are smaller still.
OTHER_SHORT_SIDE = 324
AWAY_S = 10.0
WATCH_S = 30.0
# What may have to be waited for; more than what is wanted.
MOST_S = 60.0


def camera_outages(footage: Path) -> dict[str, float]:
    """Each outage in turn, of one camera that sends the footage its model was fitted on again and again."""
    with tempfile.TemporaryDirectory(prefix="sw-") as name:
        folder = Path(name)
        clip = sent_by_camera(footage, folder / "camera.mp4")
        other = sent_by_camera(footage, folder / "other.mp4", OTHER_SHORT_SIDE)
        with (
            CameraProcess(clip) as camera,
            Stage(clip, 1, 1.0, camera={"pace": "live"}, sources=[camera.url], fit_s=WHOLE_S) as stage,
        ):
            outages: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
                "killed": (camera.kill, camera.start),
                "frozen": (camera.freeze, camera.thaw),
                "resized": (camera.kill, lambda: camera.start(other)),
            }
            return _figures(stage, outages)


def _figures(stage: Stage, outages: dict[str, tuple[Callable[[], None], Callable[[], None]]]) -> dict[str, float]:
    figures: dict[str, float] = {"stall_s": stage.site.cameras[stage.names[0]].stall_s}
    for role in ("scorer", "alerter"):
        stage.start(role)
    stage.start_decoders()
    with Tally(stage.broker.address, stage.names) as tally:
        stage.wait_for("a score", lambda: bool(tally.scores))
        time.sleep(WATCH_S)
        figures["alerts_before"] = before = _alerts(stage)
        for name, (leave, come_back) in outages.items():
            figures |= _outage(stage, tally, name, leave, come_back)
            time.sleep(WATCH_S)
            figures[f"{name}_alerts"] = _alerts(stage) - before
            before = _alerts(stage)
        figures["epochs"] = len({epoch for _, epoch, _ in list(tally.scores)})
        figures |= {"scored": len(tally.scores), "dropped": len(tally.drops)}
    return figures


def _outage(
    stage: Stage, tally: Tally, name: str, leave: Callable[[], None], come_back: Callable[[], None]
) -> dict[str, float]:
    leave()
    left = time.monotonic()
    noticed_s = stage.wait_for("another state", lambda: _state(stage) is not CameraState.ONLINE, MOST_S)
    time.sleep(max(0.0, left + AWAY_S - time.monotonic()))
    epoch = max(epoch for _, epoch, _ in list(tally.scores))
    come_back()
    back_s = stage.wait_for("a new epoch", lambda: any(key[1] > epoch for key in list(tally.scores)), MOST_S)
    return {f"{name}_noticed_s": noticed_s, f"{name}_back_s": back_s}


def _state(stage: Stage) -> CameraState:
    (name,) = stage.names
    return CameraState(StatusBoard(stage.connection, stage.keys).read([name])[name]["state"])


def _alerts(stage: Stage) -> int:
    """How many events of what the camera shows have begun."""
    told = [json.loads(fields[b"alert"]) for _, fields in stage.connection.do("XRANGE", ALERTS, "-", "+")]
    return sum(one["state"] == "started" and one["kind"] != "camera" for one in told)
