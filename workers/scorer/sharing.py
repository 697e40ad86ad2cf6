"""Which scorer takes which camera, so that a model is loaded in one place.

Every scorer computes this for itself from who lives. Where two of them see different lives for a moment, both read a
stream of the one group: each frame still goes to one of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b

from workers.bus.status import Role, WorkerNote

__all__ = ["living", "rendezvous"]


def rendezvous(name: str, scorers: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The cameras that a scorer takes, by name.

    Each camera goes to the scorer with the highest hash of both names that is not full: none takes more than its equal
    share, as long as others may take the rest. So a scorer that comes or goes moves few cameras but its own.

    >>> rendezvous("a", {"a": ["gate", "dock"]}), rendezvous("a", {"a": ["gate", "dock"], "b": ["gate", "dock"]})
    (('dock', 'gate'), ('gate',))

    Args:
        name: of the scorer that asks.
        scorers: the cameras that each living one may take, that of `name` among them.
    """
    takers: dict[str, list[str]] = {}
    for scorer, cameras in scorers.items():
        for camera in cameras:
            takers.setdefault(camera, []).append(scorer)
    most, taken, mine = math.ceil(len(takers) / len(scorers)), Counter[str](), []
    for camera in sorted(takers, key=lambda camera: (len(takers[camera]), camera)):  # who has no choice comes first
        free = [scorer for scorer in takers[camera] if taken[scorer] < most] or takers[camera]
        chosen = max(free, key=lambda scorer: _weight(camera, scorer))
        taken[chosen] += 1
        if chosen == name:
            mine.append(camera)
    return tuple(sorted(mine))


def living(notes: Iterable[WorkerNote], now_s: float) -> dict[str, Collection[str]]:
    """The scorers that were seen lately, and the cameras that each may take."""
    return {
        note.name: note.cameras for note in notes if note.role is Role.SCORER and note.cameras and note.lives(now_s)
    }


def _weight(camera: str, scorer: str) -> bytes:
    return blake2b(f"{camera} {scorer}".encode(), digest_size=8).digest()
