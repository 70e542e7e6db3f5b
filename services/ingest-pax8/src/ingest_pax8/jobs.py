"""The jobs of ingest-pax8: list documents, ingest one, read the drafts. They only read at Pax8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from chassis.jobs import JobFailure, JobKind
from chassis.records import Record
from chassis.service import JobRun
from ingest_pax8.domain.chains import place_in
from ingest_pax8.domain.document import Document
from ingest_pax8.domain.pages import PageNotes, measured, to_stored
from ingest_pax8.forming import Forming
from ingest_pax8.gathering import Gathering, Key
from ingest_pax8.reading import Reading, gather_stored
from ingest_pax8.tools import SNAPSHOTS, Documents, Tools
from ingest_pax8.translate import SOURCE, entry_from_pax8
from ingest_pax8.unreadable import Unreadable
from schemas.billing import BillTo
from schemas.ids import derive_id
from schemas.messages import (
    BatchEntry,
    Company,
    DocumentEntry,
    DocumentRead,
    DocumentsListed,
    DraftsRead,
    Head,
    IngestDocument,
    ListDocuments,
    ReadDrafts,
)
from schemas.settings import Settings

NOT_READ = "document-not-read"


class _Body(BaseModel):
    batches: list[BatchEntry] = []
    companies: list[Company] = []


class IngestJobs:
    """Each job can be left at any instruction and taken up again by another process."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._documents = Documents(tools.outbox)

    def kinds(self) -> Mapping[str, JobKind]:
        """What the runner runs."""
        return {
            "ListDocuments": JobKind(self.list_documents, self.listing_failed),
            "IngestDocument": JobKind(self.ingest_document, self.ingest_failed),
            "ReadDrafts": JobKind(self.read_drafts, self.drafts_failed),
        }

    async def list_documents(self, job: JobRun) -> None:
        """Keep every header, and say which documents there are."""
        command = ListDocuments.model_validate_json(job.payload)
        settings = await self._tools.settings.read(job.tenant, command.settings)
        since = date.fromisoformat(command.since) if command.since else None
        entries = await self._list(job, settings, since)
        body = to_json([entry.model_dump() for entry in entries])
        await self._tools.answer(job, DocumentsListed(**_carried(command)), body)

    async def ingest_document(self, job: JobRun) -> None:
        """Read or re-read the document, form its batches, and say so last."""
        command = IngestDocument.model_validate_json(job.payload)
        settings = await self._tools.settings.read(job.tenant, command.settings)
        tools = self._tools
        try:
            with Gathering(settings, job.tenant, command.document, tools.batch_lines_max) as lines:
                document = await self._read(job, command, settings, lines)
                if document.problem is not None:
                    await self._say(job, command, document)
                    return
                if not lines.whole:
                    await gather_stored(tools, job.tenant, document, lines)
                await self._form(job, command, settings, (document, lines))
        except Unreadable as odd:
            stored = await self._documents.get(job.tenant, command.document)
            document = stored.value if stored else Document(document=command.document)
            problem = document.model_copy(update={"problem": odd.code, "text": str(odd)})
            await self._say(job, command, problem)

    async def read_drafts(self, job: JobRun) -> None:
        """Store the draft items as they are now: a preview, never billed."""
        command = ReadDrafts.model_validate_json(job.payload)
        settings = await self._tools.settings.read(job.tenant, command.settings)
        pax8 = await self._tools.open_pax8(job, settings)
        snapshot = derive_id("snapshot", job.tenant, SOURCE, job.id)
        number, pages, rows, promised = 0, 1, 0, 0
        while number < pages:
            page = await pax8.draft_page(number, command.month_offset)
            notes = PageNotes(
                reading=job.id,
                number=number,
                pages=page.total_pages,
                promised=page.total_elements,
            )
            body = to_stored(measured(notes, page.raw, page.rows), page.raw)
            key = f"{snapshot}/{number:05d}"
            tags = {"snapshot": snapshot}
            await self._tools.put(Record(job.tenant, SNAPSHOTS, key, 0, body, tags))
            number, pages = number + 1, page.total_pages
            rows, promised = rows + page.rows, page.total_elements
        fact = DraftsRead(
            **_carried(command), snapshot=snapshot, rows_read=rows, rows_promised=promised
        )
        await self._tools.answer(job, fact)

    async def ingest_failed(self, job: JobRun, failure: JobFailure) -> None:
        """The run hears why its document can not be read."""
        command = IngestDocument.model_validate_json(job.payload)
        stored = await self._documents.get(job.tenant, command.document)
        document = stored.value if stored else Document(document=command.document)
        problem = document.model_copy(update={"problem": failure.code, "text": failure.text})
        await self._say(job, command, problem)

    async def listing_failed(self, job: JobRun, failure: JobFailure) -> None:
        """No documents, and why."""
        command = ListDocuments.model_validate_json(job.payload)
        fact = DocumentsListed(**_carried(command), problem=failure.code, text=failure.text)
        await self._tools.answer(job, fact, b"[]")

    async def drafts_failed(self, job: JobRun, failure: JobFailure) -> None:
        """No snapshot, and why."""
        command = ReadDrafts.model_validate_json(job.payload)
        fact = DraftsRead(**_carried(command), problem=failure.code, text=failure.text)
        await self._tools.answer(job, fact)

    async def _read(
        self, job: JobRun, command: IngestDocument, settings: Settings, lines: Gathering
    ) -> Document:
        """The document as it stands after this command, stored."""
        stored = await self._documents.get(job.tenant, command.document)
        if command.stored:
            if stored is None or stored.value.basis is None:
                text = "It was never read whole: read it before forming its batches"
                found = stored.value if stored else Document(document=command.document)
                problem = found.problem or NOT_READ
                return found.model_copy(update={"problem": problem, "text": text})
            return stored.value
        if stored is None:
            await self._list(job, settings, None)
            stored = await self._documents.get(job.tenant, command.document)
        before = stored.value if stored else Document(document=command.document)
        if before.read_by == job.id:  # this very job has read it before it was interrupted
            return before
        pax8 = await self._tools.open_pax8(job, settings)
        reading = Reading(self._tools, job, command.document, settings.pax8.in_flight, lines)
        if before.basis is None:
            document = await reading.first(pax8, before)
        else:
            document = await reading.again(pax8, before)
        document = document.model_copy(update={"read_by": job.id})
        await self._documents.put(job.tenant, document)
        return document

    async def _form(
        self,
        job: JobRun,
        command: IngestDocument,
        settings: Settings,
        read: tuple[Document, Gathering],
    ) -> None:
        document, lines = read
        members = await self._documents.chain_of(job.tenant, document)
        chain = document.chain(job.tenant, SOURCE)
        place = place_in(document, chain, members, settings.chains)
        forming = Forming(command, document, settings, place, lines, self._tools)
        body = _Body(companies=forming.unknown)
        if not (command.match_first and body.companies):
            replaced = [m for m in members if m.document in place.replaces]
            before = await self._billed_before(job, settings, replaced)
            body.batches = await forming.publish(before)
        await self._say(job, command, document, body)

    async def _billed_before(
        self, job: JobRun, settings: Settings, replaced: Sequence[Document]
    ) -> dict[Key, BillTo]:
        """Whom the replaced documents have lines for, as who is billed for them today (R14)."""
        found: dict[Key, BillTo] = {}
        for document in replaced:
            if document.basis is None:
                continue  # it was never read, so nothing of it was ever posted
            with Gathering(settings, job.tenant, document.document, lines_max=0) as older:
                await gather_stored(self._tools, job.tenant, document, older)
                found |= {key: group.bill_to for key, group in older.groups.items()}
        return found

    async def _say(
        self,
        job: JobRun,
        command: IngestDocument,
        document: Document,
        body: _Body | None = None,
    ) -> None:
        body = body or _Body()
        fact = DocumentRead(
            **_carried(command),
            rows_read=document.rows,
            rows_promised=document.promised,
            batches=len(body.batches),
            unmatched=len(body.companies),
            pages=document.pages,
            document_date=document.date,
            partner=document.partner,
            status=document.status,
            problem=document.problem,
            text=document.text[:500],
        )
        await self._tools.answer(job, fact, body.model_dump_json().encode())

    async def _list(
        self, job: JobRun, settings: Settings, since: date | None
    ) -> list[DocumentEntry]:
        """Headers from Pax8, kept; what a reading fixed stays as it is."""
        pax8 = await self._tools.open_pax8(job, settings)
        headers = await pax8.invoices(since=since)
        entries = sorted(map(entry_from_pax8, headers), key=lambda e: (e.date, e.document))
        seen = await self._documents.count(job.tenant)
        for entry in entries:
            stored = await self._documents.get(job.tenant, entry.document)
            if stored is None:
                seen += 1
            before = stored.value if stored else Document(document=entry.document, seen=seen)
            listed = before.model_copy(update=entry.model_dump())
            if stored is None or listed != before:
                await self._documents.put(job.tenant, listed)
        return entries


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
