"""The SQLite file: its tables, how a connection to it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from chassis.errors import PermanentError, TransientError

FILE = "chargeline.db"
_APPLICATION = 0x43484C4E  # "CHLN" in the file's header: this file is ours
_VERSION = 1
_PAGE_BYTES = 16 * 1024  # of a new file: bodies are large, and cost by the page
_WAL_BYTES = 64 * 1024 * 1024  # then what is committed moves into the file, busy or not
_CHECKED_BYTES = 256 * 1024 * 1024  # a file up to this size is checked whole at every start

Durability = Literal["FULL", "NORMAL", "OFF"]

# `body` and `value` come last: what is read without them does not walk their pages.
_TABLES = """
CREATE TABLE records (
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL,
    version INTEGER NOT NULL, holds INTEGER NOT NULL, tags TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (tenant, collection, key)
);
CREATE TABLE tags (
    collection TEXT NOT NULL, tag TEXT NOT NULL, value TEXT NOT NULL, tenant TEXT NOT NULL,
    key TEXT NOT NULL, record INTEGER NOT NULL,
    PRIMARY KEY (collection, tag, value, tenant, key)
) WITHOUT ROWID;
CREATE TABLE outgoing (
    record INTEGER NOT NULL, place INTEGER NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL,
    headers TEXT NOT NULL, value BLOB NOT NULL
);
CREATE INDEX outgoing_by_record ON outgoing (record, place);
CREATE TABLE log (
    position INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, slot INTEGER NOT NULL,
    key TEXT NOT NULL, headers TEXT NOT NULL, value BLOB NOT NULL
);
CREATE INDEX log_by_slot ON log (topic, slot);
CREATE TABLE offsets (
    consumer TEXT NOT NULL, topic TEXT NOT NULL, slot INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (consumer, topic, slot)
) WITHOUT ROWID;
"""


def open_owner(folder: Path, durability: Durability = "FULL") -> sqlite3.Connection:
    """The writer's connection; makes the tables in a new file, refuses a damaged or foreign one."""
    path = folder / FILE
    with _opened(path, "rwc") as connection:
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={durability}")
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_BYTES // page_bytes}")
        _check(connection, path)
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE;{_TABLES}PRAGMA application_id={_APPLICATION};"
                f"PRAGMA user_version={_VERSION};COMMIT;"
            )
    return connection


def open_reader(folder: Path) -> sqlite3.Connection:
    """A connection that reads: in WAL mode it never waits for the writer."""
    path = folder / FILE
    with _opened(path, "ro") as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            raise PermanentError("store-corrupt", f"{path} is not a data file of this version")
    return connection


@contextmanager
def _opened(path: Path, mode: Literal["rwc", "ro"]) -> Iterator[sqlite3.Connection]:
    """A connection that is closed again if setting it up fails."""
    with translated():
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA busy_timeout=5000")
            yield connection
        except BaseException:
            connection.close()
            raise


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and application != _APPLICATION:
        raise PermanentError("store-corrupt", f"{path} is not a Chargeline data file")
    if version > _VERSION:
        raise PermanentError("store-newer", f"{path} was written by a newer Chargeline: upgrade")
    if path.stat().st_size <= _CHECKED_BYTES:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise PermanentError("store-corrupt", f"{path} is damaged ({found}): restore a backup")


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise failure(error) from error


def failure(error: sqlite3.Error) -> Exception:
    """What an error of SQLite means to whoever asked."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return PermanentError("store-corrupt", f"the data file is damaged ({error})")
    if code in _AWAY or (isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error)):
        return TransientError("store-away", f"the data file can not be used now ({error})")
    return error


_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
