"""The topics as declared: one for every message class, with partitions and retention said aloud."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from chassis.errors import PermanentError, TransientError
from chassis.servers.access import reached_by
from chassis.servers.settings import ServerSettings
from schemas.heads import Head
from schemas.messages import Parked

BILLING_EVENTS = "billing.events.v1"
_DAY_MS = 24 * 3600 * 1000
_MESSAGE_BYTES_MAX = 2 * 1024 * 1024


def names() -> tuple[str, ...]:
    """Every topic that somebody publishes to, without the namespace."""
    heads = {head.topic for head in _leaves(Head) if head.__module__.startswith("schemas.")}
    return tuple(sorted({*heads, Parked.topic, BILLING_EVENTS}))


async def apply(settings: ServerSettings, more: Sequence[str] = ()) -> Sequence[str]:
    """Create what is missing; the names of what was made.

    Raises PermanentError `topic-differs` for a topic with another number of partitions: adding some
    would send a key's later messages past its earlier ones.
    """
    admin = AIOKafkaAdminClient(
        **reached_by(settings),
        request_timeout_ms=int(settings.request_timeout_s * 1000),
    )
    try:
        await admin.start()
        try:
            return await _apply(admin, settings, (*names(), *more))
        finally:
            await admin.close()
    except (KafkaError, OSError) as error:
        raise TransientError("bus-away", f"Kafka can not be reached: {error}") from error


async def _apply(
    admin: AIOKafkaAdminClient, settings: ServerSettings, declared: Sequence[str]
) -> Sequence[str]:
    wanted = [settings.topic(name) for name in declared]
    there = set(await admin.list_topics())
    found = await admin.describe_topics([name for name in wanted if name in there])
    differs = [
        f"{t['topic']} has {len(t['partitions'])}"
        for t in found
        if len(t["partitions"]) != settings.partitions
    ]
    if differs:
        raise PermanentError(
            "topic-differs",
            f"{settings.partitions} partitions are declared, but {', '.join(differs)}: set"
            " CHARGELINE_PARTITIONS to what is there, or move to a new namespace",
        )
    missing = [name for name in wanted if name not in there]
    if not missing:
        return ()
    answer = await admin.create_topics([_topic(name, settings) for name in missing])
    for name, code, text in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise PermanentError("topic-refused", f"Kafka refuses topic {name}: {text}")
    return missing


def _topic(name: str, s: ServerSettings) -> NewTopic:
    return NewTopic(
        name,
        num_partitions=s.partitions,
        replication_factor=s.replication,
        topic_configs={
            "retention.ms": str(s.retention_days * _DAY_MS),
            "min.insync.replicas": str(s.min_insync_replicas),
            "unclean.leader.election.enable": "false",
            "max.message.bytes": str(_MESSAGE_BYTES_MAX),
        },
    )


def _leaves(head: type[Head]) -> Iterable[type[Head]]:
    for one in head.__subclasses__():
        if "topic" in vars(one):
            yield one
        yield from _leaves(one)
