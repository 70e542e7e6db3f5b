"""What a person asks about runs: views made from the projections, never from another's store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from chassis.bodies import Bodies
from gateway.domain.projection import Projection, entries_of
from gateway.domain.run import Counts, Run, Stage
from gateway.statements import Statements
from gateway.store import Listing, Store, Tenant
from schemas.messages import Hold, PostingRefused
from schemas.settings import Settings
from schemas.statement import Entry, Statement


class BatchView(BaseModel):
    """One batch of a run as a person sees it."""

    model_config = ConfigDict(frozen=True)

    batch: str
    bill_to: str
    currency: str
    client: int | None
    client_name: str
    progress: str
    code: str | None
    text: str
    plan: str | None
    operations: int
    external_ids: tuple[str, ...]
    created: int
    updated: int
    unchanged: int
    warnings: tuple[str, ...]
    entries: tuple[Entry, ...]
    holds: tuple[Hold, ...]


class Queries:
    """Reads only."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        self._store = store
        self._bodies = bodies
        self._statements = Statements(store)

    async def tenant(self, tenant: str) -> Tenant:
        """The settings in force and the documents listed."""
        return await self._store.tenant(tenant)

    async def listing(self, tenant: str, source: str) -> Listing:
        """What the source has listed last."""
        return (await self.tenant(tenant)).listing(source)

    async def drafts(self, tenant: str) -> tuple[int, str, int]:
        """The newest draft items: revision, snapshot, and rows read; 0 before the first."""
        found = await self.tenant(tenant)
        return found.drafted, found.drafts, found.draft_rows

    async def settings(self, tenant: str) -> Settings:
        """The settings in force."""
        return await self._store.settings(tenant)

    async def runs(self, tenant: str) -> list[Run]:
        """All runs, oldest first."""
        found = [s.value async for s in self._store.runs.every(tenant, "tenant", tenant)]
        return sorted(found, key=lambda r: (r.started_at, r.run))

    async def runs_page(self, tenant: str, after: str, limit: int) -> list[Run]:
        """Some runs, by id, from after that id on."""
        found = await self._store.runs.find(tenant, "tenant", tenant, after=after, limit=limit)
        return [stored.value for stored in found]

    async def newest_runs(self, tenant: str) -> list[Run]:
        """The newest run of each document, oldest document first."""
        return await self._store.newest_runs(tenant)

    async def run(self, tenant: str, run: str) -> Run:
        """One run; PermanentError `run-unknown` if there is none."""
        return (await self._store.run(tenant, run)).value

    async def statement(self, tenant: str, run: str) -> Statement:
        """The penny identity of the run's document as it stands now."""
        return await self._statements.of(tenant, run)

    async def batches(self, tenant: str, run: str) -> list[BatchView]:
        """The run's batches at its revision, largest amount first."""
        found = await self.run(tenant, run)
        current = [
            p
            for p in await self._store.batches(tenant, run)
            if p.at(found.revision, "normalized") or p.at(found.revision, "parked")
        ]
        views = [_view(p) for p in current]
        return sorted(views, key=lambda v: (-sum(abs(e.price) for e in v.entries), v.batch))

    async def plans(self, tenant: str, run: str) -> list[dict[str, Any]]:
        """The run's plans as a person reads them; kept in review mode only."""
        revision = (await self.run(tenant, run)).revision
        return [
            json.loads(await self._bodies.get(tenant, p.plan_body))
            for p in await self._store.batches(tenant, run)
            if p.plan_body is not None and p.at(revision, "planned")
        ]

    async def proposals(self, tenant: str, run: str) -> dict[str, str]:
        """Items that the run would make: product key to name."""
        revision = (await self.run(tenant, run)).revision
        found: dict[str, str] = {}
        for p in await self._store.batches(tenant, run):
            if p.at(revision, "resolved"):
                found |= p.proposals
        return found

    async def counts(self, run: Run) -> Counts:
        """How many of the run's batches stand where; cheap enough to ask all the time."""
        return await self._store.counts(run)

    async def waiting(self, tenant: str, run: str) -> bool:
        """True while the run goes on by itself; False when it ended or waits for a person."""
        stage = (await self.run(tenant, run)).stage
        return stage not in (Stage.ENDED, Stage.ITEMS, Stage.PLANNED)

    async def undone(self, tenant: str, run: str, revision: int, plans: Sequence[str]) -> bool:
        """True when every plan's undo at that revision was answered."""
        return set(plans) <= set(await self.undo_answered(tenant, run, revision))

    async def undo_answered(self, tenant: str, run: str, revision: int) -> list[str]:
        """The plans whose undo at that revision, or at a later one, was answered in any way."""
        return [
            fact.plan
            for p in await self._store.batches(tenant, run)
            for fact in (p.undone, p.undo_refused)
            if fact is not None and fact.revision >= revision
        ]

    async def undo_refused(self, tenant: str, run: str, revision: int) -> list[PostingRefused]:
        """What could not be taken back at that revision, or at one after it, and why."""
        found = [p.undo_refused for p in await self._store.batches(tenant, run)]
        return [f for f in found if f is not None and f.revision >= revision]


def waits_for_a_person(entry: Entry) -> bool:
    """Held or refused; or posted, and today's decisions would not post it."""
    stands = entry.outcome == "posted" and bool(entry.reason)
    return stands or entry.outcome in ("held", "refused")


def _view(p: Projection) -> BatchView:
    r = p.revision
    resolved, planned, done = p.at(r, "resolved"), p.at(r, "planned"), p.at(r, "done")
    refused, held, parked = p.at(r, "refused"), p.at(r, "held"), p.parked_last
    entries = entries_of(p)
    waits = any(e.is_something for e in entries if waits_for_a_person(e))
    reason = next((f for f in (parked, refused, held, planned) if waits and f is not None), None)
    head = p.normalized or p.parked
    assert head is not None, "a batch in view has come in"
    progress = p.progress()
    return BatchView(
        batch=p.batch,
        bill_to=head.bill_to,
        currency=head.currency,
        client=planned.client if planned else resolved.client if resolved else None,
        client_name=known.client_name if (known := planned or resolved or held) else "",
        progress=progress.value if progress else "waiting",
        code=getattr(reason, "code", None),
        text=getattr(reason, "text", ""),
        plan=planned.plan if planned else None,
        operations=planned.operations if planned else 0,
        external_ids=done.external_ids if done else (),
        created=done.created if done else 0,
        updated=done.updated if done else 0,
        unchanged=done.unchanged if done else 0,
        warnings=(*(resolved.warnings if resolved else ()), *(planned.warnings if planned else ())),
        entries=entries,
        holds=p.holds if held and waits else (),
    )
