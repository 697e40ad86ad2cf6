"""Figures of an evaluation, and how they are shown: as plain text, as Markdown, as JSON.

Figures are 0 to 1, but for counts, hours and what there is a day. Tables have a column for each figure that some row
has; rows lacking it have `-`. Published figures come last, in columns like `paper pixel_auroc`, and below the table it
says what they are. Plain text goes on below, under the same names of rows, where a line is full.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from statistics import fmean
from typing import Any

from pipeline.evaluation import tables
from pipeline.evaluation.events import EventFigures
from pipeline.evaluation.layouts import SceneKind
from pipeline.evaluation.metrics import FrameFigures, PixelFigures
from pipeline.evaluation.published import Published
from pipeline.evaluation.regions import RegionFigures
from pipeline.model.padim import Evidence

__all__ = ["Metrics", "Results", "Scenes", "as_json", "as_markdown", "as_text"]

# As frames are, these are added up where all other figures are averaged over scenes.
TOTALS = ("false_events", "normal_hours")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of one scene or of several, under the names that people and scripts see; None: not computable.

    Attributes:
        frames: how many frames, or pictures, the figures rest on.
        normal_hours: how much normal footage the count of false events rests on.
    """

    frames: int
    frame_auroc: float | None = None
    image_auroc: float | None = None
    frame_f1: float | None = None
    image_f1: float | None = None
    frame_caught_1: float | None = None
    image_caught_1: float | None = None
    pixel_auroc: float | None = None
    aupro_30: float | None = None
    pixel_f1: float | None = None
    rbdc: float | None = None
    tbdc: float | None = None
    stretches_found: float | None = None
    false_events: int | None = None
    normal_hours: float | None = None
    false_events_per_day: float | None = None

    @classmethod
    def of(
        cls,
        kind: SceneKind,
        frames: FrameFigures,
        pixels: PixelFigures,
        regions: RegionFigures,
        events: EventFigures,
    ) -> Metrics:
        """Figures of counters of frames, or of pictures, of pixels, and of a video's regions and events."""
        whole = "image" if kind == "images" else "frame"
        of_frames = {"auroc": frames.auroc, "f1": frames.f1, "caught_1": frames.caught_1}
        return cls(
            frames.frames,
            **{f"{whole}_{name}": figure for name, figure in of_frames.items()},
            pixel_auroc=pixels.auroc,
            aupro_30=pixels.aupro_30,
            pixel_f1=pixels.f1,
            rbdc=regions.rbdc,
            tbdc=regions.tbdc,
            stretches_found=events.found,
            false_events=events.false,
            normal_hours=events.normal_hours,
            false_events_per_day=events.false_a_day,
        )

    @classmethod
    def mean(cls, scenes: Sequence[Metrics]) -> Metrics:
        """Mean of each figure over the scenes that have it; what can be counted, together."""

        def together(name: str) -> Any:  # a whole number of a count, like the field
            found = [figure for scene in scenes if (figure := getattr(scene, name)) is not None]
            return (sum(found) if name in TOTALS else fmean(found)) if found else None

        others = {field.name: together(field.name) for field in fields(cls) if field.name != "frames"}
        return cls(sum(scene.frames for scene in scenes), **others)

    def present(self) -> dict[str, float]:
        """The figures that could be computed, by name."""
        return {name: figure for name, figure in asdict(self).items() if figure is not None}


@dataclass(frozen=True, slots=True)
class Scenes:
    """Figures of one evidence.

    Attributes:
        scenes: figures of each scene, by its name.
        pooled: figures of all scenes counted together, with scores divided by each model's threshold.
    """

    scenes: Mapping[str, Metrics]
    pooled: Metrics

    @property
    def mean(self) -> Metrics:
        """Mean of each figure over the scenes that have it."""
        return Metrics.mean(list(self.scenes.values()))


