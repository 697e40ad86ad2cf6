"""A report turned into what the page's template and its script are given: texts, and numbers packed small."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.parts import both, mainly
from pipeline.report.assets import EMBEDDED_CLIPS_BYTES, EMBEDDED_THUMBNAILS_BYTES, carried, link
from pipeline.report.values import Curve, Report, Shown
from pipeline.report.words import KINDS, REASONS, counted, duration, listed, moment, place, score_text, share_text
from pipeline.types import SHARE_STEPS

__all__ = ["Card", "Figure", "cards", "figures", "lead", "script_data", "tells_motion"]

# Frames further apart than this many usual distances have footage missing between them: no time above 1 there.
GAP_STEPS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A headline figure, its name, and a word more about it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """An event as the template shows it.

    Attributes:
        number: 1, 2, 3 … in order of time.
        thumbnail, clip: addresses; None where there is no such file.
        carries_thumbnail, carries_clip: whether the page holds the file itself.
    """

    number: int
    shown: Shown
    kind: str
    when: str
    lasted: str
    peak: str
    score: str
    facts: Sequence[tuple[str, str]]
    thumbnail: str | None
    carries_thumbnail: bool
    clip: str | None
    carries_clip: bool

    @property
    def clip_name(self) -> str:
        """Name of the clip's file."""
        return Path(self.shown.clip.path).name if self.shown.clip else ""


def lead(report: Report) -> str:
    """What was replayed, in a line."""
    names = listed([curve.file for curve in report.curves])
    recordings = counted(len(report.curves), "recording")
    return f"{recordings}: {names}" if names else recordings


def figures(report: Report) -> list[Figure]:
    """The headline: events, the highest score, what lay above the threshold, how much was seen."""
    frames = sum(len(curve.scores) for curve in report.curves)
    above = sum(int(np.count_nonzero(curve.above)) for curve in report.curves)
    share = f"{share_text(above / frames)} of frames" if frames else ""
    seen = Figure("Frames", f"{frames:,}")
    over = Figure("Frames above 1", f"{above:,}", share)
    if report.clocked:
        seen = Figure("Footage", duration(sum(curve.length_s for curve in report.curves)), counted(frames, "frame"))
        over = Figure("Time above 1", duration(sum(_above_s(curve) for curve in report.curves)), share)
    return [Figure("Events", f"{len(report.events):,}"), _highest(report), over, seen]


def cards(report: Report, folder: Path) -> list[Card]:
    """The events in order of time, with the addresses of their files in `folder`."""
    ordered = sorted(report.events, key=lambda shown: (shown.recording, shown.event.begin_s, shown.event.id))
    best = sorted(ordered, key=lambda shown: -shown.event.score)
    clips = carried((shown.clip.path for shown in best if shown.clip), folder, EMBEDDED_CLIPS_BYTES)
    thumbnails = carried((shown.thumbnail for shown in best), folder, EMBEDDED_THUMBNAILS_BYTES)
    return [_card(number, shown, report, folder, clips | thumbnails) for number, shown in enumerate(ordered, 1)]


def tells_motion(report: Report) -> bool:
    """Whether any curve says how much of it is motion."""
    return any(curve.motion is not None for curve in report.curves)


def script_data(report: Report, shown: Sequence[Card]) -> dict[str, object]:
    """What the script draws and plays."""
    return {
        "clocked": report.clocked,
        "recordings": [_packed(curve) for curve in report.curves],
        "events": [_played(card) for card in shown],
    }


def _highest(report: Report) -> Figure:
    peaks = [
        (float(curve.scores[top]), top, curve)
        for curve in report.curves
        if np.isfinite(curve.scores).any()
        for top in [int(np.argmax(_finite(curve.scores, -np.inf)))]
    ]
    if not peaks:
        return Figure("Highest score", "–")
    score, top, curve = max(peaks, key=lambda peak: peak[0])
    where = f" of {curve.file}" if len(report.curves) > 1 else ""
    words = "" if curve.motion is None else f", {mainly(float(curve.motion[top]))}"
    when = moment(float(curve.times_s[top]), clocked=report.clocked)
    return Figure("Highest score", score_text(score), f"{when}{where}{words}")


def _above_s(curve: Curve) -> float:
    if len(curve.times_s) < 2:
        return 0.0
    steps = np.append(np.diff(curve.times_s), curve.step_s)
    return float(np.minimum(steps, GAP_STEPS * curve.step_s)[curve.above].sum())


def _card(number: int, shown: Shown, report: Report, folder: Path, held: frozenset[str]) -> Card:
    event, clocked = shown.event, report.clocked
    clip = shown.clip.path if shown.clip else None
    begin, peak, end = (moment(time_s, clocked=clocked) for time_s in (event.begin_s, event.peak_s, event.end_s))
    facts = [
        ("Where", place(event.box)),
        ("Ended", REASONS[event.reason]),
    ]
    if event.motion is not None:
        facts.insert(0, ("Score", both(event.motion)))
    if len(report.curves) > 1:
        facts.insert(0, ("Recording", report.curves[shown.recording].file))
    return Card(
        number=number,
        shown=shown,
        kind=KINDS[event.kind],
        when=begin if begin == end else f"{begin} – {end}",
        lasted=duration(event.end_s - event.begin_s) if clocked else "",
        peak=peak,
        score=score_text(event.score),
        facts=facts,
        thumbnail=link(shown.thumbnail, folder),
        carries_thumbnail=shown.thumbnail in held,
        clip=link(clip, folder),
        carries_clip=clip in held,
    )


def _packed(curve: Curve) -> dict[str, object]:
    """A curve as base64 of little-endian numbers: a day at 5 frames/s is 3.5 MB.

    Steps of whole milliseconds take two bytes while none is longer than a minute.
    """
    times_ms = np.rint(curve.times_s * 1000).astype(np.int64)
    steps_ms = np.diff(times_ms, prepend=times_ms[:1])
    wide = bool(np.any(steps_ms > np.iinfo(np.uint16).max))
    return {
        "file": curve.file,
        "first_ms": int(times_ms[0]) if len(times_ms) else 0,
        "step_s": round(curve.step_s, 3),
        "step_bytes": 4 if wide else 2,
        "steps": _base64(steps_ms.astype("<u4" if wide else "<u2")),
        "scores": _base64(_finite(curve.scores, np.nan).astype("<f4")),
        "shares": None if curve.motion is None else _base64(np.rint(curve.motion * SHARE_STEPS).astype(np.uint8)),
        "video_s": curve.video_s,
    }


def _played(card: Card) -> dict[str, object]:
    event, clip = card.shown.event, card.shown.clip
    times_s = {name: round(getattr(event, name), 3) for name in ("begin_s", "peak_s", "end_s")}
    found: dict[str, object] | None = None
    if clip is not None and card.clip is not None:
        span = {"begin_s": round(clip.begin_s, 3), "end_s": round(clip.end_s, 3)}
        found = {"link": card.clip, "carried": card.carries_clip, **span}
    score = round(event.score, 4) if math.isfinite(event.score) else 0.0
    return {"number": card.number, "recording": card.shown.recording, **times_s, "score": score, "clip": found}


def _finite(scores: NDArray[np.float32], otherwise: float) -> NDArray[np.float32]:
    return np.where(np.isfinite(scores), scores, np.float32(otherwise))


def _base64(numbers: NDArray[np.generic]) -> str:
    return b64encode(numbers.tobytes()).decode("ascii")
