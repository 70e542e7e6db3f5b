"""What the jobs of ingest-huntress work with: the store, the source, and snapshots as kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.records import Message, Record
from chassis.service import JobRun
from chassis.versions import SettingsVersions
from ingest_huntress.domain.guards import Baseline
from ingest_huntress.domain.snapshot import BASELINE_KEY, SNAPSHOTS, Day, day_key
from schemas.messages import Head
from schemas.settings import Settings
from vendors.huntress import Huntress

OpenHuntress = Callable[[JobRun, Settings], Awaitable[Huntress]]

KEPT_DAYS = 400  # thirteen months: longer than a month is billed, corrected and explained
_AT_ONCE = 100

PAGES, BATCHES, ANSWERS = "pages", "batches", "readings"


@dataclass(frozen=True)
class Tools:
    """`outbox` publishes what its records carry (see chassis.outbox)."""

    outbox: Outbox
    bodies: Bodies
    settings: SettingsVersions
    clock: Clock
    open_huntress: OpenHuntress

    async def answer(self, job: JobRun, head: Head, body: bytes = b"") -> None:
        """Publish what ends a job; one that is run again says it again, with today's answer."""
        message = await self.bodies.message(head, head.tenant, body)
        record = Record(job.tenant, ANSWERS, job.id, 0, b"", {"run": head.run}, (message,))
        await self.put(record)

    async def put(self, record: Record) -> None:
        """Insert or replace: the holder of the connection's lease is the only writer."""
        while not await self.outbox.insert(record):
            there = await self.outbox.get(record.tenant, record.collection, record.key)
            if there is not None and await self.outbox.replace(
                replace(record, version=there.version)
            ):
                return


class Snapshots:
    """Days of counts and what the next one is compared with; one record a day."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def baseline(self, tenant: str) -> Baseline:
        """What was let through so far; what the record still held is published first."""
        record = await self._tools.outbox.get(tenant, SNAPSHOTS, BASELINE_KEY)
        return Baseline.model_validate_json(record.body) if record else Baseline()

    async def keep(self, tenant: str, day: Day, baseline: Baseline, said: Message) -> None:
        """The day first; then, in one update, what was let through and the message about it.

        A quick reading never replaces a detailed one of its day: the list counts what is not
        billed, and a month may be billed by that day.
        """
        there = await self.day(tenant, day.day)
        if there is None or (there.mode, day.mode) != ("detailed", "quick"):
            body = day.model_dump_json(exclude_defaults=True).encode()
            await self._tools.put(Record(tenant, SNAPSHOTS, day_key(day.day), 0, body))
        body = baseline.model_dump_json(exclude_defaults=True).encode()
        await self._tools.put(Record(tenant, SNAPSHOTS, BASELINE_KEY, 0, body, {}, (said,)))

    async def forget(self, tenant: str, days: tuple[str, ...], before: date) -> tuple[str, ...]:
        """Delete what is older, and what is left of days that were never whole; what stays."""
        kept = tuple(day for day in days if day >= before.isoformat())
        if kept == days:
            return days
        old = date.fromisoformat(days[0])
        end = date.fromisoformat(kept[0]) if kept else before
        while old < end:
            await self._forget(tenant, day_key(old.isoformat()))
            old += timedelta(days=1)
        return kept

    async def _forget(self, tenant: str, day: str) -> None:
        outbox = self._tools.outbox
        while found := await outbox.find(tenant, SNAPSHOTS, "day", day, limit=_AT_ONCE):
            for record in found:
                await outbox.delete(tenant, SNAPSHOTS, record.key)
        await outbox.delete(tenant, SNAPSHOTS, day)

    async def day(self, tenant: str, day: str) -> Day | None:
        """The counts of a day, if they were read whole."""
        record = await self._tools.outbox.get(tenant, SNAPSHOTS, day_key(day))
        return Day.model_validate_json(record.body) if record else None
