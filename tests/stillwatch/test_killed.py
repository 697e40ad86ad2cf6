"""A replay that is killed at any moment: nothing half-written, and the next one is as if it had not happened."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stillwatch.replaying import FILES, Replayed, replay
from tests.stillwatch.running import interrupted_when

# What is there when the blow falls.
MOMENTS: dict[str, Callable[[Path], bool]] = {
    "the first row": lambda out: (out / ".scores.csv.part").exists(),
    "the first picture": lambda out: (out / ".heatmap.mp4.part").exists(),
    "a clip begun": lambda out: any((out / ".events.part").glob(".*.mp4.part")),
    "a clip ended": lambda out: any((out / ".events.part").glob("*.jpg")),
    "clips placed": lambda out: (out / "events").exists(),
}


@pytest.fixture(scope="module")
def undisturbed(visit_clip: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What two recordings come to."""
    result = replay(visit_clip, visit_clip, model=model, cwd=tmp_path_factory.mktemp("undisturbed"))
    assert [event["id"] for event in result.events] == ["gate-1-30", "gate-2-30"]
    return result.content


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_next_replay_is_as_if_none_had_been_killed(
    moment: str, undisturbed: dict[str, bytes], visit_clip: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed = interrupted_when(
        lambda: MOMENTS[moment](out),
        *("replay", visit_clip, visit_clip, "-m", model, "-o", "out"),
        cwd=tmp_path,
        by=signal.SIGKILL,
    )
    assert killed.code == -signal.SIGKILL
    left = {name: content for name, content in Replayed(killed, out).content.items() if "/." not in f"/{name}"}
    assert left == {name: undisturbed[name] for name in left}
    after = replay(visit_clip, visit_clip, model=model, cwd=tmp_path)
    assert (after.done.code, after.done.err) == (0, "")
    assert after.content == undisturbed


def test_what_a_killed_replay_has_placed_goes_with_the_next_result(
    odd: Path, tuesday: Path, model: Path, tmp_path: Path
) -> None:
    before = replay(odd, model=model, cwd=tmp_path)
    # As if it had been killed after its clips had their names and before events.json had its own.
    (before.out / "events.json").rename(before.out / ".events.json.part")
    (before.out / "heatmap.mp4").rename(before.out / ".heatmap.mp4.part")
    after = replay(tuesday, "--no-heatmap", model=model, cwd=tmp_path)
    assert after.files == [name for name in FILES if name != "heatmap.mp4"]
