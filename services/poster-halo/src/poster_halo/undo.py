"""The job UndoPostings: the inverse of what a posting wrote, as far as the vendor allows (R16).

new: the invoice is voided · latest: our lines go, other people's stay · recurring: our lines are
put back as they were. All parts are looked at before the first write; each is read back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import TypeAdapter

from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.jobs import JobFailure
from chassis.service import JobRun, JobWaits
from poster_halo import facts
from poster_halo.domain.observed import Document
from poster_halo.domain.postings import Part, Posting
from poster_halo.tools import Tools
from poster_halo.translate import Reader, raw_rows, restored, without_ours
from schemas import frame
from schemas.messages import PostingRefused, PostingUndone, UndoPostings
from schemas.settings import Settings
from vendors.halopsa import Halo

_Plans = TypeAdapter(list[str])


class UndoingJob:
    """Posting by posting; one that can not be undone stops nobody else."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self, job: JobRun) -> None:
        """Undo what this job has not answered yet."""
        head, plans = _read(job)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        undo: _Undo | None = None
        for plan in plans:
            stored = await self._tools.store.posting(job.tenant, plan)
            if stored is None or stored.value.answered == job.id:
                continue
            posting = stored.value
            if await self._tools.store.answered(job.tenant, job.id, posting.batch):
                continue
            self._tools.wait_until_settled(posting, settings.halopsa.settle_s)
            undo = undo or await _opened(self._tools, job, settings)
            try:
                undone = await undo.posting(posting)
            except PermanentError as refused:
                await self._refuse(job, head, posting, refused.code, refused.text)
            else:
                await self._publish(job, head, undone)

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """Say so for what was not answered yet."""
        head, plans = _read(job)
        for plan in plans:
            stored = await self._tools.store.posting(job.tenant, plan)
            if stored is not None and stored.value.answered != job.id:
                await self._refuse(job, head, stored.value, failure.code, failure.text)

    async def _publish(self, job: JobRun, head: UndoPostings, posting: Posting) -> None:
        undone = posting.model_copy(
            update={
                "state": "undone",
                "answered": job.id,
                "applying": "",
                "generation": posting.generation + 1,
            }
        )
        listed = tuple(f"item {name}"[:80] for name in posting.created_items)[: facts.IDS_MAX]
        fact = PostingUndone(**facts.about_posting(head, posting), listed=listed)
        message = await self._tools.message(fact)
        await self._tools.store.put_posting(job.tenant, undone, (message,))

    async def _refuse(
        self, job: JobRun, head: UndoPostings, posting: Posting, code: str, text: str
    ) -> None:
        fact = PostingRefused(
            **facts.about_posting(head, posting),
            command="undo",
            code=code,
            text=facts.short(text),
        )
        message = await self._tools.message(fact)
        await self._tools.store.answer(job.tenant, job.id, posting.batch, message)


