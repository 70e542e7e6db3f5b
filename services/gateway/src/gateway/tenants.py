"""The tenants of the platform: who they are, and that they have accepted the terms."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.outbox import Outbox
from chassis.table import Table
from gateway.store import PLATFORM


class TenantEntry(BaseModel):
    """One tenant as the platform lists it."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    name: str
    created_at: datetime
    created_by: str
    terms_accepted: str  # which version of the terms


class Tenants:
    """The platform's list of its tenants."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._entries: Table[TenantEntry] = Table(outbox, "directory", TenantEntry)
        self._clock = clock

    async def make(self, tenant: str, name: str, by: str, terms: str) -> TenantEntry:
        """A new tenant. PermanentError `tenant-exists` for an id that is taken."""
        entry = TenantEntry(
            tenant=tenant,
            name=name,
            created_at=self._clock.now(),
            created_by=by,
            terms_accepted=terms,
        )
        if not await self._entries.insert(PLATFORM, tenant, entry, tags={"all": "all"}):
            raise PermanentError("tenant-exists", f"there is a tenant {tenant} already")
        return entry

    async def get(self, tenant: str) -> TenantEntry:
        """PermanentError `tenant-unknown` if there is none."""
        stored = await self._entries.get(PLATFORM, tenant)
        if stored is None:
            raise PermanentError("tenant-unknown", f"there is no tenant {tenant}")
        return stored.value

    async def page(self, after: str, limit: int) -> list[TenantEntry]:
        """By id, from after that id on."""
        found = await self._entries.find(PLATFORM, "all", "all", after=after, limit=limit)
        return [stored.value for stored in found]
