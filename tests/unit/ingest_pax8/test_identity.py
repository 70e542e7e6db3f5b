"""R4: what tells lines apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.domain.identity import Identities, LineIds, basis_for, set_digest
from schemas.ids import line_id


@given(st.text(), st.text(), st.text(), st.text())
def test_line_ids_are_those_of_the_schema(t: str, source: str, document: str, name: str) -> None:
    assert LineIds(t, source, document).of(name) == line_id(t, source, document, name)


def test_r4_vendor_ids_are_the_basis_only_if_every_line_has_a_distinct_one() -> None:
    assert basis_for(["a", "b"]) == "ids"
    assert basis_for(["a", "a"]) == "fields"
    assert basis_for(["a", None]) == "fields"
    assert basis_for(["a", ""]) == "fields"


def test_r4_two_equal_lines_are_two_lines() -> None:
    identities = Identities("fields")
    names = [identities.next(None, lambda: "same"), identities.next(None, lambda: "same")]
    assert len(set(names)) == 2


@given(st.lists(st.text()), st.randoms(use_true_random=False))
def test_a_set_of_lines_has_no_order(names: list[str], rng: object) -> None:
    mixed = sorted(names, key=lambda name: hash((name, 7)))
    assert set_digest(names) == set_digest(mixed)


def test_a_set_of_lines_counts_equals() -> None:
    assert set_digest(["a", "a"]) != set_digest(["a"])
