"""Sums per client and product, and why a row ends before it (R21)."""

from __future__ import annotations

from typing import Any

import pytest

from lifecycle.domain.clients import Clients
from lifecycle.domain.counts import resolved
from lifecycle.domain.items import Items
from schemas.counts import PRODUCT_NAMES, UNITS, Count, CountRow, ResolvedCounts
from schemas.settings import Settings
from support.counts import count, counting_settings
from support.lifecycle import client, item

ONE, TWO = "700101", "700102"
CLIENTS = (client(42, "Acme"), client(43, "Bolt"), client(44, "Gone", active=False))
ITEMS = (item(310, "Endpoints"), item(311, "Huntress Managed SIEM"))
MAP = ({"company": ONE, "halo": 42}, {"company": TWO, "halo": 42})
EDR = {"source": "huntress", "product": "edr", "halo": 310}


def settings(*clients: dict[str, Any], **changes: Any) -> Settings:
    return counting_settings(*(clients or MAP), **{"product": [EDR]} | changes)


def of(number: str, name: str, units: int = 19, **changes: Any) -> Count:
    return count(units=units, organization=number, organization_name=name, **changes)


def resolve(rows: list[Count], given: Settings | None = None) -> ResolvedCounts:
    return resolved(
        rows,
        Clients(CLIENTS),
        Items(ITEMS),
        given or settings(),
        source="huntress",
        at="2026-11-05T12:00:00+00:00",
    )


def ended(rows: list[Count], given: Settings | None = None) -> CountRow:
    found = resolve(rows, given)
    assert found.clients == ()
    [row] = found.ended
    assert (row.organization, row.product, row.count) == (
        rows[0].organization,
        rows[0].product,
        rows[0].count,
    )
    assert row.at == "2026-11-05T12:00:00+00:00"
    return row


def test_7_many_organizations_are_one_sum_and_each_keeps_its_part() -> None:
    rows = [of(ONE, "Acme East"), of(TWO, "Acme West", 3, warnings=["count-from-list"])]
    found = resolve(rows)
    [one] = found.clients
    assert (one.client, one.client_name, one.item, one.count) == (42, "Acme", 310, 22)
    assert (one.licence, one.code) == ("Huntress Managed EDR", None)
    assert [(p.organization, p.count, p.warnings) for p in one.parts] == [
        (ONE, 19, ()),
        (TWO, 3, ("count-from-list",)),
    ]
    assert found.ended == ()


def test_products_are_never_added_to_one_another() -> None:
    rows = [of(ONE, "Acme"), of(ONE, "Acme", 4, product="siem")]
    found = resolve(rows)
    assert [(one.product, one.item, one.count) for one in found.clients] == [
        ("edr", 310, 19),
        ("siem", 311, 4),
    ]


def test_r21_a_held_row_holds_its_clients_whole_sum() -> None:
    rows = [of(ONE, "East"), of(TWO, "West", 0, before=9, code="count-zero", text="it was 9")]
    [one] = resolve(rows).clients
    assert (one.code, one.text, one.count) == ("count-zero", "West: it was 9", 19)
    assert [part.code for part in one.parts] == [None, "count-zero"]


def test_9_an_unmapped_organization_is_a_row_with_what_may_be_meant() -> None:
    row = ended([of("7", "Acmee")])
    assert (row.outcome, row.reason, row.client) == ("held", "organization-unmapped", None)
    assert "42 (Acme" in row.text
    assert "map it" in ended([of("7", "Zzz")]).text


def test_an_exact_name_that_nothing_else_has_is_a_match_and_is_kept() -> None:
    found = resolve([of("7", "ACME", warnings=["count-from-list"])])
    assert [(one.client, one.count) for one in found.clients] == [(42, 19)]
    [match] = found.matches
    assert (match.company, match.client, match.evidence) == ("7", 42, "exact name")


def test_a_match_whose_detail_was_not_read_waits_for_the_next_sync() -> None:
    rows = [of("7", "Acme", warnings=["detail-not-read"])]
    row = ended(rows)
    assert (row.outcome, row.reason, row.client) == ("held", "count-detail-missing", 42)
    assert [match.client for match in resolve(rows).matches] == [42]


@pytest.mark.parametrize(
    "rows",
    [
        [of("7", "Acme"), of("8", "acme ")],
        [of("7", "Acme", warnings=["organization-name-doubled"], text="same name as 8")],
    ],
    ids=["both have counts", "the other one is empty"],
)
def test_8_two_organizations_of_one_name_are_never_matched(rows: list[Count]) -> None:
    found = resolve(rows)
    assert (found.clients, found.matches) == ((), ())
    assert {(row.outcome, row.reason) for row in found.ended} == {("held", "organization-unmapped")}


