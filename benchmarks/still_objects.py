"""Are few false events and still objects found to be had together, by a threshold from minutes of footage?

    python -m benchmarks.still_objects --data ../shared/data [--method padim] [--sets ped2 pets] [--a-day 24]
        [--objects 40] [--shrinkage 0.7] [--json]

Learns Ped2's Train001 to 012, watches Train013 to 016; learns the first 40 s of PETS 2009, watches the rest. Then the
rest again in clips of 14 s, each with a still object pasted in from its third second on: an ellipse cut from other
footage, 5 to 20 % of the picture's height, whose pixels differ from what it covers by 15 to 60 grey levels (median).
Found is an object whose event begins within 10 s of its appearance and whose box meets it. Covered counts those too
that only the event of somebody covers who was there before.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.false_alarms import add_method, events_of, learned, mainly_motion
from pipeline.model.settings import Settings
from pipeline.process import prepare_process
from pipeline.types import Box, Geometry, Image
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from pipeline.video.writer import VideoWriter

SETS = ("ped2", "pets")
# Of each clip with an object: how long it is, and when the object appears.
FPS, LENGTH_S, APPEARS_S, WITHIN_S = 10, 14, 2.0, 10.0
HEIGHTS, CONTRASTS = (0.05, 0.2), (15, 60)


@dataclass(frozen=True, slots=True, eq=False)
class Pasted:
    """A still object: its picture, how much of each pixel it covers, and where it lies."""

    picture: Image
    cover: NDArray[np.float32]
    box: Box

    def onto(self, picture: Image) -> Image:
        """A copy of the picture with it."""
        x, y, width, height = self.box
        changed = picture.copy()
        part = changed[y : y + height, x : x + width]
        part[:] = np.round(self.cover * self.picture + (1 - self.cover) * part).astype(np.uint8)
        return changed

    def met_by(self, box: Sequence[int]) -> bool:
        """Whether a box shares a pixel with it."""
        return all(box[k] < self.box[k] + self.box[k + 2] and self.box[k] < box[k] + box[k + 2] for k in (0, 1))


@dataclass(frozen=True, slots=True)
class Set:
    """What is learned, what is watched, and what objects are cut from."""

    name: str
    learned: Sequence[Path]
    until_s: float | None
    watched: Sequence[Path]
    from_s: float
    others: Sequence[Path]


def main() -> None:
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    add_method(parser)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="What is watched.  [default: all]")
    parser.add_argument("--a-day", type=float, default=24.0)
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument("--shrinkage", type=float, help="Of the fits.  [default: that of all footage]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    prepare_process()
    rows = [_measured(one, arguments) for one in _sets(arguments.data) if one.name in arguments.sets]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


def _sets(data: Path) -> list[Set]:
    ped2 = [data / "ped2" / "train" / f"Train{number:03}.mp4" for number in range(1, 17)]
    pets, *more = (
        data / "clips" / f"{name}.mp4" for name in ("pets2009-vtest", "one-by-one-person-detection", "bottle-detection")
    )
    return [
        Set("ped2", ped2[:12], None, ped2[12:], 0.0, [pets, *more]),
        Set("pets", [pets], 40.0, [pets], 40.0, [ped2[0], *more]),
    ]


def _measured(one: Set, arguments: argparse.Namespace) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(method=arguments.method, shrinkage=arguments.shrinkage)
        model, detector = learned(one.learned, settings, arguments.a_day, one.until_s)
        false = events_of(one.watched, model, detector, folder / "normal", one.from_s)
        made = _with_objects(one, arguments.objects, folder, np.random.RandomState(arguments.seed))
        events = events_of([path for path, _ in made], model, detector, folder / "pasted")
    of = {path.name: [event for event in events if event["file"] == path.name] for path, _ in made}
    met = [[event for event in of[path.name] if pasted.met_by(event["box"])] for path, pasted in made]
    found = sum(any(_is_new(event) for event in ones) for ones in met)
    covered = sum(any(event["begin_s"] <= APPEARS_S + WITHIN_S for event in ones) for ones in met)
    return {
        "set": one.name,
        "method": arguments.method.value,
        "asked_a_day": arguments.a_day,
        "false_events": len(false),
        "false_mainly_motion": mainly_motion(false),
        "objects": len(made),
        "found": round(found / len(made), 3),
        "covered": round(covered / len(made), 3),
        "threshold": round(model.threshold.value, 2),
        "lingering": round(model.threshold.lingering, 3),
    }


def _is_new(event: dict[str, Any]) -> bool:
    """Whether it begins when the object appears or up to 10 s later; a second earlier for the encoder's foresight."""
    return APPEARS_S - 1 <= float(event["begin_s"]) <= APPEARS_S + WITHIN_S


def _with_objects(one: Set, count: int, folder: Path, random: np.random.RandomState) -> list[tuple[Path, Pasted]]:
    """Clips of what is watched, each with a still object that appears after some seconds and stays."""
    cuttings = [picture for path in one.others for picture in _pictures(path, 0.0, 0.5)]
    made = []
    for number in range(count):
        pictures = _pictures(one.watched[random.randint(len(one.watched))], one.from_s, FPS)
        begin = random.randint(max(1, len(pictures) - LENGTH_S * FPS + 1))
        part = pictures[begin : begin + LENGTH_S * FPS]
        pasted = _object(part[len(part) // 2], cuttings, random)
        path = folder / f"object-{number:03}.mp4"
        with VideoWriter(path, quality=18) as writer:
            for index, picture in enumerate(part):
                time_s = index / FPS
                writer.write(pasted.onto(picture) if time_s >= APPEARS_S else picture, time_s)
        made.append((path, pasted))
    return made


@cache
def _pictures(path: Path, from_s: float, fps: float) -> list[Image]:
    """Pictures of a recording at its own size."""
    (source,) = find_sources([path])
    with open_recording(source) as recording:
        sampling = Sampling(Geometry((32, 32)), fps, from_s, display_short_side=min(recording.size))
        return [frame.display for frame in recording.frames(sampling) if frame.display is not None]


def _object(ground: Image, cuttings: Sequence[Image], random: np.random.RandomState) -> Pasted:
    """An object whose contrast with a picture is as the module says."""
    rows, columns = ground.shape[:2]
    while True:
        height = int(np.ceil(rows * np.exp(random.uniform(*np.log(HEIGHTS)))))
        width = max(6, int(height * random.uniform(0.5, 1.5)))
        other = cuttings[random.randint(len(cuttings))]
        if other.shape[0] <= height or other.shape[1] <= width:
            continue
        top, left = random.randint(other.shape[0] - height), random.randint(other.shape[1] - width)
        picture = other[top : top + height, left : left + width]
        y, x = random.randint(rows - height), random.randint(columns - width)
        shape = np.zeros((height, width), np.float32)
        cv2.ellipse(shape, (width // 2, height // 2), (width // 2 - 1, height // 2 - 1), 0, 0, 360, (1.0,), cv2.FILLED)
        below = ground[y : y + height, x : x + width]
        contrast = np.abs(picture.mean(axis=2) - below.mean(axis=2))[shape > 0]
        if CONTRASTS[0] <= np.median(contrast) <= CONTRASTS[1]:
            cover = cv2.GaussianBlur(shape, (0, 0), 0.7)[..., np.newaxis]
            return Pasted(picture, np.asarray(cover, np.float32), (x, y, width, height))


if __name__ == "__main__":
    main()
