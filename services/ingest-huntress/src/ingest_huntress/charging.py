"""The jobs of months: which have their counts, and one month's batches from stored snapshots.

They call nobody. A month is formed anew under today's settings each time it is asked for.
"""

from __future__ import annotations

from datetime import date
from itertools import batched
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from chassis.errors import PermanentError
from chassis.jobs import JobFailure
from chassis.records import Record
from chassis.service import JobRun
from ingest_huntress.domain.charges import SOURCE, Group, bills_charges, grouped, undecided
from ingest_huntress.domain.guards import Baseline
from ingest_huntress.domain.month import days_to_bill, month_of, taken_from
from ingest_huntress.tools import BATCHES, PAGES, Snapshots, Tools
from schemas import frame
from schemas.bodies import DocumentBatches
from schemas.charges import ChargeLine, ChargeLines
from schemas.counts import Count
from schemas.ids import batch_id, content_hash
from schemas.messages import (
    BatchEntry,
    ChargesReceived,
    DocumentEntry,
    DocumentRead,
    DocumentsListed,
    Head,
    IngestDocument,
    ListDocuments,
)
from schemas.money import plain
from schemas.periods import Period
from schemas.settings import Settings

NO_MONTH = "document-unknown"
OPEN = "count-month-open"
MISSING = "count-snapshot-missing"
EMPTY = "document-empty"
PAGE_ROWS = 500
TEXT_MAX = 500


class _State(BaseModel):
    """What is kept of a batch: enough to tell a duplicate from a change."""

    revision: int
    content: str