class _Undo:
    """One connection while its postings are undone."""

    def __init__(self, tools: Tools, job: JobRun, seen: _Reads) -> None:
        self._tools, self._job, self._seen = tools, job, seen

    async def posting(self, posting: Posting) -> Posting:
        """Every part taken back, or PermanentError before anything is touched."""
        if posting.uncertain or posting.unread:
            raise PermanentError("undo-unsettled", "it is still being posted: apply it again first")
        if not posting.standing:
            raise PermanentError("undo-nothing", "nothing of it stands there")
        posting = posting.model_copy(update={"fence": self._job.fence})
        shown: dict[int, Document | None] = {}
        for part in posting.standing:
            if part.ext not in shown:
                shown[part.ext] = await self._seen.document(part.ext)
        for part in posting.standing:
            await self._check(posting, part, shown[part.ext])
        for ext, document in shown.items():
            parts = [part for part in posting.standing if part.ext == ext]
            posting = await self._take_back(posting, parts, document)
        return posting

    async def _check(self, posting: Posting, part: Part, document: Document | None) -> None:
        """Refused once billed, sent or paid."""
        if document is None or document.voided:
            return
        where = f"invoice {document.id}"
        advice = "post a correcting entry instead"
        if part.kind != "replace":
            if document.paid:
                raise PermanentError("undo-paid", f"{where} is paid: {advice}")
            if document.sent and any(one.line in part.lines for one in document.ours):
                raise PermanentError("undo-sent", f"{where} was sent to the customer: {advice}")
            return
        if billed := await self._seen.billed(document.id, posting.prefix, part.date):
            text = f"its lines were billed on invoice {billed}: {advice}"
            raise PermanentError("undo-billed", text)
        if any(one.day > posting.day and one.prefix != posting.prefix for one in document.ours):
            text = f"a newer document stands on recurring invoice {document.id}: undo that first"
            raise PermanentError("undo-superseded", text)

    async def _take_back(
        self, posting: Posting, parts: list[Part], document: Document | None
    ) -> Posting:
        lines = {line for part in parts for line in part.lines}
        if not _is_undone(document, lines):
            assert document is not None, "what is not there is undone"
            now = self._tools.clock.now().isoformat()
            for part in parts:
                undoing = part.model_copy(update={"state": "undoing", "started_at": now})
                posting = posting.with_part(undoing)
            await self._tools.store.put_posting(self._job.tenant, posting)
            await self._job.guard()
            unnamed = document.unnamed
            foreign = document.foreign_digest_but(unnamed)
            try:
                await self._write(posting, parts, document, lines)
            except UnknownOutcome as unknown:
                raise JobWaits(self._seen.settings.halopsa.settle_s, unknown.text) from unknown
            except (PermanentError, TransientError):
                for part in parts:
                    posting = posting.with_part(part.model_copy(update={"state": "posted"}))
                await self._tools.store.put_posting(self._job.tenant, posting)
                raise
            after = await self._seen.document(document.id)
            if not _is_undone(after, lines):
                text = f"our lines are still on {document.id} after they were taken off"
                raise PermanentError("undo-differs", text)
            now_there = after.foreign_digest_but(unnamed) if after is not None else foreign
            if after is not None and not after.voided and now_there != foreign:
                text = f"other people's lines on {document.id} changed meanwhile: look at it"
                raise PermanentError("foreign-lines-changed", text)
        for part in parts:
            posting = posting.with_part(part.model_copy(update={"state": "undone"}))
        return posting

    async def _write(
        self, posting: Posting, parts: list[Part], document: Document, lines: Iterable[str]
    ) -> None:
        halo = self._seen.halo
        if document.id < 0:
            before = raw_rows(parts[0].before)
            await halo.update_recurring_invoice(restored(document, posting.prefix, before))
        elif any(part.kind == "create" for part in parts) and not document.foreign:
            try:
                await halo.void_invoice(document.id)
            except PermanentError as missing:
                if missing.code != "halopsa-missing":
                    raise
                await halo.delete_invoice(document.id)  # instances of before 2025 know no void
        else:
            await halo.update_invoice(without_ours(document, lines))


def _is_undone(document: Document | None, lines: Iterable[str]) -> bool:
    if document is None or document.voided:
        return True
    gone = set(lines)
    return bool(gone) and not any(one.line in gone for one in document.ours)


class _Reads:
    """Documents by their id, and the invoices made from recurring ones, listed once."""

    def __init__(self, halo: Halo, settings: Settings, reader: Reader) -> None:
        self.halo, self.settings = halo, settings
        self._reader = reader
        self._listed: tuple[date, list[Document]] | None = None

    async def document(self, number: int) -> Document | None:
        found = await (
            self.halo.recurring_invoice(number) if number < 0 else self.halo.invoice(number)
        )
        return self._reader.document(found) if found is not None else None

    async def billed(self, recurring: int, prefix: str, since: str) -> int:
        """An invoice made from the recurring one that carries lines of that document; 0: none."""
        start = date.fromisoformat(since) if since else date(1970, 1, 1)
        if self._listed is None or self._listed[0] > start:
            rows = [self._reader.document(row) for row in await self.halo.invoices(start)]
            self._listed = (start, rows)
        for row in self._listed[1]:
            carries = any(one.prefix == prefix for one in row.ours)
            if row.from_recurring == recurring and not row.voided and carries:
                return row.id
        return 0


async def _opened(tools: Tools, job: JobRun, settings: Settings) -> _Undo:
    halo = await tools.open_halo(job, settings)
    currencies = {row.code: row.id for row in await halo.currencies() if row.code}
    return _Undo(tools, job, _Reads(halo, settings, Reader.of(settings.halopsa, currencies)))


def _read(job: JobRun) -> tuple[UndoPostings, list[str]]:
    line, body = frame.decode(job.payload)
    return UndoPostings.model_validate_json(line), _Plans.validate_json(body or b"[]")
