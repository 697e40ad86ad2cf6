"""The Python interface: what it offers, and the errors that it promises."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

import stillwatch
from pipeline.errors import ConfigError, ModelError, OutputError, SourceError, StillwatchError
from pipeline.model.model_file import load_model
from pipeline.model.settings import Method, Settings

# Those that work on footage; tests/stillwatch/test_subscribe.py has the other.
NAMES = ["fit", "load", "replay"]
# Says what is loaded before and after the first function is asked for.
LOADED = """
import json, sys
import stillwatch
heavy = lambda: sorted({"av", "numpy", "torch"} & sys.modules.keys())
before, offered, listed = heavy(), stillwatch.__all__, set(stillwatch.__all__) <= set(dir(stillwatch))
listed_after = heavy()
stillwatch.fit
print(json.dumps([offered, listed, before, listed_after, heavy()]))
"""


def test_it_offers_its_functions_and_loads_nothing_until_one_is_asked_for(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOADED], cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ
    )
    assert json.loads(done.stdout) == [[*NAMES, "subscribe"], True, [], [], ["av", "numpy", "torch"]]


def test_a_name_that_it_does_not_have() -> None:
    with pytest.raises(AttributeError, match=r"^module 'stillwatch' has no attribute 'watch'$"):
        stillwatch.watch  # noqa: B018  # asking is the point


@pytest.mark.parametrize("name", NAMES)
def test_help_names_every_argument_that_is_not_plain_and_every_error(name: str) -> None:
    function = getattr(stillwatch, name)
    text = inspect.getdoc(function) or ""
    described = text.partition("Args:\n")[2].partition("Raises:")[0]
    if name != "load":  # whose one argument its first sentence names
        missing = [argument for argument in inspect.signature(function).parameters if argument not in described]
        assert not missing
    assert "Raises:\n" in text


def test_what_it_fits_and_replays_is_what_the_commands_do(model: Path, clip: Path, odd: Path, tmp_path: Path) -> None:
    fitted = stillwatch.fit(
        clip, tmp_path / "gate.stillwatch", size=96, settings=Settings(Method.PADIM, dims=20), resumable=True
    )
    assert (tmp_path / "gate.stillwatch").read_bytes() == model.read_bytes()
    assert fitted.threshold == load_model(model).threshold
    summary = stillwatch.replay([odd], tmp_path / "gate.stillwatch", tmp_path / "out", heatmap=False)
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == asdict(summary)
    (event,) = json.loads((tmp_path / "out" / "events.json").read_text())
    assert (event["id"], event["camera"]) == ("gate-1-0", "gate")


def test_a_model_in_memory_has_the_name_it_is_given(model: Path, odd: Path, tmp_path: Path) -> None:
    loaded = stillwatch.load(model)
    names = []
    for camera in (None, "Gate (north)"):
        stillwatch.replay(odd, loaded, tmp_path, camera=camera, heatmap=False)
        names += [event["camera"] for event in json.loads((tmp_path / "events.json").read_text())]
    assert names == ["camera", "gate-north"]


@pytest.mark.parametrize(
    ("kind", "call", "sentence"),
    [
        (
            SourceError,
            lambda clip, model, tmp: stillwatch.fit("nothere.mp4"),
            "nothere.mp4: there is no such file or folder; check the name.",
        ),
        (
            ConfigError,
            lambda clip, model, tmp: stillwatch.fit([]),
            "no footage was named; name a recording, a folder, a glob or an address.",
        ),
        (
            ConfigError,
            lambda clip, model, tmp: stillwatch.fit(clip, size=96, dims=20, false_alarms_per_day=0),
            "0 false alarms a day cannot be aimed at; ask for a number above 0.",
        ),
        (
            ConfigError,
            lambda clip, model, tmp: stillwatch.fit(clip, size=96, device="gpu"),
            "--device is 'gpu', expected auto, cpu, cuda or cuda:N.",
        ),
        (
            ModelError,
            lambda clip, model, tmp: stillwatch.fit(clip, size=96, dims=20, until_s=1),
            "5 frames were seen, a model needs 16; fit on more footage.",
        ),
        (
            ModelError,
            lambda clip, model, tmp: stillwatch.load("nothere.stillwatch"),
            "nothere.stillwatch: no such model; make one with 'stillwatch fit FOOTAGE -o nothere.stillwatch'.",
        ),
        (
            SourceError,
            lambda clip, model, tmp: stillwatch.replay(clip, model, tmp / "out", from_s=1000),
            "the footage has no frame in the window that was asked for; give an earlier --from.",
        ),
    ],
)
def test_errors_are_the_documented_ones_and_leave_nothing_behind(
    kind: type[StillwatchError],
    call: Callable[[Path, Path, Path], object],
    sentence: str,
    clip: Path,
    model: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(kind) as caught:
        call(clip, model, tmp_path)
    assert str(caught.value) == sentence
    assert isinstance(caught.value, StillwatchError)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_written_is_known_before_the_work(clip: Path, tmp_path: Path) -> None:
    place = tmp_path / "nothere"
    with pytest.raises(OutputError) as caught:
        stillwatch.fit("nothere.mp4", place / "x")
    assert str(caught.value) == f"{place / 'x'}: there is no folder {place}; make it, or choose another place."
    (tmp_path / "gate.mp4").write_bytes(clip.read_bytes())
    with pytest.raises(ConfigError) as refused:
        stillwatch.fit("nothere.mp4", tmp_path / "gate.mp4")
    assert str(refused.value) == f"{tmp_path / 'gate.mp4'}: is there already and is no model; give another name."
