"""The spool gives every batch its lines back in order, wherever they waited."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.spool import Spool


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**6))), st.integers(1, 60))
def test_lines_come_back_whole_and_in_the_order_of_their_pages(
    added: list[tuple[int, int]], limit: int
) -> None:
    spool = Spool[int](limit)
    for key, page in added:
        spool.add(key, page, str(page).encode())
    for key in {key for key, _ in added}:
        assert json.loads(spool.body(key)) == sorted(page for k, page in added if k == key)
    spool.clear()
    assert spool.body(0) == b"[]"
