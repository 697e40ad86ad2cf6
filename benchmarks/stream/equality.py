"""A `fast` recording through the workers against `replay` of it: the same scores and events, none missing or twice."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stream.stage import Stage
from benchmarks.stream.tally import Tally
from pipeline.model.detector import load_detector
from pipeline.model.engine import choose_hardware
from pipeline.model.model_file import load_model
from pipeline.replay import ReplayOptions, Task, replay
from pipeline.video.sources import find_sources
from workers.bus.keys import ALERTS

__all__ = ["Kept", "equality", "events_of", "replayed"]


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as its last alert tells it; `index` is its id without camera and epoch."""

    camera: str
    index: str
    score: float
    motion: float | None
    clip: str | None


def equality(footage: Path, seconds: float, cameras: int = 1) -> dict[str, float]:
    """Differences between both; 0 everywhere is what is wanted."""
    with Stage(footage, cameras, seconds, camera={"pace": "fast"}) as stage:
        wanted = replayed(stage, stage.names[0])
        with open(stage.folder / "replayed" / "scores.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        raw = [float(row["raw_score"]) for row in rows]
        stage.start("scorer")
        stage.start("alerter")
        stage.start_decoders()
        with Tally(stage.broker.address, stage.names) as tally:
            stage.wait_for("the end of every recording", lambda: len(tally.ends) == cameras, 600)
            stage.wait_for("an entry for every frame", lambda: not tally.missing())
            stage.wait_for("the events' ends", lambda: len(events_of(stage)) >= len(wanted) * cameras, 120)
        differences = [
            abs(score - raw[index]) / raw[index]
            for (_, _, index), (_, _, score, _) in tally.scores.items()
            if index < len(raw)
        ]
        return {
            "frames": len(raw),
            "scored": len(tally.scores),
            "missing": len(raw) * cameras - len(tally.scores),
            "twice": tally.repeats,
            "largest_difference": max(differences),
            "largest_difference_of_parts": max(_of_parts(tally, rows), default=0.0),
            "events": len(wanted),
            "events_that_differ": sum(_differing(stage, name, wanted) for name in stage.names),
        }


def _of_parts(tally: Tally, rows: Sequence[Mapping[str, str]]) -> list[float]:
    """Differences between the parts that are motion, in units of the threshold.

    A row whose score is that of what lingers has its parts; such frames are passed over.
    """
    differences = []
    for key, parts in tally.parts.items():
        row = rows[key[2]] if key[2] < len(rows) else {}
        if parts.motion is None or parts.appearance is None or not row.get("motion"):
            continue
        if abs(parts.appearance + parts.motion - float(row["score"])) <= 1e-4 * float(row["score"]):
            differences.append(abs(parts.motion - float(row["motion"])))
    return differences


def replayed(stage: Stage, name: str) -> list[tuple[str, float, float | None]]:
    """The events of a camera's recording as `replay` finds them: ids without camera and number, scores, motion."""
    camera = stage.site.cameras[name]
    model = load_model(stage.site.model_of(camera))
    hardware = choose_hardware(device="cpu")
    tasks = [Task(source, model, name) for source in find_sources([camera.source])]
    out = stage.folder / "replayed"
    replay(tasks, lambda fitted: load_detector(fitted, hardware), out, ReplayOptions(heatmap=False))
    events = json.loads((out / "events.json").read_text("utf-8"))
    return sorted((_index(event["id"], name), event["score"], event["motion"]) for event in events)


def events_of(stage: Stage) -> list[Kept]:
    """Events that have ended, as the alerts say."""
    told = [json.loads(fields[b"alert"]) for _, fields in stage.connection.do("XRANGE", ALERTS, "-", "+")]
    ended = [one for one in told if one["state"] == "ended" and one["kind"] != "camera"]
    return [
        Kept(one["camera"], _index(one["event"], one["camera"]), one["score"], one.get("motion"), one.get("clip"))
        for one in ended
    ]


def _index(event: str, camera: str) -> str:
    """Id of an event without camera and epoch."""
    return event.removeprefix(f"{camera}-").split("-", 1)[1]


def _differing(stage: Stage, camera: str, wanted: list[tuple[str, float, float | None]]) -> int:
    found = sorted((one.index, one.score, one.motion) for one in events_of(stage) if one.camera == camera)
    same = len(found) == len(wanted) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= 1e-4 * b[1] and abs((a[2] or 0) - (b[2] or 0)) <= 1e-2 * b[1]
        for a, b in zip(found, wanted, strict=True)
    )
    return 0 if same else max(len(found), len(wanted), 1)
