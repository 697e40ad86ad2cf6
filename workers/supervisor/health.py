"""Whether a supervisor and its workers do their work, for `/livez` and `/readyz`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from workers.bus.status import Role
from workers.supervisor.crew import Crew
from workers.supervisor.watch import Watch

__all__ = ["Health"]

# The supervisor looks ten times a second; stopping what hangs may take it longer.
STUCK_S = 30.0


class Health:
    """Reasons why it is not well; asked by the threads of the exporter."""

    def __init__(self, cameras: Sequence[str], roles: Sequence[Role], crew: Crew, watch: Watch) -> None:
        self._cameras, self._roles, self._crew, self._watch = cameras, roles, crew, watch
        self._ticked_s = time.monotonic()

    def tick(self) -> None:
        """The supervisor's loop goes round."""
        self._ticked_s = time.monotonic()

    def not_live(self) -> list[str]:
        """Why the supervisor must be started again."""
        silent_s = time.monotonic() - self._ticked_s
        return [f"the supervisor has been stuck for {silent_s:.0f} s"] if silent_s > STUCK_S else []

    def not_ready(self) -> list[str]:
        """Why cameras are not watched now."""
        found = [f"{child.job.name} does not run" for child in self._crew.children if not child.alive]
        overview, trouble = self._watch.overview, self._watch.trouble
        if trouble is not None or overview is None:
            return [*found, trouble or "nothing is known of the cameras yet"]
        if Role.DECODER in self._roles:
            found += [f"{row.camera}: no decoder reads it" for row in overview.cameras if row.state is None]
        for role in (Role.SCORER, Role.ALERTER):
            if role in self._roles and not overview.alive(role):
                found.append(f"no {role} is alive")
        return found
