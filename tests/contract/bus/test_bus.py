"""What every bus promises: durable, at least once, in order per key, each group on its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chassis.errors import PermanentError, TransientError
from chassis.service import Body
from chassis.store import Store
from support.embedded import Sent, sent, service

Open = Callable[[], Store]


class Reader:
    """Keeps what it was handed."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    async def on_sent(self, head: Sent, _body: Body) -> None:
        self.seen.append(head.number)


def crash(system: Store) -> None:
    """Nothing is finished and nobody says goodbye."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    system.close()


async def test_two_groups_both_get_everything(open_system: Open) -> None:
    system, one, two = open_system(), Reader(), Reader()
    system.bus.mount(service(one.on_sent, "one"))
    system.bus.mount(service(two.on_sent, "two"))
    await system.start()
    await system.bus.publish([sent(n, f"msp/{n}") for n in range(50)])
    await system.idle()
    await system.stop()
    assert sorted(one.seen) == sorted(two.seen) == list(range(50))


async def test_order_per_key_holds_across_restarts(open_system: Open) -> None:
    seen: dict[str, list[int]] = {}

    async def on_sent(head: Sent, body: Body) -> None:
        seen.setdefault((await body.load()).decode(), []).append(head.number)

    for start in (0, 20, 40):
        system = open_system()
        system.bus.mount(service(on_sent))
        for n in range(start, start + 10):
            await system.bus.publish([sent(n, f"msp/{n % 3}", b"%d" % (n % 3))])
        await system.start()
        for n in range(start + 10, start + 20):
            await system.bus.publish([sent(n, f"msp/{n % 3}", b"%d" % (n % 3))])
        await system.idle()
        await system.stop()
        system.close()
    assert seen == {str(k): [n for n in range(60) if n % 3 == k] for k in range(3)}


async def test_what_was_published_before_anybody_listened_arrives(open_system: Open) -> None:
    system, reader = open_system(), Reader()
    await system.bus.publish([sent(1)])
    await system.stop()
    system.close()
    system = open_system()
    system.bus.mount(service(reader.on_sent))
    await system.start()
    await system.idle()
    await system.stop()
    assert reader.seen == [1]


async def test_a_message_in_hand_at_a_crash_comes_again(open_system: Open) -> None:
    system, reader, reached = open_system(), Reader(), asyncio.Event()

    async def never_done(head: Sent, body: Body) -> None:
        reached.set()
        await asyncio.Event().wait()

    system.bus.mount(service(never_done))
    await system.start()
    await system.bus.publish([sent(1), sent(2)])
    await reached.wait()
    crash(system)
    system = open_system()
    system.bus.mount(service(reader.on_sent))
    await system.start()
    await system.idle()
    await system.stop()
    assert reader.seen == [1, 2]


async def test_while_the_store_is_away_the_partition_waits_in_order(open_system: Open) -> None:
    system, tries, reader = open_system(), 0, Reader()

    async def on_sent(head: Sent, body: Body) -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise TransientError("store-away", "not now")
        await reader.on_sent(head, body)

    system.bus.mount(service(on_sent))
    await system.start()
    await system.bus.publish([sent(1), sent(2)])
    await system.idle()
    assert (reader.seen, tries) == ([1, 2], 5)
    assert await system.parking.list("msp") == []


async def test_a_parked_key_queues_and_other_keys_go_on(open_system: Open) -> None:
    system, reader, broken = open_system(), Reader(), True

    async def on_sent(head: Sent, body: Body) -> None:
        if broken and head.number == 1:
            raise PermanentError("content-differs", "not the same")
        await reader.on_sent(head, body)

    system.bus.mount(service(on_sent))
    await system.start()
    await system.bus.publish([sent(1, "msp/a"), sent(2, "msp/a"), sent(3, "msp/b")])
    await system.idle()
    assert reader.seen == [3]
    await system.stop()
    system.close()

    system = open_system()
    system.bus.mount(service(on_sent))
    await system.start()
    await system.bus.publish([sent(4, "msp/a")])
    await system.idle()
    [parked] = await system.parking.list("msp")
    assert (parked.code, parked.key) == ("content-differs", "msp/a")
    broken = False
    retried = await system.parking.retry("msp", parked.id)
    await system.bus.publish([sent(5, "msp/a")])
    await system.idle()
    await system.stop()
    assert retried.done == 3
    assert reader.seen == [3, 1, 2, 4, 5]
