"""The bus over Kafka: FastStream consumes and publishes, `chassis.delivery` decides.

A consumer acknowledges by committing the position of all its partitions, so it handles one message
at a time and commits only behind what is done: every route has a consumer and a group of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
from faststream import AckPolicy
from faststream._internal.endpoint.subscriber.utils import MultiLock
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker, KafkaRoute, KafkaRouter

from chassis.delivery import Delivery
from chassis.errors import TransientError
from chassis.log import logger
from chassis.parked import Arrival
from chassis.records import Message
from chassis.servers.settings import ServerSettings
from chassis.service import Route, Service

_log = logger("bus")
_MESSAGE_BYTES_MAX = 2 * 1024 * 1024
_IDLE_LOOK_S = 0.05
_BRAKE_S = 0.2  # a message that is handed back comes again at once
# The producer can not go on from these, and aiokafka does not begin a new one: a new process does.
_FATAL = (OutOfOrderSequenceNumber, ProducerClosed, ProducerFenced, UnknownProducerId)


@dataclass
class _Mounted:
    """One route's consumer."""

    delivery: Delivery
    listener: WaitForInFlight
    subscriber: Any = None  # FastStream's, once the routes are included


class KafkaBus:
    """Implements `chassis.bus.Bus`. With nothing mounted it only publishes."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._deliver: Callable[[str, Route], Delivery] | None = None
        self._mounted: list[_Mounted] = []
        self._broker = _broker(settings)
        self._connecting = asyncio.Lock()
        self._connected = False
        self._consuming = False
        self.failed: asyncio.Event = asyncio.Event()  # a new process has to take over

    def deliver_with(self, make: Callable[[str, Route], Delivery]) -> None:
        """How a group's route is delivered: needs the store that needs this bus."""
        self._deliver = make

    async def publish(self, messages: Sequence[Message]) -> None:
        """In order per key; several keys side by side."""
        await self._connect()
        by_key: dict[tuple[str, str], list[Message]] = {}
        for message in messages:
            by_key.setdefault((message.topic, message.key), []).append(message)
        ended = await asyncio.gather(
            *(self._publish(some) for some in by_key.values()), return_exceptions=True
        )
        errors = [error for error in ended if isinstance(error, Exception)]
        for error in errors:
            if isinstance(error, _FATAL):
                self.failed.set()
        if errors:
            if all(isinstance(error, (KafkaError, OSError)) for error in errors):
                raise _away(errors[0]) from errors[0]
            raise errors[0]

    async def _publish(self, messages: Sequence[Message]) -> None:
        for m in messages:
            await self._broker.publish(
                m.value,
                self._settings.topic(m.topic),
                key=m.key.encode(),
                headers={"content-type": "application/octet-stream", **m.headers},
            )

    def mount(self, service: Service) -> None:
        assert self._deliver is not None, "the store wires the bus before a service is mounted"
        assert not self._consuming, "services are mounted before the bus starts"
        for route in service.routes:
            group = f"{service.name}.{route.topic}"
            assert all(m.delivery.group != group for m in self._mounted), f"{group} is there twice"
            delivery = self._deliver(group, route)
            mounted = _Mounted(delivery, WaitForInFlight(delivery, self._settings.drain_s))
            before = set(self._broker.subscribers)
            self._broker.include_router(self._router(mounted))
            [mounted.subscriber] = [s for s in self._broker.subscribers if s not in before]
            mounted.listener.subscriber = mounted.subscriber
            self._mounted.append(mounted)

    def _router(self, mounted: _Mounted) -> KafkaRouter:
        s, delivery = self._settings, mounted.delivery
        route = KafkaRoute(
            self._handler(mounted),
            s.topic(delivery.topic),
            group_id=s.topic(delivery.group),
            auto_offset_reset="earliest",
            listener=mounted.listener,
            partition_assignment_strategy=[StickyPartitionAssignor],
            session_timeout_ms=_ms(s.session_timeout_s),
            heartbeat_interval_ms=_ms(s.heartbeat_s),
            rebalance_timeout_ms=_ms(s.rebalance_timeout_s),
            max_poll_interval_ms=_ms(s.max_poll_interval_s),
            max_partition_fetch_bytes=2 * _MESSAGE_BYTES_MAX,
        )
        return KafkaRouter(
            # A router does not inherit its broker's policy, and FastStream's own commits first.
            ack_policy=AckPolicy.NACK_ON_ERROR,
            handlers=[route],
        )

    def _handler(self, mounted: _Mounted) -> Callable[[ConsumerRecord], Any]:
        """Done or parked: acknowledged. Else it is handed back, and comes again."""
        delivery = mounted.delivery
        # A long outage is waited out in stretches, so that the broker sees polls in between.
        stretch_s = self._settings.max_poll_interval_s / 3

        async def on_record(record: ConsumerRecord) -> None:
            limit = asyncio.get_running_loop().call_later(stretch_s, delivery.stop)
            try:
                done = await delivery.deliver(_arrival(delivery, record))
            finally:
                limit.cancel()
            if not done:
                if self._consuming and mounted.listener.assigned is not None:
                    await delivery.prepare()
                await asyncio.sleep(_BRAKE_S)
                raise NackMessage

        return on_record

    async def start(self) -> None:
        await self._connect()
        self._consuming = True
        try:
            for mounted in self._mounted:
                await mounted.delivery.prepare()
            if self._mounted:
                await self._broker.start()
        except (KafkaError, OSError) as error:
            raise _away(error) from error

    async def stop(self) -> None:
        """Drain, then leave the groups: a late commit of a member that has left is lost."""
        self._consuming = False
        for mounted in self._mounted:
            mounted.delivery.stop()
            if mounted.subscriber is not None:
                mounted.subscriber.running = False
        await asyncio.gather(*(m.listener.in_hand() for m in self._mounted))
        if self._connected:
            self._connected = False
            await self._broker.stop()

    async def joined(self) -> bool:
        """Whether every mounted route has been told its partitions."""
        return self._consuming and all(m.listener.assigned is not None for m in self._mounted)

    async def idle(self) -> None:
        """Wait until everything on the partitions held here is done."""
        while not await self.joined() or any((await self.lag()).values()):  # noqa: ASYNC110
            await asyncio.sleep(_IDLE_LOOK_S)

    async def lag(self) -> Mapping[tuple[str, str], int]:
        """Messages not done yet by group and topic, of the partitions that are here."""
        found: dict[tuple[str, str], int] = {}
        for mounted in self._mounted:
            consumer = mounted.subscriber.consumer
            if consumer is None or not (partitions := consumer.assignment()):
                continue
            ends = await consumer.end_offsets(partitions)
            behind = 0
            for partition, end in ends.items():
                behind += end - (await consumer.committed(partition) or 0)
            found[mounted.delivery.group, mounted.delivery.topic] = behind
        return found

    async def _connect(self) -> None:
        async with self._connecting:
            if not self._connected:
                try:
                    await self._broker.connect()
                except (KafkaError, OSError) as error:
                    raise _away(error) from error
                self._connected = True