@dataclass(frozen=True, slots=True)
class Results:
    """Result of an evaluation.

    Attributes:
        scenes, pooled: as in `Scenes`, of the score that people see.
        published: what belongs beside them.
        parts: figures of appearance alone and of motion alone, where the score is made of both.
    """

    layout: str
    method: str
    backbone: str
    scenes: Mapping[str, Metrics]
    pooled: Metrics
    published: Sequence[Published] = ()
    parts: Mapping[Evidence, Scenes] = field(default_factory=dict)

    @property
    def mean(self) -> Metrics:
        """Mean of each figure over the scenes that have it."""
        return self.whole.mean

    @property
    def whole(self) -> Scenes:
        """Figures of the score that people see."""
        return Scenes(self.scenes, self.pooled)


def as_json(results: Results) -> str:
    """An object with layout, method, backbone, scenes, mean, pooled, parts, published; what is absent is left out."""
    document: dict[str, object] = {
        "layout": results.layout,
        "method": results.method,
        "backbone": results.backbone,
        **_document(results.whole),
    }
    if results.parts:
        document["parts"] = {evidence.value: _document(part) for evidence, part in results.parts.items()}
    if results.published:
        document["published"] = {
            item.label: {"source": item.source, "scenes": item.scenes, "mean": item.mean} for item in results.published
        }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def as_text(results: Results) -> str:
    """A heading and a table in aligned columns: a row a scene and, of several, their mean and all pooled.

    Where the score is made of appearance and motion each of these has three rows, the score's first.
    """
    return "\n".join([_heading(results), *tables.as_text(_table(results)), *_sources(results)])


def as_markdown(results: Results) -> str:
    """The same heading and table in Markdown."""
    return "\n".join([_heading(results), "", *tables.as_markdown(_table(results)), *_sources(results)])


def _document(figures: Scenes) -> dict[str, object]:
    return {
        "scenes": {name: metrics.present() for name, metrics in figures.scenes.items()},
        "mean": figures.mean.present(),
        "pooled": figures.pooled.present(),
    }


def _heading(results: Results) -> str:
    return f"layout {results.layout}, method {results.method}, backbone {results.backbone}"


def _sources(results: Results) -> list[str]:
    """Lines below a table that say what its published figures are, each after an empty one: Markdown joins others."""
    return [line for item in results.published for line in ("", f"{item.label}: {item.source}")]


def _table(results: Results) -> list[list[str]]:
    """Rows of cells, the first row with the names of the columns."""
    rows = [(name, metrics.present()) for name, metrics in _rows(results)]
    if not results.parts:  # what is published is of appearance alone
        for item in results.published:
            beside = [*(item.scenes.get(name, {}) for name in results.scenes), item.mean]
            for (_, row), figures in zip(rows, beside, strict=False):  # nobody published what is pooled as ours is
                row |= {f"{item.label} {name}": figure for name, figure in figures.items()}
    columns = [column for column in _columns(results) if any(column in row for _, row in rows)]
    cells = [[name, *(_cell(column, row.get(column)) for column in columns)] for name, row in rows]
    return [["scene", *columns], *cells]


def _rows(results: Results) -> list[tuple[str, Metrics]]:
    """Names and figures: of each scene, then of several their mean and all pooled; each of all evidence, if several."""
    of_all = {Evidence.COMBINED.value: results.whole} | {one.value: part for one, part in results.parts.items()}

    def named(name: str, evidence: str) -> str:
        return f"{name} {evidence}" if results.parts else name

    # Lists, since a scene may be called `mean` too.
    rows = [(named(one, key), part.scenes[one]) for one in results.scenes for key, part in of_all.items()]
    if len(results.scenes) > 1:
        rows += [(named("mean", key), part.mean) for key, part in of_all.items()]
        rows += [(named("pooled", key), part.pooled) for key, part in of_all.items()]
    return rows


def _columns(results: Results) -> list[str]:
    """All columns there can be, in their order."""
    ours = [field.name for field in fields(Metrics)]
    return [*ours, *(f"{item.label} {name}" for item in results.published for name in ours)]


def _cell(column: str, figure: float | None) -> str:
    if column == "false_events_per_day" and figure is not None:
        return f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"
    return tables.cell(figure)
