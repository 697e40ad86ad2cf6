"""What happens besides people walking, and when: the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.errors import ConfigError

__all__ = ["ANOMALY_KINDS", "StreetAnomaly", "anomaly_script"]

ANOMALY_KINDS = ("bicycle", "runner", "bag", "vehicle")
# How long each takes to cross the picture, or to be picked up again: shortest and longest, in seconds.
LASTING_S = {"bicycle": (3.4, 5.2), "runner": (3.8, 5.9), "bag": (20.0, 30.0), "vehicle": (4.5, 6.5)}
QUIET_S = (7.0, 12.0)


@dataclass(frozen=True, slots=True)
class StreetAnomaly:
    """Something that does not belong on the street, from the moment it enters the picture to when it is gone.

    A bag stands in its place all the time; the others cross the picture in it.
    """

    kind: str
    begin_s: float
    end_s: float

    def __post_init__(self) -> None:
        if self.kind not in ANOMALY_KINDS:
            raise ConfigError(f"an anomaly of the street is {self.kind!r}; choose one of {', '.join(ANOMALY_KINDS)}.")
        if not self.begin_s < self.end_s:
            raise ConfigError(
                f"a {self.kind} of the street ends at {self.end_s:g} s, not after its begin at {self.begin_s:g} s; "
                "let it last longer."
            )


def anomaly_script(duration_s: float, seed: int = 0) -> tuple[StreetAnomaly, ...]:
    """Anomalies of every kind in turn, in an order that changes, with quiet between them, that end in time."""
    rng = np.random.RandomState([seed, 2])
    script: list[StreetAnomaly] = []
    time_s = float(rng.uniform(*QUIET_S))
    while True:
        for kind in rng.permutation(ANOMALY_KINDS):
            end_s = time_s + float(rng.uniform(*LASTING_S[kind]))
            if end_s > duration_s - 2:
                return tuple(script)
            script.append(StreetAnomaly(str(kind), round(time_s, 1), round(end_s, 1)))
            time_s = end_s + float(rng.uniform(*QUIET_S))
