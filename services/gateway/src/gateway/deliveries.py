"""Deliveries of webhooks: one record an event and endpoint, sent by a job until it has arrived.

Each endpoint has a lane of its own, and an attempt that failed lets those behind it pass: at least
once, in no promised order, and nobody waits for an endpoint that does not answer. An attempt is
noted after it was made, so a process that dies in between makes it again, under the same id.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from urllib.parse import quote

from pydantic import BaseModel

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.jobs import Jobs
from chassis.outbox import Outbox
from chassis.service import JobRun, JobWaits
from chassis.table import Stored, Table
from gateway.domain.webhooks import TEST, Attempt, Delivery, Endpoint, is_gone
from gateway.event_log import EventLog, KeptEvent
from gateway.sending import Sender
from gateway.webhooks import Webhooks
from schemas.ids import derive_id

KIND = "SendWebhook"
_POSITION_MAX = 999_999_999_999


class _Asked(BaseModel):
    """What a job is about: a delivery, and which time of asking for it."""

    delivery: str
    asked: int


class Deliveries:
    """Queues what endpoints want, and sends it."""

    def __init__(
        self,
        outbox: Outbox,
        jobs: Jobs,
        log: EventLog,
        webhooks: Webhooks,
        sender: Sender,
        random_text: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._table: Table[Delivery] = Table(outbox, "deliveries", Delivery)
        self._jobs = jobs
        self._clock: Clock = jobs.clock
        self._log = log
        self._webhooks = webhooks
        self._sender = sender
        self._random_text = random_text

    async def queue(self, tenant: str, kept: KeptEvent) -> None:
        """For every endpoint that wants it, once however often this is called."""
        for endpoint in await self._webhooks.wanting(tenant, kept.type):
            delivery = self._new(endpoint, kept.position, kept.id, kept.type)
            await self._table.insert(tenant, delivery.id, delivery, tags=_tags(delivery))
            await self._add_job(tenant, endpoint.id, delivery.id, 1)

    async def again(self, tenant: str, endpoint_id: str, event_id: str) -> Delivery:
        """A person wants one event sent there now, whether it was sent before or not."""
        endpoint = await self._enabled(tenant, endpoint_id)
        kept = await self._log.by_id(tenant, event_id)
        if kept is None:
            raise PermanentError("event-unknown", f"no event {event_id} is kept")
        new = self._new(endpoint, kept.position, kept.id, kept.type)
        while True:
            stored = await self._table.get(tenant, new.id)
            asked = stored.value.asked_again(self._clock.now()) if stored else new
            if await self._put(tenant, stored, asked):
                await self._add_job(tenant, endpoint_id, asked.id, asked.asked)
                return asked

    async def test(self, tenant: str, endpoint_id: str) -> Delivery:
        """Send an event that says nothing: the receiver is tried, and its check of signatures.

        The test before it is forgotten: no event drops out of the log that would take it along.
        """
        endpoint = await self._enabled(tenant, endpoint_id)
        position = await self._log.last(tenant)
        delivery = self._new(endpoint, position, f"test_{self._random_text(8)}", TEST)
        await self.forget(tenant, "event", _tags(delivery)["event"])
        await self._table.insert(tenant, delivery.id, delivery, tags=_tags(delivery))
        await self._add_job(tenant, endpoint_id, delivery.id, 1)
        return delivery

    async def page(self, tenant: str, endpoint: str, after: str, limit: int) -> list[Delivery]:
        """What was or is to be sent there, the newest event first."""
        found = await self._table.find(tenant, "endpoint", endpoint, after=after, limit=limit)
        return [stored.value for stored in found]

    async def get(self, tenant: str, endpoint: str, delivery: str) -> Delivery:
        """PermanentError `delivery-unknown` if there is none of that endpoint."""
        stored = await self._table.get(tenant, delivery)
        if stored is None or stored.value.endpoint != endpoint:
            raise PermanentError("delivery-unknown", f"there is no delivery {delivery}")
        return stored.value

    async def forget(self, tenant: str, tag: str, value: str) -> None:
        """Of an `event` that is kept no longer, or an `endpoint` that is gone."""
        async for stored in self._table.every(tenant, tag, value):
            await self._table.delete(tenant, stored.key)

    async def send(self, job: JobRun) -> None:
        """One attempt, and a note of it; then the end, or a wait for the next."""
        asked = _Asked.model_validate_json(job.payload)
        stored = await self._table.get(job.tenant, asked.delivery)
        if stored is None or not _is_open(stored.value, asked):
            return
        delivery = stored.value
        endpoint = await self._webhooks.find(job.tenant, delivery.endpoint)
        body = await self._body(job.tenant, delivery)
        if endpoint is None or not endpoint.enabled or body is None:
            await self._note(job.tenant, asked, lambda d: d.ended("cancelled"))
            return
        signing = await self._webhooks.signing(job.tenant, endpoint.id)
        await job.guard()
        attempt = await self._sender.send(endpoint.url, delivery.event, body, signing)
        now = await self._note(job.tenant, asked, lambda d: d.after(attempt))
        if is_gone(attempt):
            await self._stop(job.tenant, endpoint, attempt)
        if now is not None and _is_open(now, asked) and now.next_at is not None:
            wait_s = (now.next_at - self._clock.now()).total_seconds()
            raise JobWaits(wait_s, f"{attempt.problem} {attempt.status or ''}".strip())

    async def _note(
        self, tenant: str, asked: _Asked, change: Callable[[Delivery], Delivery]
    ) -> Delivery | None:
        """As it stands then. What was asked for anew meanwhile is the newer job's to note."""
        while (stored := await self._table.get(tenant, asked.delivery)) is not None:
            if not _is_open(stored.value, asked):
                return stored.value
            changed = change(stored.value)
            if await self._table.replace(stored, changed):
                return changed
        return None

    async def _stop(self, tenant: str, endpoint: Endpoint, attempt: Attempt) -> None:
        try:
            await self._webhooks.disable(tenant, endpoint.id, f"it answered {attempt.status}")
        except PermanentError:  # it was taken away meanwhile
            return

    async def _enabled(self, tenant: str, endpoint_id: str) -> Endpoint:
        endpoint = await self._webhooks.get(tenant, endpoint_id)
        if not endpoint.enabled:
            raise PermanentError("webhook-disabled", f"{endpoint_id} is switched off")
        return endpoint

    async def _body(self, tenant: str, delivery: Delivery) -> str | None:
        if delivery.type == TEST:
            return _test_event(tenant, delivery)
        kept = await self._log.by_id(tenant, delivery.event)
        return kept.event if kept is not None else None

    async def _add_job(self, tenant: str, endpoint: str, delivery: str, asked: int) -> None:
        lane = derive_id("connection", tenant, "webhook", endpoint)
        job = derive_id("job", KIND, tenant, delivery, asked)
        payload = _Asked(delivery=delivery, asked=asked).model_dump_json().encode()
        await self._jobs.add(tenant, lane, KIND, job, payload)

    async def _put(self, tenant: str, stored: Stored[Delivery] | None, value: Delivery) -> bool:
        if stored is None:
            return await self._table.insert(tenant, value.id, value, tags=_tags(value))
        return await self._table.replace(stored, value)

    def _new(self, endpoint: Endpoint, position: int, event: str, kind: str) -> Delivery:
        """Its id sorts the newest event first, and is the same however often it is queued."""
        return Delivery(
            id=f"{endpoint.id}-{_POSITION_MAX - position:012d}-{event}",
            endpoint=endpoint.id,
            event=event,
            type=kind,
            asked_at=self._clock.now(),
        )


def _is_open(delivery: Delivery, asked: _Asked) -> bool:
    return delivery.state == "waiting" and delivery.asked == asked.asked


def _tags(delivery: Delivery) -> dict[str, str]:
    event = f"{TEST}:{delivery.endpoint}" if delivery.type == TEST else delivery.event
    return {"endpoint": delivery.endpoint, "event": event}


def _test_event(tenant: str, delivery: Delivery) -> str:
    """A CloudEvent like any other, derived from its id: sent twice, it is the same."""
    told = {
        "specversion": "1.0",
        "id": delivery.event,
        "source": f"chargeline/{quote(tenant, safe='')}",
        "type": TEST,
        "subject": delivery.endpoint,
        "datacontenttype": "application/json",
        "data": {"tenant": tenant, "text": "a test: nothing has happened"},
    }
    return json.dumps(told)
