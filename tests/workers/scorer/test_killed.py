"""Scorers that are killed: what they had in hand is claimed, and counted once."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from pipeline.types import Image
from tests.workers.scorer.process import scorer_process
from tests.workers.scorer.running import EPOCH, SIZE, Camera, scoring, until
from workers.bus.broker import EmbeddedBroker
from workers.site.values import Site

POISON = np.full((*SIZE, 3), 13, np.uint8)


def test_frames_of_a_scorer_that_was_killed_in_mid_batch_are_scored_by_another(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image]
) -> None:
    with scorer_process(site.path, "dies-soon", "hangs") as process:
        gate.publish(pictures)
        assert process.stdout is not None
        assert process.stdout.readline() == "HANGS\n"
        process.kill()
        process.wait()
    with scoring(site, server):
        until(lambda: gate.waiting() == 0)
    assert sorted(gate.scores()) == list(range(len(pictures)))
    assert gate.drops() == {}


def test_a_scorer_killed_again_and_again_loses_no_frame_and_counts_none_twice(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image]
) -> None:
    published = 0
    with ExitStack() as all_of_them:
        processes = [all_of_them.enter_context(scorer_process(site.path, f"s-{n}", "works")) for n in range(3)]
        for process in processes:  # each dies in the middle of the frames that follow
            before = len(gate.entries())
            gate.publish(pictures, first=published)
            published += len(pictures)
            until(lambda before=before: len(gate.entries()) > before)  # type: ignore[misc]
            process.kill()
        with scoring(site, server):
            until(lambda: gate.waiting() == 0)
    assert sorted(gate.scores()) == list(range(published))


def test_a_frame_that_kills_three_scorers_is_buried_alone(
    site: Site, server: EmbeddedBroker, gate: Camera, pictures: list[Image]
) -> None:
    with ExitStack() as all_of_them:
        processes = [all_of_them.enter_context(scorer_process(site.path, f"s-{n}", "dies")) for n in range(3)]
        gate.publish([*pictures[:3], POISON, *pictures[3:6]])
        until(lambda: all(process.poll() is not None for process in processes))
        with scoring(site, server):
            until(lambda: gate.waiting() == 0)
    assert sorted(gate.scores()) == [0, 1, 2, 4, 5, 6]
    assert gate.dead() == [
        {
            "v": "1",
            "camera": "gate",
            "id": f"{EPOCH}-3",
            "times": "4",
            "why": "scorers that had it died",
        }
    ]
