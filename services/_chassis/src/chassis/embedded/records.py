"""Records in SQLite: one row a record, its tags in an indexed table, its messages in another."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, ClassVar

from chassis.embedded.recent import Recent
from chassis.embedded.writer import Executor, Work
from chassis.errors import PermanentError
from chassis.records import Message, Record, may_change, of_one_collection

_COLUMNS = "r.tenant, r.collection, r.key, r.version, r.body, r.tags, r.holds, r.id"
_WITH_TAG = (
    f"SELECT {_COLUMNS} FROM tags t JOIN records r ON r.id = t.record"  # noqa: S608 - constants
    " WHERE t.collection = ? AND t.tag = ?"
)
_BY_TAG = f"{_WITH_TAG} AND t.value = ?"
_NO_TAGS = "{}"


class SqliteRecords:
    """Implements `chassis.records.Records`. A read-only store refuses to write."""

    is_local: ClassVar[bool] = True

    def __init__(self, executor: Executor, *, read_only: bool = False) -> None:
        self._executor = executor
        self._read_only = read_only
        self._recent = Recent()

    async def get(self, tenant: str, collection: str, key: str) -> Record | None:
        place = (tenant, collection, key)

        def read(connection: sqlite3.Connection) -> Record | None:
            known = self._recent.get(place)
            if known is not None:
                return known
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM records r"  # noqa: S608 - constants
                " WHERE tenant = ? AND collection = ? AND key = ?",
                place,
            ).fetchone()
            record = None if row is None else _record(connection, row)
            if record is not None and not self._read_only:  # who only reads hears of no write
                self._recent.keep(record)
            return record

        return await self._executor.read(read)

    async def insert(self, record: Record) -> bool:
        return await self.written(record, 1, self._executor.write(self.inserted(record)))

    def inserted(self, record: Record) -> Work[bool]:
        """The work of `insert`."""
        self._writable()

        def write(connection: sqlite3.Connection) -> bool:
            place = (record.tenant, record.collection, record.key)
            done = connection.execute(
                "INSERT INTO records (tenant, collection, key, version, holds, tags, body)"
                " VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO NOTHING",
                (*place, bool(record.outgoing), _encoded(record.tags), record.body),
            )
            if done.rowcount == 0:
                return False
            assert done.lastrowid is not None
            _tag(connection, record, done.lastrowid, record.tags.items())
            _hold(connection, done.lastrowid, record.outgoing)
            return True

        return write

    async def insert_in_order(self, records: Sequence[Record]) -> int:
        if not records:
            return 0
        of_one_collection(records)
        works = [self.inserted(record) for record in records]

        def write(connection: sqlite3.Connection) -> int:
            return sum(1 for _ in takewhile(bool, (insert(connection) for insert in works)))

        # `get` may know nothing of them: it keeps what is there, and they are new.
        return await self._executor.write(write)

    async def replace(self, record: Record) -> bool:
        version = record.version + 1
        return await self.written(record, version, self._executor.write(self.replaced(record)))

    def replaced(self, record: Record) -> Work[bool]:
        """The work of `replace`."""
        self._writable()
        may_change(record.collection)
        tags = _encoded(record.tags)

        def write(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "SELECT id, tags, holds FROM records"
                " WHERE tenant = ? AND collection = ? AND key = ? AND version = ?",
                (record.tenant, record.collection, record.key, record.version),
            ).fetchone()
            if row is None:
                return False
            number, old_tags, holds = row
            connection.execute(
                "UPDATE records SET version = version + 1, holds = ?, tags = ?, body = ?"
                " WHERE id = ?",
                (bool(record.outgoing), tags, record.body, number),
            )
            if tags != old_tags:
                before, now = decode_headers(old_tags).items(), record.tags.items()
                _untag(connection, record, sorted(before - now))
                _tag(connection, record, number, sorted(now - before))
            if holds:
                connection.execute("DELETE FROM outgoing WHERE record = ?", (number,))
            _hold(connection, number, record.outgoing)
            return True

        return write

    async def clear(self, record: Record) -> None:
        self._writable()

        def write(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "UPDATE records SET holds = 0 WHERE tenant = ? AND collection = ? AND key = ?"
                " AND version = ? RETURNING id",
                (*record.place, record.version),
            ).fetchone()
            if row is not None:
                connection.execute("DELETE FROM outgoing WHERE record = ?", row)
            return False  # what `get` knows is read again

        await self._recent.written(record.place, self._executor.write(write), after=None)

    async def delete(self, tenant: str, collection: str, key: str) -> bool:
        self._writable()
        may_change(collection)

        def write(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "DELETE FROM records WHERE tenant = ? AND collection = ? AND key = ?"
                " RETURNING id, tags, holds",
                (tenant, collection, key),
            ).fetchall()
            for number, tags, holds in row:
                gone = Record(tenant, collection, key, 0, b"")
                _untag(connection, gone, decode_headers(tags).items())
                if holds:
                    connection.execute("DELETE FROM outgoing WHERE record = ?", (number,))
            return bool(row)

        done = self._executor.write(write)
        return await self._recent.written((tenant, collection, key), done, after=None)

    async def written(self, record: Record, version: int, write: Awaitable[bool]) -> bool:
        """Await a write that has the work of `insert` or `replace` in it, so that `get` knows."""
        return await self._recent.written(record.place, write, replace(record, version=version))

    async def find(
        self,
        tenant: str,
        collection: str,
        tag: str,
        value: str,
        *,
        after: str = "",
        limit: int = 100,
    ) -> list[Record]:
        return await self._select(
            f"{_BY_TAG} AND t.tenant = ? AND t.key > ? ORDER BY t.key LIMIT ?",
            (collection, tag, value, tenant, after, limit),
        )

    async def find_any(
        self, tenant: str, collection: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Record]:
        several = sorted(values)
        marks = ", ".join("?" * len(several))
        return await self._select(
            f"{_WITH_TAG} AND t.value IN ({marks}) AND t.tenant = ? ORDER BY t.key LIMIT ?",
            (collection, tag, *several, tenant, limit),
        )

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        def read(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT count(*) FROM tags"
                " WHERE collection = ? AND tag = ? AND value = ? AND tenant = ?",
                (collection, tag, value, tenant),
            ).fetchone()
            return int(row[0])

        return await self._executor.read(read)

    async def sweep(
        self, collection: str, tag: str, value: str, *, after: str = "", limit: int = 100
    ) -> list[Record]:
        """`after` is `tenant/key` of the last record seen; tenants have no slash in their name."""
        tenant, _, key = after.partition("/")
        return await self._select(
            f"{_BY_TAG} AND (t.tenant, t.key) > (?, ?) ORDER BY t.tenant, t.key LIMIT ?",
            (collection, tag, value, tenant, key, limit),
        )

    async def with_outgoing(self, *, limit: int = 100) -> list[Record]:
        return await self._select(
            f"SELECT {_COLUMNS} FROM records r WHERE r.id IN"  # noqa: S608 - constants
            " (SELECT DISTINCT record FROM outgoing ORDER BY record LIMIT ?) ORDER BY r.id",
            (limit,),
        )

    async def _select(self, sql: str, values: Sequence[str | int]) -> list[Record]:
        def read(connection: sqlite3.Connection) -> list[Record]:
            rows = connection.execute(sql, values).fetchall()
            return [_record(connection, row) for row in rows]

        return await self._executor.read(read)

    def _writable(self) -> None:
        if self._read_only:
            raise read_only()


def read_only() -> PermanentError:
    """Why a second process may not write."""
    return PermanentError("data-folder-in-use", "this process only reads: speak to the owner")


def encode_headers(headers: Mapping[str, str]) -> str:
    """Headers as text; mostly there are none."""
    return json.dumps(dict(headers)) if headers else _NO_TAGS


def decode_headers(text: str) -> dict[str, str]:
    """What `encode_headers` made."""
    return {} if text == _NO_TAGS else json.loads(text)


def _encoded(tags: Mapping[str, str]) -> str:
    return json.dumps(dict(tags), sort_keys=True) if tags else _NO_TAGS


type _Tags = Collection[tuple[str, str]]


def _tag(connection: sqlite3.Connection, record: Record, number: int, tags: _Tags) -> None:
    if not tags:
        return
    connection.executemany(
        "INSERT INTO tags (collection, tag, value, tenant, key, record) VALUES (?, ?, ?, ?, ?, ?)",
        [(record.collection, tag, value, record.tenant, record.key, number) for tag, value in tags],
    )


def _untag(connection: sqlite3.Connection, record: Record, tags: _Tags) -> None:
    if not tags:
        return
    connection.executemany(
        "DELETE FROM tags"
        " WHERE collection = ? AND tag = ? AND value = ? AND tenant = ? AND key = ?",
        [(record.collection, tag, value, record.tenant, record.key) for tag, value in tags],
    )


def _hold(connection: sqlite3.Connection, number: int, messages: Sequence[Message]) -> None:
    if not messages:
        return
    connection.executemany(
        "INSERT INTO outgoing (record, place, topic, key, headers, value)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (number, place, m.topic, m.key, encode_headers(m.headers), m.value)
            for place, m in enumerate(messages)
        ],
    )


def _record(connection: sqlite3.Connection, row: tuple[Any, ...]) -> Record:
    tenant, collection, key, version, body, tags, holds, number = row
    return Record(
        tenant,
        collection,
        key,
        version,
        body,
        decode_headers(tags),
        _held(connection, number) if holds else (),
    )


def _held(connection: sqlite3.Connection, number: int) -> tuple[Message, ...]:
    rows = connection.execute(
        "SELECT topic, key, value, headers FROM outgoing WHERE record = ? ORDER BY place", (number,)
    )
    return tuple(Message(t, k, v, decode_headers(h)) for t, k, v, h in rows)
