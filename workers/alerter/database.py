"""`events.sqlite`: opened, made, refused. One connection belongs to one thread.

Every transaction is on the disk when it ends: an alert that was published is never forgotten, and none is given twice.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import OutputError

__all__ = ["DATABASE", "Database", "DatabaseFull"]

DATABASE = "events.sqlite"
SCHEMA_VERSION = 2
# Two threads write; a checkpoint of many cameras takes a few milliseconds, a slow disk longer.
BUSY_S = 20.0

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    id TEXT PRIMARY KEY, camera TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, epoch INTEGER NOT NULL,
    begin_at REAL NOT NULL, peak_at REAL NOT NULL, end_at REAL NOT NULL,
    begin_s REAL NOT NULL, peak_s REAL NOT NULL, end_s REAL NOT NULL, score REAL NOT NULL,
    appearance REAL, motion REAL, box TEXT, picture TEXT, reason TEXT, clip TEXT, thumbnail TEXT, model TEXT,
    told_s REAL NOT NULL, told_score REAL NOT NULL, error TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    mark TEXT
) WITHOUT ROWID;
CREATE INDEX events_by_time ON events (end_at);
CREATE INDEX events_unfinished ON events (camera) WHERE state != 'ended';
CREATE TABLE clips (
    event TEXT PRIMARY KEY, camera TEXT NOT NULL, epoch INTEGER NOT NULL, until_s REAL NOT NULL,
    resize TEXT NOT NULL, crop INTEGER, source TEXT NOT NULL, stem TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE checkpoints (
    camera TEXT PRIMARY KEY, position TEXT NOT NULL, epoch INTEGER NOT NULL, frame INTEGER NOT NULL,
    closed INTEGER NOT NULL, tracker BLOB NOT NULL, seen TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE leases (camera TEXT PRIMARY KEY, fence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE alerts (
    ms INTEGER NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, camera TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, frame INTEGER NOT NULL, frame_at REAL NOT NULL, body TEXT NOT NULL, published INTEGER NOT NULL,
    PRIMARY KEY (ms, seq), UNIQUE (event, state, frame)
) WITHOUT ROWID;
CREATE INDEX alerts_unpublished ON alerts (ms, seq) WHERE published = 0;
CREATE TABLE deliveries (
    hook TEXT NOT NULL, ms INTEGER NOT NULL, seq INTEGER NOT NULL, tries INTEGER NOT NULL,
    next_at REAL NOT NULL, until_at REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (hook, ms, seq)
) WITHOUT ROWID;
"""
# From each version to the next.
CHANGES = {1: "ALTER TABLE events ADD COLUMN appearance REAL; ALTER TABLE events ADD COLUMN motion REAL"}


class DatabaseFull(OutputError):
    """There is no room on the disk for what was to be written; nothing of it was."""


class Database:
    """A connection to the database of a storage folder, made where there is none; a context manager.

    One that an older stillwatch wrote is brought up to date, with all that is in it.

    Raises:
        OutputError: it cannot be opened, is damaged, or was written by a newer stillwatch. Nothing in it is changed.
    """

    def __init__(self, storage: Path) -> None:
        self.path = storage / DATABASE
        try:
            storage.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            raise OutputError(f"{self.path}: cannot be opened ({error}); check the folder and its rights.") from error
        self._connection.row_factory = sqlite3.Row
        try:
            self._begin()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def read(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """Rows that a statement gives.

        Raises:
            OutputError: the database is damaged or cannot be reached.
        """
        with self._own_errors():
            return self._connection.execute(statement, values).fetchall()

    def write(self, statement: str, *values: object) -> int:
        """Run a statement within a transaction; how many rows it changed.

        Raises:
            DatabaseFull, OutputError: as for `transaction`.
        """
        with self._own_errors():
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in the block, or nothing of it; on the disk when the block is left.

        Raises:
            DatabaseFull: the disk is full.
            OutputError: it cannot be written for another reason.
        """
        with self._own_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _begin(self) -> None:
        with self._own_errors():
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version > SCHEMA_VERSION:
                raise OutputError(
                    f"{self.path}: it was written by a newer stillwatch (version {version}, this one knows "
                    f"{SCHEMA_VERSION}); use that one, or another storage folder."
                )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            # A log of 1 MB, not of 4: checkpoints of trackers would fill it with what is old.
            self._connection.execute("PRAGMA wal_autocheckpoint = 250")
            if version < SCHEMA_VERSION:
                self._make()

    def _make(self) -> None:
        with self.transaction():
            # Another process, or thread, may have been faster.
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version == SCHEMA_VERSION:
                return
            scripts = [CHANGES[number] for number in range(version, SCHEMA_VERSION)] if version else [SCHEMA]
            for statement in ";".join(scripts).split(";"):
                self._connection.execute(statement)
            if not version:
                # Two databases on one broker must not give one id twice.
                self._connection.execute("INSERT INTO meta VALUES ('base', ?)", (secrets.randbits(30),))
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.DatabaseError) -> OutputError:
        code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else 0
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return OutputError(
                f"{self.path}: the database of events is damaged ({error}); move it away to begin a new one, "
                "the clips beside it stay as they are."
            )
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return DatabaseFull(f"{self.path}: cannot be written ({error}); free some space or choose another place.")
        return OutputError(f"{self.path}: cannot be used ({error}); check the folder and its rights.")
