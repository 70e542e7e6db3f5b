"""Topics as declared, lag as counted, and when a consumer says that it does not recover."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from chassis.errors import PermanentError
from chassis.servers import topics
from chassis.servers.health import Watch
from chassis.servers.settings import ServerSettings
from chassis.servers.store import ServerStore
from servers import Servers
from support.embedded import Sent, sent, service
from support.served import settings_from

pytestmark = pytest.mark.servers

PATIENCE_S = 0.4


async def done(_head: object, _body: object) -> None:
    pass


async def test_topics_are_made_once_and_never_with_other_partitions(served: Servers) -> None:
    settings = settings_from(served.environment, retention_days=3)
    made = await topics.apply(settings)
    assert sorted(made) == sorted(settings.topic(name) for name in topics.names())
    assert await topics.apply(settings) == ()
    fewer = settings.model_copy(update={"partitions": settings.partitions - 1})
    with pytest.raises(PermanentError, match="topic-differs"):
        await topics.apply(fewer)
    configured = await configuration(settings, made[0])
    assert configured["retention.ms"] == str(3 * 24 * 3600 * 1000)
    assert configured["max.message.bytes"] == str(2 * 1024 * 1024)
    assert configured["unclean.leader.election.enable"] == "false"


async def configuration(settings: ServerSettings, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        [(_code, _text, _kind, _name, entries)] = answer.resources
        return {entry[0]: entry[1] for entry in entries}
    finally:
        await admin.close()


async def test_lag_counts_what_is_not_done(store: ServerStore) -> None:
    await store.bus.publish([sent(n, f"msp/{n}") for n in range(10)])
    free = asyncio.Event()

    async def on_sent(head: Sent, body: object) -> None:
        await free.wait()

    store.bus.mount(service(on_sent))
    await store.start()
    while not await store.bus.joined():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert await store.bus.lag() == {(f"reader.{Sent.topic}", Sent.topic): 10}
    free.set()
    await store.bus.idle()
    assert await store.bus.lag() == {(f"reader.{Sent.topic}", Sent.topic): 0}


async def test_a_consumer_that_works_has_no_complaint(store: ServerStore) -> None:
    store.bus.mount(service(done))
    await store.start()
    await store.bus.publish([sent(1)])
    await store.bus.idle()
    assert await store.bus.health() == []


async def test_a_consumer_whose_membership_nobody_keeps_is_named(store: ServerStore) -> None:
    store.bus.mount(service(done))
    await store.start()
    await store.bus.idle()
    [consumer] = store.bus.consumers
    consumer.client._coordinator._coordination_task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    [complaint] = await store.bus.health()
    assert complaint == f"reader.{Sent.topic}: nobody keeps it in its group any more"


async def test_what_stands_still_is_named_after_a_while(
    store: ServerStore, settings: ServerSettings
) -> None:
    store.bus.mount(service(done))
    await store.start()
    await store.bus.idle()
    [consumer] = store.bus.consumers
    client = consumer.client
    watch = Watch(settings.model_copy(update={"rebalance_timeout_s": PATIENCE_S / 2}))
    client.pause(*client.assignment())
    await store.bus.publish([sent(2)])
    assert await watch.complaints([consumer]) == []
    await asyncio.sleep(PATIENCE_S * 1.5)
    [complaint] = await watch.complaints([consumer])
    assert complaint.endswith("it stands still, with messages to be had")
    client.resume(*client.assignment())
    await store.bus.idle()
    assert await watch.complaints([consumer]) == []
    consumer.assigned = 0
    assert await watch.complaints([consumer]) == []
    await asyncio.sleep(PATIENCE_S * 1.5)
    [complaint] = await watch.complaints([consumer])
    assert complaint.endswith("it has no partitions")
