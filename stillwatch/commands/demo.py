"""`stillwatch demo`: a street of our own, from footage to pictures, with labels to say what was found."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from stillwatch.console import Bar, clock, interruptible, progress_bar, show
from stillwatch.exits import EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from pipeline.types import Image
    from pipeline.video.street import Street, StreetAnomaly

__all__ = ["run"]

# A quarter of an hour of people walking, two frames a second: what matters is how many people were seen, and where.
NORMAL_S, NORMAL_FPS = 900.0, 2.0
WATCHED_S, WATCHED_FPS = 180.0, 10.0
# A peak this near to the object is on it: half of the smallest person's height.
NEAR_PX = 20


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of scores.csv."""

    time_s: float
    score: float
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of one anomaly: the row with the highest score while it lasted, and whether that was found."""

    anomaly: StreetAnomaly
    best: int
    score: float
    found: bool


@click.command("demo")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("stillwatch-demo"),
    show_default=True,
    help="Folder.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Which street it is.")
def run(output: Path, seed: int) -> int:
    """Record a street of our own, learn it, and find what does not belong there.

    Needs no footage and no network. Takes about a minute on two cores.

    \b
    Example:
      stillwatch demo
    """
    from pipeline.files import check_writable
    from pipeline.video.street import Street, anomaly_script

    begun = time.monotonic()
    check_writable(output / "street.stillwatch", make_folder=True)
    script = anomaly_script(WATCHED_S, seed)
    today = Street(seed, day=1, anomalies=script)
    with interruptible() as stop, progress_bar() as bar:
        _record(Street(seed), NORMAL_S, NORMAL_FPS, output / "normal.mp4", "recording a normal day", bar, stop)
        _record(today, WATCHED_S, WATCHED_FPS, output / "watched.mp4", "recording another day", bar, stop)
        if not stop.is_set():
            _fit_and_replay(output, bar, stop)
        if stop.is_set():
            return EXIT_INTERRUPTED
    rows = _rows(output / "scores.csv")
    verdicts = [_judge(anomaly, rows, today) for anomaly in script]
    _write_sheet(output, verdicts)
    _report(output, rows, verdicts, script, today, time.monotonic() - begun)
    return EXIT_OK


def _record(street: Street, duration_s: float, fps: float, path: Path, what: str, bar: Bar, stop: Event) -> None:
    from pipeline.video.prefetch import prefetched
    from pipeline.video.writer import VideoWriter

    total = round(duration_s * fps)
    with closing(prefetched(street.frames(duration_s, fps))) as frames, VideoWriter(path) as writer:
        for number, frame in enumerate(frames, start=1):  # drawn in one thread, encoded in another
            writer.write(frame.pixels, frame.time_s)
            bar.update(what, number, total)
            if stop.is_set():
                break


def _fit_and_replay(output: Path, bar: Bar, stop: Event) -> None:
    from pipeline.fit import FitOptions, fit_footage
    from pipeline.model.detector import Detector
    from pipeline.model.engine import choose_hardware
    from pipeline.model.model_file import save_model
    from pipeline.replay import ReplayOptions, replay
    from pipeline.video.sources import find_sources

    fitted = fit_footage(
        find_sources([output / "normal.mp4"]),
        FitOptions(fps=NORMAL_FPS),
        choose_hardware(),
        progress=lambda done, total: bar.update("learning the normal day", done, total),
        stop=stop,
    )
    save_model(fitted.model, output / "street.stillwatch")
    replay(
        find_sources([output / "watched.mp4"]),
        Detector(fitted.model, fitted.engine),
        output,
        ReplayOptions(),
        progress=lambda done, total: bar.update("scoring the other day", done, total),
        stop=stop,
    )


def _rows(path: Path) -> list[_Row]:
    with open(path, encoding="utf-8", newline="") as file:
        return [
            _Row(float(row["time_s"]), float(row["score"]), int(row["x"]), int(row["y"]))
            for row in csv.DictReader(file)
        ]


def _judge(anomaly: StreetAnomaly, rows: Sequence[_Row], street: Street) -> _Verdict:
    """Found: while it lasts, some frame's score is above 1 and its peak is on the object or near it."""
    during = [number for number, row in enumerate(rows) if anomaly.begin_s <= row.time_s < anomaly.end_s]
    on_it = [n for n in during if rows[n].score > 1 and _on_object(rows[n], anomaly, street)]
    best = max(on_it or during, key=lambda number: rows[number].score)
    return _Verdict(anomaly, best, rows[best].score, bool(on_it))


