"""What a replay says of motion: a small camera, scored by a model that takes the left of the picture to be moving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.model.detector import Detector, engine_for
from pipeline.model.engine import choose_hardware
from pipeline.model.model_file import load_model
from pipeline.model.padim import Model, Scores
from pipeline.parts import mainly
from pipeline.replay import ReplayOptions, ReplaySummary, Task
from pipeline.replay import replay as replay_tasks
from pipeline.types import Image
from pipeline.video.sources import find_sources
from stillwatch.commands.replay import _report
from tests.stillwatch.conftest import THING
from tests.stillwatch.replaying import Replayed
from tests.stillwatch.running import Result, run

# 0.8 and 0.2 in 255ths.
MOVES, STANDS = 0.8, 0.2


class Halved(Detector):
    """Says of what is left of the thing's middle that it moves."""

    def score(self, frames: Image, motions: object = None) -> Scores:
        """What the model says, halved; what moved before is not asked for."""
        scores = super().score(frames)
        shares = np.full(scores.cells.shape, STANDS, np.float32)
        shares[..., : (THING[0] + THING[2] // 2) // 8] = MOVES
        return replace(scores, shares=shares)


def halved(model: Model) -> Detector:
    hardware = choose_hardware("torch", "cpu", 2)
    return Halved(model, engine_for(model, hardware, model.precision))


@pytest.fixture(scope="module")
def told(visit_clip: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ReplaySummary, Replayed]:
    out = tmp_path_factory.mktemp("motion") / "out"
    tasks = [Task(source, load_model(model), "gate") for source in find_sources([visit_clip])]
    summary = replay_tasks(tasks, halved, out, ReplayOptions(fps=5.0))
    return summary, Replayed(Result(0, "", ""), out)


def parts_in(row: dict[str, str]) -> tuple[float, float]:
    return float(row["appearance"]), float(row["motion"])


def test_the_parts_of_every_row_add_up_to_its_score(told: tuple[ReplaySummary, Replayed]) -> None:
    for row in told[1].rows:
        appearance, motion = parts_in(row)
        score = float(row["score"])
        assert appearance + motion == pytest.approx(score, rel=1e-5)
        assert motion / score == pytest.approx(MOVES if int(row["x"]) < 112 else STANDS, rel=1e-4)


def test_an_event_has_the_parts_of_the_row_of_its_peak(told: tuple[ReplaySummary, Replayed]) -> None:
    _, replayed = told
    (event,) = replayed.events
    (row,) = [row for row in replayed.rows if float(row["time_s"]) == event["peak_s"]]
    assert (event["appearance"], event["motion"]) == parts_in(row)
    assert event["score"] == float(row["score"])


def test_the_summary_has_the_parts_of_its_peak(told: tuple[ReplaySummary, Replayed]) -> None:
    peak = told[1].summary["peak"]
    row = told[1].rows[peak["index"]]
    assert [f"{peak[key]:.6g}" for key in ("score", "appearance", "motion")] == [
        row[key] for key in ("score", "appearance", "motion")
    ]


def test_replay_names_the_larger_part_of_the_highest_score(
    told: tuple[ReplaySummary, Replayed], capsys: pytest.CaptureFixture[str]
) -> None:
    summary, replayed = told
    peak = summary.peak
    assert peak is not None
    words = mainly(MOVES if peak.x < 112 else STANDS)
    _report(replayed.out, summary, heatmap=True)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "highest" in line]
    assert line.startswith(f"  highest    {peak.score:.2f} ({words}) at 0:0")
    assert len(line) <= 100


def test_inspect_names_it_for_each_event(told: tuple[ReplaySummary, Replayed]) -> None:
    _, replayed = told
    (event,) = replayed.events
    words = mainly(MOVES if event["motion"] > event["appearance"] else STANDS)
    done = run("inspect", "out", cwd=replayed.out.parent)
    assert done.out.splitlines()[-1].startswith(
        f"  visit.mp4  0:06 to 0:10  anomaly  score {event['score']:.2f}, {words}  x "
    )


def test_the_report_shows_it(told: tuple[ReplaySummary, Replayed]) -> None:
    page = (told[1].out / "report.html").read_text("utf-8")
    assert 'id="legend"' in page
    assert any(f"<dd>{words}</dd>" in page for words in ("motion 80%, appearance 20%", "motion 20%, appearance 80%"))
