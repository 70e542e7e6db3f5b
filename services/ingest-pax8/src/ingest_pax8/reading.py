"""Reads a document's pages, stores each as read, and proves that together they are whole.

A page that is stored is not read again: not by a resumed job, and never by a later one. A later
fresh reading is compared with the first and stores nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from pydantic import BaseModel

from chassis.records import Record
from chassis.service import JobRun
from ingest_pax8.domain.document import (
    CHANGED,
    INCOMPLETE,
    Document,
    Found,
    Sums,
    difference,
    incomplete_text,
    verdict,
)
from ingest_pax8.domain.identity import Basis, Identities
from ingest_pax8.domain.pages import (
    PageNotes,
    altered_rows,
    from_stored,
    measured,
    to_stored,
)
from ingest_pax8.gathering import Gathering
from ingest_pax8.lines import Line, Terms, read_lines, total_of
from ingest_pax8.tools import PAGES, Tools
from ingest_pax8.understanding import Page, fields_in, lines_in, understood
from ingest_pax8.unreadable import ALTERED, RESTORE, Unreadable
from schemas.ids import digest
from vendors.pax8 import Pax8, RawPage

EMPTY = "document-empty"
CHANGED_TEXT = "The document is not the one that was read first"


class Progress(BaseModel):
    """The checkpoint: which attempt it is, and what the bytes of the one before were."""

    attempt: int = 1
    seen: str | None = None


@dataclass(slots=True)
class _Tally:
    """What adds up while pages come, in whatever order they come."""

    rows: int = 0
    promised: set[int] = field(default_factory=set)
    sums: Sums = field(default_factory=Sums)
    ids: list[str | None] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def page(self, page: Page) -> None:
        self.rows += len(page.lines)
        self.promised.add(page.notes.promised)
        several: dict[str, list[Terms]] = {}
        for line in page.lines:
            several.setdefault(line.terms.currency, []).append(line.terms)
        for currency, terms in several.items():
            self.sums.add(currency, len(terms), *total_of(terms))
        self.ids += page.ids
        self.fields += page.fields
        self.digests.append(page.notes.digests)

    def found(self, pages: int) -> Found:
        return Found(
            rows=self.rows,
            promised=tuple(sorted(self.promised)),
            pages=pages,
            sums=self.sums.by_currency(),
            ids=self.ids,
            fields=self.fields,
            digests=self.digests,
        )


type Take = Callable[[int], Awaitable[Page]]


class Reading:
    """One document, read by one job."""

    def __init__(
        self, tools: Tools, job: JobRun, document: str, in_flight: int, gathering: Gathering
    ) -> None:
        """`gathering` takes the lines in; it is whole where the vendor's ids tell them apart."""
        self._tools = tools
        self._job = job
        self._document = document
        self._in_flight = max(1, in_flight)
        self._gathering = gathering
        self._progress = Progress.model_validate_json(job.checkpoint or b"{}")

    async def first(self, pax8: Pax8, document: Document) -> Document:
        """Read it whole and store it; torn, it is read a second time, and then it is incomplete."""
        while True:
            found = await self._whole(self._stored_or_read(pax8), basis=None)
            if verdict(found, self._progress.seen) == "complete":
                return await self._settled(document, found)
            if self._progress.attempt >= 2:
                return _judged(document, found, INCOMPLETE, incomplete_text(found))
            self._progress = Progress(attempt=2, seen=found.bytes_digest)
            await self._job.save(self._progress.model_dump_json().encode())

    async def again(self, pax8: Pax8, document: Document) -> Document:
        """Read it once more and compare; the pages of the first reading stay."""
        found = await self._whole(self._read_only(pax8, document.basis), basis=document.basis)
        if found.torn:
            found = await self._whole(self._read_only(pax8, document.basis), basis=document.basis)
        if found.torn:
            return document.model_copy(
                update={"problem": INCOMPLETE, "text": incomplete_text(found)}
            )
        why = difference(document, found)
        if why is None:
            return document.model_copy(update={"problem": None, "text": ""})
        text = f"{CHANGED_TEXT}: {why}. Nothing of it is planned; ask Pax8 which one holds"
        return document.model_copy(update={"problem": CHANGED, "text": text})

    async def _whole(self, take: Take, basis: Basis | None) -> Found:
        """All pages, side by side; only those in flight are held."""
        tally = _Tally()
        self._gathering.restart()
        by_ids = basis != "fields"

        def add(page: Page) -> None:
            nonlocal by_ids
            tally.page(page)
            named_by, names = page.names()
            by_ids = by_ids and named_by == "ids"
            if by_ids:
                self._gathering.page(page.notes.number, page.lines, names)

        start = await take(0)
        add(start)
        pages = max(start.notes.pages, 1)

        async def one(number: int) -> None:
            add(await take(number))

        await _side_by_side(one, range(1, pages), self._in_flight)
        # Ids that turn out to repeat are no basis: then the pages are read again for their fields.
        self._gathering.whole = by_ids
        return tally.found(pages)

    def _stored_or_read(self, pax8: Pax8) -> Take:
        reading = digest("reading", self._job.id, self._progress.attempt, length=16)

        async def take(number: int) -> Page:
            stored = await self._tools.outbox.get(
                self._job.tenant, PAGES, page_key(self._document, number)
            )
            if stored is not None:
                notes, raw = from_stored(stored.body)
                if notes.reading == reading:
                    return understood(notes, raw)
            return await self._store(*await self._page(pax8, number), reading)

        return take

    async def _store(self, page: RawPage, lines: list[Line] | None, reading: str) -> Page:
        """Also a page that can not be understood is kept as it came."""
        notes = measured(_notes(reading, page), page.raw, page.rows)
        try:
            read = understood(notes, page.raw, lines=lines)
            named_by, names = read.names()
            notes = notes.model_copy(update={"named_by": named_by, "names": names})
        finally:
            key, tags = page_key(self._document, page.number), {"document": self._document}
            body = to_stored(notes, page.raw)
            await self._tools.put(Record(self._job.tenant, PAGES, key, 0, body, tags))
        return replace(read, notes=notes)

    def _read_only(self, pax8: Pax8, basis: Basis | None) -> Take:
        async def take(number: int) -> Page:
            page, lines = await self._page(pax8, number)
            return understood(_notes("", page), page.raw, basis, lines)

        return take

    async def _page(self, pax8: Pax8, number: int) -> tuple[RawPage, list[Line] | None]:
        return await pax8.item_page_as(self._document, number, read_lines)

    async def _settled(self, document: Document, found: Found) -> Document:
        """The first complete reading fixes the basis and what later readings are compared with."""
        await self._forget_beyond(found.pages)
        basis = found.basis()
        if basis == "fields" and len(found.fields) != found.rows:
            # Known only now: the rows that have ids were not named by their fields on the way.
            found = await self._whole(self._stored(), basis)
        settled = document.model_copy(update={"basis": basis, "lines": found.lines(basis)})
        if not found.rows:
            text = "It has no lines, so there is nothing to bill: if Pax8 shows some, read it again"
            return _judged(settled, found, EMPTY, text)
        return _judged(settled, found, None, "")

    def _stored(self) -> Take:
        async def take(number: int) -> Page:
            record = await self._tools.outbox.get(
                self._job.tenant, PAGES, page_key(self._document, number)
            )
            assert record is not None, "a complete document has all its pages"
            notes, raw = from_stored(record.body)
            return understood(notes, raw, "fields")

        return take

    async def _forget_beyond(self, pages: int) -> None:
        """An attempt that was given up may have left pages that the document does not have."""
        number = pages
        while await self._tools.outbox.delete(
            self._job.tenant, PAGES, page_key(self._document, number)
        ):
            number += 1


