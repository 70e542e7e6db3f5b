"""One consumer and what it may be handed: poison, giants, hanging handlers, long outages."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka import AIOKafkaProducer

from chassis.clock import SystemClock
from chassis.delivery import DeliverySettings
from chassis.errors import TransientError
from chassis.parked import Retried
from chassis.records import Message
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body, Route, Service
from support.embedded import Sent, sent, service

pytestmark = pytest.mark.servers

POLL_S = 2.0
# Three runs over time just fit into the stretch that a consumer may wait.
HASTY = DeliverySettings(
    handler_timeout_s=0.3999, wait_first_s=0.01, wait_max_s=0.05, drain_s=2.0, sweep_s=0.2
)
GIANT_BYTES = 1_900_000


@pytest.fixture
async def hasty(settings: ServerSettings) -> AsyncIterator[ServerStore]:
    """Its consumer counts as dead after two seconds without a poll."""
    changes = {"max_poll_interval_s": POLL_S, "handler_timeout_s": HASTY.handler_timeout_s}
    given = settings.model_dump() | changes
    hasty = ServerSettings.model_validate(given)
    store = ServerStore.open(hasty, clock=SystemClock(), delivery=HASTY)
    yield store
    await store.stop()


class Reader:
    def __init__(self) -> None:
        self.seen: list[int] = []

    async def on_sent(self, head: Sent, _body: Body) -> None:
        self.seen.append(head.number)


async def publish_raw(settings: ServerSettings, key: bytes | None, value: bytes | None) -> None:
    """As somebody does who knows nothing of us."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka)
    await producer.start()
    try:
        topic = settings.topic(Sent.topic)
        headers = [("binary", b"\xff\xfe"), ("content-type", b"application/json")]
        await producer.send_and_wait(topic, value, key=key, headers=headers)
    finally:
        await producer.stop()


@pytest.mark.parametrize("value", [b"\xff\xfe no text", b"0", b"", b'{"kind": "Sent"}'])
async def test_poison_parks_and_the_partition_goes_on(
    settings: ServerSettings, store: ServerStore, value: bytes
) -> None:
    reader = Reader()
    store.bus.mount(service(reader.on_sent, others="park"))
    await publish_raw(settings, b"msp/a", value)
    await store.bus.publish([sent(n, f"msp/{'ab'[n % 2]}") for n in range(6)])
    await store.start()
    await store.bus.idle()
    assert reader.seen == [1, 3, 5]
    [parked] = await store.parking.list("msp")
    assert (await store.parking.show("msp", parked.id))[1] == value
    went_on = await store.parking.discard("msp", parked.id, by="ada", reason="not ours")
    assert went_on == Retried(3)
    assert reader.seen == [1, 3, 5, 0, 2, 4]


async def test_a_message_without_key_and_value_parks(
    settings: ServerSettings, store: ServerStore
) -> None:
    store.bus.mount(service(Reader().on_sent, others="park"))
    await publish_raw(settings, b"k", None)
    await publish_raw(settings, None, b"?")
    await store.start()
    await store.bus.idle()
    [one] = await store.parking.list("k")
    [other] = await store.parking.list("-")
    assert {one.code, other.code} == {"unreadable-message"}


async def test_headers_arrive_as_sent_and_a_giant_comes_whole(store: ServerStore) -> None:
    giant = random.Random(1).randbytes(GIANT_BYTES)
    bodies: list[bytes] = []

    async def on_sent(head: Sent, body: Body) -> None:
        bodies.append(await body.load())

    async def on_poison(head: Sent, body: Body) -> None:
        raise ZeroDivisionError

    store.bus.mount(service(on_sent))
    store.bus.mount(service(on_poison, "poisoned"))
    message = sent(1, "msp/a", giant)
    await store.bus.publish([Message(message.topic, message.key, message.value, {"mine": "ü"})])
    await store.start()
    await store.bus.idle()
    [parked] = await store.parking.list("msp")
    assert bodies == [giant]
    assert {name: value for name, value in parked.headers.items() if name == "mine"} == {
        "mine": "ü"
    }
    assert "content-type" not in parked.headers


async def test_a_handler_that_hangs_is_parked_before_its_consumer_counts_as_dead(
    hasty: ServerStore,
) -> None:
    reader = Reader()

    async def on_sent(head: Sent, body: Body) -> None:
        if head.number == 0:
            await asyncio.Event().wait()
        await reader.on_sent(head, body)

    hasty.bus.mount(service(on_sent))
    await hasty.start()
    await hasty.bus.publish([sent(n, f"msp/{n}") for n in range(4)])
    await hasty.bus.idle()
    [parked] = await hasty.parking.list("msp")
    assert parked.code == "handler-timeout"
    assert sorted(reader.seen) == [1, 2, 3]
    assert rebalances(hasty) == 1


async def test_one_that_hangs_is_parked_also_where_several_are_handled_together(
    hasty: ServerStore,
) -> None:
    """Trying them together leaves time enough to find out which one it is."""
    reader = Reader()

    async def on_several(told: Sequence[tuple[Sent, Body]]) -> None:
        await asyncio.Event().wait()

    async def on_sent(head: Sent, body: Body) -> None:
        if head.number == 1:
            await asyncio.Event().wait()
        await reader.on_sent(head, body)

    route = Route(Sent.topic, {Sent: on_sent}, together=on_several)
    hasty.bus.mount(Service("reader", (route,)))
    await hasty.bus.publish([sent(n) for n in range(4)])
    await hasty.start()
    await hasty.bus.idle()
    [parked] = await hasty.parking.list("msp")
    assert parked.code == "handler-timeout"
    assert reader.seen == [0], "the others queue behind it"
    assert rebalances(hasty) == 1


async def test_an_outage_longer_than_the_poll_interval_is_waited_out_in_the_group(
    hasty: ServerStore,
) -> None:
    reader, away = Reader(), asyncio.Event()

    async def on_sent(head: Sent, body: Body) -> None:
        if not away.is_set():
            raise TransientError("store-away", "not now")
        await reader.on_sent(head, body)

    hasty.bus.mount(service(on_sent))
    await hasty.start()
    await hasty.bus.publish([sent(n) for n in range(3)])
    asyncio.get_running_loop().call_later(2.5 * POLL_S, away.set)
    await hasty.bus.idle()
    assert reader.seen == [0, 1, 2]
    assert rebalances(hasty) == 1, "it never left its group"
    assert await hasty.parking.list("msp") == []


async def test_a_store_that_is_away_at_the_assignment_is_asked_again(
    store: ServerStore,
) -> None:
    reader = Reader()
    store.bus.mount(service(reader.on_sent))
    [consumer] = store.bus.consumers
    prepare, tries = consumer.delivery.prepare, 0

    async def prepared() -> None:
        nonlocal tries
        tries += 1
        if 1 < tries < 4:  # the start has succeeded
            raise TransientError("store-away", "not now")
        await prepare()

    setattr(consumer.delivery, "prepare", prepared)  # noqa: B010
    await store.start()
    await store.bus.publish([sent(1)])
    await store.bus.idle()
    assert (reader.seen, tries) == ([1], 4)


def rebalances(store: ServerStore) -> int:
    [consumer] = store.bus.consumers
    return consumer.rebalances
