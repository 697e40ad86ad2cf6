"""Figures of artificial anomalies, and how they are shown: as plain text, as Markdown, as JSON.

Figures are 0 to 1. Those of several folds are means over the folds that have them; their frames are added up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from pipeline.evaluation import tables
from pipeline.model.padim import Evidence

__all__ = ["Figures", "SyntheticResults", "as_json", "as_markdown", "as_text"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one kind of object, or of several; None: not computable.

    Attributes:
        frames: how many show the object.
        frame_auroc: how well they are told from held-out frames.
        frame_caught_1: share of them above a threshold that at most 1 % of the held-out frames are above.
        pixel_auroc: how well the object's pixels are told from the others in these frames.
        after_1: share of the frames of the second after the object has gone that are above that threshold.
    """

    frames: int
    frame_auroc: float | None = None
    frame_caught_1: float | None = None
    pixel_auroc: float | None = None
    after_1: float | None = None

    def present(self) -> dict[str, float]:
        """The figures that could be computed, by name."""
        return {name: figure for name, figure in asdict(self).items() if figure is not None}


@dataclass(frozen=True, slots=True)
class SyntheticResults:
    """Result of an evaluation with artificial anomalies.

    Attributes:
        fps: rate of all frames.
        folds: how many were held out, one after the other.
        normal_frames: held-out frames, untouched.
        walkers: how many were found to cut out.
        left_out: kinds that could not be made since nobody walks.
        evidence: means over folds, by what the score rests on, then by kind or group of kinds.
    """

    method: str
    backbone: str
    fps: float
    folds: int
    normal_frames: int
    walkers: int
    left_out: Sequence[str]
    evidence: Mapping[Evidence, Mapping[str, Figures]]


def as_json(results: SyntheticResults) -> str:
    """An object: layout, averaged_over, method, backbone, fps, folds, normal_frames, walkers, left_out, evidence."""
    document: dict[str, object] = {"layout": "synthetic", "averaged_over": "folds"} | {
        field.name: getattr(results, field.name) for field in fields(results)
    }
    document["left_out"] = list(results.left_out)
    document["evidence"] = {
        evidence.value: {name: figures.present() for name, figures in rows.items()}
        for evidence, rows in results.evidence.items()
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def as_text(results: SyntheticResults) -> str:
    """A heading and a table in aligned columns: a row for each kind and evidence."""
    return "\n".join([_heading(results), *tables.as_text(_table(results)), *_remarks(results)])


def as_markdown(results: SyntheticResults) -> str:
    """The same heading and table in Markdown."""
    return "\n".join([_heading(results), "", *tables.as_markdown(_table(results)), *_remarks(results)])


def _heading(results: SyntheticResults) -> str:
    return (
        f"layout synthetic, method {results.method}, backbone {results.backbone}, {results.fps:g} frames/s, "
        f"means over {results.folds} folds, {results.normal_frames} normal frames"
    )


def _remarks(results: SyntheticResults) -> list[str]:
    if not results.left_out:
        return []
    return ["", f"nobody walks in the footage: {', '.join(results.left_out)} are left out."]


def _table(results: SyntheticResults) -> list[list[str]]:
    names = list(next(iter(results.evidence.values())))
    rows = [
        (f"{name} {evidence}", kinds[name].present()) for name in names for evidence, kinds in results.evidence.items()
    ]
    columns = [field.name for field in fields(Figures)]
    return [["kind", *columns], *([name, *(tables.cell(row.get(one)) for one in columns)] for name, row in rows)]
