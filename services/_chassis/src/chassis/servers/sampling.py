"""Numbers that are looked up, not counted: lag, and what lies in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NoReturn, Protocol

from aiokafka.errors import KafkaError

from chassis.errors import TransientError
from chassis.job_state import COLLECTION as JOBS
from chassis.log import logger
from chassis.parked import COLLECTION as PARKED
from chassis.records import Records
from chassis.telemetry import metrics

COUNTED_MAX = 1_000  # of what should be few; beyond it the number says that there are many

_log = logger("sampling")


class Lagging(Protocol):
    """A bus that says how far behind its groups are."""

    async def lag(self) -> Mapping[tuple[str, str], int]: ...


async def sampling(bus: Lagging, records: Records | None, sweep_s: float) -> NoReturn:
    """Look again and again; `records` only where the store's numbers are told."""
    while True:
        try:
            for (group, topic), behind in (await bus.lag()).items():
                metrics.add(metrics.BUS_LAG, behind, group=group, topic=topic)
            if records is not None:
                await sample_store(records)
        except (TransientError, KafkaError, OSError) as away:
            _log.info("sampling-waits", text=str(away))
        await asyncio.sleep(max(sweep_s, 1.0) * 3)


async def sample_store(records: Records) -> None:
    """Of all tenants together."""
    for state in ("open", "failed"):
        number = await _count(records, JOBS, "state", state)
        metrics.add(metrics.JOBS, number, state=state)
    for state in ("parked", "queued"):
        number = await _count(records, PARKED, "state", state)
        metrics.add(metrics.PARKED_OPEN, number, state=state)
    held = await records.with_outgoing(limit=COUNTED_MAX)
    metrics.add(metrics.OUTBOX, len(held))


async def _count(records: Records, collection: str, tag: str, value: str) -> int:
    number, after = 0, ""
    while page := await records.sweep(collection, tag, value, after=after):
        number += len(page)
        after = f"{page[-1].tenant}/{page[-1].key}"
        if number >= COUNTED_MAX:
            break
    return number
