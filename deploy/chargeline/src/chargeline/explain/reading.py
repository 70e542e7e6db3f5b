"""What explain may read, and the raw lines as they are stored, each proved by its digest."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Never

from pydantic import ValidationError

from chassis.records import Record, Records
from ingest_pax8.domain.document import Document
from ingest_pax8.domain.identity import Identities, LineIds, basis_for
from ingest_pax8.domain.pages import PageNotes, altered_rows, from_stored, row_spans
from ingest_pax8.translate import SOURCE, fields_of
from schemas.explained import RAW_ALTERED, PageProblem
from vendors.pax8 import InvoiceItem, parse_items

ALLOWED = frozenset({"pages", "documents", "snapshots", "settings", "items", "catalogs"})

_BETWEEN = re.compile(rb"\s*,\s*")
_PAGE = 20


class Denied(Exception):  # noqa: N818 - a rule of this module, not a condition of the store
    """Explain asked for what it must not see: it recomputes, it does not look up."""


class OnlyDecisions:
    """Records that show raw lines, settings and lifecycle's decisions, and write nothing."""

    is_local: ClassVar[bool] = False  # asked by who writes

    def __init__(self, records: Records, allowed: frozenset[str] = ALLOWED) -> None:
        self._records = records
        self._allowed = allowed

    async def get(self, tenant: str, collection: str, key: str) -> Record | None:
        return await self._records.get(tenant, self._may(collection), key)

    async def find(
        self,
        tenant: str,
        collection: str,
        tag: str,
        value: str,
        *,
        after: str = "",
        limit: int = 100,
    ) -> list[Record]:
        may = self._may(collection)
        return await self._records.find(tenant, may, tag, value, after=after, limit=limit)

    async def find_any(
        self, tenant: str, collection: str, tag: str, values: Collection[str], *, limit: int = 100
    ) -> list[Record]:
        may = self._may(collection)
        return await self._records.find_any(tenant, may, tag, values, limit=limit)

    async def count(self, tenant: str, collection: str, tag: str, value: str) -> int:
        return await self._records.count(tenant, self._may(collection), tag, value)

    async def sweep(self, collection: str, *_: str, after: str = "", limit: int = 100) -> Never:
        raise Denied(f"{collection} of all tenants, after {after!r}, {limit} rows")

    async def with_outgoing(self, *, limit: int = 100) -> Never:
        raise Denied(f"what services publish, {limit} rows")

    async def insert(self, record: Record) -> Never:
        raise Denied(f"a write to {record.collection}")

    async def insert_in_order(self, records: Sequence[Record]) -> Never:
        raise Denied(f"{len(records)} writes")

    async def replace(self, record: Record) -> Never:
        raise Denied(f"a write to {record.collection}")

    async def clear(self, record: Record) -> Never:
        raise Denied(f"a write to {record.collection}")

    async def delete(self, tenant: str, collection: str, key: str) -> Never:
        raise Denied(f"{tenant}: deleting {key} of {collection}")

    def _may(self, collection: str) -> str:
        if collection not in self._allowed:
            raise Denied(f"explain may not read {collection}")
        return collection


@dataclass(slots=True)
class SourceLine:
    """One row of a stored page. `item` None: its bytes can not be read."""

    id: str
    page: int
    row: int
    item: InvoiceItem | None
    vendor_id: str | None = None
    altered: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    page: int
    row: int
    item: InvoiceItem | None
    altered: bool
    name: str | None  # what ingest noted to tell it apart
    noted_as: str


async def read_lines(
    records: OnlyDecisions, tenant: str, document: Document
) -> tuple[list[SourceLine], list[PageProblem]]:
    """All rows of the document in its order, and what is wrong with its pages besides."""
    rows: list[_Row] = []
    problems: list[PageProblem] = []
    seen = 0
    after = ""
    while some := await records.find(
        tenant, "pages", "document", document.document, after=after, limit=_PAGE
    ):
        for record in some:
            seen += 1
            found, wrong = _page(record.body, seen)
            rows += found
            problems += [PageProblem(code=RAW_ALTERED, page=seen, text=text) for text in wrong]
        after = some[-1].key
    if document.basis is not None and seen != document.pages:
        text = f"{seen} pages are stored and {document.pages} were read: read the document again"
        problems.append(PageProblem(code="page-missing", page=seen + 1, text=text))
    return _identified(tenant, document, rows), problems


def _page(stored: bytes, number: int) -> tuple[list[_Row], list[str]]:
    """Rows of one page. A row is altered when its digest, or the separator before it, is off."""
    try:
        notes, raw = from_stored(stored)
        wrong = set(altered_rows(stored))
    except (ValueError, IndexError):
        return [], [f"page {number}: what was noted about it can not be read"]
    spans = list(zip(notes.spans[::2], notes.spans[1::2], strict=True))
    if len(wrong - {-1}) > 1:  # bytes came or went: all rows behind them stand elsewhere now
        moved = row_spans(raw, len(spans))
        if len(moved) == len(spans):
            again = notes.model_copy(update={"spans": [at for span in moved for at in span]})
            line = again.model_dump_json().encode()
            wrong, spans = set(altered_rows(line + b"\n" + raw)), moved
    for row in range(1, len(spans)):
        if not _BETWEEN.fullmatch(raw[spans[row - 1][1] : spans[row][0]]):
            wrong.add(row)
    items = _items(raw, spans, wrong)
    texts = []
    if -1 in wrong:
        texts.append(f"page {number}: the bytes around its rows are not what the source sent")
    if not spans and notes.digests:
        texts.append(f"page {number}: its rows can not be found")
    return [
        _Row(number, row + 1, items[row], row in wrong, _name(notes, row), notes.named_by)
        for row in range(len(spans))
    ], texts


def _items(
    raw: bytes, spans: Sequence[tuple[int, int]], wrong: set[int]
) -> list[InvoiceItem | None]:
    """At once when all is as it was read, else row by row."""
    if not wrong:
        try:
            items = parse_items(raw)
        except ValueError:
            items = []
        if len(items) == len(spans):
            return list(items)
    return [_item(raw[start:end]) for start, end in spans]


def _item(row: bytes) -> InvoiceItem | None:
    try:
        found = parse_items(b'{"content":[' + row + b'],"page":{}}')
    except (ValueError, ValidationError):
        return None
    return found[0] if len(found) == 1 else None


def _name(notes: PageNotes, row: int) -> str | None:
    return notes.names[row] if row < len(notes.names) else None


def _identified(tenant: str, document: Document, rows: Sequence[_Row]) -> list[SourceLine]:
    """Line ids by the document's basis (R4); an altered row goes by what ingest noted of it."""
    basis = document.basis or basis_for([row.item.id if row.item else None for row in rows])
    identities = Identities(basis)
    ids = LineIds(tenant, SOURCE, document.document)
    lines = []
    for row in rows:
        vendor_id = row.item.id if row.item is not None else None
        noted = row.name if row.noted_as == basis else None
        if row.altered and noted is not None:
            vendor_id = noted if basis == "ids" else vendor_id
            identity = identities.next(noted if basis == "ids" else None, partial(str, noted))
        elif row.item is not None:
            identity = identities.next(row.item.id, partial(fields_of, row.item))
        else:
            identity = f"page {row.page} row {row.row}"
        line = ids.of(identity)
        lines.append(SourceLine(line, row.page, row.row, row.item, vendor_id, row.altered))
    return lines
