"""Replicas of the gateway that keep schedules over one store, in virtual time; who said what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chassis.bodies import Bodies
from chassis.clock import LoopClock
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.outbox import Outbox
from chassis.records import Message
from chassis.service import JobWaits, Service
from gateway.count_queries import CountQueries
from gateway.counts import Counts
from gateway.runs import Runs
from gateway.schedules import KIND, Schedules
from gateway.steps import Steps
from gateway.store import Store
from schemas import frame
from schemas.count_settings import Schedule
from schemas.messages import IngestDocument, LinkCounts, ListDocuments, SyncCounts
from schemas.settings import Settings, TenantInfo
from support.memory_records import MemoryRecords, Shelf, no_pause

TENANT = "msp"
# Looks are rare, so that a year is a short test; what is due is waited for exactly all the same.
RUNNER = RunnerSettings(ttl_s=120, drain_s=1.0)
LOOK_MAX_S = 43_200.0


_COMMANDS = (IngestDocument, LinkCounts, ListDocuments, SyncCounts)
_KINDS = {kind.__name__: kind for kind in _COMMANDS}


class Said:
    """A bus that keeps what is published, once for every time it is."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self.heads: list[tuple[datetime, Any]] = []
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.messages.append(message)
            if message.topic == "runs.commanded.v1":
                head, _ = frame.decode(message.value)
                kind = _KINDS[json.loads(head)["kind"]]
                self.heads.append((self._clock.now(), kind.model_validate_json(head)))

    def mount(self, service: Service) -> None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass
class World:
    """One store; replicas come and go."""

    start: datetime
    shelf: Shelf = field(default_factory=dict)
    pause: Callable[[], Awaitable[None]] = no_pause
    sweep_s: float = 43_200.0

    def __post_init__(self) -> None:
        self.clock = LoopClock(self.start)
        self.said = Said(self.clock)
        self._runners: dict[str, tuple[JobRunner, asyncio.Task[None]]] = {}
        self._starts = 0
        self.gateway = self.replica()

    def replica(self, *, keeps: bool = True) -> Replica:
        """The gateway's parts over the shared store."""
        return Replica(self, keeps=keeps)

    async def set(self, zone: str, **schedules: Schedule) -> None:
        """New settings, as a person makes them."""
        news: dict[str, Any] = {"tenant": TenantInfo(timezone=zone), "schedule": schedules}
        await self.gateway.runs.change_settings(TENANT, lambda s: s.model_copy(update=news))

    async def change(self, change: Callable[[Settings], Settings]) -> None:
        await self.gateway.runs.change_settings(TENANT, change)

    async def keep_now(self) -> None:
        """What a keeper does at a look."""
        with contextlib.suppress(JobWaits):
            await self.gateway.schedules.keep(Look())

    async def sleep(self, time: timedelta) -> None:
        await asyncio.sleep(time.total_seconds())

    def up(self, name: str, *, keeps: bool = True) -> None:
        """A process starts."""
        self._starts += 1
        replica = self.replica(keeps=keeps)
        runner = JobRunner(
            replica.jobs,
            {KIND: replica.schedules.keep},
            f"{name}-{self._starts}",
            replace(RUNNER, sweep_s=self.sweep_s),
            random.Random(self._starts),
        )
        self._runners[name] = runner, asyncio.create_task(runner.run())

    async def down(self, name: str) -> None:
        """A process is killed: its leases stay."""
        _, task = self._runners.pop(name)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def stop(self) -> None:
        for name in list(self._runners):
            await self.down(name)


class Look:
    """A keeper's job as it is handed over, without the lease that keeps another one out."""

    id, tenant, connection, kind = "look", TENANT, "schedules", KIND
    payload, checkpoint = b"1", None
    attempts = fence = 0

    async def save(self, checkpoint: bytes) -> None: ...
    async def guard(self) -> None: ...


class Body:
    """A message's body, at hand."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def load(self) -> bytes:
        return self._body


class Replica:
    """One process's parts."""

    def __init__(self, world: World, *, keeps: bool) -> None:
        records = MemoryRecords(world.shelf, world.pause)
        outbox = Outbox(records, world.said)
        store, bodies = Store(records, outbox), Bodies(records)
        self.store = store
        self.jobs = Jobs(records, world.clock)
        self.counts = Counts(store, bodies, world.clock)
        self.queries = CountQueries(store, bodies)
        self.schedules = Schedules(
            store, self.counts, self.jobs, keeps=keeps, look_max_s=LOOK_MAX_S
        )
        steps = Steps(store, bodies)
        self.runs = Runs(store, steps, self.schedules, bodies, world.clock)
