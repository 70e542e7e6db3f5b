"""What a source's listing of its documents means: what is new, and what was taken back since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from chassis.service import Body
from gateway.events import about_statuses
from gateway.runs import Runs
from gateway.schedules import Schedules
from gateway.store import Listing, Store, Tenant
from schemas.ids import derive_id
from schemas.messages import DocumentEntry, DocumentsListed

_Documents = TypeAdapter(list[DocumentEntry])
_VOID = "void"


class Listed:
    """The tenant's list is replaced; what a schedule has asked for may begin runs."""

    def __init__(self, store: Store, runs: Runs, schedules: Schedules) -> None:
        self._store = store
        self._runs = runs
        self._schedules = schedules

    async def on_documents_listed(self, head: DocumentsListed, body: Body) -> None:
        """A document whose status has changed since the last listing is told as an event."""
        documents = tuple(_Documents.validate_json(await body.load() or b"[]"))

        def listed(t: Tenant) -> Tenant:
            before = t.listing(head.source)
            if head.revision <= before.listed:
                return t
            now = Listing(
                listed=head.revision,
                problem=head.problem,
                text=head.text,
                documents=before.documents if head.problem else documents,
            )
            return t.with_listing(head.source, now)

        await self._store.change_tenant(head.tenant, listed, partial(about_statuses, head))
        if head.problem is None:
            await self._bill_new(head, documents)

    async def _bill_new(self, head: DocumentsListed, documents: Sequence[DocumentEntry]) -> None:
        """Begin a run, once ever, over each document that nobody has read yet.

        Only where automation is on and no person has asked; of the months since the schedule is on,
        without one of the month in which the source's webhook came.
        """
        tenant, source = head.tenant, head.source
        said = await self._schedules.said(tenant, source, head.revision)
        settings = await self._store.settings(tenant)
        if said is None or not settings.automation.automatic or settings.contradicts:
            return
        armed = (await self._schedules.kept(tenant)).get(source)
        if armed is None and said.by == "schedule":
            return
        since = armed.since if armed else _month_of(said.due, settings.tenant.timezone)
        known = {s.value.document async for s in self._store.runs.every(tenant, "tenant", tenant)}
        for entry in documents:
            new = entry.document not in known and entry.status.lower() != _VOID
            if new and entry.date >= since.isoformat():
                run = derive_id("run", tenant, source, entry.document, "scheduled")
                nobody = {"automatic": True, "planned_by": ""}
                await self._runs.start(tenant, source, entry.document, run=run, **nobody)


def _month_of(instant: datetime, timezone: str) -> date:
    return instant.astimezone(ZoneInfo(timezone)).date().replace(day=1)
