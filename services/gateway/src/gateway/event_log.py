"""A tenant's billing events in their order, each once, for whoever reads later or over HTTP.

Positions are consecutive from 1 on and never change. What is older than `KEEP` is dropped from the
front as new events come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.table import Table

KEEP = timedelta(days=30)
_LAST_IS_KNOWN = timedelta(hours=1)  # far less than KEEP: what follows it is still there
_DROP_EVERY, _DROP_MAX = 16, 64
_LOG = {"of": "log"}


class NewEvent(NamedTuple):
    """One event as it comes from the bus. `event`: the CloudEvent, byte for byte."""

    id: str
    type: str
    event: str


class KeptEvent(BaseModel):
    """One event as it was published. `at`: when it was taken into the log (UTC)."""

    model_config = ConfigDict(frozen=True)

    position: int
    at: datetime
    id: str
    type: str
    event: str  # the CloudEvent, byte for byte


class EventLog:
    """One log a tenant; whoever appends is the one consumer of the tenant's events."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._table: Table[KeptEvent] = Table(outbox, "events", KeptEvent)
        self._clock = clock
        self._last: dict[str, tuple[int, datetime]] = {}
        self._none_before: dict[str, datetime] = {}  # when the oldest is kept too long
        self._watchers: dict[str, set[asyncio.Event]] = {}

    async def append(self, tenant: str, events: Sequence[NewEvent]) -> list[KeptEvent]:
        """Add them to the end, in their order; one that is there stays where it is.

        Ids are looked up after the end was: had another process added one of them since, something
        would stand where the first of these is to be inserted, and nothing is.
        """
        kept: dict[str, KeptEvent] = {}
        while True:
            last = await self._known_last(tenant)
            kept |= await self.by_ids(tenant, [e.id for e in events if e.id not in kept])
            new = {event.id: event for event in events if event.id not in kept}
            now = self._clock.now()
            rows = [
                KeptEvent(
                    position=position, at=now, id=event.id, type=event.type, event=event.event
                )
                for position, event in enumerate(new.values(), last + 1)
            ]
            added = await self._table.insert_in_order(
                tenant, [(key_of(row.position), row, {**_LOG, "event": row.id}) for row in rows]
            )
            kept |= {row.id: row for row in rows[:added]}
            if added:
                self._last[tenant] = (rows[added - 1].position, now)
                self._wake(tenant)
            if added == len(rows):
                return [kept[event.id] for event in events]
            self._last.pop(tenant, None)

    async def page(self, tenant: str, after: int, limit: int) -> list[KeptEvent]:
        """Events after that position, in order."""
        key = key_of(after) if after else ""
        found = await self._table.find(tenant, "of", "log", after=key, limit=limit)
        return [stored.value for stored in found]

    async def by_ids(self, tenant: str, event_ids: Collection[str]) -> dict[str, KeptEvent]:
        """Those of them that are kept, under their ids."""
        found = await self._table.find_any(tenant, "event", event_ids, limit=len(event_ids))
        return {stored.value.id: stored.value for stored in found}

    async def by_id(self, tenant: str, event_id: str) -> KeptEvent | None:
        """The event, as long as it is kept."""
        return (await self.by_ids(tenant, [event_id])).get(event_id)

    async def last(self, tenant: str) -> int:
        """The newest position; 0: there was no event yet."""
        first = await self._table.find(tenant, "of", "log", limit=1)
        return await self._last_from(tenant, first[0].value.position) if first else 0

    async def expired(self, tenant: str, position: int) -> AsyncIterator[KeptEvent]:
        """The oldest ones that are kept too long, now and then; `drop` follows, in this order."""
        now = self._clock.now()
        if position % _DROP_EVERY or now < self._none_before.get(tenant, now):
            return
        for kept in await self.page(tenant, 0, _DROP_MAX):
            if now - kept.at < KEEP:
                self._none_before[tenant] = kept.at + KEEP  # whoever drops it, the next is younger
                return
            yield kept

    async def drop(self, tenant: str, kept: KeptEvent) -> None:
        """Nobody reads it any more."""
        await self._table.delete(tenant, key_of(kept.position))

    @contextmanager
    def watching(self, tenant: str) -> Iterator[asyncio.Event]:
        """Set whenever this process has appended an event of the tenant; clear it before a look."""
        woken = asyncio.Event()
        watchers = self._watchers.setdefault(tenant, set())
        watchers.add(woken)
        try:
            yield woken
        finally:
            watchers.discard(woken)
            if not watchers:
                self._watchers.pop(tenant, None)

    def wake_all(self) -> None:
        """Everybody looks again: the process stops."""
        for tenant in self._watchers:
            self._wake(tenant)

    def _wake(self, tenant: str) -> None:
        for woken in self._watchers.get(tenant, ()):
            woken.set()

    async def _known_last(self, tenant: str) -> int:
        known = self._last.get(tenant)
        if known is not None and self._clock.now() - known[1] < _LAST_IS_KNOWN:
            return known[0]
        return await self.last(tenant)

    async def _last_from(self, tenant: str, low: int) -> int:
        """Positions have no gap, so the end is found by doubling and halving steps."""
        step = 1
        while await self._is_there(tenant, low + step):
            low += step
            step *= 2
        while step > 1:
            step //= 2
            if await self._is_there(tenant, low + step):
                low += step
        return low

    async def _is_there(self, tenant: str, position: int) -> bool:
        return await self._table.get(tenant, key_of(position)) is not None


def key_of(position: int) -> str:
    """Keys sort as their positions do."""
    return f"{position:012d}"
