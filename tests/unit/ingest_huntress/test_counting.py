"""Which counts an organisation has. Numbers are those of the varieties in the vendor's sheet."""

from __future__ import annotations

import pytest

from ingest_huntress.domain.counting import counts_of, vanished, with_doubled_names
from support.counts import organization, short


def test_1_endpoints_only_is_one_row() -> None:
    [row] = counts_of(organization(active={"edr": 12}, listed={"edr": 12}), {})
    assert (row.product, row.count, row.read_from) == ("edr", 12, "detail")
    assert row.warnings == ()


def test_2_all_five_products_are_five_rows_in_their_order() -> None:
    active = {"siem": 4, "sat": 17, "ispm": 15, "itdr": 18, "edr": 19}
    rows = counts_of(organization(active=active), {})
    products = ["edr", "itdr", "ispm", "sat", "siem"]
    assert short(rows) == [(product, active[product], None) for product in products]


def test_3_two_products_on_the_same_identities_are_never_added() -> None:
    rows = counts_of(organization(active={"itdr": 9, "ispm": 9}, listed={"itdr": 9}), {})
    assert short(rows) == [("itdr", 9, None), ("ispm", 9, None)]


def test_4_a_product_that_is_not_active_has_no_row_whatever_the_list_counts() -> None:
    sold_endpoints = organization(active={"edr": 8}, listed={"edr": 8, "sat": 6})
    assert short(counts_of(sold_endpoints, {})) == [("edr", 8, None)]


def test_4_in_quick_mode_it_has_a_row_and_a_warning() -> None:
    listed = organization(detail="quick", listed={"edr": 8, "sat": 6})
    rows = counts_of(listed, {})
    assert short(rows) == [("edr", 8, None), ("sat", 6, None)]
    assert [(row.read_from, row.warnings) for row in rows] == [("list", ("count-from-list",))] * 2


@pytest.mark.parametrize("detail", ["read", "quick"])
def test_5_all_zero_is_no_row_unless_something_was_counted_before(detail: str) -> None:
    empty = organization(detail=detail)
    assert counts_of(empty, {}) == []
    [row] = counts_of(empty, {"edr": 7})
    assert (row.product, row.count, row.before, row.read_from) == ("edr", 0, 7, "absent")


def test_6_the_billable_number_is_billed_and_all_are_shown() -> None:
    seen = {"edr": {"agents": 24, "unresponsive": 5}}
    [row] = counts_of(organization(active={"edr": 19}, listed={"edr": 24}, seen=seen), {})
    assert (row.count, row.seen) == (19, {"agents": 24, "unresponsive": 5})


def test_8_twins_by_name_are_said_on_the_one_that_has_counts() -> None:
    full = organization(700108, "Larkfield  Dental", active={"edr": 23})
    empty = organization(700109, "LARKFIELD DENTAL")
    other = organization(700110, "Other", active={"edr": 1})
    rows = [row for one in (full, empty, other) for row in counts_of(one, {})]
    twin, alone = with_doubled_names(rows, [full, empty, other])
    assert twin.warnings == ("organization-name-doubled",)
    assert "700109" in twin.text
    assert alone.warnings == ()


def test_11_an_organization_that_is_gone_ends_what_it_had_and_is_held() -> None:
    for rows in (
        vanished("700111", "Gone Ltd", {"edr": 7, "sat": 0}),
        counts_of(organization(700111, "Gone Ltd", detail="gone"), {"edr": 7, "sat": 0}),
    ):
        assert short(rows) == [("edr", 0, "organization-vanished"), ("sat", 0, None)]
        assert (rows[0].before, rows[0].organization_name) == (7, "Gone Ltd")
        assert "last quantity was 7" in rows[0].text


def test_11_one_that_was_never_counted_is_shown_by_its_list_and_held() -> None:
    rows = counts_of(organization(detail="gone", listed={"edr": 5}), {})
    assert short(rows) == [("edr", 5, "organization-vanished")]


def test_13_only_a_counter_of_old_is_a_warning_and_no_count() -> None:
    [row] = counts_of(organization(legacy=14), {})
    assert (row.product, row.count, row.warnings) == ("itdr", 0, ("legacy-fields-only",))
    assert "14" in row.text


def test_14_a_product_that_is_not_known_is_kept_and_counts_nothing() -> None:
    edr, unknown = counts_of(organization(active={"edr": 11}, unknown={"mdr": '{"units":3}'}), {})
    assert (edr.product, edr.count) == ("edr", 11)
    assert (unknown.product, unknown.count, unknown.warnings) == ("mdr", 0, ("product-unknown",))
    assert '{"units":3}' in unknown.text


def test_15_names_survive() -> None:
    for name in ("N" * 256, "Ærøskøbing 歯科 🦷", "=cmd()"):
        [row] = counts_of(organization(name=name, active={"edr": 1}), {})
        assert row.organization_name == name


def test_a_count_that_is_not_told_falls_back_to_the_list_and_says_so() -> None:
    [row] = counts_of(organization(active={"edr": None}, listed={"edr": 21}), {"edr": 20})
    assert (row.count, row.read_from, row.warnings, row.code) == (
        21,
        "list",
        ("count-from-list",),
        None,
    )


def test_a_count_that_nobody_tells_is_never_zero() -> None:
    """ISPM has no counter in the list."""
    [row] = counts_of(organization(active={"ispm": None}), {"ispm": 15})
    assert (row.count, row.before, row.code) == (15, 15, "count-unknown")
    [first] = counts_of(organization(active={"ispm": None}), {})
    assert first.code == "count-unknown"


def test_a_read_without_usages_falls_back_to_the_list() -> None:
    rows = counts_of(organization(detail="silent", listed={"edr": 21}), {"edr": 19, "ispm": 4})
    assert short(rows) == [("edr", 21, None), ("ispm", 4, "count-unknown")], "unknown, not zero"


def test_4_a_product_without_a_counter_in_the_list_is_unknown_in_quick_mode() -> None:
    quick = organization(detail="quick", listed={"edr": 21})
    rows = counts_of(quick, {"edr": 19, "ispm": 15})
    assert short(rows) == [("edr", 21, None), ("ispm", 15, "count-unknown")]
    assert short(counts_of(quick, {"edr": 19, "ispm": 0})) == [("edr", 21, None)]


def test_a_counter_that_the_list_lacks_is_unknown_only_where_it_was_counted() -> None:
    quick = organization(detail="quick", listed={"edr": None})
    assert counts_of(quick, {}) == []
    assert short(counts_of(quick, {"edr": 9})) == [("edr", 9, "count-unknown")]


def test_nobodys_organization_is_counted_by_the_list_and_marked() -> None:
    [row] = counts_of(organization(detail="not-read", listed={"edr": 21}), {})
    assert (row.count, row.warnings) == (21, ("detail-not-read",))
