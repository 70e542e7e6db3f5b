"""The gateway's own events, as they come back from the bus: into the log, and to who wants them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from chassis.service import Body
from gateway.deliveries import Deliveries
from gateway.event_log import EventLog, KeptEvent, NewEvent
from schemas.events import BillingEvent


class Told:
    """A tenant's events are one key, so they come in their order, and again after a crash."""

    def __init__(self, log: EventLog, deliveries: Deliveries) -> None:
        self._log = log
        self._deliveries = deliveries

    async def on_event(self, event: BillingEvent, body: Body) -> None:
        """One by itself."""
        await self.on_events([(event, body)])

    async def on_events(self, events: Sequence[tuple[BillingEvent, Body]]) -> None:
        """Each kept once, and queued once for each endpoint; what is kept too long goes."""
        for tenant, some in groupby(events, lambda told: told[0].data.tenant):
            new = [
                NewEvent(event.id, event.type, (await body.load()).decode()) for event, body in some
            ]
            for kept in await self._log.append(tenant, new):
                await self._pass_on(tenant, kept)

    async def _pass_on(self, tenant: str, kept: KeptEvent) -> None:
        await self._deliveries.queue(tenant, kept)
        async for old in self._log.expired(tenant, kept.position):
            await self._deliveries.forget(tenant, "event", old.id)
            await self._log.drop(tenant, old)
