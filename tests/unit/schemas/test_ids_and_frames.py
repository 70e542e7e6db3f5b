"""Ids are functions of what they name; frames give back what went in; periods end exclusive."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import frame
from schemas.charges import normal_term, product_key
from schemas.ids import batch_id, derive_id, digest, line_id, plan_id, reference, reference_prefix
from schemas.periods import Period, exclusive_end, month_of

parts = st.lists(st.one_of(st.text(), st.integers()), max_size=5)
section = st.binary().filter(lambda b: b"\n" not in b)
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@given(parts, parts)
def test_other_parts_make_another_id(a: list[str | int], b: list[str | int]) -> None:
    assume([str(x) for x in a] != [str(x) for x in b])
    assert digest(*a) != digest(*b)
    assert derive_id("batch", *a) == derive_id("batch", *a) != derive_id("batch", *b)
    assert derive_id("batch", *a) != derive_id("line", *a)


def test_where_one_part_ends_matters() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("a", "") != digest("a")


def test_r3_tenants_documents_and_clients_keep_apart() -> None:
    ids = [
        line_id(*names)
        for names in (("t", "pax8", "d", "1"), ("u", "pax8", "d", "1"), ("t", "pax8", "e", "1"))
    ]
    assert len(set(ids)) == 3
    batches = {batch_id("t", "pax8", "d", bill_to, c) for bill_to in "ab" for c in ("USD", "EUR")}
    assert len(batches) == 4


def test_a_reference_tells_the_document_the_generation_and_the_part() -> None:
    prefix = reference_prefix("t", "pax8", "d")
    plan = plan_id("batch", "connection")
    names = {reference(prefix, "t", plan, g, part) for g in (0, 1) for part in ("", "PO-1")}
    assert len(names) == 4
    assert all(name.startswith(f"{prefix}-") for name in names)
    assert max(map(len, names)) <= 30


@given(section, st.binary())
def test_a_frame_gives_back_head_and_body(head: bytes, body: bytes) -> None:
    assert frame.decode(frame.encode(head, body)) == (head, body)


@given(st.lists(section, min_size=1, max_size=4), st.binary())
def test_sections_come_back_in_order_and_only_the_last_may_be_long(
    first: list[bytes], last: bytes
) -> None:
    body = frame.join(*first, last)
    assert frame.split(body, len(first) + 1) == [*first, last]


def test_a_head_is_one_line() -> None:
    with pytest.raises(AssertionError, match="a head is one line"):
        frame.encode(b"{\n}")
    with pytest.raises(AssertionError, match="only the last section may be long"):
        frame.join(b"a\nb", b"c")


@given(days, st.integers(1, 400))
def test_r22_an_end_is_exclusive_whatever_form_the_vendor_used(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    made = exclusive_end(start, end)
    assert made in (end, end + timedelta(days=1))
    assert (made == end) == (end.day == start.day)
    assert exclusive_end(start, start) == exclusive_end(start, start - timedelta(days=3))


def test_r22_both_of_pax8s_forms_end_on_the_first() -> None:
    assert exclusive_end(date(2026, 4, 1), date(2026, 5, 1)) == date(2026, 5, 1)
    assert exclusive_end(date(2026, 2, 1), date(2026, 2, 28)) == date(2026, 3, 1)
    assert month_of(date(2026, 11, 1)) == "2026-11"


periods = st.builds(
    lambda start, length: Period(start=start, end=start + timedelta(days=length)),
    st.dates(date(2026, 1, 1), date(2026, 6, 1)),
    st.integers(1, 60),
)


@given(periods, periods)
def test_periods_overlap_when_they_share_a_day(one: Period, other: Period) -> None:
    def days_of(period: Period) -> set[date]:
        return {period.start + timedelta(days=n) for n in range((period.end - period.start).days)}

    shared = bool(days_of(one) & days_of(other))
    assert one.overlaps(other) == other.overlaps(one) == shared


def test_r7_a_product_key_has_source_product_and_one_spelling_of_the_term() -> None:
    assert product_key("pax8", "p", "sku", "2 Year") == "pax8:p:2-year"
    assert normal_term("2-Year") == normal_term(" 2_year ") == "2-year"
    assert product_key("pax8", None, "sku", "Monthly") == "pax8:sku:monthly"
    assert product_key("pax8", None, None, "Monthly") is None
