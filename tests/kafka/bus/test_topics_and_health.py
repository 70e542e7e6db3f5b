"""Topics as declared, lag as counted, and when a consumer says that it does not recover."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

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
from support.served import open_served, prepare, settings_from

pytestmark = pytest.mark.servers

PATIENCE_S = 0.4
OF_TOPIC = 1  # where a value comes from, in Kafka's protocol


async def done(_head: object, _body: object) -> None:
    pass


async def test_topics_are_made_once_and_never_with_other_partitions(served: Servers) -> None:
    settings = settings_from(served.environment)
    made = await topics.apply(settings)
    assert sorted(made) == sorted(settings.topic(name) for name in topics.names())
    assert await topics.apply(settings) == ()
    fewer = settings.model_copy(update={"partitions": settings.partitions - 1})
    with pytest.raises(PermanentError, match="topic-differs"):
        await topics.apply(fewer)


async def test_every_topic_says_itself_how_long_its_messages_live(served: Servers) -> None:
    """A broker that compacts, or deletes by size, would have its way with a topic that does not."""
    settings = settings_from(served.environment, retention_days=3)
    made = await topics.apply(settings)
    async with admin_of(settings) as admin:
        said = await configurations(admin, made)
    assert said == {
        name: {
            "cleanup.policy": "delete",
            "retention.ms": str(3 * 24 * 3600 * 1000),
            "retention.bytes": "-1",
            "min.insync.replicas": "1",
            "unclean.leader.election.enable": "false",
            "max.message.bytes": str(2 * 1024 * 1024),
        }
        for name in made
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [("retention.ms", "60000"), ("retention.bytes", "1000"), ("cleanup.policy", "compact")],
)
async def test_a_topic_that_is_configured_otherwise_is_named_and_stays_as_it_is(
    served: Servers, key: str, value: str
) -> None:
    settings = settings_from(served.environment)
    made = await topics.apply(settings)
    other = ConfigResource(ConfigResourceType.TOPIC, made[-1], {key: value})
    async with admin_of(settings) as admin:
        await admin.alter_configs([other])
        while (await configurations(admin, made))[made[-1]][key] != value:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        with pytest.raises(PermanentError, match="topic-differs") as refused:
            await topics.apply(settings)
        assert f"{key} is {value}" in refused.value.text
        assert f"({made[-1]})" in refused.value.text, "and no other"
        assert (await configurations(admin, made))[made[-1]][key] == value


async def test_another_retention_in_the_environment_changes_no_topic(served: Servers) -> None:
    settings = settings_from(served.environment, retention_days=14)
    made = await topics.apply(settings)
    shorter = settings.model_copy(update={"retention_days": 1})
    with pytest.raises(PermanentError, match=f"and {len(made) - 3} more") as refused:
        await topics.apply(shorter)
    assert "retention.ms is 1209600000, not 86400000" in refused.value.text
    assert await topics.apply(settings) == ()


@asynccontextmanager
async def admin_of(settings: ServerSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def configurations(
    admin: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, dict[str, str]]:
    """What was set for each topic itself; defaults of the broker are not in it."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    [answer] = await admin.describe_configs(asked)
    return {
        name: {entry[0]: entry[1] for entry in entries if entry[3] == OF_TOPIC}
        for _code, _text, _kind, name, entries in answer.resources
    }


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


async def test_a_replica_without_partitions_reports_no_lag(served: Servers) -> None:
    settings = settings_from(served.environment, partitions=1)
    await prepare(settings, Sent.topic)
    replicas = [open_served(settings) for _ in range(2)]
    for replica in replicas:
        replica.bus.mount(service(done))
        await replica.start()
        while not await replica.bus.joined():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [await replica.bus.lag() for replica in replicas] == [
        {(f"reader.{Sent.topic}", Sent.topic): 0}
    ] * 2
    for replica in replicas:
        await replica.stop()


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
