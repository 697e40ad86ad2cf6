"""Ways across the street, and where on its way something is at a time. Points are metres, (x, y) on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.video.street.camera import Camera, Floats

__all__ = ["WALKWAYS_M", "Course", "Stand", "across", "clashes", "course"]

# Where people walk, on the near walkway, the lane and the far walkway: y from and to. There is room beside them.
WALKWAYS_M = (7.9, 8.9), (11.4, 14.8), (16.9, 17.5)
# Fine enough to see between any two points what stands in the way.
STEPS = 65
# Stopping and setting off take this long.
EASE_S = 0.35


@dataclass(frozen=True, slots=True)
class Course:
    """Moving along a line at one speed, with at most one stop.

    Attributes:
        points: (n, 2), the line.
        lengths: (n,), metres from its begin.
        begin_s: when it sets off.
        stop_m, stop_s: where it stops, and for how long.
    """

    points: Floats
    lengths: Floats
    begin_s: float
    speed_m_s: float
    stop_m: float = 0.0
    stop_s: float = 0.0

    @property
    def end_s(self) -> float:
        return self.begin_s + float(self.lengths[-1]) / self.speed_m_s + self.stop_s

    @property
    def stops_at_s(self) -> float:
        return self.begin_s + self.stop_m / self.speed_m_s

    def distance(self, time_s: float) -> float:
        """Metres gone by a time."""
        # However numbers are rounded, this never falls: both parts rise with `gone`, and the larger one counts.
        gone = (time_s - self.begin_s) * self.speed_m_s
        gone = max(min(gone, self.stop_m), gone - self.stop_s * self.speed_m_s)
        return min(max(gone, 0.0), float(self.lengths[-1]))

    def position(self, time_s: float) -> tuple[float, float]:
        """(x, y) at a time."""
        gone = self.distance(time_s)
        x, y = (float(np.interp(gone, self.lengths, self.points[:, axis])) for axis in (0, 1))
        return x, y

    def heading(self, time_s: float) -> float:
        """Where to it moves: radians from the direction of x."""
        step = int(np.searchsorted(self.lengths, self.distance(time_s))) - 1
        step = min(max(step, 0), len(self.lengths) - 2)
        x, y = self.points[step + 1] - self.points[step]
        return math.atan2(y, x)

    def stopped(self, time_s: float) -> float:
        """How much it stands still, 0 to 1."""
        since, left = time_s - self.stops_at_s, self.stops_at_s + self.stop_s - time_s
        return min(max(min(since, left) / EASE_S, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Stand:
    """Standing in one place for a time, turned so many radians from the direction of x."""

    place: tuple[float, float]
    begin_s: float
    end_s: float
    turned: float

    def position(self, _time_s: float) -> tuple[float, float]:
        """(x, y), always."""
        return self.place

    def heading(self, _time_s: float) -> float:
        """Radians from the direction of x, always."""
        return self.turned


def course(points: Floats, begin_s: float, speed_m_s: float) -> Course:
    """Along a line of points, (n, 2), without a stop."""
    lengths = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    return Course(points, lengths, begin_s, speed_m_s)


def across(camera: Camera, from_y: float, to_y: float, side: int, margin_m: float) -> Floats:
    """From one border of the picture (side −1: the left, 1: the right) to the other, and so far beyond both."""
    share = np.linspace(0, 1, STEPS)
    y = from_y + (to_y - from_y) * share * share * (3 - 2 * share)
    begin = camera.border_x(from_y, side) + side * margin_m
    end = camera.border_x(to_y, -side) - side * margin_m
    return np.stack([begin + (end - begin) * share, y], axis=-1)


def clashes(one: Course | Stand, other: Course | Stand, distance_m: float) -> bool:
    """Whether two ever come closer to each other than a distance."""
    begin, end = max(one.begin_s, other.begin_s), min(one.end_s, other.end_s)
    if begin >= end:
        return False
    moments = np.arange(begin, end, 0.2)
    return any(math.dist(one.position(moment), other.position(moment)) < distance_m for moment in moments)
