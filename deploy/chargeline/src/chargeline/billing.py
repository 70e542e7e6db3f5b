"""Bills documents from the command line: one run a document, oldest first, watched to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chargeline.audit import line_audit
from chargeline.session import TENANT
from chargeline.system import System
from chargeline.waiting import until
from chassis.errors import Failure, PermanentError
from chassis.records import Records
from gateway.domain.run import Counts, Run, Stage
from gateway.queries import BatchView, Queries
from schemas.messages import DocumentEntry, PostingRefused
from schemas.money import ZERO
from schemas.statement import Difference, Statement
from vendors.connections import PAX8

Asked = Callable[[Run, Sequence[BatchView]], Awaitable[bool]]
Watched = Callable[[Run, Counts], None]


@dataclass(frozen=True)
class Billed:
    """One run at its end, with everything a report shows."""

    run: Run
    statement: Statement
    batches: Sequence[BatchView]
    unexplained_lines: Sequence[Difference]


async def report_of(records: Records, queries: Queries, run: str) -> Billed:
    """A run as it stands; what nothing explains is named line by line."""
    found = await queries.run(TENANT, run)
    statement = await queries.statement(TENANT, run)
    lines: Sequence[Difference] = statement.unexplained_lines
    if any(unexplained(statement)):
        lines = await line_audit(records, TENANT, run)
    return Billed(found, statement, await queries.batches(TENANT, run), lines)


class Billing:
    """`ask` decides about proposed items and planned batches; `watch` is told about progress."""

    def __init__(self, system: System, *, ask: Asked, watch: Watched, source: str = PAX8) -> None:
        self._source = source
        self._system = system
        self._runs, self._queries = system.gateway.runs, system.gateway.queries
        self._ask, self._watch = ask, watch

    async def check_connections(self) -> None:
        """Sign in at both vendors: what is refused here is refused before anything was done."""
        settings = await self._queries.settings(TENANT)
        connections = self._system.connections
        if self._source == PAX8:
            await (await connections.pax8(TENANT, settings)).scope()
        await (await connections.halo(TENANT, settings)).scope()

    async def documents(self, since: str | None = None) -> Sequence[DocumentEntry]:
        """What the source has now, oldest first."""
        revision = await self._runs.list_documents(TENANT, self._source, since)

        async def listed() -> bool:
            return (await self._queries.tenant(TENANT)).listing(self._source).listed >= revision

        await until(self._system, listed)
        found = (await self._queries.tenant(TENANT)).listing(self._source)
        if found.problem:
            raise PermanentError(found.problem, found.text)
        return found.documents

    async def bill(
        self, document: str, *, yes: bool, automatic: bool = False, canary: int = 1
    ) -> Billed:
        """A new run over the document, to its end or to where it waits for a person."""
        run = await self._runs.start(
            TENANT,
            self._source,
            document,
            approve_items=yes and not automatic,
            approve_plans=yes and not automatic,
            automatic=automatic,
            canary=canary,
        )
        return await self.follow(run)

    async def follow(self, run: str) -> Billed:
        """Watch a run; where it waits for approval, ask."""
        while True:
            await self._until_it_waits(run)
            found = await self._queries.run(TENANT, run)
            batches = await self._queries.batches(TENANT, run)
            if found.stage is Stage.ENDED or found.automatic:
                break
            if not await self._ask(found, batches):
                break
            if found.stage is Stage.ITEMS:
                await self._runs.approve_items(TENANT, run)
            elif not await self._runs.approve(TENANT, run):
                break  # above the limit: it waits for somebody else's word
        return await self.report(run)

    async def report(self, run: str) -> Billed:
        """The run as it stands."""
        return await report_of(self._system.store.records, self._queries, run)

    async def again(self, run: str) -> Billed:
        """Form and plan the run's document again, under today's settings; nothing is posted."""
        await self._runs.again(TENANT, run, approve_items=False, approve_plans=False)
        await self._until_it_waits(run)
        found = await self._queries.run(TENANT, run)
        if found.stage is Stage.ITEMS and await self._ask(found, []):
            await self._runs.approve_items(TENANT, run)
            await self._until_it_waits(run)
        return await self.report(run)

    async def apply(self, run: str, only: Sequence[str], canary: int | None = None) -> Billed:
        """Post the run's plans, or those of some clients (by id, name, bill-to or batch)."""
        found = await self._queries.run(TENANT, run)
        batches = await self._queries.batches(TENANT, run)
        chosen = [
            v
            for v in batches
            if not only or {v.batch, v.bill_to, str(v.client), v.client_name} & set(only)
        ]
        if not chosen:
            raise PermanentError("nothing-to-apply", f"run {run} has no client {', '.join(only)}")
        if not await self._ask(found, chosen):
            return await self.report(run)
        batches_only = [v.batch for v in chosen] if only else []
        await self._runs.approve(TENANT, run, batches_only, canary)
        await self._until_it_waits(run)
        return await self.report(run)

    async def undo(
        self, run: str, only: Sequence[str]
    ) -> tuple[int, Sequence[PostingRefused], Billed]:
        """Take posted batches back; how many were asked for, and which were refused."""
        revision, plans = await self._runs.undo(TENANT, run, only)

        async def answered() -> bool:
            return await self._queries.undone(TENANT, run, revision, plans)

        await until(self._system, answered)
        refused = await self._queries.undo_refused(TENANT, run, revision)
        return len(plans), refused, await self.report(run)

    async def drafts(self) -> dict[str, Any]:
        """Store the source's draft items as a snapshot; its id and counts."""
        revision = await self._runs.read_drafts(TENANT, self._source, 1)

        async def read() -> bool:
            return (await self._queries.tenant(TENANT)).drafted >= revision

        await until(self._system, read)
        tenant = await self._queries.tenant(TENANT)
        return {"snapshot": tenant.drafts, "rows_read": tenant.draft_rows}

    async def _until_it_waits(self, run: str) -> None:
        async def waits() -> bool:
            return not await self._queries.waiting(TENANT, run)

        async def look() -> None:
            found = await self._queries.run(TENANT, run)
            self._watch(found, await self._queries.counts(found))

        await until(self._system, waits, look)
        await look()


def unexplained(statement: Statement) -> list[bool]:
    """For each side of each currency: is anything unexplained, or not known yet?"""
    return [
        side.unexplained is None or side.unexplained != ZERO
        for currency in statement.currencies.values()
        for side in (currency.price, currency.cost)
    ]


def refused_at_the_door(failure: Failure) -> bool:
    """True for what a person must put right before anything can be done at all."""
    return failure.code.endswith(
        ("-login", "-unreachable", "-credentials-missing", "-address", "-token-refused")
    )
