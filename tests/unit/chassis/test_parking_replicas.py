"""Lanes among several processes on one store: any may ask for a retry, one at a time works it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.clock import LoopClock
from chassis.delivery import Stopped
from chassis.embedded import EmbeddedStore, InlineExecutor
from chassis.errors import PermanentError
from chassis.lanes import OpenKeys, Place
from chassis.parked import LANES, Arrival, Cause, Lane, Retried, lane_id
from chassis.parking import Parking
from support.embedded import QUICK
from support.virtual_loop import START, in_virtual_time

GROUP = "reader.tests.sent.v1"
KEY = "msp/acme"
LEASE_S = 60.0
NO = Cause("no", "not yet")


class World:
    """One store, and as many processes on it as a story needs."""

    def __init__(self, folder: Path) -> None:
        self.clock = LoopClock(START)
        self.store = EmbeddedStore.open(
            folder, executor=InlineExecutor(), clock=self.clock, settings=QUICK, durability="OFF"
        )
        self.handled: list[tuple[str, int]] = []
        self.at_work = self.at_work_most = 0
        self.broken: set[int] = set()
        self.takes_s = 1.0

    def process(self, name: str, *, runs: bool = True) -> Parking:
        s = self.store
        parking = Parking(s.records, s.outbox, self.clock, owner=name, lease_s=LEASE_S)

        async def handle(arrival: Arrival) -> Cause | None:
            self.at_work += 1
            self.at_work_most = max(self.at_work_most, self.at_work)
            try:
                await self.clock.sleep(self.takes_s)
            finally:
                self.at_work -= 1
            self.handled.append((name, arrival.offset))
            return NO if arrival.offset in self.broken else None

        if runs:
            parking.enlist(GROUP, handle)
        return parking

    async def lane(self) -> Lane:
        record = await self.store.records.get("msp", LANES, lane_id(GROUP, KEY))
        assert record is not None
        return Lane.model_validate_json(record.body)

    async def park(self, parking: Parking, *numbers: int) -> None:
        """The first is parked, the others queue behind it."""
        await parking.park(arrival(numbers[0]), NO)
        for number in numbers[1:]:
            assert await parking.queued(arrival(number))


def arrival(number: int) -> Arrival:
    return Arrival(GROUP, "tests.sent.v1", 0, number, KEY, b"%d" % number)


def told(folder: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World(folder)
        try:
            await story(world)
        finally:
            world.store.close()

    in_virtual_time(run())


async def sweeping(parking: Parking, clock: LoopClock) -> None:
    while True:
        await parking.resume()
        await clock.sleep(5)


def test_a_retry_asked_for_elsewhere_is_done_where_the_group_runs(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        poster, command = world.process("poster"), world.process("command", runs=False)
        await world.park(poster, 1, 2, 3)
        sweep = asyncio.create_task(sweeping(poster, world.clock))
        [parked] = await command.list("msp")
        world.broken = {3}
        assert await command.retry("msp", parked.id) == Retried(2, NO)
        world.broken = set()
        assert await command.retry_key("msp", GROUP, KEY) == Retried(1)
        sweep.cancel()
        assert world.handled == [("poster", n) for n in (1, 2, 3, 3)]
        with pytest.raises(PermanentError, match="group-unknown"):
            await command.retry_key("msp", GROUP, KEY)

    told(tmp_path, story)


def test_a_retry_that_nobody_comes_to_says_so_and_is_done_later(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        poster, command = world.process("poster"), world.process("command", runs=False)
        await world.park(poster, 1)
        answer = await command.retry_key("msp", GROUP, KEY)
        assert answer.cause is not None
        assert answer.cause.code == "retry-waits"
        sweep = asyncio.create_task(sweeping(poster, world.clock))
        await world.clock.sleep(10)
        sweep.cancel()
        assert world.handled == [("poster", 1)]
        assert (await world.lane()).waiting == ()

    told(tmp_path, story)


def test_two_replicas_never_work_one_lane_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.takes_s = 3 * LEASE_S  # the lease is renewed while a message is at work
        one, two = world.process("one"), world.process("two")
        await world.park(one, *range(5))
        asked = [asyncio.create_task(p.retry_key("msp", GROUP, KEY)) for p in (one, two)]
        sweeps = [asyncio.create_task(sweeping(p, world.clock)) for p in (one, two)]
        await world.clock.sleep(20 * world.takes_s)
        for task in (*sweeps, *asked):
            task.cancel()
        assert [number for _, number in world.handled] == list(range(5))
        assert world.at_work_most == 1

    told(tmp_path, story)


def test_a_dead_replicas_lane_is_taken_over_when_its_lease_ends(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        dead, other = world.process("dead"), world.process("other")
        await world.park(dead, 1, 2)
        world.takes_s = 1e9
        dying = asyncio.create_task(dead.retry_key("msp", GROUP, KEY))
        await world.clock.sleep(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # nobody says goodbye
        await asyncio.gather(dying, return_exceptions=True)
        world.takes_s = 1.0
        sweep = asyncio.create_task(sweeping(other, world.clock))
        await world.clock.sleep(LEASE_S - 10)
        assert world.handled == []
        await world.clock.sleep(30)
        sweep.cancel()
        assert world.handled == [("other", 1), ("other", 2)]

    told(tmp_path, story)


def test_a_replica_that_stops_leaves_its_lane_to_another_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        stopping, other = world.process("stopping"), world.process("other")
        await world.park(stopping, 1, 2)
        asked = asyncio.create_task(stopping.retry_key("msp", GROUP, KEY))
        await world.clock.sleep(0.5)
        await stopping.stop()
        await asyncio.gather(asked, return_exceptions=True)
        await other.resume()
        await world.clock.sleep(5)
        assert world.handled == [("other", 1), ("other", 2)]

    told(tmp_path, story)


def test_a_replica_that_lost_its_lease_leaves_the_message_alone(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        slow, other = world.process("slow"), world.process("other")
        await world.park(slow, 1)
        world.takes_s = 20.0
        asked = asyncio.create_task(slow.retry_key("msp", GROUP, KEY))
        await world.clock.sleep(1)
        record = await world.store.records.get("msp", LANES, lane_id(GROUP, KEY))
        assert record is not None
        taken = (await world.lane()).model_copy(update={"owner": "other"})
        body = taken.model_dump_json().encode()
        assert await world.store.records.replace(replace(record, body=body))
        await other.resume()
        assert await asked == Retried(1)
        assert world.handled == [("other", 1)]

    told(tmp_path, story)


def test_a_retry_in_a_process_that_stops_waits_for_another(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        stopping, other = world.process("stopping", runs=False), world.process("other")
        await world.park(other, 1)

        async def stopped(_arrival: Arrival) -> Cause | None:
            raise Stopped

        stopping.enlist(GROUP, stopped)
        asked = asyncio.create_task(stopping.retry_key("msp", GROUP, KEY))
        await world.clock.sleep(LEASE_S / 3)
        assert not asked.done()
        await other.resume()
        assert await asked == Retried(1)

    told(tmp_path, story)


def test_what_is_parked_since_its_lane_was_seen_empty_keeps_its_key_closed() -> None:
    opened, place = OpenKeys(), Place("msp", GROUP, KEY)
    opened.add(place)
    seen_empty = opened.mark(place)
    opened.add(place)
    opened.discard(place, seen_empty)
    assert opened.mark(place) is not None
    opened.discard(place, opened.mark(place))
    assert opened.mark(place) is None


def test_a_discarded_message_is_never_handled_and_its_lane_goes_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        parking = world.process("one")
        await world.park(parking, 1, 2, 3)
        [parked] = await parking.list("msp")
        queued = await parking.list("msp", state="queued")
        [third] = [message for message in queued if message.offset == 3]
        world.broken = {2}
        with pytest.raises(PermanentError, match="discard-unexplained"):
            await parking.discard("msp", parked.id, by="ada", reason=" ")
        went_on = await parking.discard("msp", parked.id, by="ada", reason="a test message")
        assert went_on == Retried(0, NO)
        [discarded] = await parking.list("msp", state="discarded")
        assert (discarded.id, discarded.discarded_by) == (parked.id, "ada")
        assert discarded.reason == "a test message"
        with pytest.raises(PermanentError, match="parked-discarded"):
            await parking.retry("msp", parked.id)
        assert await parking.discard("msp", third.id, by="ada", reason="neither") == Retried(0)
        world.broken = set()
        await parking.retry_key("msp", GROUP, KEY)
        assert world.handled == [("one", 2), ("one", 2)]
        assert (await world.lane()).waiting == ()
        assert len(await parking.list("msp", state="discarded")) == 2

    told(tmp_path, story)


def test_a_discarded_message_that_comes_once_more_stays_discarded(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        parking = world.process("one")
        await world.park(parking, 1)
        [parked] = await parking.list("msp")
        await parking.discard("msp", parked.id, by="ada", reason="nobody needs it")
        await parking.park(arrival(1), NO)
        assert not await parking.queued(arrival(2))
        await world.park(parking, 7)
        assert await parking.queued(arrival(1))
        assert len((await world.lane()).waiting) == 1

    told(tmp_path, story)
