"""A `fast` recording through the workers against `replay` of it: the same scores and events, none missing or twice."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

from benchmarks.stream.stage import Stage
from benchmarks.stream.tally import Tally
from pipeline.model.detector import load_detector
from pipeline.model.engine import choose_hardware
from pipeline.model.model_file import load_model
from pipeline.replay import ReplayOptions, Task, replay
from pipeline.video.sources import find_sources

__all__ = ["equality"]


def equality(footage: Path, seconds: float, cameras: int = 1) -> dict[str, float]:
    """Differences between both; 0 everywhere is what is wanted."""
    with Stage(footage, cameras, seconds, camera={"pace": "fast"}) as stage:
        camera = stage.site.cameras[stage.names[0]]
        model = load_model(stage.site.model_of(camera))
        hardware = choose_hardware(device="cpu")
        out = stage.folder / "replayed"
        tasks = [Task(source, model, camera.name) for source in find_sources([camera.source])]
        replay(tasks, lambda fitted: load_detector(fitted, hardware), out, ReplayOptions(heatmap=False))
        with open(out / "scores.csv", encoding="utf-8") as file:
            raw = [float(row["raw_score"]) for row in csv.DictReader(file)]
        replayed = json.loads((out / "events.json").read_text("utf-8"))
        stage.start("scorer")
        stage.start("alerter")
        stage.start_decoders()
        with Tally(stage.broker.address, stage.names) as tally:
            stage.wait_for("the end of every recording", lambda: len(tally.ends) == cameras, 600)
            stage.wait_for("an entry for every frame", lambda: not tally.missing())
            stage.wait_for("the events' ends", lambda: len(_events(stage, ended=True)) >= len(replayed) * cameras, 120)
        differences = [
            abs(score - raw[index]) / raw[index]
            for (_, _, index), (_, _, score, _) in tally.scores.items()
            if index < len(raw)
        ]
        wanted = sorted((event["id"].split("-", 2)[-1], event["score"]) for event in replayed)
        return {
            "frames": len(raw),
            "scored": len(tally.scores),
            "missing": len(raw) * cameras - len(tally.scores),
            "twice": tally.repeats,
            "largest_difference": max(differences),
            "events": len(replayed),
            "events_that_differ": sum(_differing(stage, name, wanted) for name in stage.names),
        }


def _events(stage: Stage, *, ended: bool) -> list[tuple[str, str, float]]:
    """Events in the alerter's own database: id, camera, score."""
    path = stage.site.storage / "events.sqlite"
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT id, camera, score, end_at FROM events").fetchall()
    return [(name, camera, score) for name, camera, score, end in rows if end is not None or not ended]


def _differing(stage: Stage, camera: str, wanted: list[tuple[str, float]]) -> int:
    found = sorted(
        (name.removeprefix(f"{camera}-").split("-", 1)[-1], score)
        for name, owner, score in _events(stage, ended=True)
        if owner == camera
    )
    same = len(found) == len(wanted) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= 1e-4 * b[1] for a, b in zip(found, wanted, strict=True)
    )
    return 0 if same else max(len(found), len(wanted), 1)
