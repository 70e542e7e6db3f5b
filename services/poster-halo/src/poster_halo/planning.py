"""The job PlanRun: lists the destination once and plans every batch of the command."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from itertools import batched

from pydantic import TypeAdapter

from chassis.jobs import JobFailure
from chassis.records import Message
from chassis.service import JobRun
from chassis.together import WHOLE_AT_ONCE, together
from poster_halo import facts
from poster_halo.domain.desired import come_to
from poster_halo.look import Look, look
from poster_halo.planner import Planner, survey
from poster_halo.store import KeptBatch, PlanRecord
from poster_halo.tools import Tools, not_here_yet
from schemas import frame
from schemas.ids import plan_id
from schemas.messages import BatchEntry, ChargesResolved, PlanRun, PostingRefused

_Entries = TypeAdapter(list[BatchEntry])


class PlanningJob:
    """Plans nothing that has gone before: a plan of the same content is the same plan."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self, job: JobRun) -> None:
        """Look, then plan batch by batch, so that one batch's lines are decoded at a time.

        A few batches at a time are fetched, while the plans of those before are stored and told.
        """
        head, entries = _read(job)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        current = await self._current(job, head, entries)
        if not current:
            return
        heads = [batch for _, batch in current]
        entries = [entry for entry, _ in current]
        known, scope = await survey(self._tools, job, settings, head.document, heads)
        del heads, current
        seen = await look(self._tools, job, settings, scope)
        self._tools.wanted.forget()
        planner = Planner(self._tools, job, seen, known, [e.batch for e in entries])
        made: list[tuple[PlanRecord, Message]] = []
        for some in batched(entries, WHOLE_AT_ONCE, strict=False):
            async with asyncio.TaskGroup() as both:  # neither goes on when the job has ended
                both.create_task(self._tell(job, made))
                fetching = both.create_task(self._fetch(job, some))
            pairs = zip(some, fetching.result(), strict=True)
            made = [await self._plan(job, head, pair, seen, planner) for pair in pairs]
            del fetching, pairs  # their lines, before the next ones come
        await self._tell(job, made)

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """No plan: the whole batch is refused with the reason."""
        head, entries = _read(job)
        for entry in entries:
            batch = await self._tools.store.head(job.tenant, entry.batch)
            if batch is not None and batch.revision == entry.revision:
                await self._refuse(job, head, batch, failure.code, failure.text)

    async def _current(
        self, job: JobRun, head: PlanRun, entries: list[BatchEntry]
    ) -> list[tuple[BatchEntry, ChargesResolved]]:
        """Those not planned yet with their heads, none of them overtaken by a newer revision."""
        store, current = self._tools.store, []
        heads = await together([store.head(job.tenant, e.batch) for e in entries])
        for entry, batch in zip(entries, heads, strict=True):
            if batch is None or batch.revision < entry.revision:
                raise not_here_yet(job, entry.batch)
            if batch.revision > entry.revision:
                await self._refuse(job, head, batch, "superseded", "a newer revision is here")
            else:
                current.append((entry, batch))
        return current

    async def _fetch(self, job: JobRun, entries: Sequence[BatchEntry]) -> list[KeptBatch]:
        return await together([self._kept(job, entry) for entry in entries])

    async def _tell(self, job: JobRun, made: Sequence[tuple[PlanRecord, Message]]) -> None:
        await together([self._tools.store.put_plan(job.tenant, *plan) for plan in made])

    async def _kept(self, job: JobRun, entry: BatchEntry) -> KeptBatch:
        kept = await self._tools.store.batch(job.tenant, entry.batch)
        assert kept is not None, "its revision was seen"
        return await self._tools.store.with_lines(kept)

    async def _plan(
        self,
        job: JobRun,
        head: PlanRun,
        one: tuple[BatchEntry, KeptBatch],
        seen: Look,
        planner: Planner,
    ) -> tuple[PlanRecord, Message]:
        tools, (entry, kept) = self._tools, one
        name = plan_id(entry.batch, job.connection)
        made = await planner.plan(kept, planner.known.postings.get(name), entry.selection)
        does = facts.effects(seen.settings, seen.observed.control)
        warnings = ["email-unknown"] if does["emails"] is None and made.operations else []
        day = head.invoice_date[:10] or seen.observed.today.isoformat()
        fact = facts.planned(head, kept.head, made, warnings)
        message = await tools.message(fact, facts.view(made, kept.head, day, does))
        amount, _ = come_to(c.want for o in made.operations for c in o.changes if c.want)
        record = PlanRecord(
            plan=name,
            batch=entry.batch,
            revision=kept.head.revision,
            hash=made.hash,
            own_hash=made.own_hash,
            code=made.code,
            operations=tuple(o.digest for o in made.operations),
            amount=str(abs(amount)),
            invoice_date=day,
            selection=entry.selection,
        )
        return record, message

    async def _refuse(
        self, job: JobRun, head: PlanRun, batch: ChargesResolved, code: str, text: str
    ) -> None:
        fact = PostingRefused(
            **facts.about(head, batch),
            plan=plan_id(batch.batch, job.connection),
            command="plan",
            code=code,
            text=facts.short(text),
            money=facts.kept_whole(batch, "refused", code),
        )
        message = await self._tools.message(fact)
        await self._tools.store.answer(job.tenant, job.id, batch.batch, message)


def canary_of(plans: list[PlanRecord]) -> PlanRecord | None:
    """R17: the plan of median total among those that write something."""
    writing = sorted((p for p in plans if p.operations), key=lambda p: (Decimal(p.amount), p.batch))
    return writing[(len(writing) - 1) // 2] if writing else None


def _read(job: JobRun) -> tuple[PlanRun, list[BatchEntry]]:
    line, body = frame.decode(job.payload)
    return PlanRun.model_validate_json(line), _Entries.validate_json(body or b"[]")
