"""The bus over Kafka: FastStream consumes and publishes, `chassis.delivery` decides.

Every route has a consumer and a group of its own (see `chassis.servers.consuming`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
from faststream.kafka import KafkaBroker

from chassis.delivery import Delivery
from chassis.errors import PermanentError, TransientError
from chassis.log import logger
from chassis.records import Message
from chassis.servers.access import reached_by, security
from chassis.servers.consuming import Consumer
from chassis.servers.health import Watch, lag_of
from chassis.servers.settings import ServerSettings
from chassis.service import Route, Service
from chassis.telemetry import tracing

_log = logger("bus")
_MESSAGE_BYTES_MAX = 2 * 1024 * 1024
_IDLE_LOOK_S = 0.05
_FAREWELL_S = 1.0  # beyond the request that leaves the group
# The producer can not go on from these, and aiokafka does not begin a new one: a new process does.
_FATAL = (OutOfOrderSequenceNumber, ProducerClosed, ProducerFenced, UnknownProducerId)


class KafkaBus:
    """Implements `chassis.bus.Bus`. With nothing mounted it only publishes."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._deliver: Callable[[str, Route], Delivery] | None = None
        self.consumers: list[Consumer] = []
        self._broker = _broker(settings)
        self._watch = Watch(settings)
        self._connecting = asyncio.Lock()
        self._connected = False
        self._consuming = False
        self._late: set[asyncio.Future[Any]] = set()  # handed over, not confirmed in time
        self.failed: asyncio.Event = asyncio.Event()  # a new process has to take over

    def deliver_with(self, make: Callable[[str, Route], Delivery]) -> None:
        """How a group's route is delivered: needs the store that needs this bus."""
        self._deliver = make

    async def publish(self, messages: Sequence[Message]) -> None:
        """In order per key, several keys side by side; confirmed by every copy on return."""
        try:
            await self._connect()
            await self._wait_for_late()
        except (KafkaError, OSError) as error:
            raise self._answer(error) from error
        with tracing.publishing(messages) as carried:
            await self._publish_all(carried)

    async def _publish_all(self, messages: Sequence[Message]) -> None:
        by_key: dict[tuple[str, str], list[Message]] = {}
        for message in messages:
            by_key.setdefault((message.topic, message.key), []).append(message)
        ended = await asyncio.gather(
            *(self._publish(some) for some in by_key.values()), return_exceptions=True
        )
        errors = [error for error in ended if error is not None]
        for error in errors:
            if not isinstance(error, (KafkaError, OSError)):
                raise error
        if errors:
            answers = [self._answer(error) for error in errors if isinstance(error, Exception)]
            answers.sort(key=lambda answer: isinstance(answer, TransientError))
            raise answers[0] from errors[0]

    async def _publish(self, messages: Sequence[Message]) -> None:
        for m in messages:
            future = await self._broker.publish(
                m.value,
                self._settings.topic(m.topic),
                key=m.key.encode(),
                headers={"content-type": "application/octet-stream", **m.headers},
                no_confirm=True,
            )
            await self._confirmed(future)

    async def _confirmed(self, future: asyncio.Future[Any]) -> None:
        """An idempotent producer never gives up: who waits for it does, and comes again.

        What is late stays in its place before what is published later.
        """
        future.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                await asyncio.shield(future)
        except TimeoutError as error:
            if not future.done():
                self._late.add(future)
            raise KafkaTimeoutError("not confirmed in time") from error

    async def _wait_for_late(self) -> None:
        """While nothing gets through nothing more is handed over, so that it is not doubled."""
        if self._late:
            done, _ = await asyncio.wait(
                self._late,
                timeout=self._settings.request_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                raise KafkaTimeoutError("earlier messages are not confirmed yet")

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._late.discard(future)
        if not future.cancelled() and isinstance(future.exception(), _FATAL):
            self.failed.set()

    def _answer(self, error: Exception) -> PermanentError | TransientError:
        if isinstance(error, _FATAL):
            self.failed.set()
        if isinstance(error, MessageSizeTooLargeError):
            return PermanentError("message-too-large", f"Kafka takes no such message: {error}")
        return TransientError("bus-away", f"Kafka can not be reached: {error!r}")

    def mount(self, service: Service) -> None:
        assert self._deliver is not None, "the store wires the bus before a service is mounted"
        assert not self._consuming, "services are mounted before the bus starts"
        for route in service.routes:
            group = f"{service.name}.{route.topic}"
            assert all(c.delivery.group != group for c in self.consumers), f"{group} is twice"
            consumer = Consumer(self._deliver(group, route), self._settings)
            consumer.mount(self._broker)
            self.consumers.append(consumer)

    async def start(self) -> None:
        try:
            await self._connect()
            for consumer in self.consumers:
                await consumer.prepare()
            self._consuming = True
            if self.consumers:
                await self._broker.start()
        except (KafkaError, OSError) as error:
            raise self._answer(error) from error

    async def stop(self) -> None:
        """Drain, then leave the groups: a commit of a member that has left is lost."""
        self._consuming = False
        for consumer in self.consumers:
            consumer.stop()
        await asyncio.gather(*(consumer.in_hand() for consumer in self.consumers))
        if self._connected:
            self._connected = False
            try:
                async with asyncio.timeout(self._settings.request_timeout_s + _FAREWELL_S):
                    await self._broker.stop()
            except TimeoutError:  # what was not confirmed is still in its records
                _log.warning("bus-left", text="Kafka did not answer the farewell")

    async def joined(self) -> bool:
        """Whether every mounted route has been told its partitions."""
        return self._consuming and all(c.assigned is not None for c in self.consumers)

    async def idle(self) -> None:
        """Wait until everything on the partitions held here is done."""
        while not await self.joined() or any((await self.lag()).values()):  # noqa: ASYNC110
            await asyncio.sleep(_IDLE_LOOK_S)

    async def lag(self) -> Mapping[tuple[str, str], int]:
        """Messages not done yet by group and topic, of the partitions that are here, if any are."""
        try:
            lags = await asyncio.gather(*(lag_of(consumer) for consumer in self.consumers))
        except (KafkaError, OSError) as error:
            raise self._answer(error) from error
        of = [(c.delivery.group, c.delivery.topic) for c in self.consumers]
        return dict(zip(of, lags, strict=True))

    async def health(self) -> Sequence[str]:
        """Why this process should be started anew; nothing: it consumes, or Kafka is away."""
        if self.failed.is_set():
            return ["the producer can not go on"]
        return await self._watch.complaints(self.consumers) if self._consuming else ()

    async def _connect(self) -> None:
        async with self._connecting:
            if not self._connected:
                await self._reach()
                await self._broker.connect()
                self._connected = True

    async def _reach(self) -> None:
        """FastStream forgets a producer that finds no broker, and leaves it open: look first."""
        client = AIOKafkaClient(
            **reached_by(self._settings),
            request_timeout_ms=_ms(self._settings.request_timeout_s),
        )
        try:
            await client.bootstrap()
        finally:
            await client.close()


def _broker(s: ServerSettings) -> KafkaBroker:
    return KafkaBroker(
        s.kafka.split(","),
        security=security(s),
        client_id=f"chargeline-{s.replica}",
        acks="all",
        enable_idempotence=True,
        # Of the codecs lz4 costs the least for JSON lines, and it has a wheel everywhere.
        compression_type="lz4",
        max_batch_size=512 * 1024,
        max_request_size=_MESSAGE_BYTES_MAX,
        request_timeout_ms=_ms(s.request_timeout_s),
        allow_auto_create_topics=False,
        graceful_timeout=0,  # `stop` has waited already
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


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
