"""Stored pages: the raw bytes stay verbatim, and an edited byte is found for its very row."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.domain.pages import (
    PageNotes,
    altered_rows,
    from_stored,
    measured,
    row_spans,
    to_stored,
)

TEXT = st.text(st.characters(codec="utf-8")) | st.sampled_from(["},{", '}],"page":{', '"},{"', "é"])
ROWS = st.lists(st.fixed_dictionaries({"id": TEXT, "description": TEXT}), min_size=1, max_size=6)


def raw_page(rows: list[dict[str, Any]], **spelling: Any) -> bytes:
    page = {"size": 200, "totalElements": len(rows), "totalPages": 1, "number": 0}
    return json.dumps({"content": rows, "page": page}, **spelling).encode()


def stored(raw: bytes, rows: int) -> bytes:
    notes = PageNotes(reading="r", number=0, pages=1, promised=rows)
    return to_stored(measured(notes, raw, rows), raw)


@given(
    ROWS,
    st.sampled_from([{"separators": (",", ":"), "ensure_ascii": False}, {"indent": 2}, {}]),
)
def test_every_row_is_found_whatever_its_texts_and_spelling(
    rows: list[dict[str, Any]], spelling: dict[str, Any]
) -> None:
    raw = raw_page(rows, **spelling)
    assert [json.loads(raw[a:b]) for a, b in row_spans(raw, len(rows))] == rows


@given(ROWS, st.data())
def test_one_edited_byte_is_found_in_its_row(rows: list[dict[str, Any]], data: Any) -> None:
    raw = raw_page(rows, separators=(",", ":"), ensure_ascii=False)
    body = stored(raw, len(rows))
    assert altered_rows(body) == []
    spans = row_spans(raw, len(rows))
    row = data.draw(st.integers(0, len(rows) - 1))
    at = data.draw(st.integers(spans[row][0], spans[row][1] - 1))
    place = len(body) - len(raw) + at
    edited = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    assert altered_rows(edited) == [row]


def test_an_edit_outside_the_rows_is_found_too() -> None:
    raw = raw_page([{"id": "1"}])
    body = stored(raw, 1)
    assert altered_rows(body.replace(b'"totalElements": 1', b'"totalElements": 2')) == [-1]


def test_the_raw_bytes_stand_verbatim_behind_the_notes() -> None:
    raw = b'{"content":[{"a":\n1}],\r\n"page":{}}'
    assert from_stored(stored(raw, 1))[1] == raw


def test_a_page_without_rows_has_none() -> None:
    assert row_spans(b'{"page":{"number":0}}', 0) == []
