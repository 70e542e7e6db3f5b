"""A generated year: one partner whose subscriptions live, and large documents for benchmarks."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from sandbox.generate import Month, Shape, generate_large, generate_year


@pytest.fixture(scope="module")
def year() -> list[Month]:
    return generate_year(5)


def seats(month: Month) -> dict[str, dict[str, Any]]:
    return {
        item["subscriptionId"]: item
        for item in month.items
        if month.varieties[item["id"]] in {"1", "2"}
    }


def test_twelve_months_of_the_same_clients_dated_one_after_the_other(year: list[Month]) -> None:
    dates = [month.pax8["invoices"][0]["invoice"]["invoiceDate"] for month in year]
    assert dates[0] == "2026-02-01"
    assert dates[-1] == "2027-01-01"
    assert sorted(set(dates)) == dates
    assert all(month.pax8["companies"] == year[0].pax8["companies"] for month in year)
    ids = [item["id"] for month in year for item in month.items]
    assert len(ids) == len(set(ids))
    assert year[0].halopsa["clients"]
    assert not any(month.halopsa for month in year[1:])


def test_the_same_seed_gives_the_same_year(year: list[Month]) -> None:
    again = [month.as_bytes() for month in generate_year(5)]
    assert again == [month.as_bytes() for month in year]


def test_subscriptions_keep_their_ids_and_their_seats_move_with_a_proration(
    year: list[Month],
) -> None:
    moved = 0
    for before, after in pairwise(year):
        old, new = seats(before), seats(after)
        assert len(old.keys() & new.keys()) > len(new) // 2
        for subscription in after.notes["changed_subscriptions"]:
            if (
                subscription in old
                and old[subscription]["quantity"] != new[subscription]["quantity"]
            ):
                moved += 1
                prorated = [
                    item
                    for item in after.items
                    if item["type"] == "prorate" and item["subscriptionId"] == subscription
                ]
                assert prorated
    assert moved >= 5


def test_an_ended_subscription_is_not_billed_again(year: list[Month]) -> None:
    ended = [
        (month.notes["place"], one) for month in year for one in month.notes["ended_subscriptions"]
    ]
    assert ended
    for place, subscription in ended:
        assert subscription in seats(year[place - 1]) or year[place - 1].notes["quiet_company"]
        assert all(subscription not in seats(month) for month in year[place:])


def test_an_annual_line_is_billed_once_in_the_year(year: list[Month]) -> None:
    annual = [one for month in year for one in month.notes["annual_subscriptions"]]
    assert annual
    assert len(annual) == len(set(annual))
    line = next(seats(month)[annual[0]] for month in year if annual[0] in seats(month))
    assert line["term"] in {"Annual", "3 Year"}
    assert sum(annual[0] in seats(month) for month in year) == 1


def test_one_client_has_a_month_without_charges(year: list[Month]) -> None:
    silent = [month for month in year if month.notes["quiet_company"]]
    assert len(silent) == 1
    company = silent[0].notes["quiet_company"]
    assert not [item for item in silent[0].items if item.get("companyId") == company]
    others = [month for month in year if month is not silent[0]]
    assert all(any(item.get("companyId") == company for item in month.items) for month in others)


def test_a_credited_document_and_its_replacement_form_a_chain(year: list[Month]) -> None:
    corrected = [month for month in year if month.correction]
    assert len(corrected) == 1
    month = corrected[0]
    assert month.correction is not None
    old, new = month.correction["invoices"]
    assert (old["invoice"]["status"], new["invoice"]["status"]) == ("Credited", "Unpaid")
    assert old["invoice"]["id"] == month.notes["invoice"] != new["invoice"]["id"]
    assert old["items"] == month.items, "a credited document keeps its items"
    for name in ("invoiceDate", "partnerName", "currencyCode"):
        assert old["invoice"][name] == new["invoice"][name]
    assert len(new["items"]) == len(old["items"]) - 1
    assert not {item["id"] for item in old["items"]} & {item["id"] for item in new["items"]}
    by_id = {item["id"]: item for item in old["items"]}
    fewer = by_id[month.notes["reduced_item"]]
    again = next(
        item
        for item in new["items"]
        if item["subscriptionId"] == fewer["subscriptionId"] and item["type"] == "subscription"
    )
    assert again["quantity"] == fewer["quantity"] - 1
    assert again["total"] < fewer["total"]
    assert month.notes["removed_item"] in by_id


def test_one_document_comes_after_the_creation_date(year: list[Month]) -> None:
    days = [month.notes["available"][-2:] for month in year]
    assert sorted(days) == ["05"] * 11 + ["14"]


def test_a_year_in_recurring_mode_has_one_recurring_invoice_a_client() -> None:
    first = generate_year(5, shape=Shape(recurring=True))[0]
    assert len(first.halopsa["recurring_invoices"]) == len(first.halopsa["clients"]) - 1


@pytest.mark.parametrize(("clients", "each"), [(3, 70), (4, 50), (1, 1)])
def test_large_pages_hold_every_line_once_and_sum_to_the_total(clients: int, each: int) -> None:
    large = generate_large(clients, each)
    bodies = [json.loads(page, parse_float=Decimal) for page in large.pages()]
    rows = [row for body in bodies for row in body["content"]]
    assert len({row["id"] for row in rows}) == len(rows) == clients * each
    assert len({row["companyId"] for row in rows}) == clients
    assert all(len(body["content"]) == 200 for body in bodies[:-1])
    assert {body["page"]["totalPages"] for body in bodies} == {len(bodies)}
    assert sum(row["total"] for row in rows) == large.total()
    assert sum(row["costTotal"] for row in rows) == large.cost_total()
    assert all(row["total"] == row["quantity"] * row["price"] for row in rows)


def test_large_companies_and_products_are_known_to_halopsa() -> None:
    large = generate_large(5, 40)
    accounts = {client["accountsid"] for client in large.halopsa()["clients"]}
    assert {company["externalId"] for company in large.pax8()["companies"]} == accounts
    skus = {item["accountsid"] for item in large.halopsa()["items"]}
    assert {product["sku"] for product in large.pax8()["products"]} == skus
