"""Compares a document's stored bytes with what was read, row by row, and names the lines."""

from __future__ import annotations

from functools import partial

from pydantic import BaseModel

from chassis.records import Records
from ingest_pax8.domain.document import Document
from ingest_pax8.domain.identity import Identities
from ingest_pax8.domain.pages import altered_rows, from_stored
from ingest_pax8.reading import page_key
from ingest_pax8.tools import DOCUMENTS, PAGES
from ingest_pax8.translate import SOURCE, fields_of
from schemas.ids import line_id
from vendors.pax8 import parse_items


class AlteredRow(BaseModel):
    """A row that is not what the vendor sent; `row` -1 is the page around the rows."""

    page: int
    row: int
    line: str | None = None


async def altered_lines(records: Records, tenant: str, document: str) -> list[AlteredRow]:
    """All altered rows, with the id of the line where the notes can tell it."""
    stored = await records.get(tenant, DOCUMENTS, document)
    if stored is None:
        return []
    kept = Document.model_validate_json(stored.body)
    identities = Identities(kept.basis or "fields")
    found = []
    for number in range(kept.pages):
        record = await records.get(tenant, PAGES, page_key(document, number))
        if record is None:
            found.append(AlteredRow(page=number, row=-1))
            continue
        altered = altered_rows(record.body)
        names, sure = _names(record.body, kept)
        identified = [identities.next(name, partial(str, name)) for name in names]
        for row in altered:
            known = sure and 0 <= row < len(identified)
            line = line_id(tenant, SOURCE, document, identified[row]) if known else None
            found.append(AlteredRow(page=number, row=row, line=line))
    return found


def _names(body: bytes, document: Document) -> tuple[list[str], bool]:
    """What tells the page's rows apart, and whether an edit of the bytes leaves that alone."""
    notes, raw = from_stored(body)
    if notes.named_by == document.basis:
        return notes.names, True
    try:
        # Every row of this page has an id, but ids are not what tells the document's lines apart.
        return [fields_of(item) for item in parse_items(raw)], False
    except ValueError:
        return [], False
