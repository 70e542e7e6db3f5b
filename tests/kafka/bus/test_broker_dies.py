"""The broker is killed and started again: publishing says so, nothing is lost or out of order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from chassis.errors import TransientError
from chassis.records import Message
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from chassis.service import Body
from servers import Servers
from servers.kafka import LocalKafka
from support.embedded import Sent, sent, service
from support.served import open_served, prepare, settings_from

pytestmark = pytest.mark.servers

REQUEST_S = 1.5


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    """One that belongs to these tests alone, whatever broker the others share."""
    broker = LocalKafka()
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture
async def settings(served: Servers, broker: LocalKafka) -> ServerSettings:
    settings = settings_from(
        served.environment, kafka=broker.address, request_timeout_s=REQUEST_S, sweep_s=0.2
    )
    await prepare(settings, Sent.topic)
    return settings


@pytest.fixture
async def store(settings: ServerSettings) -> AsyncIterator[ServerStore]:
    store = open_served(settings)
    yield store
    await store.stop()


def message(number: int) -> Message:
    return sent(number, f"msp/{number % 3}", b"%d" % (number % 3))


async def publish_for_sure(store: ServerStore, *numbers: int) -> int:
    """As the outbox does it: again until it is confirmed; how often it was not."""
    failed = 0
    for number in numbers:
        while True:
            try:
                async with asyncio.timeout(4 * REQUEST_S):  # it does not hang
                    await store.bus.publish([message(number)])
                break
            except TransientError:
                failed += 1
                await asyncio.sleep(0.05)
    return failed


async def test_nothing_is_lost_or_out_of_order_when_the_broker_dies(
    store: ServerStore, broker: LocalKafka
) -> None:
    seen: dict[str, list[int]] = {}

    async def on_sent(head: Sent, body: Body) -> None:
        seen.setdefault((await body.load()).decode(), []).append(head.number)

    store.bus.mount(service(on_sent))
    await store.start()
    await publish_for_sure(store, *range(30))
    broker.kill()
    publishing = asyncio.create_task(publish_for_sure(store, *range(30, 60)))
    await asyncio.sleep(3 * REQUEST_S)
    assert await store.bus.health() == (), "a new process would not reach the broker either"
    await asyncio.to_thread(broker.restart)
    failed = await publishing
    await publish_for_sure(store, *range(60, 70))
    await store.bus.idle()
    firsts = {key: list(dict.fromkeys(numbers)) for key, numbers in seen.items()}
    assert failed > 0, "the outage was noticed"
    assert firsts == {str(k): [n for n in range(70) if n % 3 == k] for k in range(3)}
    assert sum(map(len, seen.values())) <= 70 + failed + 10, "an outage doubles a few, not many"


async def test_a_process_that_starts_while_the_broker_is_away_says_so(
    settings: ServerSettings,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # held, but nobody listens there
        port = nobody.getsockname()[1]
        await refuses(settings.model_copy(update={"kafka": f"127.0.0.1:{port}"}))


async def refuses(settings: ServerSettings) -> None:
    away = open_served(settings)
    with pytest.raises(TransientError, match="bus-away"):
        await away.bus.publish([sent(1)])
    with pytest.raises(TransientError, match="bus-away"):
        await away.bus.start()
    await away.stop()
