"""The embedded bus: one task per group and slot, woken by the commit that brought a message."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from itertools import groupby

from chassis.delivery import Delivery, DeliverySettings
from chassis.embedded import log
from chassis.embedded.records import read_only
from chassis.embedded.writer import Executor, Work
from chassis.errors import TransientError
from chassis.log import logger
from chassis.parked import Arrival
from chassis.records import Message
from chassis.service import Route, Service
from chassis.telemetry import tracing

_log = logger("bus")


class EmbeddedBus:
    """Implements `chassis.bus.Bus`."""

    def __init__(
        self, executor: Executor, settings: DeliverySettings, *, read_only: bool = False
    ) -> None:
        self._executor = executor
        self._settings = settings
        self._read_only = read_only
        self._deliver: Callable[[str, Route], Delivery] | None = None
        self._deliveries: list[Delivery] = []
        self._consumers: dict[log.Slot, list[_Consumer]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._moves = log.Moves()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._busy = 0

    def deliver_with(self, make: Callable[[str, Route], Delivery]) -> None:
        """How a group's route is delivered: needs the store that needs this bus."""
        self._deliver = make

    async def publish(self, messages: Sequence[Message]) -> None:
        if self._read_only:
            raise read_only()
        if messages:
            slots = {(m.topic, log.slot_of(m.key)) for m in messages}
            with tracing.publishing(messages) as carried:
                await self._executor.write(log.append(carried), lambda _: self._wake(slots))

    async def publish_with(self, update: Work[bool], messages: Sequence[Message]) -> bool:
        """Append the messages in the commit of the update, if the update takes place."""
        if self._read_only:
            raise read_only()
        slots = {(m.topic, log.slot_of(m.key)) for m in messages}
        append = log.append(messages)

        def work(connection: sqlite3.Connection) -> bool:
            done = update(connection)
            if done:
                append(connection)
            return done

        with tracing.publishing(messages):
            return await self._executor.write(
                work, lambda done: self._wake(slots) if done else None
            )

    def mount(self, service: Service) -> None:
        assert self._deliver is not None, "the store wires the bus before a service is mounted"
        assert not self._tasks, "services are mounted before the bus starts"
        for route in service.routes:
            group = f"{service.name}.{route.topic}"
            assert all(d.group != group for d in self._deliveries), f"{group} is mounted twice"
            self._deliveries.append(self._deliver(group, route))

    async def start(self) -> None:
        for delivery in self._deliveries:
            await delivery.prepare()
            slots = [(delivery.topic, number) for number in range(log.SLOTS)]
            at = await self._executor.write(log.register(delivery.group, slots))
            for slot in slots:
                consumer = _Consumer(self, delivery, slot, at[slot])
                self._consumers.setdefault(slot, []).append(consumer)
        self._update_quiet()
        for consumers in self._consumers.values():
            self._tasks += [asyncio.create_task(c.run()) for c in consumers]

    async def stop(self) -> None:
        for delivery in self._deliveries:
            delivery.stop()
        for consumers in self._consumers.values():
            for consumer in consumers:
                consumer.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._settings.drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._note_moves()
        self._tasks.clear()
        self._consumers.clear()

    async def _note_moves(self) -> None:
        try:
            await self._executor.write(self._moves.write)
        except TransientError as error:  # then the next start delivers them again
            _log.warning("offset-not-moved", text=str(error))

    async def idle(self) -> None:
        """Wait until every mounted group has done all that is published."""
        await self._quiet.wait()

    def _wake(self, slots: set[log.Slot]) -> None:
        for slot in sorted(slots):  # a set of texts has another order in each process
            for consumer in self._consumers.get(slot, ()):
                consumer.wake()

    def changed(self, busy: int) -> None:
        """A consumer became busy (+1) or rests (-1)."""
        self._busy += busy
        self._update_quiet()

    def _update_quiet(self) -> None:
        if self._busy:
            self._quiet.clear()
        else:
            self._quiet.set()

    async def read(self, group: str, slot: log.Slot, position: int) -> list[Arrival]:
        """The next messages of a slot."""
        return await self._executor.read(log.page_after(group, slot, position))

    def move(self, group: str, slot: log.Slot, position: int) -> None:
        """Note how far a group is, in a commit that is made anyway: the next one, or the store's
        upkeep. Nobody waits, since what is lost in a crash is delivered again."""
        if self._moves.add(group, slot, position):
            self._executor.later(self._moves.write)


class _Consumer:
    """One group's way through one slot."""

    def __init__(self, bus: EmbeddedBus, delivery: Delivery, slot: log.Slot, position: int) -> None:
        self._bus = bus
        self._delivery = delivery
        self._slot = slot
        self._position = position
        self._news = asyncio.Event()
        self._busy = True
        self._stopping = False
        bus.changed(+1)

    def wake(self) -> None:
        self._news.set()
        if not self._busy:
            self._busy = True
            self._bus.changed(+1)

    def stop(self) -> None:
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Until stopped: read what is there, deliver it in order, rest."""
        try:
            while not self._stopping:
                self._news.clear()
                page = await self._page()
                if page:
                    await self._deliver(page)
                if log.is_last(page) and not self._news.is_set():
                    self._rest()
                    await self._news.wait()
        finally:
            self._rest()

    async def _deliver(self, page: Sequence[Arrival]) -> None:
        """Side by side where nobody minds, so that what is stored shares commits; else in order.

        The position moves up to the first message that is not done.
        """
        done: set[int] = set()

        async def one(arrival: Arrival) -> bool:
            if not await self._delivery.deliver(arrival):
                return False
            done.add(arrival.offset)
            self._move(page, done)
            return True

        if self._delivery.side_by_side and len(page) > 1:
            async with asyncio.TaskGroup() as side_by_side:
                for arrival in page:
                    side_by_side.create_task(one(arrival))
            return
        for _, same in groupby(page, lambda arrival: arrival.key):
            some = list(same)
            if await self._delivery.deliver_together(some):
                done.update(arrival.offset for arrival in some)
                self._move(page, done)
                continue
            for arrival in some:
                if not await one(arrival):
                    return

    def _move(self, page: Sequence[Arrival], done: set[int]) -> None:
        for arrival in page:
            if arrival.offset > self._position:
                if arrival.offset not in done:
                    break
                self._position = arrival.offset
                self._bus.move(self._delivery.group, self._slot, arrival.offset)

    def _rest(self) -> None:
        if self._busy:
            self._busy = False
            self._bus.changed(-1)

    async def _page(self) -> list[Arrival]:
        attempts = 0
        while not self._stopping:
            try:
                return await self._bus.read(self._delivery.group, self._slot, self._position)
            except TransientError as error:
                attempts += 1
                await self._delivery.pause(attempts, error)
        return []
