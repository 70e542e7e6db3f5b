"""Keeps the tenants' schedules: one job a tenant waits for what is due next, and says it then.

Exactly once over all replicas: the job's lane has one owner at a time, and what is due has an id
derived from its source and instant, so that a second owner's word about it is never stored.
Whoever changes a schedule adds the job anew, before the change: the newest job keeps what is in
force, looks often at first and at least hourly, and an older one ends at its next look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.jobs import Jobs
from chassis.records import Message
from chassis.service import JobRun, JobWaits
from chassis.table import Stored, Table
from gateway.counts import HUNTRESS, Counts
from gateway.domain import schedule
from gateway.domain.schedule import Armed, Due
from gateway.domain.syncs import Sync
from gateway.store import Store
from schemas.count_settings import Schedule
from schemas.ids import derive_id
from schemas.messages import Head, ListDocuments
from schemas.settings import Settings

KIND = "KeepSchedules"
_LANE = "schedules"  # a lane of its own: it never waits for a vendor
_IDLE_S = 300.0


class Kept(BaseModel):
    """A tenant's schedules as they are kept, by source; `keeper` is the newest job's revision."""

    model_config = ConfigDict(frozen=True)

    keeper: int = 0
    armed: dict[str, Armed] = {}


class Occurrence(BaseModel):
    """One run that was due, or that a source's webhook has hinted at: what was said, for when."""

    model_config = ConfigDict(frozen=True)

    source: str
    due: datetime
    missed: int = 0
    run: str
    revision: int
    by: Literal["schedule", "webhook"] = "schedule"


class Schedules:
    """`keeps`: this process says what is due; a command that a person waits for does not."""

    def __init__(
        self,
        store: Store,
        counts: Counts,
        jobs: Jobs,
        *,
        keeps: bool,
        look_max_s: float = 3600.0,
    ) -> None:
        self._store = store
        self._counts = counts
        self._jobs = jobs
        self._clock: Clock = jobs.clock
        self._bodies = Bodies(store.records)
        self._keeps = keeps
        self._look_max_s = look_max_s
        self._kept: Table[Kept] = Table(store.outbox, "schedules", Kept)
        self._occurrences: Table[Occurrence] = Table(store.outbox, "occurrences", Occurrence)

    async def arm_for(self, tenant: str, before: Settings, after: Settings) -> None:
        """Arm them if the new settings have others: to be called before they are in force."""
        there = before.schedule or after.schedule
        if there and _schedules_of(before) != _schedules_of(after):
            await self.arm(tenant)

    async def arm(self, tenant: str) -> None:
        """Have the schedules kept by a new job, whatever the old one waits for."""
        revision = await self._store.draw_revision(tenant)
        job = derive_id("job", KIND, tenant, revision)
        lane = derive_id("connection", tenant, _LANE)
        await self._jobs.add(tenant, lane, KIND, job, b"%d" % revision)

    async def keep(self, job: JobRun) -> None:
        """Say what is due, once; then wait for the next."""
        if not self._keeps:
            raise JobWaits(_IDLE_S, "schedules are kept by `chargeline up`")
        mine = int(job.payload)
        stored = await self._kept.get(job.tenant, job.tenant)
        before = stored.value if stored else Kept()
        if before.keeper > mine:
            return
        settings = await self._store.settings(job.tenant)
        now = self._clock.now()
        given, timezone = _schedules_of(settings)
        armed, due = schedule.keep(before.armed, given, timezone, now)
        for one in due:
            key = derive_id("occurrence", job.tenant, one.source, one.at.isoformat())
            await self._say(job.tenant, key, one, by="schedule")
        await job.guard()
        if not await self._put(job.tenant, stored, Kept(keeper=mine, armed=armed)):
            raise JobWaits(0, "another one keeps them too")
        look_s = min(2.0 ** min(job.attempts, 30), self._look_max_s)
        then = schedule.next_of(armed)
        wait_s = look_s if then is None else min(look_s, (then - now).total_seconds())
        raise JobWaits(wait_s, f"due next: {then.isoformat() if then else 'nothing'}")

    async def kept(self, tenant: str) -> Mapping[str, Armed]:
        """By source: its schedule as it is kept now."""
        stored = await self._kept.get(tenant, tenant)
        return stored.value.armed if stored else {}

    async def occurrences(self, tenant: str) -> list[Occurrence]:
        """What was due and was said, oldest first."""
        found = [s.value async for s in self._occurrences.every(tenant, "tenant", tenant)]
        return sorted(found, key=lambda o: (o.due, o.source))

    async def said(self, tenant: str, source: str, revision: int) -> Occurrence | None:
        """What said the command of that revision; None: a person did."""
        found = await self._occurrences.find(
            tenant, "command", _command_tag(source, revision), limit=1
        )
        return found[0].value if found else None

    async def hinted(self, tenant: str, source: str, delivery: str) -> None:
        """The source says that it has something new: look there now, once a delivery."""
        key = derive_id("occurrence", tenant, source, "webhook", delivery)
        await self._say(tenant, key, Due(source=source, at=self._clock.now()), by="webhook")

    async def _say(
        self, tenant: str, key: str, due: Due, by: Literal["schedule", "webhook"]
    ) -> None:
        """Store what is due with its command, unless that was done."""
        if await self._occurrences.get(tenant, key) is not None:
            return
        head, message, sync = await self._command(tenant, due.source)
        said = Occurrence(
            source=due.source,
            due=due.at,
            missed=due.missed,
            run=head.run,
            revision=head.revision,
            by=by,
        )
        tags = {"tenant": tenant, "command": _command_tag(due.source, head.revision)}
        first = await self._occurrences.insert(tenant, key, said, tags=tags, outgoing=[message])
        if first and sync is not None:
            await self._counts.begun(tenant, sync)

    async def _command(self, tenant: str, source: str) -> tuple[Head, Message, Sync | None]:
        """What a source does when it is due; nothing is kept or said yet."""
        if source == HUNTRESS:
            return await self._counts.command(tenant, asked="schedule")
        head = ListDocuments(**await self._store.head(tenant, source, "listing"))
        return head, await self._bodies.message(head, tenant), None

    async def _put(self, tenant: str, stored: Stored[Kept] | None, kept: Kept) -> bool:
        if stored is None:
            return await self._kept.insert(tenant, tenant, kept)
        return stored.value == kept or await self._kept.replace(stored, kept)


def _schedules_of(settings: Settings) -> tuple[dict[str, Schedule], str]:
    """What is kept of the settings: schedules by source, and the zone of their clock."""
    by_source: dict[str, Schedule] = dict(settings.schedule.items())
    return by_source, settings.tenant.timezone


def _command_tag(source: str, revision: int) -> str:
    return f"{source}:{revision}"