class WaitForInFlight(ConsumerRebalanceListener):  # type: ignore[misc]
    """Partitions leave when what is in hand is done: nobody else begins it meanwhile."""

    def __init__(self, delivery: Delivery, timeout_s: float) -> None:
        self._delivery = delivery
        self._timeout_s = timeout_s
        self.subscriber: Any = None
        self.assigned: int | None = None  # partitions held here; None: not told yet
        self.rebalances = 0

    async def on_partitions_revoked(self, revoked: Sequence[Any]) -> None:
        """A message that only waits is handed back; one at work gets its time."""
        self.assigned = None
        if revoked:
            self._delivery.stop()
            await self.in_hand()

    async def on_partitions_assigned(self, assigned: Sequence[Any]) -> None:
        """What is parked for the keys that came is learnt before their first message."""
        await self._delivery.prepare()
        self.assigned = len(assigned)
        self.rebalances += 1
        _log.info("partitions-assigned", service=self._delivery.group, count=len(assigned))

    async def in_hand(self) -> None:
        """Until the message in hand is done, at most the time there is."""
        if isinstance(lock := getattr(self.subscriber, "lock", None), MultiLock):
            await lock.wait_release(self._timeout_s)


def _broker(s: ServerSettings) -> KafkaBroker:
    return KafkaBroker(
        s.kafka.split(","),
        client_id=f"chargeline-{s.replica}",
        acks="all",
        enable_idempotence=True,
        # Of the codecs lz4 costs the least for JSON lines, and it has a wheel everywhere.
        compression_type="lz4",
        max_batch_size=512 * 1024,
        max_request_size=_MESSAGE_BYTES_MAX,
        request_timeout_ms=_ms(s.request_timeout_s),
        allow_auto_create_topics=False,
        graceful_timeout=s.drain_s,
        parser=_readable,
        decoder=_record_of,
        apply_types=False,
        logger=logging.getLogger("chargeline.kafka"),
        log_level=logging.DEBUG,
    )


async def _readable(record: ConsumerRecord, parse: Callable[[Any], Any]) -> Any:
    """Foreign headers that are no text are left out, so that no message fails before delivery."""
    message = await parse(replace(record, headers=()))
    message.raw_message = record
    return message


async def _record_of(message: Any) -> ConsumerRecord:
    """The bytes as they came: reading them is delivery's work, and so is parking the unreadable."""
    record: ConsumerRecord = message.raw_message
    return record


def _arrival(delivery: Delivery, record: ConsumerRecord) -> Arrival:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return Arrival(
        delivery.group,
        delivery.topic,
        record.partition,
        record.offset,
        (record.key or b"").decode(errors="replace"),
        record.value or b"",
        headers,
    )


def _away(error: Exception) -> TransientError:
    return TransientError("bus-away", f"Kafka can not be reached: {error}")


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
