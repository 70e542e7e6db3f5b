"""The gateway's own events, as they come back from the bus: into the log, and to who wants them."""

from __future__ import annotations

from chassis.service import Body
from gateway.deliveries import Deliveries
from gateway.event_log import EventLog
from schemas.events import BillingEvent


class Told:
    """A tenant's events are one key, so they come in their order, and again after a crash."""

    def __init__(self, log: EventLog, deliveries: Deliveries) -> None:
        self._log = log
        self._deliveries = deliveries

    async def on_event(self, event: BillingEvent, body: Body) -> None:
        """Kept once, queued once for each endpoint; what is kept too long goes."""
        tenant = event.data.tenant
        value = (await body.load()).decode()
        kept = await self._log.append(tenant, event.id, event.type, value)
        await self._deliveries.queue(tenant, kept)
        async for old in self._log.expired(tenant, kept.position):
            await self._deliveries.forget(tenant, "event", old.id)
            await self._log.drop(tenant, old)
