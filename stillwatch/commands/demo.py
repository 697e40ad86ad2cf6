"""`stillwatch demo`: a street of our own, from footage to pictures, with labels to say what was found."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterable, Iterator, Sequence
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
    from pipeline.video.street import Street, StreetAnomaly, StreetFrame

__all__ = ["run"]

# Minutes of people walking: it matters how many were seen, and where; at fewer frames a second what is fast is lost.
NORMAL_S, NORMAL_FPS = 450.0, 5.0
WATCHED_S, WATCHED_FPS, REPLAYED_FPS = 180.0, 10.0, 5.0
# False alarms that the threshold aims at: the demo is to show what it does with few minutes of footage.
FALSE_ALARMS_A_DAY = 100.0
# What the live part shows before and after an event.
LIVE_MARGIN_S = 8.0


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of scores.csv; the share of its score that is motion is None for a model of appearance alone."""

    time_s: float
    score: float
    share: float | None


@dataclass(frozen=True, slots=True)
class _Found:
    """An event of events.json, and its place among all of them."""

    number: int
    begin_s: float
    peak_s: float
    end_s: float
    score: float
    share: float | None
    box: tuple[int, int, int, int]
    thumbnail: str | None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of one anomaly: the first event that is of it, or the highest score of a frame while it lasted."""

    anomaly: StreetAnomaly
    event: _Found | None
    score: float
    share: float | None


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

    Needs no footage and no network. Takes two to three minutes on two cores.

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
        for street, length_s, fps, name, what in (
            (Street(seed), NORMAL_S, NORMAL_FPS, "normal.mp4", "recording a normal day"),
            (today, WATCHED_S, WATCHED_FPS, "watched.mp4", "recording another day"),
        ):
            _record(street.frames(length_s, fps), round(length_s * fps), output / name, what, bar, stop)
        if not stop.is_set():
            _fit_and_replay(output, bar, stop)
        if stop.is_set():
            return EXIT_INTERRUPTED
    rows, events = _rows(output / "scores.csv"), _events(output / "events.json")
    verdicts = [_judge(anomaly, rows, events, today) for anomaly in script]
    _write_sheet(output, verdicts, events)
    _report(output, rows, verdicts, events, today, time.monotonic() - begun)
    with interruptible() as stop:
        _watch_live(output, today, [*(one.event for one in verdicts if one.event), *events], stop)
        _point(output)
        return EXIT_INTERRUPTED if stop.is_set() else EXIT_OK


def _record(frames: Iterator[StreetFrame], total: int, path: Path, what: str, bar: Bar, stop: Event) -> None:
    from pipeline.video.prefetch import prefetched
    from pipeline.video.writer import VideoWriter

    with closing(prefetched(frames)) as drawn, VideoWriter(path) as writer:
        for number, frame in enumerate(drawn, start=1):  # drawn in one thread, encoded in another
            writer.write(frame.pixels, frame.time_s)
            bar.update(what, number, total)
            if stop.is_set():
                break


def _fit_and_replay(output: Path, bar: Bar, stop: Event) -> None:
    from pipeline.fit import FitOptions, fit_footage
    from pipeline.model.detector import Detector
    from pipeline.model.engine import choose_hardware
    from pipeline.model.model_file import save_model
    from pipeline.replay import ReplayOptions, Task, replay
    from pipeline.video.sources import find_sources

    fitted = fit_footage(
        find_sources([output / "normal.mp4"]),
        FitOptions(fps=NORMAL_FPS, false_alarms_per_day=FALSE_ALARMS_A_DAY),
        choose_hardware(),
        progress=lambda done, total: bar.update("learning the normal day", done, total),
        stop=stop,
    )
    save_model(fitted.model, output / "street.stillwatch")
    (watched,) = find_sources([output / "watched.mp4"])
    replay(
        [Task(watched, fitted.model, "street")],
        lambda model: Detector(model, fitted.engine),
        output,
        ReplayOptions(fps=REPLAYED_FPS),
        progress=lambda done, total: bar.update("scoring the other day", done, total),
        stop=stop,
    )


def _rows(path: Path) -> list[_Row]:
    with open(path, encoding="utf-8", newline="") as file:
        return [
            _Row(float(row["time_s"]), float(row["score"]), _share(row["appearance"], row["motion"]))
            for row in csv.DictReader(file)
        ]


def _events(path: Path) -> list[_Found]:
    found = []
    for number, event in enumerate(json.loads(path.read_text("utf-8")), start=1):
        x, y, width, height = event["box"]
        times = (event["begin_s"], event["peak_s"], event["end_s"])
        share = _share(event["appearance"], event["motion"])
        found.append(_Found(number, *times, event["score"], share, (x, y, width, height), event["thumbnail"]))
    return found


def _share(appearance: str | float | None, motion: str | float | None) -> float | None:
    """How much of a score is motion, of its parts as a file has them: empty for a model of appearance alone."""
    from pipeline.parts import Parts

    return None if motion in ("", None) or appearance in ("", None) else Parts(float(appearance), float(motion)).share


def _judge(anomaly: StreetAnomaly, rows: Sequence[_Row], events: Sequence[_Found], street: Street) -> _Verdict:
    """Found: an event whose highest moment is while it lasts, and whose box meets it then."""
    of_it = [event for event in events if _shows(event, anomaly, street)]
    if of_it:
        return _Verdict(anomaly, of_it[0], of_it[0].score, of_it[0].share)
    lasting = [row for row in rows if anomaly.begin_s <= row.time_s < anomaly.end_s]
    highest = max(lasting, key=lambda row: row.score, default=_Row(anomaly.begin_s, 0.0, None))
    return _Verdict(anomaly, None, highest.score, highest.share)


def _shows(event: _Found, anomaly: StreetAnomaly, street: Street) -> bool:
    if not anomaly.begin_s <= event.peak_s < anomaly.end_s:
        return False
    frame = street.frame(event.peak_s)
    x, y, width, height = event.box
    return anomaly.kind in frame.kinds and bool(frame.mask[y : y + height, x : x + width].any())


def _auroc(rows: Iterable[_Row], street: Street) -> float:
    from pipeline.evaluation.metrics import FrameMetrics

    metrics = FrameMetrics()
    for row in rows:
        metrics.add(row.score, bool(street.frame(row.time_s).kinds))
    return metrics.result().auroc or 0.0


def _write_sheet(output: Path, verdicts: Sequence[_Verdict], events: Sequence[_Found]) -> None:
    """The pictures of all events side by side."""
    import cv2
    import numpy as np

    from pipeline.files import written_whole
    from pipeline.video.drawing import contact_sheet

    kinds = {verdict.event.number: verdict.anomaly.kind for verdict in verdicts if verdict.event}
    shown = [event for event in events if event.thumbnail]
    if not shown:
        return
    pictures = [cv2.cvtColor(_picture(output / str(event.thumbnail)), cv2.COLOR_BGR2RGB) for event in shown]
    labels = [f"event {event.number}, {kinds.get(event.number, 'nothing that was staged')}" for event in shown]
    sheet = contact_sheet([np.asarray(picture, np.uint8) for picture in pictures], labels, columns=3)
    with written_whole(output / "anomalies.png") as part:
        part.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


def _picture(path: Path) -> Image:
    import cv2
    import numpy as np

    return np.asarray(cv2.imread(str(path)), np.uint8)


def _report(
    output: Path,
    rows: Sequence[_Row],
    verdicts: Sequence[_Verdict],
    events: Sequence[_Found],
    street: Street,
    elapsed_s: float,
) -> None:
    from pipeline.parts import mainly

    show(f"\nlearned {clock(NORMAL_S)} of people walking, then watched {clock(WATCHED_S)} of another day\n")
    for verdict in verdicts:
        anomaly, event = verdict.anomaly, verdict.event
        outcome = f"found, event {event.number}" if event else "missed"
        said = f"score {verdict.score:.2f}  {mainly(verdict.share)}".rstrip()
        show(f"  {clock(anomaly.begin_s)}  {anomaly.kind:<8}  {outcome:<15}  {said}")
    show("")
    for kind in dict.fromkeys(verdict.anomaly.kind for verdict in verdicts):
        of_kind = [verdict.event is not None for verdict in verdicts if verdict.anomaly.kind == kind]
        show(f"  {kind:<8}  {sum(of_kind)} of {len(of_kind)} found")
    false = [event for event in events if not any(_shows(event, verdict.anomaly, street) for verdict in verdicts)]
    show(f"\n  events        {len(events)}, of which {len(false)} show nothing that was staged")
    show(f"  frame AUROC   {_auroc(rows, street):.3f}, against the labels of the street")
    show(f"  took          {clock(elapsed_s)}\n")


def _watch_live(output: Path, today: Street, events: Sequence[_Found], stop: Event) -> None:
    """Show the stretch of the day around the first event as a camera would, and the alerts that come of it."""
    from stillwatch.staged import watch_live

    if not events:
        show("nothing was found, so there is nothing to show live.\n")
        return
    event = events[0]
    begin_s = max(0.0, event.begin_s - LIVE_MARGIN_S)
    length_s = event.end_s + LIVE_MARGIN_S - begin_s
    folder = output / "live"
    folder.mkdir(exist_ok=True)
    with progress_bar() as bar:
        stretch = today.frames(length_s, WATCHED_FPS, begin_s=begin_s)
        _record(stretch, round(length_s * WATCHED_FPS), folder / "live.mp4", "recording a camera", bar, stop)
    if stop.is_set():
        return
    show(f"the same as a camera: {clock(length_s)} in real time, through decoder, scorer and alerter; their alerts:\n")
    begun = time.monotonic()
    alerts = watch_live(
        folder, length_s, lambda one: show(f"  {clock(time.monotonic() - begun)}  {one.state:<7}  {one.text}"), stop
    )
    show("" if alerts else "  none\n")


def _point(output: Path) -> None:
    """Where to look."""
    results = {
        "report.html": "the curve of scores, the events, their clips: open it in a browser",
        "anomalies.png": "the events side by side",
        "events/": "a clip and a picture of each event",
        "heatmap.mp4": "the day, with what was found laid over it",
        "scores.csv": "a row a frame",
        "live/": "the site file of the live part, its events and their clips",
    }
    width = max(len(str(output / name)) for name in results)
    for number, (name, what) in enumerate(results.items()):
        show(f"{'look at' if not number else '':<8} {output / name!s:<{width}}  {what}")
    show("then     stillwatch fit YOUR_FOOTAGE -o camera.stillwatch")
