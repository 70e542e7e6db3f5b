"""Whether the consumers still consume: what a process is started anew for.

A broker that is away is no reason: a new process would not reach it either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from chassis.servers.consuming import Consumer
from chassis.servers.settings import ServerSettings

_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class _Waits:
    """What a consumer waits for, and where it is."""

    text: str
    at: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """Since when a consumer has waited like this."""

    what: _Waits
    since: float


class Watch:
    """Looks at the consumers whenever it is asked, and remembers since when they stand still."""

    def __init__(self, settings: ServerSettings) -> None:
        self._polls_s = settings.max_poll_interval_s
        self._patience_s = 2 * settings.rebalance_timeout_s
        self._seen: dict[str, _Seen] = {}

    async def complaints(self, consumers: Sequence[Consumer]) -> Sequence[str]:
        """One sentence for each consumer that does not recover by itself; none: all is well."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                ends = [await _ends(consumer.client) for consumer in consumers]
        except (KafkaError, OSError, TimeoutError):
            self._seen.clear()
            return ()
        now = asyncio.get_running_loop().time()
        looked = zip(consumers, ends, strict=True)
        found = [(c.delivery.group, self._complaint(c, end, now)) for c, end in looked]
        return [f"{group}: {text}" for group, text in found if text]

    def _complaint(
        self, consumer: Consumer, ends: Mapping[TopicPartition, int], now: float
    ) -> str | None:
        client = consumer.client
        if client is None:
            return "it does not run"
        if client._coordinator._coordination_task.done():
            return "nobody keeps it in its group any more"
        idle_s = client._subscription.fetcher_idle_time
        if idle_s > self._polls_s:
            return f"no message was asked for in {idle_s:.0f} s"
        waits = _waiting(consumer, ends, in_hand=idle_s > 0)
        if waits is None:
            self._seen.pop(consumer.delivery.group, None)
            return None
        return self._lasts(consumer, waits, now)

    def _lasts(self, consumer: Consumer, waits: _Waits, now: float) -> str | None:
        seen = self._seen.get(consumer.delivery.group)
        if seen is None or seen.what != waits:
            self._seen[consumer.delivery.group] = _Seen(waits, now)
            return None
        return waits.text if now - seen.since > self._patience_s else None


def _waiting(
    consumer: Consumer, ends: Mapping[TopicPartition, int], *, in_hand: bool
) -> _Waits | None:
    """What the consumer waits for that should soon be over."""
    client = consumer.client
    if client._coordinator._rejoin_needed_fut.done():
        return _Waits("it does not come back into its group")
    if not consumer.assigned:
        return _Waits("it has no partitions")
    at = tuple(sorted((tp.partition, _position(client, tp)) for tp in ends))
    behind = sum(ends.values()) - sum(position for _, position in at)
    if behind <= 0 or in_hand:
        return None
    return _Waits("it stands still, with messages to be had", at)


async def lag_of(consumer: Consumer) -> int:
    """Messages not done yet on the partitions held here.

    0 where none is held: somebody else counts theirs, and a gauge that is not set keeps its value.
    """
    client = consumer.client
    if client is None or not (partitions := client.assignment()):
        return 0
    ends, begins, committed = await asyncio.gather(
        client.end_offsets(partitions),
        client.beginning_offsets(partitions),
        asyncio.gather(*(client.committed(p) for p in partitions)),
    )
    done = dict(zip(partitions, committed, strict=True))
    found: Mapping[TopicPartition, int] = ends
    # Without a commit, or behind what retention has deleted, a group begins with the first one.
    return sum(end - max(done[p] or 0, int(begins[p])) for p, end in found.items())


def _position(client: Any, partition: TopicPartition) -> int:
    """Where the consumer reads next; before it knows, at the beginning."""
    state = client._subscription._assigned_state(partition)
    return int(state.position) if state.has_valid_position else 0


async def _ends(client: Any) -> Mapping[TopicPartition, int]:
    if client is None or not (partitions := client.assignment()):
        return {}
    ends: Mapping[TopicPartition, int] = await client.end_offsets(partitions)
    return ends
