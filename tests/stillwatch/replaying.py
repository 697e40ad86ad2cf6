"""A replay run by a test, and the folder it wrote."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from tests.stillwatch.running import Result, run

__all__ = ["FILES", "Replayed", "replay"]

COLUMNS = ["file", "index", "time_s", "score", "raw_score", "appearance", "motion", "x", "y"]
# What is in the folder whether there were events or not.
FILES = ["events.json", "heatmap.mp4", "report.html", "scores.csv", "summary.json"]


@dataclass(frozen=True)
class Replayed:
    """What a replay said, and the folder it wrote."""

    done: Result
    out: Path

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of scores.csv."""
        with open(self.out / "scores.csv", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            assert reader.fieldnames == COLUMNS
            return list(reader)

    @property
    def times(self) -> list[float]:
        return [float(row["time_s"]) for row in self.rows]

    @property
    def shown(self) -> list[float]:
        """Times of the pictures of heatmap.mp4."""
        with av.open(str(self.out / "heatmap.mp4")) as video:
            return [round(frame.time or 0.0, 3) for frame in video.decode(video=0)]

    @property
    def summary(self) -> dict[str, Any]:
        """What summary.json holds."""
        found: dict[str, Any] = json.loads((self.out / "summary.json").read_text("utf-8"))
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """What events.json holds."""
        found: list[dict[str, Any]] = json.loads((self.out / "events.json").read_text("utf-8"))
        return found

    @property
    def files(self) -> list[str]:
        """Names in the folder, the hidden ones too."""
        return sorted(path.name for path in self.out.iterdir())

    @property
    def content(self) -> dict[str, bytes]:
        """Every file below the folder; of the summary, all that a second replay repeats."""
        found = {str(path.relative_to(self.out)): path.read_bytes() for path in self.out.rglob("*") if path.is_file()}
        if "summary.json" in found:
            summary = json.loads(found["summary.json"])
            del summary["elapsed_s"]
            found["summary.json"] = json.dumps(summary).encode()
        return found


def replay(*args: str | Path, model: Path, cwd: Path) -> Replayed:
    """Replay into `out`, in this process."""
    return Replayed(run("replay", *args, "-m", model, "-o", "out", cwd=cwd), cwd / "out")
