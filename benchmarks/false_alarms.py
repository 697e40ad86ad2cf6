"""Does a threshold keep its promise? False events on days of the synthetic street that a model has not seen.

    python -m benchmarks.false_alarms [--method padim] [--hours 5] [--a-day 480] [--seed 0] [--keep FOLDER] [--json]

Learns an hour of the street without anomalies and watches other days of it, an hour each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.fit import FitOptions, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import choose_hardware
from pipeline.model.padim import Model
from pipeline.model.settings import Method, Settings
from pipeline.parts import Parts
from pipeline.process import prepare_process
from pipeline.replay import ReplayOptions, Task, replay
from pipeline.video.prefetch import prefetched
from pipeline.video.sources import find_sources
from pipeline.video.street import Street
from pipeline.video.writer import VideoWriter

__all__ = ["add_method", "events_of", "learned", "mainly_motion"]

HOUR_S, FPS = 3600.0, 5.0


def main() -> None:
    """Print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_method(parser)
    parser.add_argument("--hours", type=int, default=5)
    parser.add_argument("--a-day", type=float, default=480.0)
    parser.add_argument("--seed", type=int, default=0, help="Which street.")
    parser.add_argument("--keep", type=Path, help="Folder where its recordings are kept, and found again.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    prepare_process()
    with tempfile.TemporaryDirectory() as folder:
        kept = arguments.keep or Path(folder)
        first, *days = (_recorded(kept, arguments.seed, day) for day in range(arguments.hours + 1))
        model, detector = learned([first], Settings(method=arguments.method), arguments.a_day)
        events = events_of(days, model, detector, Path(folder) / "out")
    row = {
        "method": arguments.method.value,
        "asked_a_day": arguments.a_day,
        "hours": arguments.hours,
        "expected": round(arguments.a_day / 24 * arguments.hours, 1),
        "events": len(events),
        "mainly_motion": mainly_motion(events),
        "threshold": round(model.threshold.value, 2),
        "lingering": round(model.threshold.lingering, 3),
    }
    print(json.dumps(row, indent=2) if arguments.json else "  ".join(f"{name} {value}" for name, value in row.items()))


def add_method(parser: argparse.ArgumentParser) -> None:
    """The option that says what the scores of a benchmark are made of."""
    default = Settings().method
    parser.add_argument("--method", type=Method, choices=list(Method), default=default, help="[default: %(default)s]")


def learned(
    footage: Sequence[Path], settings: Settings, a_day: float, until_s: float | None = None
) -> tuple[Model, Detector]:
    """A model of footage, and what scores with it."""
    options = FitOptions(settings, until_s=until_s, false_alarms_per_day=a_day)
    result = fit_footage(find_sources(footage), options, choose_hardware())
    return result.model, Detector(result.model, result.engine)


def events_of(
    footage: Sequence[Path], model: Model, detector: Detector, out: Path, from_s: float = 0.0
) -> list[dict[str, Any]]:
    """The events of a replay, as its events.json has them."""
    tasks = [Task(source, model, "camera") for source in find_sources(footage)]
    replay(tasks, lambda _: detector, out, ReplayOptions(from_s=from_s, heatmap=False))
    events: list[dict[str, Any]] = json.loads((out / "events.json").read_text("utf-8"))
    return events


def mainly_motion(events: Sequence[dict[str, Any]]) -> int:
    """How many of the events of an events.json are more motion than appearance, at their peaks."""
    shares = [Parts(event["appearance"], event["motion"]).share for event in events]
    return sum(share is not None and share > 0.5 for share in shares)


def _recorded(folder: Path, seed: int, day: int) -> Path:
    """An hour of a day of the street."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"street-{seed}-{day}.mp4"
    if not path.exists():
        frames = prefetched(Street(seed, day=day).frames(HOUR_S, FPS))
        with closing(frames), VideoWriter(path) as writer:
            for frame in frames:
                writer.write(frame.pixels, frame.time_s)
    return path


if __name__ == "__main__":
    main()