def test_8_a_mapped_twin_is_summed_all_the_same() -> None:
    found = resolve([of(ONE, "Acme"), of("8", "Acme")])
    assert [(one.client, one.count) for one in found.clients] == [(42, 19)]
    assert [row.reason for row in found.ended] == ["organization-unmapped"]


def test_12_excluded_and_own_organizations_end_as_such() -> None:
    row = ended([of(ONE, "Acme")], settings({"company": ONE, "exclude": True}))
    assert (row.outcome, row.reason) == ("excluded", "excluded-client")
    own = settings(*MAP, huntress={"own_organizations": [ONE]})
    row = ended([of(ONE, "Acme")], own)
    assert (row.outcome, row.reason) == ("excluded", "own-company")


@pytest.mark.parametrize("halo", [44, 99])
def test_a_client_that_is_gone_holds_the_row(halo: int) -> None:
    row = ended([of(ONE, "Acme")], settings({"company": ONE, "halo": halo}))
    assert (row.outcome, row.reason) == ("held", "client-gone")
    assert str(halo) in row.text


def test_a_product_without_an_item_ends_with_each_of_its_parts() -> None:
    rows = [of(ONE, "East", product="sat"), of(TWO, "West", product="sat")]
    found = resolve(rows)
    assert found.clients == ()
    assert [(row.organization, row.reason, row.client) for row in found.ended] == [
        (ONE, "item-unmapped", 42),
        (TWO, "item-unmapped", 42),
    ]


def test_an_item_that_is_closed_holds_the_rows() -> None:
    gone = settings(product=[EDR | {"halo": 999}])
    assert ended([of(ONE, "Acme")], gone).reason == "item-gone"


@pytest.mark.parametrize("term", [None, "Monthly"])
def test_a_product_is_mapped_with_or_without_its_term(term: str | None) -> None:
    [one] = resolve([of(ONE, "Acme")], settings(product=[EDR | {"term": term}])).clients
    assert one.item == 310


def test_a_licence_may_be_called_otherwise() -> None:
    rule = [{"product": "edr", "client": 42, "licence": "Endpoint protection"}]
    [one] = resolve([of(ONE, "Acme")], settings(counts={"rule": rule})).clients
    assert one.licence == "Endpoint protection"


def test_r21_a_product_bills_by_licence_or_by_charge_and_may_be_off() -> None:
    charge = [{"product": "edr", "bill": "charge", "price": "4"}]
    row = ended([of(ONE, "Acme")], settings(counts={"rule": charge}))
    assert (row.outcome, row.reason, row.client) == ("charged", "", 42)
    held = ended([of(ONE, "Acme", code="count-jump")], settings(counts={"rule": charge}))
    assert (held.outcome, held.reason) == ("held", "count-jump")
    off = settings(counts={"rule": [{"product": "edr", "bill": "off"}]})
    assert ended([of(ONE, "Acme", code="count-jump")], off).outcome == "nothing"
    own = [*charge, {"product": "edr", "client": 42, "bill": "licence"}]
    assert len(resolve([of(ONE, "Acme")], settings(counts={"rule": own})).clients) == 1


def test_13_14_what_counts_nothing_ends_with_its_warning() -> None:
    legacy = of(ONE, "Acme", 0, product="itdr", warnings=["legacy-fields-only"])
    odd = of(ONE, "Acme", 0, product="mdr", warnings=["product-unknown"])
    assert [(row.outcome, row.reason) for row in resolve([legacy, odd]).ended] == [
        ("nothing", "legacy-fields-only"),
        ("nothing", "product-unknown"),
    ]


def test_an_accepted_zero_goes_on_to_be_written() -> None:
    [one] = resolve([of(ONE, "Acme", 0, before=0)]).clients
    assert (one.count, one.code) == (0, None)


def test_every_row_is_there_once() -> None:
    rows = [
        of(ONE, "East"),
        of(TWO, "West", 0, before=9, code="count-zero"),
        of("7", "Zzz"),
        of(ONE, "East", 3, product="sat"),
        of(TWO, "West", 0, product="mdr", warnings=["product-unknown"]),
    ]
    found = resolve(rows)
    there = [(row.organization, row.product) for row in found.ended]
    there += [(p.organization, one.product) for one in found.clients for p in one.parts]
    assert sorted(there) == sorted((row.organization, row.product) for row in rows)


def test_every_product_has_its_name_and_its_unit() -> None:
    assert PRODUCT_NAMES.keys() == UNITS.keys()


def test_a_count_that_is_not_known_is_held_also_where_nothing_was_counted_before() -> None:
    unknown = of(TWO, "West", 0, code="count-unknown", text="not said")
    [one] = resolve([of(ONE, "East"), unknown]).clients
    assert (one.count, one.code, one.text) == (19, "count-unknown", "West: not said")
