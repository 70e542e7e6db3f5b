"""What all jobs of lifecycle work with, and small steps that they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.outbox import Outbox
from chassis.records import Message, Record
from chassis.service import JobRun
from chassis.versions import SettingsVersions
from schemas.messages import Head
from schemas.settings import Settings
from vendors.halopsa import Halo

OpenHalo = Callable[[JobRun, Settings], Awaitable[Halo]]

ANSWERS = "answers"  # what a job published that has no record of its own


@dataclass(frozen=True)
class Tools:
    """`outbox` publishes what its records carry (see chassis.outbox)."""

    outbox: Outbox
    bodies: Bodies
    settings: SettingsVersions
    clock: Clock
    open_halo: OpenHalo

    async def message(self, head: Head, body: bytes) -> Message:
        """A fact on a topic that is keyed by tenant."""
        return await self.bodies.message(head, head.tenant, body)

    async def put(
        self,
        tenant: str,
        collection: str,
        key: str,
        body: bytes,
        outgoing: Sequence[Message] = (),
    ) -> None:
        """Insert or replace. Only the holder of the connection's lease writes these records."""
        new = Record(tenant, collection, key, 0, body, {}, tuple(outgoing))
        while not await self.outbox.insert(new):
            there = await self.outbox.get(tenant, collection, key)
            if there is not None and await self.outbox.replace(
                replace(new, version=there.version, outgoing=(*there.outgoing, *outgoing))
            ):
                return

    async def answer(
        self, job: JobRun, head: Head, body: bytes, how: Literal["done", "failed"]
    ) -> None:
        """Publish once how a job ended; one that a person tries again may fail, then be done."""
        message = await self.message(head, body)
        record = Record(
            job.tenant, ANSWERS, f"{job.id}/{how}", 0, b"", {"run": head.run}, (message,)
        )
        await self.outbox.insert(record)


class Session:
    """The connection of one job, opened at the first call that needs it."""

    def __init__(self, tools: Tools, job: JobRun, settings: Settings) -> None:
        self._tools = tools
        self._halo: Halo | None = None
        self.job = job
        self.settings = settings

    async def halo(self) -> Halo:
        """The vendor client."""
        if self._halo is None:
            self._halo = await self._tools.open_halo(self.job, self.settings)
        return self._halo