class ChargingJobs:
    """Each can be left at any instruction and taken up again by another process."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._snapshots = Snapshots(tools)

    async def list_months(self, job: JobRun) -> None:
        """Months that can be billed now; none where nothing is billed as a charge."""
        command = _listing(job)
        settings = await self._tools.settings.read(job.tenant, command.settings)
        baseline = await self._snapshots.baseline(job.tenant)
        entries = []
        months = sorted({day[:7] for day in baseline.days}) if bills_charges(settings) else []
        for name in months:
            month = month_of(name)
            assert month is not None, "it is the month of a day"
            if self._problem(month, settings, baseline) is None:
                last = days_to_bill(month, settings.counts)[-1].isoformat()
                if command.since is None or last >= command.since:
                    entries.append(_entry(name, last, settings))
        body = to_json([entry.model_dump() for entry in entries])
        await self._tools.answer(job, DocumentsListed(**_carried(command)), body)

    async def listing_failed(self, job: JobRun, failure: JobFailure) -> None:
        """No months, and why."""
        fact = DocumentsListed(
            **_carried(_listing(job)), problem=failure.code, text=failure.text[:TEXT_MAX]
        )
        await self._tools.answer(job, fact, b"[]")

    async def ingest_month(self, job: JobRun) -> None:
        """Choose the days, price the units, form the batches, and say so last."""
        command = _ingesting(job)
        settings = await self._tools.settings.read(job.tenant, command.settings)
        baseline = await self._snapshots.baseline(job.tenant)
        month = month_of(command.document)
        if month is None:
            text = f"{command.document} is no month: counts are billed by month, as 2026-11"
            await self._refuse(job, command, (NO_MONTH, text))
            return
        problem = self._problem(month, settings, baseline)
        if problem is not None:
            await self._refuse(job, command, problem)
            return
        days = {
            day: await self._rows(job.tenant, day) for day in days_to_bill(month, settings.counts)
        }
        groups = grouped(taken_from(days, baseline), settings, job.tenant, month)
        await self._form(job, command, settings, groups, max(days))

    async def ingest_failed(self, job: JobRun, failure: JobFailure) -> None:
        """The run hears why the month can not be billed."""
        await self._refuse(job, _ingesting(job), (failure.code, failure.text))

    def _problem(
        self, month: Period, settings: Settings, baseline: Baseline
    ) -> tuple[str, str] | None:
        """Why the month can not be billed: a code and a sentence."""
        wanted = [day.isoformat() for day in days_to_bill(month, settings.counts)]
        missing = sorted({*wanted} - {*baseline.days})
        if not missing:
            return None
        today = self._tools.clock.today(settings.tenant.timezone).isoformat()
        rule = settings.counts.count_rule
        if missing[-1] >= today:
            return OPEN, f"its counts are known on {missing[-1]} (rule: {rule}): bill it after that"
        text = f"there is no whole snapshot of {', '.join(missing[:5])} (rule: {rule})"
        there = [day for day in baseline.days if month.start.isoformat() <= day < str(month.end)]
        stored = f"; there are some of {', '.join(there[-5:])}" if there else ""
        return MISSING, f"{text}{stored}: no count is guessed"

    async def _rows(self, tenant: str, day: date) -> tuple[Count, ...]:
        stored = await self._snapshots.day(tenant, day.isoformat())
        if stored is None:
            raise PermanentError(MISSING, f"the snapshot of {day} is not in the store any more")
        return stored.rows

    async def _form(
        self,
        job: JobRun,
        command: IngestDocument,
        settings: Settings,
        groups: dict[str, Group],
        day: date,
    ) -> None:
        currency = settings.tenant.currency
        lines = sum(len(group.lines) for group in groups.values())
        pages = await self._store_pages(job.tenant, command.document, groups, currency)
        body = DocumentBatches(companies=undecided(groups.values(), currency))
        if not (command.match_first and body.companies):
            body.batches = [
                await self._publish(command, group, currency, day) for group in groups.values()
            ]
        empty = "No product is billed as a charge, or nothing was counted: there is nothing to bill"
        fact = DocumentRead(
            **_carried(command),
            rows_read=lines,
            rows_promised=lines,
            batches=len(body.batches),
            unmatched=len(body.companies),
            pages=pages,
            document_date=day.isoformat(),
            status="counted",
            problem=None if groups else EMPTY,
            text="" if groups else empty,
        )
        await self._tools.answer(job, fact, body.model_dump_json().encode())

    async def _refuse(self, job: JobRun, command: IngestDocument, why: tuple[str, str]) -> None:
        await self._forget_pages(job.tenant, command.document, 0)
        fact = DocumentRead(**_carried(command), problem=why[0], text=why[1][:TEXT_MAX])
        await self._tools.answer(job, fact, DocumentBatches().model_dump_json().encode())

    async def _publish(
        self, command: IngestDocument, group: Group, currency: str, day: date
    ) -> BatchEntry:
        """Store and publish one batch unless this revision did; what it is called."""
        tools, bill_to = self._tools, group.bill_to
        whole = len(group.lines) if group.hold == "batch-too-large" else 0
        body = b"[]" if whole else _body(group.lines)
        head = ChargesReceived(
            tenant=command.tenant,
            run=command.run,
            revision=command.revision,
            settings=command.settings,
            source=SOURCE,
            document=command.document,
            batch=batch_id(command.tenant, SOURCE, command.document, bill_to.name, currency),
            bill_to=bill_to.name,
            currency=currency,
            content=content_hash(body if not whole else f"{whole} {group.price}".encode()),
            lines=len(group.lines),
            policy=bill_to.policy,
            client=bill_to.client,
            recurring=bill_to.recurring,
            exclude=bill_to.exclude,
            hold=group.hold,
            document_date=day.isoformat(),
            period=command.document,
            price=group.price,
            cost=group.cost,
        )
        record = await tools.outbox.get(command.tenant, BATCHES, head.batch)
        if record is None or _is_news(record, head):
            message = await tools.bodies.message(head, f"{head.tenant}/{head.bill_to}", body)
            state = _State(revision=head.revision, content=head.content).model_dump_json().encode()
            tags = {"document": head.document}
            await tools.put(Record(head.tenant, BATCHES, head.batch, 0, state, tags, (message,)))
        names = BatchEntry.model_fields.keys() - {"selection"}
        return BatchEntry.model_validate({name: getattr(head, name) for name in names})

    async def _store_pages(
        self, tenant: str, document: str, groups: dict[str, Group], currency: str
    ) -> int:
        """What was received, as pages of a source that sends lines: the statement sums it alike."""
        rows = [
            _received(line, day, currency)
            for group in groups.values()
            for line, day in zip(group.lines, group.days, strict=True)
        ]
        number = 0
        for number, page in enumerate(batched(rows, PAGE_ROWS, strict=False), start=1):
            body = b"{}\n" + to_json({"content": page})
            key, tags = _page_key(document, number - 1), {"document": document}
            await self._tools.put(Record(tenant, PAGES, key, 0, body, tags))
        await self._forget_pages(tenant, document, number)
        return number

    async def _forget_pages(self, tenant: str, document: str, number: int) -> None:
        """A month that is formed anew may have fewer lines."""
        while await self._tools.outbox.delete(tenant, PAGES, _page_key(document, number)):
            number += 1


def _body(lines: list[ChargeLine]) -> bytes:
    """What is not said is not there."""
    return ChargeLines.dump_json(lines, exclude_none=True, exclude_defaults=True)


def _received(line: ChargeLine, day: str, currency: str) -> dict[str, str]:
    amounts = {
        "price": line.price,
        "cost": line.cost,
        "total": line.total,
        "costTotal": line.cost_total,
        "quantity": line.quantity,
    }
    return {
        "organization": line.company,
        "product": line.product or "",
        "day": day,
        "currencyCode": currency,
    } | {name: plain(amount) for name, amount in amounts.items() if amount is not None}


def _page_key(document: str, number: int) -> str:
    return f"{SOURCE}/{document}/{number:05d}"


def _entry(month: str, day: str, settings: Settings) -> DocumentEntry:
    currency = settings.tenant.currency
    return DocumentEntry(document=month, date=day, status="counted", currency=currency)


def _is_news(record: Record, head: ChargesReceived) -> bool:
    """The revision rule. The store has published what it still held when it was read."""
    state = _State.model_validate_json(record.body)
    if state.revision == head.revision and state.content != head.content:
        raise PermanentError(
            "content-differs",
            f"batch {head.batch} came twice at revision {head.revision} with different content",
        )
    return head.revision > state.revision


def _carried(command: Head) -> dict[str, Any]:
    """What an answer has in common with its command."""
    return {
        "tenant": command.tenant,
        "run": command.run,
        "revision": command.revision,
        "settings": command.settings,
        "source": SOURCE,
        "document": command.document,
    }


def _listing(job: JobRun) -> ListDocuments:
    return ListDocuments.model_validate_json(frame.decode(job.payload)[0])


def _ingesting(job: JobRun) -> IngestDocument:
    return IngestDocument.model_validate_json(frame.decode(job.payload)[0])
