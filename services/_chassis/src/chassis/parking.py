"""Parking: what can not be handled waits in the store, per consumer group and order key.

Later messages of the same key queue behind it in a lane, so the partition goes on and the order is
kept. A lane is one record and names its messages in order; a message is stored before its lane
names it and deleted after its lane forgets it. So a crash may leave a message that no lane names:
it was handled or is delivered again, and retrying it is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.log import logger
from chassis.outbox import Outbox
from chassis.parked import (
    COLLECTION,
    LANES,
    Arrival,
    Cause,
    Lane,
    ParkedMessage,
    Retried,
    arrival_of,
    lane_id,
    message_of,
    notices_of,
    record_of,
    tenant_of,
)
from chassis.records import Message, Record, Records
from chassis.table import Stored, Table
from schemas import frame
from schemas.ids import content_hash, derive_id

BEHIND = "queued-behind-parked"
_TEXT_CHARS = 500

_log = logger("parking")

Handle = Callable[[Arrival], Awaitable[Cause | None]]


class Parking:
    """Parks for all groups of a process, and retries."""

    def __init__(self, records: Records, outbox: Outbox, clock: Clock) -> None:
        self._records = records
        self._lanes = Table(outbox, LANES, Lane)
        self._clock = clock
        self._handles: dict[str, Handle] = {}
        self._open: set[tuple[str, str]] = set()  # group and key; may be stale, never too small
        self._draining: dict[str, asyncio.Task[Retried]] = {}

    def enlist(self, group: str, handle: Handle) -> None:
        """How this group's messages are handled when they are retried."""
        self._handles[group] = handle

    async def load(self, group: str) -> None:
        """Learn which keys of the group are parked: before its first delivery."""
        for record in await self._tagged("open", group):
            self._open.add((group, Lane.model_validate_json(record.body).key))

    async def queued(self, arrival: Arrival) -> bool:
        """True: the key is parked and the message queues behind; False: the way is free."""
        if (arrival.group, arrival.key) not in self._open:
            return False
        message = self._describe(arrival, Cause(BEHIND, "an earlier message is parked"), "queued")
        stored = False
        while True:
            row = await self._lane(arrival)
            if row is None or not row.value.waiting:
                if stored:
                    await self._records.delete(message.tenant, COLLECTION, message.id)
                self._open.discard((arrival.group, arrival.key))
                return False
            if message.id in row.value.waiting:
                return True
            stored = await self._store(message, arrival.value) or stored
            if await self._append(row, message):
                return True

    async def park(self, arrival: Arrival, cause: Cause) -> None:
        """Store the message and close its key for the group."""
        message = self._describe(arrival, cause, "parked")
        await self._store(message, arrival.value)
        self._open.add((arrival.group, arrival.key))
        while not await self._append(await self._lane(arrival), message):
            pass
        _log.error("message-parked", service=arrival.group, message=message.id, code=cause.code)

    async def list(
        self,
        tenant: str,
        *,
        state: Literal["parked", "queued"] = "parked",
        after: str = "",
        limit: int = 100,
    ) -> Sequence[ParkedMessage]:
        """One page of parked messages, by id."""
        found = await self._records.find(
            tenant, COLLECTION, "state", state, after=after, limit=limit
        )
        return [message_of(record) for record in found]

    async def show(self, tenant: str, parked: str) -> tuple[ParkedMessage, bytes]:
        """One parked message and its bytes."""
        record = await self._records.get(tenant, COLLECTION, parked)
        if record is None:
            raise PermanentError("parked-missing", f"no message {parked} is parked")
        return message_of(record), frame.decode(record.body)[1]

    async def retry(self, tenant: str, parked: str) -> Retried:
        """Handle the lane of that message again, from its first message on."""
        message, _ = await self.show(tenant, parked)
        return await self._retry(tenant, message.group, message.key, parked)

    async def retry_key(self, tenant: str, group: str, key: str) -> Retried:
        """Handle what waits under that key again, in order, up to the first that fails."""
        return await self._retry(tenant, group, key, None)

    async def resume(self) -> None:
        """Go on with retries that a dead process had begun."""
        for group in self._handles:
            for record in await self._tagged("retrying", group):
                self._drain(record.tenant, group, Lane.model_validate_json(record.body).key)

    async def stop(self) -> None:
        """Leave retries where they are; `resume` goes on with them."""
        tasks = tuple(self._draining.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- lanes ----------------------------------------------------------------------------------

    async def _retry(self, tenant: str, group: str, key: str, parked: str | None) -> Retried:
        if group not in self._handles:
            raise PermanentError("group-unknown", f"{group} does not run here")
        while True:
            row = await self._lanes.get(tenant, lane_id(group, key))
            lane = Lane(group=group, key=key) if row is None else row.value
            if parked is not None and parked not in lane.waiting:
                lane = lane.model_copy(update={"waiting": (*lane.waiting, parked)})
                self._open.add((group, key))
            if not lane.waiting:
                return Retried(0)
            if await self._write(tenant, row, lane.model_copy(update={"retrying": True})):
                return await asyncio.shield(self._drain(tenant, group, key))

    def _drain(self, tenant: str, group: str, key: str) -> asyncio.Task[Retried]:
        """One drain a lane; whoever asks meanwhile shares it."""
        lane = lane_id(group, key)
        task = self._draining.get(lane)
        if task is None:
            task = self._draining[lane] = asyncio.create_task(self._work_off(tenant, group, key))
            task.add_done_callback(lambda _: self._draining.pop(lane, None))
            task.add_done_callback(_observed)
        return task

    async def _work_off(self, tenant: str, group: str, key: str) -> Retried:
        done = 0
        while True:
            row = await self._lanes.get(tenant, lane_id(group, key))
            if row is None or not row.value.waiting:
                self._open.discard((group, key))
                return Retried(done)
            first = row.value.waiting[0]
            record = await self._records.get(tenant, COLLECTION, first)
            cause = None if record is None else await self._handles[group](arrival_of(record))
            if cause is not None and record is not None:
                await self._failed_again(record, row, cause)
                return Retried(done, cause)
            while row is not None and not await self._forget(tenant, row, first):
                row = await self._lanes.get(tenant, row.key)
            await self._records.delete(tenant, COLLECTION, first)
            done += 1

    async def _forget(self, tenant: str, row: Stored[Lane], first: str) -> bool:
        waiting = tuple(id_ for id_ in row.value.waiting if id_ != first)
        changes = {"waiting": waiting, "retrying": row.value.retrying and bool(waiting)}
        return await self._write(tenant, row, row.value.model_copy(update=changes))

    async def _failed_again(self, record: Record, row: Stored[Lane], cause: Cause) -> None:
        old = message_of(record)
        message = old.model_copy(
            update={
                "state": "parked",
                "code": cause.code,
                "text": cause.text[:_TEXT_CHARS],
                "trace": cause.trace,
                "attempts": old.attempts + 1,
                "parked_at": self._clock.now(),
            }
        )
        value = frame.decode(record.body)[1]
        await self._records.replace(replace(record_of(message, value), version=record.version))
        current: Stored[Lane] | None = row
        while current is not None:
            lane = current.value.model_copy(update={"retrying": False})
            if await self._write(message.tenant, current, lane, notices_of(message)):
                break
            current = await self._lanes.get(message.tenant, current.key)
        _log.error("message-parked", service=message.group, message=message.id, code=cause.code)

    async def _append(self, row: Stored[Lane] | None, message: ParkedMessage) -> bool:
        """Name the message last in its lane, with the notice to publish in the same update."""
        lane = Lane(group=message.group, key=message.key) if row is None else row.value
        if message.id in lane.waiting:
            return True
        lane = lane.model_copy(update={"waiting": (*lane.waiting, message.id)})
        return await self._write(message.tenant, row, lane, notices_of(message))

    async def _write(
        self, tenant: str, row: Stored[Lane] | None, lane: Lane, outgoing: tuple[Message, ...] = ()
    ) -> bool:
        if row is None:
            key = lane_id(lane.group, lane.key)
            return await self._lanes.insert(tenant, key, lane, tags=lane.tags(), outgoing=outgoing)
        return await self._lanes.replace(row, lane, tags=lane.tags(), outgoing=outgoing)

    async def _lane(self, arrival: Arrival) -> Stored[Lane] | None:
        return await self._lanes.get(tenant_of(arrival.key), lane_id(arrival.group, arrival.key))

    async def _tagged(self, tag: str, group: str) -> Sequence[Record]:
        found: tuple[Record, ...] = ()
        after = ""
        while page := await self._records.sweep(LANES, tag, group, after=after):
            found += tuple(page)
            after = f"{page[-1].tenant}/{page[-1].key}"
        return found

    # ---- messages -------------------------------------------------------------------------------

    async def _store(self, message: ParkedMessage, value: bytes) -> bool:
        return await self._records.insert(record_of(message, value))

    def _describe(
        self, arrival: Arrival, cause: Cause, state: Literal["parked", "queued"]
    ) -> ParkedMessage:
        a = arrival
        place = (a.group, a.topic, a.partition, a.offset, content_hash(a.value))
        return ParkedMessage(
            id=derive_id("parked", *place),
            tenant=tenant_of(a.key),
            state=state,
            group=a.group,
            topic=a.topic,
            partition=a.partition,
            offset=a.offset,
            key=a.key,
            headers=dict(a.headers),
            code=cause.code,
            text=cause.text[:_TEXT_CHARS],
            trace=cause.trace,
            parked_at=self._clock.now(),
        )


def _observed(task: asyncio.Task[Retried]) -> None:
    """A retry that failed for good stays marked: it is resumed at the next sweep."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("retry-waits", text=str(error))
