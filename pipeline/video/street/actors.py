"""Everything that moves: where it is at a time, and what it looks like then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pipeline.video.street.camera import Camera
from pipeline.video.street.figure import Look
from pipeline.video.street.people import POSES, RUN, WALK, Gait, random_look, striding
from pipeline.video.street.routes import WALKWAYS_M, Course, Stand, across, course
from pipeline.video.street.script import StreetAnomaly
from pipeline.video.street.shapes import Colour, Part, Thing, placed
from pipeline.video.street.things import bag, cyclist
from pipeline.video.street.vehicles import car, van

__all__ = ["Actor", "actors_of", "person"]

# Room that others leave around the middle of each, in metres.
ROOM_M = {"": 0.6, "bicycle": 1.1, "runner": 0.8, "bag": 0.7, "vehicle": 3.0}
# Where each may be, y from and to. Bicycles and runners keep to where people walk: only their looks and their
# speed give them away.
WHERE_M = {
    "bicycle": WALKWAYS_M,
    "runner": WALKWAYS_M,
    "bag": ((7.8, 8.8), (11.6, 13.5)),
    "vehicle": ((12.6, 13.8),),
}
# Of ways that could be taken, the one on which this comes out best is: far ones are nearly twice as long as near ones.
# People walk at 1.3.
SPEED_M_S = {"bicycle": 4.5, "runner": 3.9, "vehicle": 4.0}
PAINTS: tuple[Colour, ...] = ((224, 224, 220), (150, 44, 40), (52, 74, 112), (96, 100, 104), (196, 164, 60))
BAG_COLOURS: tuple[Colour, ...] = ((40, 58, 92), (140, 44, 42), (46, 48, 52), (70, 88, 60))
# How long somebody stoops to put a bag down or to pick it up, and how far.
STOOPING_S = 1.6
STOOP = 0.9
CARRIER_M_S = 1.3
# So far ahead of the feet the hands are then.
REACH_M = 0.35
# So far outside the picture each begins and ends its way.
MARGIN_M = {"bicycle": 1.0, "runner": 0.6, "bag": 0.6, "vehicle": 2.8}
# The height that a gait is given for.
AVERAGE_M = 1.72

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something on the street.

    Attributes:
        way: where it is, and from when to when.
        parts_at: its parts at a time in seconds.
        kind: the kind of anomaly it is, "" for people who belong there.
    """

    way: Course | Stand
    parts_at: Callable[[float], Sequence[Part]]
    kind: str = ""

    @property
    def room_m(self) -> float:
        return ROOM_M[self.kind]

    def at(self, time_s: float) -> Thing:
        """It as it is at a time."""
        return placed(self.parts_at(time_s), self.way.position(time_s), self.way.heading(time_s))


def person(look: Look, way: Course, cycle: float, *, gait: Gait = WALK, kind: str = "", stoop: float = 0.0) -> Actor:
    """Somebody on foot, who stoops so far where the way stops; `cycle`, 0 to 1, is where the steps begin."""
    cycle_m = gait.cycle_m * look.height_m / AVERAGE_M

    def parts_at(time_s: float) -> Sequence[Part]:
        # In quarters, so that the same poses come again.
        still = round(way.stopped(time_s) * 4) / 4
        pose = int((cycle + way.distance(time_s) / cycle_m) * POSES) % POSES
        return striding(look, gait, pose, 1 - still, stoop * still)

    return Actor(way, parts_at, kind)


def actors_of(anomaly: StreetAnomaly, camera: Camera, key: Sequence[int]) -> list[Actor]:
    """Who and what plays an anomaly; `key` seeds the choices together with its begin."""
    rng = np.random.RandomState([*key, round(anomaly.begin_s * 1000) % 2**32])
    if anomaly.kind == "bag":
        return _left_bag(anomaly, camera, rng)
    ways = [_crossing(anomaly, camera, rng) for _ in range(8)]
    way = min(ways, key=lambda way: abs(way.speed_m_s - SPEED_M_S[anomaly.kind]))
    look, paint = random_look(rng), _one_of(PAINTS, rng)
    if anomaly.kind == "runner":
        return [person(look, way, rng.uniform(), gait=RUN, kind="runner")]
    if anomaly.kind == "vehicle":
        model = _one_of((van, car), rng)(paint)
        return [Actor(way, lambda _: model, "vehicle")]
    rider = replace(look, carries="", coat=False)
    return [Actor(way, lambda time_s: cyclist(rider, paint, way.distance(time_s)), "bicycle")]


def _crossing(anomaly: StreetAnomaly, camera: Camera, rng: np.random.RandomState) -> Course:
    """A way straight across the picture in the time that the anomaly lasts."""
    y = rng.uniform(*_one_of(WHERE_M[anomaly.kind], rng))
    points = across(camera, y, y, int(rng.choice((-1, 1))), MARGIN_M[anomaly.kind])
    length_m = abs(float(points[-1, 0] - points[0, 0]))
    return course(points, anomaly.begin_s, length_m / (anomaly.end_s - anomaly.begin_s))


def _left_bag(anomaly: StreetAnomaly, camera: Camera, rng: np.random.RandomState) -> list[Actor]:
    """A bag, who puts it down at its begin, and who picks it up at its end."""
    colour = _one_of(BAG_COLOURS, rng)
    place = rng.uniform(1.5, 5.5), rng.uniform(*_one_of(WHERE_M["bag"], rng))
    model = bag(colour)
    stand = Stand(place, anomaly.begin_s, anomaly.end_s, rng.uniform(-0.5, 0.5))
    actors = [Actor(stand, lambda _: model, "bag")]
    for moment_s, carried_first in ((anomaly.begin_s, True), (anomaly.end_s, False)):
        way = _way_past(place, moment_s, camera, int(rng.choice((-1, 1))))
        actors.append(_carrier(replace(random_look(rng), bag=colour), way, moment_s, carried_first))
    return actors


def _carrier(look: Look, way: Course, moment_s: float, carried_first: bool) -> Actor:
    """Somebody who stoops where the way stops, with a bag in hand either before a moment or after it."""
    burdened = person(replace(look, carries="bag"), way, 0.0, stoop=STOOP)
    free = person(replace(look, carries=""), way, 0.0, stoop=STOOP)
    before, after = (burdened, free) if carried_first else (free, burdened)
    return Actor(way, lambda time_s: (before if time_s < moment_s else after).parts_at(time_s))


def _way_past(place: tuple[float, float], moment_s: float, camera: Camera, side: int) -> Course:
    """Across the picture, with a stop behind a place around a moment."""
    points = across(camera, place[1] + 0.45, place[1] + 0.45, side, MARGIN_M["bag"])
    stop_m = abs(place[0] - float(points[0, 0])) - REACH_M
    begin_s = moment_s - STOOPING_S / 2 - stop_m / CARRIER_M_S
    return replace(course(points, begin_s, CARRIER_M_S), stop_m=stop_m, stop_s=STOOPING_S)


def _one_of(choices: Sequence[T], rng: np.random.RandomState) -> T:
    return choices[rng.randint(len(choices))]
