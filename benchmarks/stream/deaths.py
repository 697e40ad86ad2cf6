"""Workers that are killed while they work: nothing may be lost, and nothing counted twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

from benchmarks.stream.equality import events_of, replayed
from benchmarks.stream.stage import Stage
from benchmarks.stream.tally import Tally

__all__ = ["alerter_deaths", "scorer_deaths"]

SCORER_DEATHS, ALERTER_DEATHS = 10, 20
# The model of an empty room, so that everybody who comes is an event.
EMPTY_S = 5.0


def scorer_deaths(footage: Path, seconds: float) -> dict[str, float]:
    """Two scorers, of which one is killed every few seconds, and recordings that lose nothing."""
    cameras = 2
    with Stage(footage, cameras, seconds, camera={"pace": "fast"}) as stage:
        scorers = [stage.start("scorer", name=f"scorer-{number}") for number in range(2)]
        stage.start("alerter")
        with Tally(stage.broker.address, stage.names) as tally:
            stage.start_decoders()
            stage.wait_for("a score of every camera", lambda: len({key[0] for key in tally.scores}) == cameras)
            deaths, chance = 0, random.Random(0)
            while deaths < SCORER_DEATHS and len(tally.ends) < cameras:
                before = tally.settled
                stage.wait_for("more scores", lambda before=before: tally.settled > before + 40 or tally.ends)
                time.sleep(chance.uniform(0, 0.5))
                stage.kill(scorers[deaths % 2])
                scorers[deaths % 2] = stage.start("scorer", name=f"scorer-{deaths % 2}")
                deaths += 1
            stage.wait_for("the end of every recording", lambda: len(tally.ends) == cameras, 900)
            stage.wait_for("an entry for every frame", lambda: not tally.missing(), 120)
        return {
            "deaths": deaths,
            "captured": tally.captured,
            "scored": len(tally.scores),
            "dropped": len(tally.drops),
            "lost": len(tally.missing()),
            "twice": tally.repeats,
        }


def alerter_deaths(footage: Path, seconds: float) -> dict[str, float]:
    """An alerter that is killed at random moments of a camera's life with some ten events."""
    with Stage(footage, 1, seconds, fit_s=EMPTY_S) as stage:
        wanted = replayed(stage, stage.names[0])
        stage.start("scorer")
        alerter = stage.start("alerter", name="alerter")
        with Tally(stage.broker.address, stage.names) as tally:
            stage.start_decoders()
            stage.wait_for("a score", lambda: bool(tally.scores))
            deaths, chance = 0, random.Random(0)
            while not tally.ends:
                time.sleep(chance.uniform(0.3, 1.5 * seconds / ALERTER_DEATHS))
                if deaths < ALERTER_DEATHS:
                    stage.kill(alerter)
                    alerter = stage.start("alerter", name="alerter")
                    deaths += 1
            stage.wait_for("the events' ends", lambda: len(events_of(stage)) >= len(wanted), 60)
        found = events_of(stage)
        alerts = stage.connection.do("XRANGE", "stillwatch:alerts", "-", "+")
        told = [fields[b"alert"] for _, fields in alerts]
        return {
            "deaths": deaths,
            "events_of_replay": len(wanted),
            "events": len(found),
            "events_that_differ": len({name for name, *_ in wanted} ^ {one.index for one in found}),
            "clips": sum(one.clip is not None and (stage.site.storage / one.clip).is_file() for one in found),
            "started": sum(b'"state":"started"' in one for one in told),
            "ended": sum(b'"state":"ended"' in one for one in told),
            "ids_twice": len(alerts) - len({key for key, _ in alerts}),
        }
