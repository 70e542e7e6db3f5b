"""Lines cut as text are the lines that JSON has, or are not cut at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rows import rows_in

TEXT = st.text(max_size=5) | st.sampled_from(
    ['"', "\\", '},{"id":"', ',"company":"', "}]", "é", '"slot":"x"']
)
LAID_DOWN = st.builds(
    lambda own, company, more: own | {"company": company} | more,
    st.fixed_dictionaries({"id": TEXT}, optional={"subscription": TEXT, "slot": TEXT}),
    TEXT,
    st.dictionaries(st.sampled_from(["text", "name", "sku", "warnings"]), TEXT | st.lists(TEXT)),
)
IN_ANY_ORDER = st.dictionaries(
    st.sampled_from(["id", "subscription", "slot", "company", "text"]), TEXT
)


def decoded(members: str) -> dict[str, Any]:
    return dict(json.loads(members))


def compact(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()


@given(st.lists(LAID_DOWN | IN_ANY_ORDER, max_size=4))
def test_what_is_cut_is_what_json_says(rows: list[dict[str, Any]]) -> None:
    found = rows_in(compact(rows), decoded)
    if found is None:
        return
    own = [{"id": row.id, "subscription": row.subscription, "slot": row.slot} for row, _ in found]
    read = [mine | said for mine, (_, said) in zip(own, found, strict=True)]
    assert [{n: v for n, v in row.items() if v is not None} for row in read] == rows


def test_lines_that_sell_the_same_share_their_text() -> None:
    first = {"id": "line_1", "subscription": "s", "company": "c", "text": 'say "},{"'}
    second = {"id": "line_2", "slot": "x-0", "company": "c", "text": 'say "},{"'}
    found = rows_in(compact([first, second]), decoded)
    assert found is not None
    assert found[0][1] is found[1][1], "decoded once"
    assert [(row.subscription, row.slot) for row, _ in found] == [("s", None), (None, "x-0")]
    assert found[0][0].own == '"id":"line_1","subscription":"s"'


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'[ {"id":"a","company":""}]', b'[{"id":"a","company":""},{"company":""}]'],
)
def test_what_is_spelled_otherwise_is_left_alone(body: bytes) -> None:
    assert rows_in(body, decoded) is None
