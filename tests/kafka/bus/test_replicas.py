"""Several processes in one group: killed, added, stopped; nothing lost, nothing at work twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.records import Message
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from kafka.bus.journal import Journal, Replica, Start
from support.embedded import sent

pytestmark = pytest.mark.servers

KEYS = 12
SCALE = int(os.environ.get("CHAOS_SCALE", "1"))
REBALANCES = 10 * SCALE
UNDRAINED_MAX = 10  # stops until one of them is seen to do harm
TAKES_S = 0.05
# Seconds for minutes: who does not poll for so long is out of its group.
HASTY: dict[str, Any] = {"max_poll_interval_s": 2.0, "handler_timeout_s": 0.3}


def messages(count: int) -> list[Message]:
    return [message(number) for number in range(count)]


def message(number: int) -> Message:
    return sent(number, f"msp/{number % KEYS}", b"msp/%d" % (number % KEYS))


async def test_what_a_killed_replica_had_in_hand_is_done_by_another(
    start: Start, store: ServerStore, journal: Journal
) -> None:
    await store.bus.publish(messages(36))
    first = start(0.1)
    await first.has_done(5)
    await journal.until(lambda j: j.begun().total() > j.done().total(), "a message in hand")
    first.kill()
    begun, done = journal.begun(), journal.done()
    second = start(0.01)
    await journal.until(lambda j: len(j.done()) == 36, "everything done")
    await second.stop()
    in_hand = set(begun) - set(done)
    again = {number for number, times in journal.begun().items() if times > 1}
    assert in_hand <= again, "what was in hand came again"
    assert len(again) <= 2 * KEYS, "and but for those acknowledged together with it, nothing else"
    assert journal.in_order()
    await each_has_one_effect(store, journal, 36)


async def test_replicas_come_and_go_under_load_and_no_message_is_lost_or_at_work_twice(
    start: Start,
    store: ServerStore,
    journal: Journal,
    settings: ServerSettings,
    record_property: Callable[[str, object], None],
) -> None:
    replica = start(TAKES_S)
    await replica.joined()
    async with load(store, journal) as published:
        while journal.rebalances(settings.partitions) < REBALANCES:
            replica = await replaced(replica, start)
    count = len(published)
    await replica.stop()
    seen = {
        "rebalances": journal.rebalances(settings.partitions),
        "messages": count,
        "overlaps": journal.overlaps(),
        "lost": count - len(journal.done()),
        "doubled": journal.begun().total() - count,
    }
    for name, value in seen.items():
        record_property(name, value)
    assert (seen["overlaps"], seen["lost"], seen["doubled"]) == (0, 0, 0)
    await each_has_one_effect(store, journal, count)
    assert journal.in_order()


async def test_without_the_drain_such_stops_hand_work_out_twice_and_it_still_counts_once(
    start: Start,
    store: ServerStore,
    journal: Journal,
    record_property: Callable[[str, object], None],
) -> None:
    """The counter-proof: the test above can see a double, and what keeps it from one is waiting."""
    replica = start(TAKES_S, drain_s=0.0)
    await replica.joined()
    stops = 0
    async with load(store, journal) as published:
        while stops < UNDRAINED_MAX and journal.begun().total() == len(journal.begun()):
            replica = await replaced(replica, start, drain_s=0.0)
            stops += 1
    await replica.stop()
    doubled = journal.begun().total() - len(published)
    record_property("stops", stops)
    record_property("doubled", doubled)
    assert doubled > 0, "work was handed out twice"
    await each_has_one_effect(store, journal, len(published))


async def test_a_handler_that_blocks_its_process_loses_its_message_to_another_replica(
    start: Start, store: ServerStore, journal: Journal
) -> None:
    replicas = [start(TAKES_S, blocks=True, **HASTY) for _ in range(2)]
    for replica in replicas:
        await replica.joined()
    async with load(store, journal) as published:
        await journal.until(lambda j: 0 in j.effects(), "the first message is done")
        blocked = int(journal.path.with_name("blocked").read_text())
        assert {line.process for line in journal.lines("effect") if line.number == 0} != {blocked}
        later = len(published)
        await journal.until(
            lambda j: any(e.process == blocked and e.number >= later for e in j.lines("ends")),
            f"{blocked} works again",
        )
    for replica in replicas:
        await replica.stop()
    assert journal.begun()[0] > 1, "it was begun by both"
    await each_has_one_effect(store, journal, len(published))
    assert await store.parking.list("msp") == []


async def each_has_one_effect(store: ServerStore, journal: Journal, count: int) -> None:
    """Nobody made one that was there; who was killed may have made one and not noted it."""
    assert set(journal.effects().values()) == {1}
    keys = (f"sent-{number}" for number in range(count))
    found = await asyncio.gather(*(store.records.get("msp", "things", key) for key in keys))
    assert None not in found


async def replaced(replica: Replica, start: Start, **changes: Any) -> Replica:
    """As a rolling deployment does it: a new one joins, both work, the old one is stopped."""
    new = start(TAKES_S, **changes)
    await new.joined()
    await new.has_done(1)
    await replica.stop()
    return new


@asynccontextmanager
async def load(store: ServerStore, journal: Journal) -> AsyncIterator[list[int]]:
    """Messages are published one after the other meanwhile; all are done at the end."""
    published: list[int] = []

    over = asyncio.Event()

    async def publish() -> None:
        while not over.is_set():
            await store.bus.publish([message(len(published))])
            published.append(len(published))
            await asyncio.sleep(TAKES_S / 2)

    publishing = asyncio.create_task(publish())
    try:
        yield published
    finally:
        over.set()
        await publishing
    await journal.until(lambda j: len(j.done()) >= len(published), "everything done")
