"""The topics as declared: one for every message class, with all said aloud that a message's life
hangs on, so that no broker's default decides it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from chassis.errors import PermanentError, TransientError
from chassis.servers.access import reached_by
from chassis.servers.settings import ServerSettings
from schemas.heads import Head
from schemas.messages import Parked

BILLING_EVENTS = "billing.events.v1"
_DAY_MS = 24 * 3600 * 1000
_MESSAGE_BYTES_MAX = 2 * 1024 * 1024
_PARTITIONS = "partitions"
_TOLD_MAX = 3
_LOOK_S = 0.05


def names() -> tuple[str, ...]:
    """Every topic that somebody publishes to, without the namespace."""
    heads = {head.topic for head in _leaves(Head) if head.__module__.startswith("schemas.")}
    return tuple(sorted({*heads, Parked.topic, BILLING_EVENTS}))


async def apply(settings: ServerSettings, more: Sequence[str] = ()) -> Sequence[str]:
    """Create what is missing; the names of what was made.

    Raises PermanentError `topic-differs` for a topic that is there with something else: adding
    partitions would send a key's later messages past its earlier ones, and a shorter retention
    would delete what somebody has still to read. So nothing that was there is changed.
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
    missing = [name for name in wanted if name not in there]
    made = await _create(admin, [_topic(name, settings) for name in missing])
    if missing:
        await _shown(admin, missing, settings.request_timeout_s)
    _compare(await _described(admin, wanted), settings)
    return made


async def _create(admin: AIOKafkaAdminClient, missing: Sequence[NewTopic]) -> Sequence[str]:
    """Those that nobody else made meanwhile."""
    if not missing:
        return ()
    made = []
    answer = await admin.create_topics(list(missing))
    for name, code, text in answer.topic_errors:
        if not code:
            made.append(name)
        elif for_code(code) is not TopicAlreadyExistsError:
            raise PermanentError("topic-refused", f"Kafka refuses topic {name}: {text}")
    return made


async def _shown(admin: AIOKafkaAdminClient, made: Sequence[str], patience_s: float) -> None:
    """Brokers learn of a topic a moment after it was made."""
    try:
        async with asyncio.timeout(patience_s):
            while not set(made) <= set(await admin.list_topics()):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise TransientError(
            "bus-away", "Kafka does not show the topics that it has made"
        ) from None


async def _described(
    admin: AIOKafkaAdminClient, there: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    """By topic what is declared of it as it is on the broker, its defaults included."""
    topics = await admin.describe_topics(list(there))
    found = {t["topic"]: {_PARTITIONS: str(len(t["partitions"]))} for t in topics}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
    for answer in await admin.describe_configs(asked):
        for code, text, _kind, name, entries in answer.resources:
            if code:
                said = f"Kafka does not tell how topic {name} is configured: {text}"
                raise PermanentError("topic-refused", said)
            found[name] |= {entry[0]: entry[1] for entry in entries}
    return found


def _compare(found: Mapping[str, Mapping[str, str]], settings: ServerSettings) -> None:
    """All that differs is told at once, each difference with the topics that have it."""
    declared = {_PARTITIONS: str(settings.partitions), **_configs(settings)}
    differs: dict[str, list[str]] = {}
    for name, has in sorted(found.items()):
        for key, wanted in declared.items():
            if has.get(key) != wanted:
                differs.setdefault(f"{key} is {has.get(key)}, not {wanted}", []).append(name)
    if differs:
        told = "; ".join(f"{what} ({_few(names)})" for what, names in differs.items())
        raise PermanentError(
            "topic-differs",
            f"topics that are there differ from what is declared: {told}. None of them was changed:"
            " set the environment to what is there or change the topics with Kafka's own tools;"
            " for other partitions move to a new namespace",
        )


def _few(names: Sequence[str]) -> str:
    more = len(names) - _TOLD_MAX
    return ", ".join(names[:_TOLD_MAX]) + (f" and {more} more" if more > 0 else "")


def _topic(name: str, s: ServerSettings) -> NewTopic:
    return NewTopic(
        name,
        num_partitions=s.partitions,
        replication_factor=s.replication,
        topic_configs=_configs(s),
    )


def _configs(s: ServerSettings) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",  # compacted, only the last message of a key would be left
        "retention.ms": str(s.retention_days * _DAY_MS),
        "retention.bytes": "-1",  # time alone ends a message's life
        "min.insync.replicas": str(s.min_insync_replicas),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(_MESSAGE_BYTES_MAX),
    }


def _leaves(head: type[Head]) -> Iterable[type[Head]]:
    for one in head.__subclasses__():
        if "topic" in vars(one):
            yield one
        yield from _leaves(one)