def _on_object(row: _Row, anomaly: StreetAnomaly, street: Street) -> bool:
    frame = street.frame(row.time_s)
    near = frame.mask[max(0, row.y - NEAR_PX) : row.y + NEAR_PX + 1, max(0, row.x - NEAR_PX) : row.x + NEAR_PX + 1]
    return anomaly.kind in frame.kinds and bool(near.any())


def _auroc(rows: Iterable[_Row], street: Street) -> float:
    from pipeline.evaluation.metrics import FrameMetrics

    metrics = FrameMetrics()
    for row in rows:
        metrics.add(row.score, bool(street.frame(row.time_s).kinds))
    return metrics.result().auroc or 0.0


def _write_sheet(output: Path, verdicts: Sequence[_Verdict]) -> None:
    """The moment of each anomaly, with its heatmap, side by side."""
    import cv2

    from pipeline.files import written_whole
    from pipeline.video.drawing import contact_sheet

    pictures = _pictures(output / "heatmap.mp4", {verdict.best for verdict in verdicts})
    labels = [
        f"{verdict.anomaly.kind}, {'found' if verdict.found else 'missed'}, score {verdict.score:.2f}"
        for verdict in verdicts
    ]
    sheet = contact_sheet([pictures[verdict.best] for verdict in verdicts], labels, columns=3)
    with written_whole(output / "anomalies.png") as part:
        encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1]
        part.write_bytes(encoded.tobytes())


def _pictures(video: Path, numbers: set[int]) -> Mapping[int, Image]:
    from pipeline.types import Geometry, model_size
    from pipeline.video.recording import open_recording
    from pipeline.video.sampling import Sampling
    from pipeline.video.sources import find_sources

    (source,) = find_sources([video])
    with open_recording(source) as recording:
        sampling = Sampling(Geometry(model_size(recording.size, 32)), display_short_side=min(recording.size))
        frames: Iterator[tuple[int, Image | None]] = (
            (frame.index, frame.display) for frame in recording.frames(sampling)
        )
        return {index: picture for index, picture in frames if index in numbers and picture is not None}


def _report(
    output: Path,
    rows: Sequence[_Row],
    verdicts: Sequence[_Verdict],
    script: Sequence[StreetAnomaly],
    street: Street,
    elapsed_s: float,
) -> None:
    quiet = [row for row in rows if not any(one.begin_s <= row.time_s < one.end_s for one in script)]
    alarms = sum(row.score > 1 for row in quiet)
    show(f"\nlearned {clock(NORMAL_S)} of people walking, then watched {clock(WATCHED_S)} of another day\n")
    for verdict in verdicts:
        anomaly = verdict.anomaly
        outcome = "found " if verdict.found else "missed"
        show(f"  {clock(anomaly.begin_s)}  {anomaly.kind:<8}  {outcome}  score {verdict.score:.2f}")
    show("")
    for kind in dict.fromkeys(one.kind for one in script):
        of_kind = [verdict.found for verdict in verdicts if verdict.anomaly.kind == kind]
        show(f"  {kind:<8}  {sum(of_kind)} of {len(of_kind)} found")
    show(f"\n  frame AUROC         {_auroc(rows, street):.3f}, against the labels of the street")
    show(f"  falsely above 1     {alarms} of {len(quiet)} frames without an anomaly")
    show(f"  took                {clock(elapsed_s)}\n")
    results = {
        "anomalies.png": "what was found, and how strongly",
        "heatmap.mp4": "the day, with what was found laid over it",
        "scores.csv": "a row a frame",
    }
    width = max(len(str(output / name)) for name in results)
    for name, what in results.items():
        show(f"look at  {output / name!s:<{width}}  {what}")
    show("then     stillwatch fit YOUR_FOOTAGE -o camera.stillwatch")