async def gather_stored(
    tools: Tools, tenant: str, document: Document, gathering: Gathering
) -> None:
    """All lines of a stored document, page after page: equal ones are counted in its order."""
    assert document.basis is not None, "the basis is fixed at the first reading"
    gathering.restart()
    identities = Identities(document.basis)
    for number in range(document.pages):
        raw = await _stored_page(tools, tenant, document.document, number)
        lines = lines_in(raw, number)
        names = [line.id or "" for line in lines]
        if document.basis == "fields":
            names = [identities.next(None, partial(str, name)) for name in fields_in(raw, number)]
        gathering.page(number, lines, names)
    gathering.whole = True


async def _stored_page(tools: Tools, tenant: str, document: str, number: int) -> bytes:
    """The vendor's bytes, or Unreadable when they are not what was read."""
    record = await tools.outbox.get(tenant, PAGES, page_key(document, number))
    if record is None:
        raise Unreadable(f"page {number + 1} is not in the store", way=RESTORE)
    if altered := altered_rows(record.body):
        where = ", ".join(f"row {row + 1}" if row >= 0 else "its envelope" for row in altered)
        text = f"page {number + 1} is not what Pax8 sent any more ({where[:200]})"
        raise Unreadable(text, ALTERED, RESTORE)
    return from_stored(record.body)[1]


def page_key(document: str, number: int) -> str:
    """Pages sort as they are numbered."""
    return f"{document}/{number:05d}"


def _notes(reading: str, page: RawPage) -> PageNotes:
    return PageNotes(
        reading=reading, number=page.number, pages=page.total_pages, promised=page.total_elements
    )


def _judged(document: Document, found: Found, problem: str | None, text: str) -> Document:
    return document.model_copy(
        update={
            "rows": found.rows,
            "promised": max(found.promised),
            "pages": found.pages,
            "sums": found.sums,
            "problem": problem,
            "text": text,
        }
    )


async def _side_by_side(
    one: Callable[[int], Awaitable[None]], numbers: Iterable[int], at_once: int
) -> None:
    """At most so many at once; the first failure ends the others."""
    todo = iter(numbers)

    async def worker() -> None:
        for number in todo:
            await one(number)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
    except* Unreadable as several:
        raise several.exceptions[0] from None
