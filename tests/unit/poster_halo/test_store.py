"""Who may write a posting: whoever read or wrote it last, and no earlier owner of the lease."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chassis.bodies import Bodies
from chassis.outbox import Outbox
from chassis.records import Message
from chassis.service import LeaseLost, Service
from poster_halo.domain.postings import Posting
from poster_halo.store import Store
from support.memory_records import MemoryRecords, Shelf


class Heard:
    """A bus that remembers."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    def mount(self, service: Service) -> None:
        raise AssertionError(f"nobody mounts {service.name} here")

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def opened(bus: Heard | None = None) -> Store:
    records = MemoryRecords(Shelf())
    return Store(Outbox(records, bus or Heard()), Bodies(records))


def posting(fence: int, state: str = "open") -> Posting:
    return Posting.model_validate(
        {"plan": "p", "batch": "b", "connection": "c", "source": "pax8", "document": "d",
         "bill_to": "client:1", "currency": "USD", "content": "x", "fence": fence, "state": state}
    )  # fmt: skip


async def test_what_a_put_returns_is_what_the_next_one_builds_on() -> None:
    bus = Heard()
    store = opened(bus)
    there = await store.put_posting("t", posting(1))
    there = await store.put_posting("t", posting(1), there=there)
    told = Message("postings.done.v1", "t", b"{}")
    await store.put_posting("t", posting(1, "posted"), (told,), there)
    stored = await store.posting("t", "p")
    assert stored is not None
    assert stored.value.state == "posted"
    assert stored.tags == {"batch": "b", "document": "d"}
    assert bus.messages == [told]


async def test_an_owner_that_another_one_has_overtaken_writes_nothing() -> None:
    store = opened()
    late = await store.put_posting("t", posting(1))
    await store.put_posting("t", posting(2))
    with pytest.raises(LeaseLost):
        await store.put_posting("t", posting(1, "posted"), there=late)
    with pytest.raises(LeaseLost):
        await store.put_posting("t", posting(1, "posted"))
    newer = await store.posting("t", "p")
    assert newer is not None
    with pytest.raises(LeaseLost):
        await store.put_posting("t", posting(1, "posted"), there=newer)
    after = await store.posting("t", "p")
    assert after == newer
