"""Lag summed over the replicas of a service: a partition that has moved counts once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest
from aiokafka import TopicPartition

from chassis.clock import SystemClock
from chassis.servers.sampling import sampling
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from support.embedded import Sent, service
from support.told import counted

SETTINGS = ServerSettings(kafka="nowhere:9092", mongodb="mongodb://nowhere")
PLACE = {"group": f"reader.{Sent.topic}", "topic": Sent.topic}


class Client:
    """Stands in for aiokafka's consumer: each partition has ten messages, four of them done."""

    def __init__(self, partitions: int) -> None:
        self.held = {TopicPartition(Sent.topic, n) for n in range(partitions)}

    def assignment(self) -> Collection[TopicPartition]:
        return frozenset(self.held)

    async def end_offsets(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(places, 10)

    async def beginning_offsets(
        self, places: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def committed(self, _place: TopicPartition) -> int:
        return 4


@pytest.fixture
def store() -> ServerStore:
    """Nothing is reached."""
    store = ServerStore.open(SETTINGS, clock=SystemClock())
    store.bus.mount(service(done))
    return store


async def done(_head: object, _body: object) -> None:
    pass


async def looked(store: ServerStore) -> None:
    """Its first look is at once, and takes a few turns of the loop."""
    looks = asyncio.create_task(sampling(store.bus, None, 60.0))
    for _ in range(20):
        await asyncio.sleep(0)
    looks.cancel()
    await asyncio.wait([looks])


async def test_who_has_lost_its_last_partition_reports_no_lag_any_more(store: ServerStore) -> None:
    [consumer] = store.bus.consumers
    consumer.subscriber.consumer = client = Client(2)
    with counted() as numbers:
        await looked(store)
        assert numbers.value("chargeline_bus_lag", **PLACE) == 12
        client.held.clear()
        await looked(store)
        assert numbers.value("chargeline_bus_lag", **PLACE) == 0
