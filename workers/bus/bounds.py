"""How much of each kind the broker keeps; what its memory is counted with. Loads nothing."""

from __future__ import annotations

__all__ = ["ALERTS_KEPT", "DEAD_KEPT", "FULL_SHARE", "SCORES_KEPT"]

# Entries of the scores stream of one camera: minutes, for readers that come late or were away. About 2 kB each.
SCORES_KEPT = 2000
# The newest alerts; `events.sqlite` holds them all. About 1 kB each.
ALERTS_KEPT = 10_000
# Notes of what nobody could read or score.
DEAD_KEPT = 1000
# At the limit the broker refuses everything but what is said to free memory; frames stop before.
FULL_SHARE = 0.8
