"""The database of events: what it refuses, what it says, what it keeps unique."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import OutputError
from pipeline.types import EventKind
from workers.alert import AlertState
from workers.alerter.database import DATABASE
from workers.alerter.store import LeaseLost, Store
from workers.alerter.values import Draft, EventRow


def draft(index: int = 0, state: AlertState = AlertState.STARTED) -> Draft:
    """An alert about an event."""
    row = EventRow(id="gate-1-2", camera="gate", kind=EventKind.ANOMALY, begin_at=1.0, peak_at=1.0, end_at=1.0)
    return Draft(row, state, index, 2.0, 2.0)


def ids(store: Store) -> list[tuple[int, int]]:
    """Ids of all alerts."""
    return [(row["ms"], row["seq"]) for row in store.unpublished(1000)]


def written(store: Store, then: Callable[[], object]) -> None:
    """An alert in a transaction, and something else."""
    with store.transaction():
        store.add_alert(draft(), 100.0)
        then()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    text = (
        f"{tmp_path / DATABASE}: it was written by a newer stillwatch (version 99, this one knows 2); "
        "use that one, or another storage folder."
    )
    with pytest.raises(OutputError, match=f"^{re.escape(text)}$"):
        Store(tmp_path)


# As stillwatch wrote it before there was motion; what else is in it is the same.
FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    id TEXT PRIMARY KEY, camera TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, epoch INTEGER NOT NULL,
    begin_at REAL NOT NULL, peak_at REAL NOT NULL, end_at REAL NOT NULL,
    begin_s REAL NOT NULL, peak_s REAL NOT NULL, end_s REAL NOT NULL, score REAL NOT NULL,
    box TEXT, picture TEXT, reason TEXT, clip TEXT, thumbnail TEXT, model TEXT,
    told_s REAL NOT NULL, told_score REAL NOT NULL, error TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    mark TEXT
) WITHOUT ROWID;
INSERT INTO meta VALUES ('base', 7);
INSERT INTO events VALUES ('gate-1-2', 'gate', 'anomaly', 'open', 1, 1.5, 2.5, 3.5, 0.0, 1.0, 2.0, 1.75, '[1, 2, 3, 4]',
    '[60, 100]', NULL, NULL, NULL, '0123', 2.0, 1.5, '', 0, 'false alarm');
PRAGMA user_version = 1;
"""


def test_a_database_of_before_there_was_motion_goes_on_with_all_that_is_in_it(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.executescript(FIRST)
    database.close()
    for _ in range(2):
        with Store(tmp_path) as store:
            (row,) = store.unfinished("gate")
            assert (row.id, row.score, row.box, row.model) == ("gate-1-2", 1.75, (1, 2, 3, 4), "0123")
            assert (row.appearance, row.motion, row.as_event().motion) == (None, None, None)
            assert [tuple(known) for known in store.database.read("SELECT * FROM meta")] == [("base", 7)]
            assert store.database.read("PRAGMA user_version")[0][0] == 2
    with Store(tmp_path) as store, store.transaction():
        store.save(replace(row, score=4.0, appearance=1.0, motion=3.0))
        assert store.event("gate-1-2") == replace(row, score=4.0, appearance=1.0, motion=3.0)
        assert store.database.read("SELECT mark FROM events")[0]["mark"] == "false alarm"


def test_a_damaged_database_is_refused_and_kept(tmp_path: Path) -> None:
    garbage = b"no database at all " * 500
    (tmp_path / DATABASE).write_bytes(garbage)
    text = (
        f"{tmp_path / DATABASE}: the database of events is damaged (file is not a database); "
        "move it away to begin a new one, the clips beside it stay as they are."
    )
    with pytest.raises(OutputError, match=f"^{re.escape(text)}$"):
        Store(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == garbage


def test_ids_rise_although_the_clock_is_set_back(tmp_path: Path) -> None:
    with Store(tmp_path) as store, store.transaction():
        for index, now_s in enumerate([100.0, 100.0, 99.0, 100.001, 50.0]):
            assert store.add_alert(draft(index), now_s)
        found = ids(store)
    assert found == sorted(set(found))
    assert [ms for ms, _ in found] == [100_000, 100_000, 100_000, 100_001, 100_001]


def test_ids_rise_over_restarts_and_removals(tmp_path: Path) -> None:
    with Store(tmp_path) as store, store.transaction():
        store.add_alert(draft(1), 100.0)
        first = ids(store)
        store.database.write("DELETE FROM alerts")
    with Store(tmp_path) as store, store.transaction():
        store.add_alert(draft(2), 100.0)
        assert ids(store) > first


def test_two_databases_never_give_the_same_id(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        with Store(tmp_path / name) as store, store.transaction():
            store.add_alert(draft(), 100.0)
            found += ids(store)
    assert len(set(found)) == 2


def test_an_alert_is_written_once(tmp_path: Path) -> None:
    with Store(tmp_path) as store, store.transaction():
        assert store.add_alert(draft(7), 100.0)
        assert not store.add_alert(draft(7), 101.0)
        assert store.add_alert(draft(7, AlertState.ENDED), 101.0)


def test_whoever_lost_the_lease_writes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with store.transaction():
            store.hold("gate", 5)
        with pytest.raises(LeaseLost, match=r"^gate: another alerter has taken over\.$"):
            written(store, lambda: store.hold("gate", 4))
        assert ids(store) == []


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(ZeroDivisionError):
            written(store, lambda: 1 / 0)
        assert ids(store) == []


def test_an_event_comes_back_as_it_was(tmp_path: Path) -> None:
    row = EventRow(
        id="gate-1-2",
        camera="gate",
        kind=EventKind.VIEW,
        epoch=1,
        begin_at=1.5,
        peak_at=2.5,
        end_at=3.5,
        score=1.75,
        appearance=0.5,
        motion=1.25,
        box=(1, 2, 3, 4),
        picture=(60, 100),
        model="0123",
        told_s=2.0,
        told_score=1.5,
    )
    with Store(tmp_path) as store:
        with store.transaction():
            store.save(row)
            store.database.write("UPDATE events SET mark = 'false alarm'")
            store.save(row)
        assert store.event("gate-1-2") == row
        assert store.database.read("SELECT mark FROM events")[0]["mark"] == "false alarm"
