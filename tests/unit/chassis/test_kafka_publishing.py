"""Publishing to Kafka: how long it waits, in which order, and which errors end the process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)
from pydantic import ValidationError

from chassis.errors import PermanentError, TransientError
from chassis.servers.bus import KafkaBus
from chassis.servers.settings import ServerSettings
from support.embedded import sent

SETTINGS = ServerSettings(kafka="nowhere:9092", mongodb="mongodb://nowhere")
IMPATIENT = SETTINGS.model_copy(update={"request_timeout_s": 0.02})


class Broker:
    """Stands in for FastStream's: keeps what it is handed, and confirms when it is told to."""

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[None]] = []
        self.keys: list[bytes] = []
        self.confirms = True

    async def publish(self, *_message: Any, key: bytes, **_more: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        self.keys.append(key)
        if self.confirms:
            future.set_result(None)
        return future


@pytest.fixture
async def broker() -> Broker:
    return Broker()


def connected(broker: Broker, settings: ServerSettings) -> KafkaBus:
    bus = KafkaBus(settings)
    vars(bus).update(_broker=broker, _connected=True)
    return bus


@pytest.fixture
async def bus(broker: Broker) -> KafkaBus:
    return connected(broker, SETTINGS)


async def test_a_key_waits_for_its_earlier_message_and_no_other_key_does(
    bus: KafkaBus, broker: Broker
) -> None:
    broker.confirms = False
    publishing = asyncio.create_task(bus.publish([sent(1, "a"), sent(2, "a"), sent(3, "b")]))
    await asyncio.sleep(0.001)
    assert broker.keys == [b"a", b"b"]
    for future in broker.futures:
        future.set_result(None)
    broker.confirms = True
    await publishing
    assert broker.keys == [b"a", b"b", b"a"]


async def test_what_is_not_confirmed_in_time_is_away_and_is_not_doubled_meanwhile(
    broker: Broker,
) -> None:
    bus = connected(broker, IMPATIENT)
    broker.confirms = False
    for _ in range(3):
        with pytest.raises(TransientError, match="bus-away"):
            await bus.publish([sent(1, "a")])
    assert len(broker.keys) == 1, "nothing more is handed over while nothing gets through"
    broker.futures[0].set_result(None)
    broker.confirms = True
    await bus.publish([sent(1, "a")])
    assert len(broker.keys) == 2


@pytest.mark.parametrize("error", [OutOfOrderSequenceNumber, ProducerFenced, UnknownProducerId])
async def test_a_producer_that_can_not_go_on_ends_the_process(
    bus: KafkaBus, broker: Broker, error: type[Exception]
) -> None:
    broker.confirms = False
    publishing = asyncio.create_task(bus.publish([sent(1)]))
    await asyncio.sleep(0.001)
    assert not bus.failed.is_set()
    broker.futures[0].set_exception(error())
    with pytest.raises(TransientError, match="bus-away"):
        await publishing
    assert bus.failed.is_set()
    assert await bus.health() == ["the producer can not go on"]


async def test_it_ends_the_process_also_when_nobody_waits_any_more(broker: Broker) -> None:
    bus = connected(broker, IMPATIENT)
    broker.confirms = False
    with pytest.raises(TransientError):
        await bus.publish([sent(1)])
    broker.futures[0].set_exception(ProducerFenced())
    await asyncio.wait_for(bus.failed.wait(), 1)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (KafkaConnectionError("gone"), TransientError, "bus-away"),
        (OSError("gone"), TransientError, "bus-away"),
        (MessageSizeTooLargeError("3 MiB"), PermanentError, "message-too-large"),
    ],
)
async def test_an_error_says_what_to_do(
    bus: KafkaBus, broker: Broker, error: Exception, kind: type[Exception], code: str
) -> None:
    broker.confirms = False
    publishing = asyncio.create_task(bus.publish([sent(1)]))
    await asyncio.sleep(0.001)
    broker.futures[0].set_exception(error)
    with pytest.raises(kind, match=code):
        await publishing
    assert not bus.failed.is_set()


@pytest.mark.parametrize(
    "given",
    [
        {"drain_s": 60, "rebalance_timeout_s": 60},
        {"max_poll_interval_s": 100, "handler_timeout_s": 60},
    ],
)
def test_what_waits_for_something_has_to_end_before_it(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="must be"):
        ServerSettings.model_validate(SETTINGS.model_dump() | given)
