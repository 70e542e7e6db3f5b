"""Several processes in one group: killed, added, stopped; nothing lost, nothing at work twice."""

from __future__ import annotations

import asyncio
import os

import pytest

from chassis.records import Message
from chassis.servers.store import ServerStore
from kafka.bus.journal import Journal, Start
from support.embedded import sent

pytestmark = pytest.mark.servers

KEYS = 12
ROUNDS = int(os.environ.get("CHAOS_SCALE", "1"))


def messages(count: int) -> list[Message]:
    return [sent(n, f"msp/{n % KEYS}", b"msp/%d" % (n % KEYS)) for n in range(count)]


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


async def test_replicas_come_and_go_and_no_message_is_lost_or_at_work_twice(
    start: Start, store: ServerStore, journal: Journal
) -> None:
    count = 120 * ROUNDS
    replicas = [start(0.05)]
    publishing = asyncio.create_task(publish_slowly(store, count))
    await replicas[0].has_done(3)
    changes = 0
    for _ in range(3 * ROUNDS):
        replicas.append(start(0.05))
        await replicas[-1].joined()
        await replicas.pop(0).stop()
        changes += 2
    await publishing
    await journal.until(lambda j: len(j.done()) == count, "everything done")
    await replicas[0].stop()
    lost = count - len(journal.done())
    doubled = journal.begun().total() - count
    print(f"changes={changes} overlaps={journal.overlaps()} lost={lost} doubled={doubled}")
    assert (journal.overlaps(), lost, doubled) == (0, 0, 0)
    assert journal.in_order()


async def publish_slowly(store: ServerStore, count: int) -> None:
    for message in messages(count):
        await store.bus.publish([message])
        await asyncio.sleep(0.02)
