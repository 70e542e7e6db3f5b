"""A process that dies at any store call, with messages that fail: nothing lost, order kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.clock import LoopClock
from chassis.embedded import EmbeddedStore, InlineExecutor
from chassis.errors import PermanentError
from chassis.service import Body
from support.embedded import QUICK, Sent, sent, service
from support.virtual_loop import START, in_virtual_time

MESSAGES = 6
KEY = "msp/acme"
CALLS_OF_THE_LAST = 1_000_000


class Life:
    """One process on the data: after so many store calls it does nothing any more."""

    def __init__(self, folder: Path, calls: int) -> None:
        self.calls = calls
        self.dead = asyncio.Event()
        self.system = EmbeddedStore.open(
            folder,
            executor=InlineExecutor(self.call),
            clock=LoopClock(START),
            jitter=Random(1),
            settings=replace(QUICK, sweep_s=3600.0),
            durability="OFF",
        )

    async def call(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            self.dead.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    async def live(self, seen: list[int], broken: set[int]) -> None:
        """Publish the rest, then mend and retry until nothing waits."""

        async def on_sent(head: Sent, body: Body) -> None:
            if head.number in broken:
                raise PermanentError("no", "not yet")
            seen.append(head.number)

        system = self.system
        system.bus.mount(service(on_sent))
        await system.start()
        count = "SELECT count(*) FROM log WHERE topic = ?"
        [(published,)] = await system.executor.read(
            lambda c: c.execute(count, (Sent.topic,)).fetchall()
        )
        for number in range(published, MESSAGES):
            await system.bus.publish([sent(number, KEY)])
        await system.bus.idle()
        while (await system.parking.retry_key("msp", f"reader.{Sent.topic}", KEY)).cause:
            broken.remove(min(broken))
        await system.stop()

    async def end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.system.close()


async def lives(folder: Path, fails: set[int], calls: list[int]) -> list[int]:
    seen: list[int] = []
    broken = set(fails)
    for limit in [*calls, CALLS_OF_THE_LAST]:
        life = Life(folder, limit)
        living = asyncio.create_task(life.live(seen, broken))
        dying = asyncio.create_task(life.dead.wait())
        await asyncio.wait([living, dying], return_when=asyncio.FIRST_COMPLETED)
        await life.end()
        if limit == CALLS_OF_THE_LAST:
            living.result()
    return seen


@settings(max_examples=60)
@given(
    fails=st.sets(st.integers(0, MESSAGES - 1)),
    calls=st.lists(st.integers(1, 80), max_size=4),
)
def test_nothing_is_lost_and_the_order_is_kept(fails: set[int], calls: list[int]) -> None:
    with TemporaryDirectory() as folder:
        seen = in_virtual_time(lives(Path(folder), fails, calls))
    assert list(dict.fromkeys(seen)) == list(range(MESSAGES)), seen
