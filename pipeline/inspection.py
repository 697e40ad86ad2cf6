"""What is in a model beyond its header, and what a replay left in its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.files import written_whole
from pipeline.model.gaussians import unpack_triangle
from pipeline.model.padim import Model
from pipeline.video.drawing import contact_sheet

__all__ = ["Replayed", "read_replay", "sensitivity", "variances", "write_sensitivity"]

# The picture is at least so high; a grid of thirty lines would be a stamp.
LEAST_HEIGHT_PX = 480
# Keys that are relied on, here and by whoever shows them.
SUMMARY = frozenset({"files", "complete", "frames", "anomalous"})
EVENT = frozenset({"file", "kind", "begin_s", "end_s", "score", "box", "clip"})


@dataclass(frozen=True, slots=True)
class Replayed:
    """The summary and the events of a replay, as they lie on disk."""

    summary: dict[str, Any]  # JSON
    events: list[dict[str, Any]]


def variances(model: Model) -> NDArray[np.float64]:
    """(h, w) mean variance of each position's numbers: small where little is unusual, large where much is normal."""
    whitening = unpack_triangle(model.gaussians.whitening, len(model.channels)).double()
    identity = torch.eye(len(model.channels), dtype=torch.float64).expand_as(whitening)
    factor = torch.linalg.solve_triangular(whitening, identity, upper=False)
    mean: NDArray[np.float64] = factor.square().sum(dim=(1, 2)).div(len(model.channels)).reshape(model.grid).numpy()
    return mean


def sensitivity(model: Model) -> tuple[float, float, float]:
    """Least, mean and greatest of the positions' mean variances."""
    found = variances(model)
    return float(found.min()), float(found.mean()), float(found.max())


def write_sensitivity(model: Model, path: Path) -> None:
    """A picture (.png) of `variances`, on a logarithmic scale, dark where they are small.

    Raises:
        OutputError: it cannot be written.
    """
    found = np.log(variances(model))
    least, most = float(found.min()), float(found.max())
    levels = np.rint((found - least) / max(most - least, 1e-9) * 255).astype(np.uint8)
    height, width = model.geometry.size
    times = max(1, -(-LEAST_HEIGHT_PX // height))
    grown = cv2.resize(levels, (width * times, height * times), interpolation=cv2.INTER_NEAREST)
    picture = cv2.cvtColor(cv2.applyColorMap(grown, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    label = f"mean variance a position: dark {np.exp(least):.3g} (sensitive), bright {np.exp(most):.3g}"
    sheet = contact_sheet([np.asarray(picture, np.uint8)], [label], columns=1)
    with written_whole(path) as part:
        part.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


def read_replay(folder: Path) -> Replayed:
    """What a replay wrote into a folder.

    Raises:
        ConfigError: it is no such folder, or what lies in it cannot be read.
    """
    summary, events = (_read(folder / name) for name in ("summary.json", "events.json"))
    if not (_has(summary, SUMMARY) and isinstance(events, list) and all(_has(event, EVENT) for event in events)):
        raise ConfigError(f"{folder}: its summary.json or events.json is not that of a replay; replay again.")
    assert isinstance(summary, dict)
    return Replayed(summary, events)


def _has(found: object, keys: frozenset[str]) -> bool:
    return isinstance(found, dict) and keys <= found.keys()


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path.parent}: has no {path.name}; give the folder that a replay wrote.") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON; replay again.") from error
