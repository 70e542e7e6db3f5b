"""Records that publish: messages are stored with the record, published, then cleared.

A Table over an Outbox (`Table(outbox, collection, model)`) publishes what its rows carry. Whoever
meets a record that still holds messages publishes them first: nothing is overwritten unpublished.
Clearing is an update of its own: read a record again before replacing it once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from chassis.bus import Bus
from chassis.records import Message, Record, Records
from chassis.telemetry import tracing

_SWEEP_PAGE = 100


def with_trace(record: Record) -> Record:
    """Its messages carry the trace they belong to, also if somebody else publishes them."""
    if not record.outgoing:
        return record
    return replace(record, outgoing=tracing.carried(record.outgoing))


class Outbox:
    """Records and bus as one: what a record carries is published by `get`, `insert`, `replace`."""

    def __init__(self, records: Records, bus: Bus) -> None:
        self._records = records
        self._bus = bus
        self._flushing: dict[tuple[str, str, str], asyncio.Event] = {}

    async def insert(self, record: Record) -> bool:
        """Insert if absent, then publish what it carries, or what the one met there carries."""
        record = with_trace(record)
        if await self._records.insert(record):
            await self.flush(replace(record, version=1))
            return True
        await self.get(record.tenant, record.collection, record.key)
        return False

    async def replace(self, record: Record) -> bool:
        """Replace if the version fits, then publish what it carries."""
        record = with_trace(record)
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
            underway = self._flushing.get((tenant, collection, key))
            if underway is None:
                await self.flush(record)
            else:
                await underway.wait()

    async def flush(self, record: Record) -> Record:
        """Publish what the record holds, then clear it; the record as it is stored then.

        Somebody who replaced it meanwhile took over what was left; it is published again then.
        """
        if not record.outgoing:
            return record
        key = (record.tenant, record.collection, record.key)
        done = self._flushing[key] = asyncio.Event()
        try:
            await self._bus.publish(record.outgoing)
            cleared = replace(record, outgoing=())
            if await self._records.replace(cleared):
                return replace(cleared, version=record.version + 1)
            return record
        finally:
            done.set()
            if self._flushing.get(key) is done:
                del self._flushing[key]

    async def sweep(self) -> int:
        """Publish what dead processes left behind; how many records held something."""
        swept = 0
        while True:
            page = [
                record
                for record in await self._records.with_outgoing(limit=_SWEEP_PAGE)
                if (record.tenant, record.collection, record.key) not in self._flushing
            ]
            for record in page:
                await self.flush(record)
            swept += len(page)
            if len(page) < _SWEEP_PAGE:
                return swept

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

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        return await self._records.count(tenant, collection, tag, value)
