"""When scores become an event: shared by alerting, which raises events, and calibration, which counts them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from pipeline.errors import ConfigError

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How long, how large and how close together: what makes an event.

    Attributes:
        min_duration_s: a region must be above 1 for so long, in all, before it is an event.
        release: an event lasts while its region is above this score; below 1, so that a score that trembles about
            the threshold is one event.
        gap_s: what comes back near the same place within this time is the same event.
        cooldown_s: after an event has ended, its place raises none for so long; what is still there then does.
        max_event_s: an event that lasts longer ends, and its region is muted until it falls below 1.
        view_share: when more of the picture than this is above 1 for min_duration_s, the view itself has changed.
        pre_roll_s, post_roll_s: a clip begins so long before its event, and ends so long after.
        max_clip_s: a clip is at most so long; the event may go on.
    Raises:
        ConfigError: a number is out of range, or two contradict each other.
    """

    min_duration_s: float = 1.0
    release: float = 0.8
    gap_s: float = 2.0
    cooldown_s: float = 0.0
    max_event_s: float = 300.0
    view_share: float = 0.5
    pre_roll_s: float = 5.0
    post_roll_s: float = 5.0
    max_clip_s: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"alert.{field.name} is {value:g}, expected 0 or more.")
        if not 1 / 8 <= self.release <= 1:
            raise ConfigError(
                f"alert.release is {self.release:g}, expected 0.125 to 1: an event begins at 1 and lasts while its "
                "region is above the release."
            )
        if not 0 < self.view_share <= 1:
            raise ConfigError(f"alert.view_share is {self.view_share:g}, expected a share of the picture, 0 to 1.")
        self._refuse("max_event_s", self.max_event_s, "min_duration_s", self.min_duration_s)
        self._refuse("max_event_s", self.max_event_s, "gap_s", self.gap_s)
        self._refuse("max_clip_s", self.max_clip_s, "pre_roll_s", self.pre_roll_s)

    @staticmethod
    def _refuse(name: str, value: float, least_name: str, least: float) -> None:
        if value <= least:
            raise ConfigError(
                f"alert.{name} is {value:g}, not above alert.{least_name} of {least:g}; raise the one or lower the "
                "other."
            )
