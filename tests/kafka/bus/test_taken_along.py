"""Messages that one acknowledgement covers: what was fetched behind another is taken along."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.errors import TransientError
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body
from support.embedded import Sent, sent, service
from support.served import open_served

pytestmark = pytest.mark.servers

COUNT = 60


class Reader:
    """Handles what it is told to, and waits for the rest until it is."""

    def __init__(self, *waits_for: int) -> None:
        self.waits_for = set(waits_for)
        self.seen: list[int] = []
        self.met = asyncio.Event()  # one that has to wait

    async def on_sent(self, head: Sent, _body: Body) -> None:
        if head.number in self.waits_for:
            self.met.set()
            raise TransientError("store-away", "not now")
        self.seen.append(head.number)


class Commits:
    """Counts a consumer's."""

    def __init__(self, client: Any) -> None:
        self.count = 0
        self._commit = client.commit
        client.commit = self

    async def __call__(self) -> None:
        self.count += 1
        await self._commit()


async def test_quick_messages_share_a_commit_and_keep_their_order(store: ServerStore) -> None:
    reader = Reader()
    store.bus.mount(service(reader.on_sent))
    await store.start()
    [consumer] = store.bus.consumers
    while not await store.bus.joined():  # noqa: ASYNC110 - only the broker knows
        await asyncio.sleep(0.01)
    commits = Commits(consumer.client)
    await store.bus.publish([sent(n) for n in range(COUNT)])
    await store.bus.idle()
    assert reader.seen == list(range(COUNT))
    assert commits.count < COUNT


async def test_those_of_a_key_wait_for_each_other_and_no_other_key_waits(
    store: ServerStore,
) -> None:
    seen: dict[str, list[int]] = {"a": [], "b": []}
    at_work: list[str] = []
    both = False

    async def on_sent(head: Sent, _body: Body) -> None:
        nonlocal both
        key = "ab"[head.number % 2]
        assert key not in at_work, "the one before is not done"
        at_work.append(key)
        both = both or len(at_work) == len(seen)
        await asyncio.sleep(0.001)
        at_work.remove(key)
        seen[key].append(head.number)

    store.bus.mount(service(on_sent))
    await store.bus.publish([sent(n, "ab"[n % 2]) for n in range(COUNT)])
    await store.start()
    await store.bus.idle()
    assert seen == {"a": list(range(0, COUNT, 2)), "b": list(range(1, COUNT, 2))}
    assert both


@pytest.mark.parametrize("side_by_side", [False, True], ids=["in order", "side by side"])
async def test_a_stop_amid_what_was_taken_along_loses_nothing(
    settings: ServerSettings, store: ServerStore, *, side_by_side: bool
) -> None:
    waiting, reader = Reader(7), Reader()
    store.bus.mount(service(waiting.on_sent, side_by_side=side_by_side))
    await store.bus.publish([sent(n) for n in range(20)])
    await store.start()
    await waiting.met.wait()
    await store.stop()
    after = open_served(settings)
    after.bus.mount(service(reader.on_sent, side_by_side=side_by_side))
    await after.start()
    await after.bus.idle()
    await after.stop()
    if side_by_side:
        assert sorted({*waiting.seen, *reader.seen}) == list(range(20))
        assert 7 in reader.seen
    else:
        assert waiting.seen == list(range(7)), "what was done before it is acknowledged"
        assert reader.seen == list(range(7, 20)), "and nothing of it comes again"


async def test_side_by_side_several_messages_of_a_key_are_at_work_at_once(
    store: ServerStore,
) -> None:
    seen: list[int] = []
    at_work = most = 0

    async def on_sent(head: Sent, _body: Body) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.01)
        at_work -= 1
        seen.append(head.number)

    store.bus.mount(service(on_sent, side_by_side=True))
    await store.bus.publish([sent(n) for n in range(COUNT)])
    await store.start()
    await store.bus.idle()
    assert sorted(seen) == list(range(COUNT)), "each once"
    assert most > 1
