"""Scorers share cameras, and take over from each other."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.model_file import save_model
from pipeline.model.padim import Model
from pipeline.types import Image
from tests.workers.scorer.process import scorer_process
from tests.workers.scorer.running import Camera, scoring, site_of, until
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.status import Role, WorkerNote
from workers.scorer.sharing import living, rendezvous

NAMES = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)


@given(cameras=NAMES, scorers=NAMES)
def test_every_camera_has_one_scorer_and_none_has_more_than_its_share(cameras: list[str], scorers: list[str]) -> None:
    shares = [rendezvous(name, dict.fromkeys(scorers, cameras)) for name in scorers]
    assert sorted(camera for share in shares for camera in share) == sorted(cameras)
    assert max(map(len, shares)) <= -(-len(cameras) // len(scorers))


@given(cameras=NAMES)
def test_a_scorer_alone_takes_all(cameras: list[str]) -> None:
    assert rendezvous("one", {"one": cameras}) == tuple(sorted(cameras))


def test_cameras_that_one_scorer_alone_may_take_are_its_own() -> None:
    scorers = {"a": ["gate", "dock"], "b": ["dock", "yard"], "c": ["roof"]}
    shares = {name: rendezvous(name, scorers) for name in scorers}
    assert ("gate" in shares["a"], "yard" in shares["b"], shares["c"]) == (True, True, ("roof",))
    assert sum("dock" in share for share in shares.values()) == 1


def test_few_cameras_move_when_a_scorer_leaves() -> None:
    cameras = [f"camera-{number}" for number in range(60)]
    before = {name: rendezvous(name, dict.fromkeys("abcd", cameras)) for name in "abcd"}
    after = {name: rendezvous(name, dict.fromkeys("abc", cameras)) for name in "abc"}
    moved = sum(camera not in after[name] for name in "abc" for camera in before[name])
    assert moved <= 10  # besides the 15 that were its own


def test_the_living_are_scorers_that_were_seen_lately() -> None:
    notes = [
        WorkerNote("a", Role.SCORER, "host", 1, ("gate",), None, 100.0),
        WorkerNote("b", Role.SCORER, "host", 2, ("gate",), None, 94.9),
        WorkerNote("c", Role.DECODER, "host", 3, ("gate",), None, 100.0),
    ]
    assert living(notes, 100.0) == {"a": ("gate",)}


def test_two_scorers_share_cameras_and_take_over_when_one_leaves(
    server: EmbeddedBroker, connection: Connection, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    names = ["gate", "dock", "yard", "roof"]
    site = site_of(server, tmp_path, {name: {} for name in names})
    for name in names:
        save_model(model, site.models / f"{name}.stillwatch")
    cameras = [Camera(connection, name) for name in names]

    def scorers() -> list[str]:
        return sorted(camera.status().get("scorer", "") for camera in cameras)

    with scoring(site, server, "a"):
        until(lambda: scorers() == ["a"] * 4)
        with scoring(site, server, "b"):
            until(lambda: scorers() == ["a", "a", "b", "b"])
            for camera in cameras:
                camera.publish(pictures[:5])
            until(lambda: all(len(camera.scores()) == 5 for camera in cameras))
        until(lambda: scorers() == ["a"] * 4, 3)
        for camera in cameras:
            camera.publish(pictures[5:8], first=5)
        until(lambda: all(len(camera.scores()) == 8 for camera in cameras))


def test_cameras_of_a_scorer_that_was_killed_are_taken_over(
    server: EmbeddedBroker, connection: Connection, model: Model, pictures: list[Image], tmp_path: Path
) -> None:
    site = site_of(server, tmp_path, {"gate": {}, "dock": {}})
    for name in site.cameras:
        save_model(model, site.models / f"{name}.stillwatch")
    cameras = [Camera(connection), Camera(connection, "dock")]
    with scoring(site, server, "a"), scorer_process(site.path, "b", "works") as process:
        until(lambda: {camera.status().get("scorer") for camera in cameras} == {"a", "b"})
        process.kill()
        process.wait()
        for camera in cameras:
            camera.publish(pictures[:5])
        until(lambda: all(len(camera.scores()) == 5 for camera in cameras), 8)
