"""Records in memory, obeying the contract exactly; with faults for those who ask.

`pause` is awaited before and after each call's effect: it can let virtual time pass, raise the
store's failure, or end a process for good.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import ClassVar

from chassis.records import Record, may_change

Pause = Callable[[], Awaitable[None]]
Shelf = dict[tuple[str, str, str], Record]  # tenant, collection, key


async def no_pause() -> None:
    """Nothing happens."""


class MemoryRecords:
    """One process's access to a shelf; several may share one shelf."""

    is_local: ClassVar[bool] = True

    def __init__(self, shelf: Shelf | None = None, pause: Pause = no_pause) -> None:
        self.shelf = {} if shelf is None else shelf
        self.pause = pause

    async def get(self, tenant: str, collection: str, key: str) -> Record | None:
        await self.pause()
        return self.shelf.get((tenant, collection, key))

    async def insert(self, record: Record) -> bool:
        await self.pause()
        place = record.place
        inserted = place not in self.shelf
        if inserted:
            self.shelf[place] = replace(record, version=1)
        await self.pause()
        return inserted

    async def insert_in_order(self, records: Sequence[Record]) -> int:
        for number, record in enumerate(records):
            if not await self.insert(record):  # a process may end between two of them
                return number
        return len(records)

    async def replace(self, record: Record) -> bool:
        may_change(record.collection)
        await self.pause()
        place = record.place
        stored = self.shelf.get(place)
        replaced = stored is not None and stored.version == record.version
        if replaced:
            self.shelf[place] = replace(record, version=record.version + 1)
        await self.pause()
        return replaced

    async def clear(self, record: Record) -> None:
        await self.pause()
        stored = self.shelf.get(record.place)
        if stored is not None and (stored.version, stored.stamp) == (record.version, record.stamp):
            self.shelf[record.place] = replace(stored, outgoing=())
        await self.pause()

    async def delete(self, tenant: str, collection: str, key: str) -> bool:
        may_change(collection)
        await self.pause()
        deleted = self.shelf.pop((tenant, collection, key), None) is not None
        await self.pause()
        return deleted

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
        await self.pause()
        found = self._tagged(collection, tag, value)
        return [r for r in found if r.tenant == tenant and r.key > after][:limit]

    async def find_any(
        self, tenant: str, collection: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Record]:
        await self.pause()
        found = [r for value in set(values) for r in self._tagged(collection, tag, value)]
        return sorted((r for r in found if r.tenant == tenant), key=lambda r: r.key)[:limit]

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        await self.pause()
        return sum(r.tenant == tenant for r in self._tagged(collection, tag, value))

    async def sweep(
        self, collection: str, tag: str, value: str, *, after: str = "", limit: int = 100
    ) -> list[Record]:
        await self.pause()
        tenant, _, key = after.partition("/")
        found = self._tagged(collection, tag, value)
        return [r for r in found if (r.tenant, r.key) > (tenant, key)][:limit]

    async def with_outgoing(self, *, limit: int = 100) -> list[Record]:
        await self.pause()
        return [self.shelf[place] for place in sorted(self.shelf) if self.shelf[place].outgoing][
            :limit
        ]

    def _tagged(self, collection: str, tag: str, value: str) -> list[Record]:
        return [
            self.shelf[place]
            for place in sorted(self.shelf)
            if place[1] == collection and self.shelf[place].tags.get(tag) == value
        ]
