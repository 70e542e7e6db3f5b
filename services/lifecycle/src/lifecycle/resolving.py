"""The job ResolveRun: client and items of every batch of a run, or what holds it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import batched

from pydantic import TypeAdapter

from chassis.errors import PermanentError
from chassis.jobs import JobFailure
from chassis.records import Record
from chassis.service import JobRun, JobWaits
from chassis.together import AT_ONCE, together
from lifecycle.batches import Batches, KeptBatch
from lifecycle.catalogs import Catalogs
from lifecycle.domain import facts, holds
from lifecycle.domain.clients import Billable, Clients
from lifecycle.domain.items import ItemHold, ItemRecord, Items, missing_codes
from lifecycle.domain.resolve import (
    Answer,
    Batch,
    Held,
    ItemStep,
    Resolved,
    client_of,
    codes_hold,
    default_item,
    incomplete,
    items_of,
    match_products,
    products_to_match,
    records_to_keep,
)
from lifecycle.records import ItemRecords
from lifecycle.tools import ANSWERS, Session, Tools
from schemas import frame
from schemas.messages import BatchEntry, Hold, ResolveRun

WAIT_FIRST_S = 0.05
WAIT_MAX_S = 2.0
TRIES_MAX = 300  # about ten minutes: then the batch is held, and its message is parked somewhere

_Entries = TypeAdapter(list[BatchEntry])


class ResolvingJob:
    """Batches are decided together, because one unmatched product may hold them all."""

    def __init__(
        self, tools: Tools, catalogs: Catalogs, batches: Batches, items: ItemRecords
    ) -> None:
        self._tools = tools
        self._catalogs = catalogs
        self._batches = batches
        self._items = items

    async def run(self, job: JobRun) -> None:
        """Wait for the batches, decide, keep what was decided about products, publish."""
        head, entries = _read(job)
        kept = await self._collect(job, entries)
        todo = sorted((b for k in kept.values() if (b := k.batch)), key=lambda b: b.id)
        if todo:
            settings = await self._tools.settings.read(job.tenant, head.settings)
            session = Session(self._tools, job, settings)
            clients = await self._clients(session, head, todo)
            answers = await self._decide(session, head, todo, clients)
            await together([self._answer(head, kept[b.id], answers[b.id], clients) for b in todo])
        missing = [e for e in entries if e.batch not in kept]
        for entry in missing:
            await self._answer_missing(head, entry, "batch-missing", "its charges never came here")

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Hold every batch that has no answer yet."""
        head, entries = _read(job)
        for entry in entries:
            kept = await self._batches.get(job.tenant, entry.batch)
            if kept is None or kept.revision < entry.revision:
                await self._answer_missing(head, entry, failure.code, failure.text)
            elif kept.revision == entry.revision and kept.batch is not None:
                hold = holds.batch_held(kept.batch.head, failure.code, failure.text)
                await self._answer(head, kept, Held((hold,)), Clients(()))

    async def _collect(self, job: JobRun, entries: Sequence[BatchEntry]) -> dict[str, KeptBatch]:
        """The batches named, as they lie here; a newer one is another command's business."""
        found: dict[str, KeptBatch] = {}
        for some in batched(entries, AT_ONCE, strict=False):
            here = await together([self._batches.get(job.tenant, one.batch) for one in some])
            for entry, kept in zip(some, here, strict=True):
                if kept is not None and kept.revision >= entry.revision:
                    current = kept.revision == entry.revision
                    found[entry.batch] = kept if current else replace(kept, batch=None)
                elif job.attempts < TRIES_MAX:
                    seconds = min(WAIT_MAX_S, WAIT_FIRST_S * 2 ** min(job.attempts, 10))
                    raise JobWaits(seconds, f"batch {entry.batch} not here yet")
        return found

    async def _clients(self, session: Session, head: ResolveRun, todo: Sequence[Batch]) -> Clients:
        """Listed where somebody is billed; where nobody is, only their names are of use."""
        if any(b.would_post for b in todo):
            return await self._catalogs.clients(session, head)
        return await self._catalogs.last_clients(session)

    async def _decide(
        self, session: Session, head: ResolveRun, todo: Sequence[Batch], clients: Clients
    ) -> dict[str, Answer]:
        answers: dict[str, Answer] = {}
        billed: dict[str, Billable | None] = {}
        for batch in todo:
            got = client_of(batch, clients, session.settings)
            if isinstance(got, Held):
                answers[batch.id] = got
            else:
                billed[batch.id] = got
        uses = products_to_match(b for b in todo if b.id in billed)
        known = await self._items.known(session.job, uses)
        step = await self._items_step(session, head, [b for b in todo if b.id in billed], known)
        for batch in todo:
            if batch.id in billed:
                choices = items_of(batch, step)
                answers[batch.id] = (
                    choices if isinstance(choices, Held) else Resolved(billed[batch.id], choices)
                )
        answers = incomplete(todo, answers)
        connection = session.job.connection
        keep = records_to_keep(step, uses, answers.values(), known, connection)
        await together([self._items.put(session.job.tenant, record) for record in keep])
        return answers

    async def _items_step(
        self,
        session: Session,
        head: ResolveRun,
        batches: Sequence[Batch],
        known: Mapping[str, ItemRecord],
    ) -> ItemStep:
        modes = {b.head.policy.lifecycle for b in batches if b.uses.products}
        if modes <= {"off"}:
            return ItemStep(Items(()), {})
        items = await self._catalogs.items(session, head)
        by_rule = [b for b in batches if b.head.policy.lifecycle in ("manual", "create")]
        uses = products_to_match(by_rule)
        matches = match_products(uses, items, session.settings, head.source, known)
        create = products_to_match(b for b in batches if b.head.policy.lifecycle == "create")
        makes = any(matches[key] is None for key in create)
        return ItemStep(
            items=items,
            matches=matches,
            default=default_item(items, session.settings) if "default" in modes else None,
            codes=await self._codes(session) if makes else None,
        )

    async def _codes(self, session: Session) -> ItemHold | None:
        settings = session.settings
        if not missing_codes(settings):
            return None
        integration: bool | None = settings.halopsa.tax_by in ("quickbooks_ast", "xero_auto")
        if not integration:
            try:
                halo = await session.halo()
                integration = bool(await halo.xero_details())
            except PermanentError:  # the right to read it is missing: that is an answer too
                integration = None
        return codes_hold(settings, integration=integration)

    async def _answer(
        self, head: ResolveRun, kept: KeptBatch, answer: Answer, clients: Clients
    ) -> None:
        """Unless it was answered already, or a newer revision asks again."""
        assert kept.batch is not None, "a batch is answered once"
        batch = kept.batch.head
        name = clients.name(batch.client)
        if isinstance(answer, Held):
            fact, body = facts.charges_held(head.connection, batch, answer.holds, name)
            message = await self._tools.message(fact, body)
        else:
            resolved, body = facts.charges_resolved(head, batch, answer, name)
            message = await self._tools.message(resolved, body)
        await self._batches.answer(kept, message)

    async def _answer_missing(
        self, head: ResolveRun, entry: BatchEntry, code: str, text: str
    ) -> None:
        fact, body = facts.never_seen(head, entry, Hold(code=code, text=text, lines=entry.lines))
        message = await self._tools.message(fact, body)
        key = f"{entry.batch}/{entry.revision}"
        await self._tools.outbox.insert(
            Record(head.tenant, ANSWERS, key, 0, b"", {"run": head.run}, (message,))
        )


def _read(job: JobRun) -> tuple[ResolveRun, list[BatchEntry]]:
    line, body = frame.decode(job.payload)
    return ResolveRun.model_validate_json(line), _Entries.validate_json(body or b"[]")
