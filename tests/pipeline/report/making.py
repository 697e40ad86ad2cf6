"""Reports to test with: two recordings, three events, clips and a heatmap in which every picture shows its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.report import Clip, Curve, Facts, Report, Shown
from pipeline.types import EndReason, Event, EventKind, Image
from pipeline.video.writer import VideoWriter

__all__ = ["BITS", "NORTH", "SOUTH", "event", "numbered", "report_of_two", "told_apart", "write_files"]

FPS = 5
BITS, BLOCK_PX, HEIGHT = 10, 32, 180
# 60 s, and 40 s of a window that begins 12 s into its recording: they lie one behind the other in heatmap.mp4.
NORTH: NDArray[np.float64] = np.arange(300) / FPS
SOUTH: NDArray[np.float64] = 12 + np.arange(200) / FPS
# Recording, begin, peak and end of the events; their clips are 3 s longer on both sides.
EVENTS = ((0, 10.0, 12.0, 14.0, 3.5), (0, 40.0, 40.4, 42.0, 1.25), (1, 30.0, 31.0, 33.0, 17.0))


def event(number: int, begin_s: float, peak_s: float, end_s: float, score: float) -> Event:
    box, kind = (10 * number, 20, 60, 80), EventKind.ANOMALY
    return Event(f"gate-{number}", "gate", kind, begin_s, peak_s, end_s, score, box, EndReason.GONE)


def scores(times_s: NDArray[np.float64], recording: int) -> NDArray[np.float32]:
    values = 0.5 + 0.2 * np.sin(times_s)
    for where, begin_s, peak_s, end_s, score in EVENTS:
        if where == recording:
            values[(times_s >= begin_s) & (times_s <= end_s)] = 1.1
            values[np.argmin(np.abs(times_s - peak_s))] = score
    return values.astype(np.float32)


def report_of_two() -> Report:
    """The report whose files `write_files` makes."""
    curves = [
        Curve("north.mp4", NORTH, scores(NORTH, 0), 0.0),
        Curve("south.mp4", SOUTH, scores(SOUTH, 1), len(NORTH) / FPS),
    ]
    shown = [
        Shown(
            event(number, begin_s, peak_s, end_s, score),
            recording,
            f"events/gate-{number}.jpg",
            Clip(f"events/gate-{number}.mp4", begin_s - 3, end_s + 3),
        )
        for number, (recording, begin_s, peak_s, end_s, score) in enumerate(EVENTS, 1)
    ]
    facts = [Facts("Model", [("File", "gate.stillwatch"), ("Fitted on", "4,500 frames, 15:00")])]
    return Report("gate", curves, shown, facts, ["1 false alarm a day is expected (0.4 to 2.6)."])


def told_apart(report: Report, shares: Sequence[float]) -> Report:
    """The same report by a model that knows motion: a share of each event, half of every frame that is none."""
    curves = [replace(curve, motion=np.full(curve.scores.shape, 0.5, np.float32)) for curve in report.curves]
    events = [
        replace(shown, event=replace(shown.event, motion=share))
        for shown, share in zip(report.events, shares, strict=True)
    ]
    for shown in events:
        curve, (begin_s, end_s) = curves[shown.recording], (shown.event.begin_s, shown.event.end_s)
        assert curve.motion is not None
        curve.motion[(curve.times_s >= begin_s) & (curve.times_s <= end_s)] = shown.event.motion
    return replace(report, curves=curves, events=events)


def numbered(number: int) -> Image:
    """A picture that shows a number as black and white blocks, the lowest bit on the left."""
    bits = [number >> place & 1 for place in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 215 + 20, BLOCK_PX)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (HEIGHT, BITS * BLOCK_PX, 3)))


def write_files(folder: Path) -> None:
    """Clips, thumbnails and the heatmap of `report_of_two`; the number of a picture is its place in the heatmap."""
    (folder / "events").mkdir()
    with VideoWriter(folder / "heatmap.mp4") as writer:
        for number in range(len(NORTH) + len(SOUTH)):
            writer.write(numbered(number), number / FPS)
    for number, (recording, begin_s, peak_s, end_s, _) in enumerate(EVENTS, 1):
        times_s, before = (NORTH, 0) if recording == 0 else (SOUTH, len(NORTH))
        with VideoWriter(folder / "events" / f"gate-{number}.mp4") as writer:
            for place in np.flatnonzero((times_s >= begin_s - 3) & (times_s <= end_s + 3)):
                writer.write(numbered(before + int(place)), times_s[place])
        peak = numbered(before + int(np.argmin(np.abs(times_s - peak_s))))
        cv2.imwrite(str(folder / "events" / f"gate-{number}.jpg"), peak)
