"""The spool gives every batch its lines back in order, wherever they waited."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.spool import Spool


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**6))), st.integers(1, 60))
def test_lines_come_back_whole_and_in_order(added: list[tuple[int, int]], limit: int) -> None:
    with Spool[int](limit) as spool:
        for key, number in added:
            spool.add(key, str(number).encode())
        for key in {key for key, _ in added}:
            assert json.loads(spool.body(key)) == [n for k, n in added if k == key]
