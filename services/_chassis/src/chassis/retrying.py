"""Retries of what is parked: asked for in any process, done by one that runs the group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from chassis.clock import Clock
from chassis.errors import PermanentError, TransientError
from chassis.lanes import LaneLeft, Lanes, OpenKeys, Place, with_message
from chassis.log import logger
from chassis.parked import (
    COLLECTION,
    Arrival,
    Cause,
    Lane,
    Retried,
    arrival_of,
    failed_again,
    message_of,
    notices_of,
    record_of,
)
from chassis.records import Record, Records
from schemas import frame

OUTCOME_WAIT_S = 30.0  # how long a person waits for the process that works the lane off
_OUTCOME_LOOK_S = 0.2

_log = logger("parking")

Handle = Callable[[Arrival], Awaitable[Cause | None]]


class Retrying:
    """Works off the lanes of the groups that run here, and waits for those that do not."""

    def __init__(self, records: Records, lanes: Lanes, opened: OpenKeys, clock: Clock) -> None:
        self.handles: dict[str, Handle] = {}
        self._records = records
        self._lanes = lanes
        self._open = opened
        self._clock = clock
        self._draining: dict[Place, asyncio.Task[Retried]] = {}

    async def retry(self, place: Place, parked: str | None) -> Retried:
        """Mark the lane, then work it off or wait for whoever does.

        `parked` is a message to be retried, also when no lane names it any more.
        """
        here = place.group in self.handles
        if not here and parked is None and not (await self._lanes.read(place)).waiting:
            raise PermanentError("group-unknown", f"{place.group} does not run here")

        def marked(lane: Lane) -> Lane:
            lane = with_message(lane, parked) if parked else lane
            return lane.model_copy(update={"retrying": True}) if lane.waiting else lane

        before = await self._lanes.change(place, marked)
        if not before.waiting:
            return Retried(0)
        self._open.add(place)
        if here:
            try:
                return await asyncio.shield(self._drain(place))
            except LaneLeft:
                if self._lanes.owner is None:
                    raise  # it stops, and there is nobody else
                _log.info("retry-elsewhere", service=place.group)
        return await self._outcome(place, before)

    async def resume(self) -> None:
        """Work off the marked lanes of the groups that run here, unless another process does."""
        for group in self.handles:
            for place in await self._lanes.tagged("retrying", group):
                self._drain(place)

    async def stop(self) -> None:
        """Leave the lanes marked, and their leases to whoever goes on."""
        draining = dict(self._draining)
        for task in draining.values():
            task.cancel()
        await asyncio.gather(*draining.values(), return_exceptions=True)
        for place in draining:
            try:
                await self._lanes.release(place)
            except TransientError as error:
                _log.warning("retry-waits", text=str(error))

    async def _outcome(self, place: Place, before: Lane) -> Retried:
        """What became of the lane; after a while, that nobody has come to it yet."""
        waited_s = 0.0
        while True:
            lane = await self._lanes.read(place)
            done = len(set(before.waiting) - set(lane.waiting))
            if not lane.waiting:
                return Retried(done)
            if not lane.retrying:
                first = await self._records.get(place.tenant, COLLECTION, lane.waiting[0])
                return Retried(done, None if first is None else _cause_of(first))
            if waited_s >= OUTCOME_WAIT_S:
                text = f"{place.group} has not come to it yet; it does as soon as it runs"
                return Retried(done, Cause("retry-waits", text))
            await self._clock.sleep(_OUTCOME_LOOK_S)
            waited_s += _OUTCOME_LOOK_S

    def _drain(self, place: Place) -> asyncio.Task[Retried]:
        """One drain a lane; whoever asks meanwhile shares it."""
        task = self._draining.get(place)
        if task is None:
            task = self._draining[place] = asyncio.create_task(self._leased(place))
            task.add_done_callback(lambda _: self._draining.pop(place, None))
            task.add_done_callback(_observed)
        return task

    async def _leased(self, place: Place) -> Retried:
        """Work the lane off as long as its lease is ours; LaneLeft: another process does."""
        if self._lanes.owner is None:
            return await self._work_off(place)
        if not await self._lanes.claim(place):
            raise LaneLeft
        working = asyncio.create_task(self._work_off(place))
        keeping = asyncio.create_task(self._lanes.keep(place))
        try:
            await asyncio.wait([working, keeping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            keeping.cancel()
            await asyncio.wait([working, keeping])
        if working.cancelled():
            raise LaneLeft
        if working.exception() is not None:
            await self._lanes.release(place)
        return working.result()

    async def _work_off(self, place: Place) -> Retried:
        done = 0
        while True:
            mark = self._open.mark(place)
            lane = await self._lanes.read(place)
            if not lane.waiting:
                self._open.discard(place, mark)
                return Retried(done)
            first = lane.waiting[0]
            record = await self._records.get(place.tenant, COLLECTION, first)
            if record is None or message_of(record).state == "discarded":
                await self._lanes.forget(place, first)
                continue
            cause = await self.handles[place.group](arrival_of(record))
            if cause is None:
                await self._lanes.forget(place, first)
                await self._records.delete(place.tenant, COLLECTION, first)
                done += 1
            elif await self._failed_again(place, record, cause):
                return Retried(done, cause)

    async def _failed_again(self, place: Place, record: Record, cause: Cause) -> bool:
        """The lane rests with its new cause. False: the message was discarded meanwhile."""
        message = failed_again(message_of(record), cause, self._clock.now())
        again = record_of(message, frame.decode(record.body)[1])
        if not await self._records.replace(replace(again, version=record.version)):
            return False
        await self._lanes.rest(place, notices_of(message))
        _log.error("message-parked", service=place.group, message=message.id, code=cause.code)
        return True


def _cause_of(record: Record) -> Cause:
    message = message_of(record)
    return Cause(message.code, message.text, message.trace)


def _observed(task: asyncio.Task[Retried]) -> None:
    """A retry that failed for good stays marked: it is resumed at the next sweep."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    if not isinstance(error, LaneLeft):
        _log.warning("retry-waits", text=str(error))
