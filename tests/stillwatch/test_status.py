"""`stillwatch status`, and the table that it shares with `run`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from stillwatch.table import camera_table
from tests.stillwatch.running import run
from tests.stillwatch.sites import short_folder, write_site
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import CameraState, Role, StatusBoard, WorkerNote
from workers.overview import CameraRow, Overview
from workers.site.reading import read_site

LIVE = "source: 'rtsp://127.0.0.1:9/none'"


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def test_status_tells_of_cameras_and_workers(folder: Path) -> None:
    write_site(folder, {"gate": LIVE, "yard": LIVE})
    with EmbeddedBroker(folder / "store", 64) as broker, Connection(broker.address) as connection:
        board, now_s = StatusBoard(connection, Keys()), connection.now_s()
        of_decoder = {"state": "online", "since": now_s - 95, "fps_in": "5.0", "captured": 100, "dropped": 2}
        of_scorer = {"last_score": 1.5, "last_score_at": now_s, "fps_scored": 4.9, "late": 1, "scored": 97}
        board.write({"gate": of_decoder | {"decoder_at": now_s} | of_scorer | {"event": "gate-17-3"}})
        for role in (Role.DECODER, Role.SCORER, Role.ALERTER):
            board.sign_in(WorkerNote(f"here-{role}-1", role, "here", 7, ["gate"]))
        shown = run("status", "-c", "site.yaml", cwd=folder)
        told = run("status", "-c", "site.yaml", "--json", cwd=folder)
    lines = [line.rstrip() for line in shown.out.splitlines()]
    assert (shown.code, shown.err) == (0, "")
    assert lines[0] == "camera  state        for  in/s  scored/s   age  dropped   score  0     1     2  event"
    gate = lines[1].split()
    assert gate[:2] + gate[3:5] + gate[6:] == [
        "gate",
        "online",
        "5.0",
        "4.9",
        "3",
        "1.50",
        "!",
        "━━━━━━┿━━━───",
        "17-3",
    ]
    assert lines[2].split() == ["yard", "no", "decoder", "0", "──────│──────"]
    assert lines[3] == "yard: no decoder works on it; see 'stillwatch run' or 'stillwatch worker decoder'."
    assert [line.split()[:4] for line in lines[5:]] == [
        ["worker", "cameras", "host", "pid"],
        ["here-alerter-1", "1", "here", "7"],
        ["here-decoder-1", "1", "here", "7"],
        ["here-scorer-1", "1", "here", "7"],
    ]
    facts = json.loads(told.out)
    assert (told.code, told.err) == (0, "")
    assert facts["cameras"]["gate"] | {"since_s": 0, "score_age_s": 0} == {
        "state": "online",
        "since_s": 0,
        "epoch": 0,
        "fps_in": 5.0,
        "fps_scored": 4.9,
        "score": 1.5,
        "score_age_s": 0,
        "appearance": None,
        "motion": None,
        "captured": 100,
        "dropped": 3,
        "reconnects": 0,
        "alerted": "",
        "alerter_age_s": None,
        "pending": None,
        "event": "gate-17-3",
        "model": "",
        "errors": [],
    }
    assert [worker["name"] for worker in facts["workers"]] == ["here-alerter-1", "here-decoder-1", "here-scorer-1"]
    assert facts["notes"] == []


def test_without_a_broker_status_fails_and_says_what_to_do(folder: Path) -> None:
    write_site(folder, {"gate": LIVE})
    done = run("status", "-c", "site.yaml", cwd=folder)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"Error: {folder}/store/broker/valkey.sock: the broker is out of reach (no such file or directory); "
        "check that it runs.\n"
    )


def table(rows: list[CameraRow], folder: Path, width: int, height: int, *, plain: bool = False) -> list[str]:
    site = read_site(write_site(folder, {row.camera: LIVE for row in rows}))
    console = Console(width=width, height=height, record=True, file=(folder / "out").open("w"), color_system=None)
    with console.file:
        console.print(camera_table(Overview(1e9, tuple(rows)), site, width, height, plain=plain))
    return console.export_text().splitlines()


def rows(count: int, **more: object) -> list[CameraRow]:
    facts = {"state": CameraState.ONLINE, "since_s": 9.0, "fps_in": 5.0, "fps_scored": 5.0, "score_age_s": 0.1}
    return [CameraRow(f"cam-{number:02}", **(facts | {"score": number / 10} | more)) for number in range(count)]  # type: ignore[arg-type]


def test_24_cameras_fit_into_30_lines_of_100_columns_errors_and_all(folder: Path) -> None:
    lines = table(rows(24, errors=("it is a long story " * 20,), event="cam-00-1795510862123-1234"), folder, 100, 30)
    assert len(lines) <= 29
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "and 23 more; 'stillwatch status' says all."
    assert lines[1].split()[0] == "cam-00"
    assert lines[24].split()[0] == "cam-23"


@pytest.mark.parametrize(
    ("width", "heads"),
    [(100, "in/s scored/s age dropped score 0 1 2"), (60, "in/s scored/s age score 0 1 2"), (24, "score"), (8, "")],
)
def test_a_narrow_terminal_has_fewer_columns(width: int, heads: str, folder: Path) -> None:
    lines = table(rows(3, event="cam-00-1795510862123-1234567"), folder, width, 30)
    kept = lines[0].split()
    assert [head for head in kept if head not in ("camera", "state", "event")] == heads.split()
    assert max(map(len, lines)) <= max(width, 6)


def test_where_a_model_knows_motion_the_table_says_how_much_of_the_score_it_is(folder: Path) -> None:
    known = rows(2, appearance=0.028, motion=0.072)
    lines = table([*known, *rows(3)[2:]], folder, 120, 30)
    assert lines[0].split()[-2:] == ["motion", "event"]
    assert ["72%" in line for line in lines[1:4]] == [True, True, False]
    # The first to go where there is no room.
    assert "motion" not in table(known, folder, 80, 30)[0]


def test_the_bar_has_the_threshold_in_its_middle(folder: Path) -> None:
    scores = {0.0: "......|......", 0.5: "===...|......", 0.99: "======|......", 1.01: "======#......"}
    scores |= {1.5: "======#===...", 2.0: "======#======", 40.0: "======#======"}
    cameras = [CameraRow(f"cam-{place}", CameraState.ONLINE, score=score) for place, score in enumerate(scores)]
    lines = table(cameras, folder, 100, 30, plain=True)[1 : len(scores) + 1]
    assert [line.split()[-1] for line in lines] == list(scores.values())
    assert ["!" in line for line in lines] == [score > 1 for score in scores]
