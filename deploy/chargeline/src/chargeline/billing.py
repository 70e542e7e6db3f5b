"""Bills documents from the command line: one run a document, oldest first, watched to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chargeline.desk import Desk, Reading
from chargeline.waiting import until
from chassis.errors import Failure, PermanentError
from gateway.domain.run import Counts, Run, Stage
from gateway.queries import BatchView
from schemas.messages import DocumentEntry, PostingRefused
from schemas.money import ZERO
from schemas.selection import Selection
from schemas.statement import Difference, Statement
from vendors.connections import HALOPSA, PAX8

Asked = Callable[[Run, Sequence[BatchView]], Awaitable[bool]]
Watched = Callable[[Run, Counts], None]
_STANDS = (Stage.ENDED, Stage.ITEMS, Stage.PLANNED)  # it goes on by itself up to there


@dataclass(frozen=True)
class Billed:
    """One run at its end, with everything a report shows."""

    run: Run
    statement: Statement
    batches: Sequence[BatchView]
    unexplained_lines: Sequence[Difference]


async def report_of(desk: Reading, run: str) -> Billed:
    """A run as it stands; what nothing explains is named line by line, where the bytes are."""
    queries, tenant = desk.queries, desk.tenant
    found = await queries.run(tenant, run)
    statement = await queries.statement(tenant, run)
    lines: Sequence[Difference] = statement.unexplained_lines
    if any(unexplained(statement)) and desk.audit is not None:
        lines = await desk.audit(run)
    return Billed(found, statement, await queries.batches(tenant, run), lines)


class Billing:
    """`ask` decides about proposed items and planned batches; `watch` is told about progress."""

    def __init__(self, desk: Desk, *, ask: Asked, watch: Watched, source: str = PAX8) -> None:
        self._source = source
        self._desk, self._tenant = desk, desk.tenant
        self._runs, self._queries = desk.runs, desk.queries
        self._ask, self._watch = ask, watch

    async def check_connections(self) -> None:
        """Sign in at both vendors: what is refused here is refused before anything was done."""
        if self._source == PAX8:
            await self._desk.accounts.sign_in(PAX8)
        await self._desk.accounts.sign_in(HALOPSA)

    async def documents(self, since: str | None = None) -> Sequence[DocumentEntry]:
        """What the source has now, oldest first."""
        revision = await self._runs.list_documents(self._tenant, self._source, since)

        async def listed() -> bool:
            found = await self._queries.listing(self._tenant, self._source)
            return found.listed >= revision

        await until(self._desk, listed)
        found = await self._queries.listing(self._tenant, self._source)
        if found.problem:
            raise PermanentError(found.problem, found.text)
        return found.documents

    async def bill(
        self, document: str, *, yes: bool, automatic: bool = False, canary: int = 1
    ) -> Billed:
        """A new run over the document, to its end or to where it waits for a person."""
        run = await self._runs.start(
            self._tenant,
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
            found = await self._queries.run(self._tenant, run)
            batches = await self._queries.batches(self._tenant, run)
            if found.stage is Stage.ENDED or found.automatic:
                break
            if not await self._ask(found, batches):
                break
            if found.stage is Stage.ITEMS:
                await self._runs.approve_items(self._tenant, run)
            elif not await self._runs.approve(self._tenant, run):
                break  # above the limit: it waits for somebody else's word
        return await self.report(run)

    async def report(self, run: str) -> Billed:
        """The run as it stands."""
        return await report_of(self._desk, run)

    async def again(self, run: str, selection: Selection) -> Billed:
        """Form and plan the run's document again, as far as it is selected, under today's settings;
        nothing is posted.
        """
        await self._runs.again(
            self._tenant, run, selection=selection, approve_items=False, approve_plans=False
        )
        await self._until_it_waits(run)
        found = await self._queries.run(self._tenant, run)
        if found.stage is Stage.ITEMS and await self._ask(found, []):
            await self._runs.approve_items(self._tenant, run)
            await self._until_it_waits(run)
        return await self.report(run)

    async def apply(self, run: str, only: Sequence[str], canary: int | None = None) -> Billed:
        """Post the run's plans, or those of some clients (by id, name, bill-to or batch)."""
        found = await self._queries.run(self._tenant, run)
        batches = await self._queries.batches(self._tenant, run)
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
        await self._runs.approve(self._tenant, run, batches_only, canary)
        await self._until_it_waits(run)
        return await self.report(run)

    async def undo(
        self, run: str, only: Sequence[str]
    ) -> tuple[int, Sequence[PostingRefused], Billed]:
        """Take posted batches back; how many were asked for, and which were refused."""
        revision, plans = await self._runs.undo(self._tenant, run, only)

        async def answered() -> bool:
            there = await self._queries.undo_answered(self._tenant, run, revision)
            return set(plans) <= set(there)

        await until(self._desk, answered)
        refused = [
            fact
            for fact in await self._queries.undo_refused(self._tenant, run, revision)
            if fact.plan in plans  # others may be undone beside them
        ]
        return len(plans), refused, await self.report(run)

    async def drafts(self) -> dict[str, Any]:
        """Store the source's draft items as a snapshot; its id and counts."""
        revision = await self._runs.read_drafts(self._tenant, self._source, 1)

        async def read() -> bool:
            drafted, _, _ = await self._queries.drafts(self._tenant)
            return drafted >= revision

        await until(self._desk, read)
        _, snapshot, rows = await self._queries.drafts(self._tenant)
        return {"snapshot": snapshot, "rows_read": rows}

    async def _until_it_waits(self, run: str) -> None:
        async def waits() -> bool:
            return (await self._queries.run(self._tenant, run)).stage in _STANDS

        async def look() -> object:
            found = await self._queries.run(self._tenant, run)
            counts = await self._queries.counts(found)
            self._watch(found, counts)
            return found.stage, counts

        await until(self._desk, waits, look)
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
