"""What a sandbox knows: tables of rows in memory, mirrored to one SQLite file.

What was answered survives the death of the process: a request's rows are committed before its
answer leaves. `synchronous=OFF` is enough for that: a killed process leaves the page cache behind.
"""

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.wire import dumps, loads

type Row = dict[str, Any]

DEFAULT_TODAY = date(2026, 11, 5)


class Clock:
    """The sandbox's own date: settable, never read from the machine."""

    def __init__(self, path: Path | None = None, today: date | None = None) -> None:
        self._path = path
        stored = date.fromisoformat(path.read_text()) if path and path.exists() else DEFAULT_TODAY
        self.today = stored
        self.set(today or stored)

    def set(self, today: date) -> None:
        self.today = today
        if self._path:
            self._path.write_text(today.isoformat())


class State:
    """Rows by table and key. Change a row only through `put`: a row edited in place is not stored.

    Tables whose name starts with an underscore are the sandbox's own (calls, faults), not entities.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._tables: dict[str, dict[str, Row]] = {}
        self._database: sqlite3.Connection | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS rows"
            " (tab TEXT, key TEXT, seq INTEGER PRIMARY KEY, body BLOB, UNIQUE(tab, key))"
        )
        self._database.commit()
        for table, key, body in self._database.execute(
            "SELECT tab, key, body FROM rows ORDER BY seq"
        ):
            self._tables.setdefault(table, {})[key] = loads(body)

    def put(self, table: str, key: str, row: Row) -> None:
        self._tables.setdefault(table, {})[key] = row
        if self._database is not None:
            self._database.execute(
                "INSERT INTO rows(tab, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT(tab, key) DO UPDATE SET body = excluded.body",
                (table, key, dumps(row)),
            )

    def get(self, table: str, key: str) -> Row | None:
        return self._tables.get(table, {}).get(key)

    def rows(self, table: str) -> list[Row]:
        """In the order they were first put."""
        return list(self._tables.get(table, {}).values())

    def keys(self, table: str) -> list[str]:
        return list(self._tables.get(table, {}))

    def delete(self, table: str, key: str) -> bool:
        if self._tables.get(table, {}).pop(key, None) is None:
            return False
        if self._database is not None:
            self._database.execute("DELETE FROM rows WHERE tab = ? AND key = ?", (table, key))
        return True

    def clear(self, table: str) -> None:
        self._tables.pop(table, None)
        if self._database is not None:
            self._database.execute("DELETE FROM rows WHERE tab = ?", (table,))

    def clear_entities(self) -> None:
        for table in [name for name in self._tables if not name.startswith("_")]:
            self.clear(table)

    def next_number(self, name: str, start: int = 1) -> int:
        """A stored counter, for ids: the first call gives `start`."""
        number = int((self.get("_numbers", name) or {"next": start})["next"])
        self.put("_numbers", name, {"next": number + 1})
        return number

    def commit(self) -> None:
        if self._database is not None:
            self._database.commit()

    def close(self) -> None:
        if self._database is not None:
            self._database.commit()
            self._database.close()
            self._database = None
