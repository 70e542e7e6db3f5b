"""What a dead process stored and did not publish any more, another one publishes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chassis.service import Body
from servers import Servers
from support.embedded import Sent, record, sent, service
from support.served import open_served, prepare, settings_from

pytestmark = pytest.mark.servers


async def test_messages_of_a_dead_process_are_published_and_cleared(served: Servers) -> None:
    settings = settings_from(served.environment, sweep_s=0.1)
    await prepare(settings, Sent.topic)
    handled: list[int] = []
    done = asyncio.Event()

    async def on_sent(head: Sent, body: Body) -> None:
        handled.append(head.number)
        if set(handled) == {1, 2, 3}:
            done.set()

    store = open_served(settings)
    store.bus.mount(service(on_sent))
    left = replace(record("a", state="left"), outgoing=(sent(1), sent(2), sent(3)))
    await store.records.insert(left)
    await store.start()
    async with asyncio.timeout(30):
        await done.wait()
        while (  # noqa: ASYNC110 - another one's write is not announced
            found := await store.records.get("msp", "things", "a")
        ) and found.outgoing:
            await asyncio.sleep(0.01)
    assert found is not None
    assert dict(found.tags) == {"state": "left"}
    assert sorted(set(handled)) == [1, 2, 3]
    await store.stop()
