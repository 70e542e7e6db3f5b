"""Pydantic models as records. Over an Outbox the messages of a row are published by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import BaseModel

from chassis.records import Message, Record


class Rows(Protocol):
    """What a table needs of its records: Records has it, and so has Outbox."""

    async def get(self, tenant: str, collection: str, key: str) -> Record | None: ...
    async def insert(self, record: Record) -> bool: ...
    async def insert_in_order(self, records: Sequence[Record]) -> int: ...
    async def replace(self, record: Record) -> bool: ...
    async def delete(self, tenant: str, collection: str, key: str) -> bool: ...
    async def find(
        self,
        tenant: str,
        collection: str,
        tag: str,
        value: str,
        *,
        after: str = "",
        limit: int = 100,
    ) -> list[Record]: ...
    async def find_any(
        self, tenant: str, collection: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Record]: ...
    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Stored[T: BaseModel]:
    """One row as read: the value, and the record that it came in."""

    value: T
    record: Record

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def version(self) -> int:
        return self.record.version

    @property
    def tags(self) -> Mapping[str, str]:
        return self.record.tags


class Table[T: BaseModel]:
    """One collection of one model. Give it the Outbox as `records` if its rows carry messages."""

    def __init__(self, records: Rows, collection: str, model: type[T]) -> None:
        self._records = records
        self._collection = collection
        self._model = model

    async def get(self, tenant: str, key: str) -> Stored[T] | None:
        """The row, or None."""
        record = await self._records.get(tenant, self._collection, key)
        return None if record is None else self._stored(record)

    async def insert(
        self,
        tenant: str,
        key: str,
        value: T,
        *,
        tags: Mapping[str, str] | None = None,
        outgoing: Sequence[Message] = (),
    ) -> bool:
        """Insert if absent. False: it was there."""
        body = value.model_dump_json().encode()
        return await self._records.insert(
            Record(tenant, self._collection, key, 0, body, tags or {}, tuple(outgoing))
        )

    async def insert_in_order(
        self, tenant: str, rows: Sequence[tuple[str, T, Mapping[str, str]]]
    ) -> int:
        """Keys, values and tags, up to the first whose key was there; how many are new."""
        return await self._records.insert_in_order(
            [
                Record(tenant, self._collection, key, 0, value.model_dump_json().encode(), tags)
                for key, value, tags in rows
            ]
        )

    async def replace(
        self,
        stored: Stored[T],
        value: T,
        *,
        tags: Mapping[str, str] | None = None,
        outgoing: Sequence[Message] = (),
    ) -> bool:
        """Replace the row as read; without `tags` it keeps its own. False: it is another now.

        Messages that the row still held are kept before the new ones.
        """
        return await self._records.replace(
            replace(
                stored.record,
                body=value.model_dump_json().encode(),
                tags=stored.record.tags if tags is None else tags,
                outgoing=(*stored.record.outgoing, *outgoing),
            )
        )

    async def delete(self, tenant: str, key: str) -> bool:
        """True if it was there."""
        return await self._records.delete(tenant, self._collection, key)

    async def find(
        self, tenant: str, tag: str, value: str, *, after: str = "", limit: int = 100
    ) -> list[Stored[T]]:
        """One page of the rows with that tag, by key, from after the key `after` on."""
        records = await self._records.find(
            tenant, self._collection, tag, value, after=after, limit=limit
        )
        return [self._stored(record) for record in records]

    async def find_any(
        self, tenant: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Stored[T]]:
        """Rows whose tag has one of these values, by key."""
        found = await self._records.find_any(tenant, self._collection, tag, values, limit=limit)
        return [self._stored(record) for record in found]

    async def every(self, tenant: str, tag: str, value: str) -> AsyncIterator[Stored[T]]:
        """All rows with that tag, by key, page after page."""
        async for record in self.raw(tenant, tag, value):
            yield self._stored(record)

    async def raw(self, tenant: str, tag: str, value: str) -> AsyncIterator[Record]:
        """The same as they lie in the store, for whoever knows their bytes already."""
        after = ""
        while page := await self._records.find(tenant, self._collection, tag, value, after=after):
            for record in page:
                yield record
            after = page[-1].key

    async def count(self, tenant: str, tag: str, value: str) -> int:
        """How many rows have that tag."""
        return await self._records.count(tenant, self._collection, tag, value)

    def _stored(self, record: Record) -> Stored[T]:
        return Stored(self._model.model_validate_json(record.body), record)
