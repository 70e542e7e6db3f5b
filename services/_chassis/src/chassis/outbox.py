"""Records that publish: messages are stored with the record, published, then cleared.

A Table over an Outbox (`Table(outbox, collection, model)`) publishes what its rows carry. Whoever
meets a record that still holds messages publishes them first: nothing is overwritten unpublished.
Clearing leaves the record's version as it is. It may wait: until then another process that meets
the record publishes its messages once more, as it must when this one has died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from chassis.bus import Bus
from chassis.records import Message, Place, Record, Records, new_stamp
from chassis.telemetry import tracing
from chassis.together import together

_SWEEP_PAGE = 100


def _outgoing(record: Record) -> Record:
    """Its messages carry the trace they belong to, also if somebody else publishes them.

    It has a stamp of its own, so that no other write of that key is taken for this one.
    """
    if not record.outgoing:
        return record
    return replace(record, outgoing=tracing.carried(record.outgoing), stamp=new_stamp())


class Outbox:
    """Records and bus as one: what a record carries is published by `get`, `insert`, `replace`."""

    def __init__(self, records: Records, bus: Bus, *, lazily: bool = False) -> None:
        """`lazily`: what was published is cleared when `clear` is called again and again."""
        self._records = records
        self._bus = bus
        self._lazily = lazily
        self._flushing: dict[Place, asyncio.Event] = {}
        self._published: dict[Place, Record] = {}  # and not cleared yet; without their contents
        self._rested: dict[Place, Record] = {}  # those of them that the last `clear` has left

    async def insert(self, record: Record) -> bool:
        """Insert if absent, then publish what it carries, or what the one met there carries."""
        record = _outgoing(record)
        if await self._records.insert(record):
            await self.flush(replace(record, version=1))
            return True
        await self.get(record.tenant, record.collection, record.key)
        return False

    async def insert_in_order(self, records: Sequence[Record]) -> int:
        return await self._records.insert_in_order(records)

    async def replace(self, record: Record) -> bool:
        """Replace if the version fits, then publish what it carries."""
        record = _outgoing(record)
        if await self._records.replace(record):
            await self.flush(replace(record, version=record.version + 1))
            return True
        await self.get(record.tenant, record.collection, record.key)
        return False

    async def publish(self, message: Message, holding: Sequence[Record]) -> None:
        """Store what the message refers to, as far as it is absent; then publish the message.

        For whoever keeps no record of its own: the same message may be published again.
        """
        for record in holding:
            await self._records.insert(record)
        await self._bus.publish([message])

    async def get(self, tenant: str, collection: str, key: str) -> Record | None:
        """The record; what it still held is published first."""
        while True:
            record = await self._records.get(tenant, collection, key)
            if record is None or not record.outgoing:
                return record
            if self._is_published(record):
                return replace(record, outgoing=())
            underway = self._flushing.get((tenant, collection, key))
            if underway is None:
                await self.flush(record)
            else:
                await underway.wait()

    async def flush(self, record: Record) -> None:
        """Publish what the record holds, then clear it, unless somebody has replaced it."""
        if not record.outgoing:
            return
        place = record.place
        done = self._flushing[place] = asyncio.Event()
        try:
            await self._bus.publish(record.outgoing)
            bare = replace(record, body=b"", tags={}, outgoing=())
            if self._lazily:
                self._published[place] = bare
            else:
                await self._records.clear(bare)
        finally:
            done.set()
            if self._flushing.get(place) is done:
                del self._flushing[place]

    async def clear(self, *, everything: bool = False) -> None:
        """Clear what was published, but not since the last call: whoever is in haste goes first."""
        due = self._published if everything else self._rested
        some = [(place, record) for place, record in due.items() if self._is_published(record)]
        await together([self._records.clear(record) for _, record in some])
        for place, record in some:
            if self._published.get(place) is record:
                del self._published[place]
        self._rested = dict(self._published)

    async def sweep(self) -> int:
        """Publish what dead processes left behind; how many records held something."""
        swept = 0
        while True:
            page = await self._records.with_outgoing(limit=_SWEEP_PAGE)
            left = [
                record
                for record in page
                if record.place not in self._flushing and not self._is_published(record)
            ]
            for record in left:
                await self.flush(record)
            if left:
                await self.clear(everything=True)
            swept += len(left)
            if len(page) < _SWEEP_PAGE or not left:
                return swept

    def _is_published(self, record: Record) -> bool:
        known = self._published.get(record.place)
        if known is None:
            return False
        return (known.version, known.stamp) == (record.version, record.stamp)

    async def delete(self, tenant: str, collection: str, key: str) -> bool:
        """Publish what it still holds, then delete."""
        await self.get(tenant, collection, key)
        return await self._records.delete(tenant, collection, key)

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
        return await self._records.find(tenant, collection, tag, value, after=after, limit=limit)

    async def find_any(
        self, tenant: str, collection: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Record]:
        return await self._records.find_any(tenant, collection, tag, values, limit=limit)

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        return await self._records.count(tenant, collection, tag, value)
