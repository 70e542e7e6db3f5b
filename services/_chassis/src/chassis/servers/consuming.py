"""One route's consumer: what FastStream hands over, `chassis.delivery` decides about.

An acknowledgement commits the position of all the consumer's partitions, and costs as much as a
small handler. So a message takes those along that are fetched already, for a moment, and one commit
acknowledges them all. Messages of one key are handled in their order, and together where a route
can; those of several keys side by side, so that what they store shares commands. What is not done
is handed back and comes again, after a short brake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream._internal.endpoint.subscriber.utils import MultiLock
from faststream.exceptions import NackMessage
from faststream.kafka import KafkaBroker, KafkaRoute, KafkaRouter

from chassis.delivery import Delivery
from chassis.errors import TransientError
from chassis.log import logger
from chassis.parked import Arrival
from chassis.servers.settings import ServerSettings

_log = logger("bus")
_BRAKE_S = 0.2  # a message that is handed back comes again at once
# So much work may come again when a process dies: it is done, and not acknowledged yet.
_TOGETHER_S = 0.05
_AT_ONCE = 32
# A larger message arrives all the same, alone; this bounds what lies fetched for each partition.
_FETCH_BYTES_MAX = 1024 * 1024
# aiokafka asks a broker one thing at a time: a partition that was just worked off is asked for when
# the question about the others is answered, which takes so long if nothing comes for them.
_FETCH_WAIT_MS = 100
_OF_TRANSPORT = frozenset({"content-type", "correlation_id"})  # FastStream's own headers


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Consumes one topic for one group, and answers when its partitions come and go."""

    def __init__(self, delivery: Delivery, settings: ServerSettings) -> None:
        self.delivery = delivery
        self.subscriber: Any = None  # FastStream's, from `mount` on
        self.assigned: int | None = None  # partitions held here; None: not told yet
        self.rebalances = 0
        self._settings = settings
        self._prepared = False
        self._stopped = False
        # It grows with the keys that are met, where a key's messages wait for each other.
        many = delivery.side_by_side or delivery.takes_several
        self._at_once = _AT_ONCE if many else 1

    def mount(self, broker: KafkaBroker) -> None:
        """Subscribe."""
        before = set(broker.subscribers)
        broker.include_router(self._router())
        [self.subscriber] = [s for s in broker.subscribers if s not in before]

    @property
    def client(self) -> Any:
        """aiokafka's consumer, while it runs."""
        return None if self.subscriber is None else self.subscriber.consumer

    async def prepare(self) -> None:
        """Learn what is parked; nothing is delivered before that."""
        await self.delivery.prepare()
        self._prepared = True

    def stop(self) -> None:
        """Take no further message, and end waits."""
        self._stopped = True
        self.delivery.stop()
        if self.subscriber is not None:
            self.subscriber.running = False

    async def in_hand(self) -> None:
        """Until the message in hand is done and acknowledged, at most the time there is."""
        if isinstance(lock := getattr(self.subscriber, "lock", None), MultiLock):
            await lock.wait_release(self._settings.drain_s)

    async def on_record(self, record: ConsumerRecord) -> None:
        """Done or parked: acknowledged, with what was fetched behind it. Else it is handed back."""
        # An outage is waited out in stretches: the group takes a consumer that never polls for
        # dead. A stretch is long enough for a handler to run over its time and be parked.
        loop = asyncio.get_running_loop()
        limit = loop.call_later(self._settings.stretch_s, self.delivery.stop)
        some = [record]
        ends = loop.time() + _TOGETHER_S
        try:
            some += await self._fetched(self._at_once - 1)
            while some:
                some = await self._undone(some)
                if some or loop.time() >= ends:
                    break
                some = await self._fetched(self._at_once)
        finally:
            limit.cancel()
            self._hand_back(some)
        if some:
            await asyncio.sleep(_BRAKE_S)
        if record in some:
            raise NackMessage

    async def _fetched(self, at_most: int) -> list[ConsumerRecord]:
        """What lies here already; nobody waits for more, least of all for new partitions."""
        if not at_most or self.client is None or self._stopped or self.assigned is None:
            return []
        try:
            async with asyncio.timeout(_TOGETHER_S):
                found = await self.client.getmany(timeout_ms=0, max_records=at_most)
        except (KafkaError, ConsumerStoppedError, TimeoutError):
            return []  # what is wrong is met by the next poll, too
        return [record for records in found.values() for record in records]

    async def _undone(self, records: list[ConsumerRecord]) -> list[ConsumerRecord]:
        """Deliver them, and say which are not done."""
        if not await self._ready():
            return records
        undone = await asyncio.gather(*(self._in_order(some) for some in self._lines(records)))
        return [record for some in undone for record in some]

    def _lines(self, records: Sequence[ConsumerRecord]) -> Iterable[Sequence[ConsumerRecord]]:
        """Those of a key behind each other; each by itself where no handler minds."""
        if self.delivery.side_by_side:
            return [[record] for record in records]
        lines: dict[tuple[int, bytes | None], list[ConsumerRecord]] = {}
        for record in records:
            lines.setdefault((record.partition, record.key), []).append(record)
        if not self.delivery.takes_several:
            self._at_once = min(_AT_ONCE, 2 * len(lines))
        return lines.values()

    async def _in_order(self, records: Sequence[ConsumerRecord]) -> Sequence[ConsumerRecord]:
        """What is left of them from the first one on that is not done."""
        arrivals = [_arrival(self.delivery, record) for record in records]
        if await self.delivery.deliver_together(arrivals):
            return ()
        for number, arrival in enumerate(arrivals):
            if not await self._deliver(arrival):
                return records[number:]
        return ()

    def _hand_back(self, undone: Collection[ConsumerRecord]) -> None:
        """They come again, and no acknowledgement covers them."""
        first: dict[TopicPartition, int] = {}
        for record in undone:
            at = TopicPartition(record.topic, record.partition)
            first[at] = min(record.offset, first.get(at, record.offset))
        for at, offset in first.items():
            try:
                self.client.seek(at, offset)
            except IllegalStateError:  # the partition is somebody else's by now
                _log.info("partition-left", service=self.delivery.group, partition=at.partition)

    async def _ready(self) -> bool:
        """Nothing is delivered before it is known what is parked."""
        try:
            if not self._prepared:
                await self.prepare()
        except TransientError as error:
            _log.warning("delivery-waits", service=self.delivery.group, text=str(error))
            return False
        return True

    async def _deliver(self, arrival: Arrival) -> bool:
        done = await self.delivery.deliver(arrival)
        if not done and not self._stopped:
            self._prepared = False  # it was a stretch, or the partitions are leaving
        return done

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """They leave when what is in hand is done: nobody else begins it meanwhile."""
        self.assigned = None
        if revoked:
            self.delivery.stop()  # a message that only waits is handed back at once
            await self.in_hand()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """What is parked for the keys that came is learnt before their first message."""
        self._prepared = False
        try:
            if not self._stopped:
                await self.prepare()
        except TransientError as error:  # the first message tries again
            _log.warning("delivery-waits", service=self.delivery.group, text=str(error))
        self.assigned = len(assigned)
        self.rebalances += 1
        _log.info("partitions-assigned", service=self.delivery.group, count=len(assigned))

    def _router(self) -> KafkaRouter:
        s = self._settings
        route = KafkaRoute(
            self.on_record,
            s.topic(self.delivery.topic),
            group_id=s.topic(self.delivery.group),
            auto_offset_reset="earliest",
            listener=self,
            partition_assignment_strategy=[StickyPartitionAssignor],
            session_timeout_ms=_ms(s.session_timeout_s),
            heartbeat_interval_ms=_ms(s.heartbeat_s),
            rebalance_timeout_ms=_ms(s.rebalance_timeout_s),
            max_poll_interval_ms=_ms(s.max_poll_interval_s),
            max_partition_fetch_bytes=_FETCH_BYTES_MAX,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        return KafkaRouter(
            # A router does not inherit its broker's policy, and FastStream's own commits first.
            ack_policy=AckPolicy.NACK_ON_ERROR,
            handlers=[route],
        )


def _arrival(delivery: Delivery, record: ConsumerRecord) -> Arrival:
    return Arrival(
        delivery.group,
        delivery.topic,
        record.partition,
        record.offset,
        (record.key or b"").decode(errors="replace"),
        record.value or b"",
        {k: v.decode(errors="replace") for k, v in record.headers if k not in _OF_TRANSPORT},
    )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
