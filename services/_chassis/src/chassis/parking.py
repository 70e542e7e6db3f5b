"""Parking: what can not be handled waits in the store, per consumer group and order key.

Later messages of the same key queue behind it in a lane, so the partition goes on and the order is
kept. A lane is one record and names its messages in order; a message is stored before its lane
names it and deleted after its lane forgets it. So a crash may leave a message that no lane names:
it was handled or is delivered again, and retrying it is harmless.

A retry may be asked for in any process; one that runs the group works the lane off.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.lanes import Lanes, OpenKeys, Place, place_of, with_message
from chassis.log import logger
from chassis.outbox import Outbox
from chassis.parked import (
    COLLECTION,
    Arrival,
    Cause,
    ParkedMessage,
    Retried,
    State,
    describe,
    message_of,
    notices_of,
    record_of,
)
from chassis.records import Record, Records
from chassis.retrying import Handle, Retrying
from schemas import frame

BEHIND = "queued-behind-parked"

_log = logger("parking")


class Parking:
    """Parks for all groups of a process, and retries.

    `owner` names this process among those that share the store; `alone`: there is no other.
    """

    def __init__(
        self,
        records: Records,
        outbox: Outbox,
        clock: Clock,
        *,
        owner: str = "",
        alone: bool = False,
        lease_s: float = 60.0,
    ) -> None:
        owner = owner or f"{socket.gethostname()}-{os.getpid()}"
        self._records = records
        self._lanes = Lanes(records, outbox, clock, None if alone else owner, lease_s)
        self._clock = clock
        self._open = OpenKeys()
        self._retrying = Retrying(records, self._lanes, self._open, clock)

    def enlist(self, group: str, handle: Handle) -> None:
        """How this group's messages are handled when they are retried."""
        self._retrying.handles[group] = handle

    async def load(self, group: str) -> None:
        """Learn which keys of the group are parked: before its first delivery."""
        for place in await self._lanes.tagged("open", group):
            self._open.add(place)

    def waits(self, arrival: Arrival) -> bool:
        """Whether something may be parked under its key, as known here."""
        return self._open.mark(place_of(arrival)) is not None

    async def queued(self, arrival: Arrival) -> bool:
        """True: the key is parked and the message queues behind; False: the way is free."""
        place = place_of(arrival)
        mark = self._open.mark(place)
        if mark is None:
            return False
        behind = Cause(BEHIND, "an earlier message is parked")
        message = describe(arrival, behind, "queued", self._clock.now())
        lane = await self._lanes.read(place)
        stored = False
        if lane.waiting and message.id not in lane.waiting:
            stored = await self._store(message, arrival.value)
            if not stored and await self._is_discarded(message):
                return True
            lane = await self._lanes.change(
                place,
                lambda lane: with_message(lane, message.id) if lane.waiting else lane,
                notices_of(message),
            )
        if message.id in lane.waiting:
            return True
        if stored:
            await self._records.delete(message.tenant, COLLECTION, message.id)
        self._open.discard(place, mark)
        return False

    async def park(self, arrival: Arrival, cause: Cause) -> None:
        """Store the message and close its key for the group."""
        message = describe(arrival, cause, "parked", self._clock.now())
        stored = await self._store(message, arrival.value)
        if not stored and await self._is_discarded(message):
            return
        place = place_of(arrival)
        await self._lanes.change(
            place, lambda lane: with_message(lane, message.id), notices_of(message)
        )
        self._open.add(place)
        _log.error("message-parked", service=arrival.group, message=message.id, code=cause.code)

    async def list(
        self, tenant: str, *, state: State = "parked", after: str = "", limit: int = 100
    ) -> Sequence[ParkedMessage]:
        """One page of parked messages, by id."""
        found = await self._records.find(
            tenant, COLLECTION, "state", state, after=after, limit=limit
        )
        return [message_of(record) for record in found]

    async def show(self, tenant: str, parked: str) -> tuple[ParkedMessage, bytes]:
        """One parked message and its bytes."""
        record = await self._record(tenant, parked)
        return message_of(record), frame.decode(record.body)[1]

    async def retry(self, tenant: str, parked: str) -> Retried:
        """Handle the lane of that message again, from its first message on."""
        message, _ = await self.show(tenant, parked)
        if message.state == "discarded":
            raise PermanentError("parked-discarded", f"{message.discarded_by} discarded {parked}")
        return await self._retrying.retry(Place(tenant, message.group, message.key), parked)

    async def retry_key(self, tenant: str, group: str, key: str) -> Retried:
        """Handle what waits under that key again, in order, up to the first that fails."""
        return await self._retrying.retry(Place(tenant, group, key), None)

    async def discard(self, tenant: str, parked: str, *, by: str, reason: str) -> Retried:
        """A person decides that it is never handled; what queues behind it goes on."""
        if not (by.strip() and reason.strip()):
            raise PermanentError("discard-unexplained", "say who discards it, and why")
        while True:
            record = await self._record(tenant, parked)
            message = message_of(record)
            if message.state == "discarded":
                break
            changes = {"state": "discarded", "discarded_by": by, "reason": reason}
            discarded = record_of(message.model_copy(update=changes), frame.decode(record.body)[1])
            if await self._records.replace(replace(discarded, version=record.version)):
                _log.warning("message-discarded", service=message.group, message=parked)
                break
        place = Place(tenant, message.group, message.key)
        waiting = (await self._lanes.read(place)).waiting
        waiting = (await self._lanes.read(place)).waiting
        if waiting[:1] == (parked,):
            return await self._retrying.retry(place, None)
        return Retried(0)  # what is before it still waits; the lane passes it by when it gets there

    async def resume(self) -> None:
        """Work off what other processes were asked to retry, or had begun to when they died."""
        await self._retrying.resume()

    async def stop(self) -> None:
        """Leave retries where they are; whoever resumes goes on with them."""
        await self._retrying.stop()

    async def _store(self, message: ParkedMessage, value: bytes) -> bool:
        return await self._records.insert(record_of(message, value))

    async def _record(self, tenant: str, parked: str) -> Record:
        record = await self._records.get(tenant, COLLECTION, parked)
        if record is None:
            raise PermanentError("parked-missing", f"no message {parked} is parked")
        return record

    async def _is_discarded(self, message: ParkedMessage) -> bool:
        """Whether a person has already decided about this message, which came once more."""
        record = await self._records.get(message.tenant, COLLECTION, message.id)
        return record is not None and message_of(record).state == "discarded"
