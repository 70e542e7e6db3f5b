"""A generated month: the same for the same seed, every variety, its sums as the sheet says."""

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.core import dumps, loads
from sandbox.generate import VARIETIES, Month, Shape, generate_month
from sandbox.generate.names import HOSTILE

CENT = Decimal("0.01")
SETTLEMENTS = {"rebate", "payment-credit", "invoice-credit"}
seeds = st.integers(0, 10_000)
few = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(7)


def of(month: Month, *varieties: str) -> list[dict[str, Any]]:
    found = [item for item in month.items if month.varieties[item["id"]] in varieties]
    assert found, varieties
    return found


@few
@given(seed=seeds)
def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(seed: int) -> None:
    once = generate_month(seed, lines=200)
    assert once.as_bytes() == generate_month(seed, lines=200).as_bytes()
    assert once.as_bytes() != generate_month(seed + 1, lines=200).as_bytes()


@few
@given(seed=seeds, lines=st.integers(150, 700), clients=st.integers(10, 70))
def test_every_variety_is_there_from_150_lines_and_the_count_is_exact(
    seed: int, lines: int, clients: int
) -> None:
    month = generate_month(seed, clients=clients, lines=lines)
    assert len(month.items) == lines
    assert len(month.pax8["companies"]) == clients
    assert set(month.varieties) == {item["id"] for item in month.items}
    assert set(month.varieties.values()) == {"1", *VARIETIES}


@few
@given(seed=seeds, lines=st.integers(150, 1000))
def test_no_client_nets_negative_in_any_currency(seed: int, lines: int) -> None:
    month = generate_month(seed, lines=lines)
    net: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for item in month.items:
        if item["type"] not in SETTLEMENTS and not item["billedByPax8"]:
            net[item.get("companyId", ""), item["currencyCode"]] += item["total"]
    assert not {key: total for key, total in net.items() if total < 0}


@few
@given(seed=seeds)
def test_a_favourable_proration_gives_back_less_than_its_subscription_costs(seed: int) -> None:
    month = generate_month(seed, lines=300)
    seats = {item["subscriptionId"]: item["total"] for item in of(month, "1")}
    for item in of(month, "4a", "4b", "4c"):
        assert seats[item["subscriptionId"]] > -item["total"]


@pytest.mark.parametrize("lines", [1, 30, 36])
def test_a_small_month_has_the_lines_asked_for_though_varieties_come_in_pairs(lines: int) -> None:
    assert len(generate_month(2, lines=lines).items) == lines


def test_exactly_two_hundred_lines_are_one_full_page() -> None:
    assert len(generate_month(1, lines=200).items) == 200


def test_amounts_are_decimals_and_survive_json(month: Month) -> None:
    for item in month.items:
        for name in ("price", "total", "cost", "costTotal"):
            assert isinstance(item[name], Decimal), name
    assert loads(dumps(month.pax8)) == month.pax8


def test_the_invoice_is_dated_on_the_first_of_the_next_month(month: Month) -> None:
    header = month.pax8["invoices"][0]["invoice"]
    assert (header["invoiceDate"], header["dueDate"]) == ("2026-11-01", "2026-11-15")
    assert {item["startPeriod"] for item in of(month, "1")} == {"2026-11-01"}
    assert {item["endPeriod"] for item in of(month, "1")} == {"2026-12-01", "2026-11-30"}
    assert {item["startPeriod"] for item in of(month, "6", "10")} == {"2026-10-01"}
    for item in of(month, "3", "4a", "4b", "4c"):
        assert "2026-10-01" < item["startPeriod"] < "2026-11-01"


def test_signs_of_the_three_shapes_of_a_favourable_proration(month: Month) -> None:
    for item in of(month, "4a"):
        assert item["quantity"] < 0 < item["price"]
    for item in of(month, "4b"):
        assert item["quantity"] > 0 > item["price"]
    for item in of(month, "4c"):
        assert item["quantity"] > 0 == item["price"]
    for item in of(month, "4a", "4b", "4c"):
        assert item["type"] == "prorate"
        assert item["total"] < 0
        assert item["costTotal"] < 0
    assert all(item["total"] > 0 for item in of(month, "3"))
    assert all(abs(item["total"]) < Decimal("0.005") for item in of(month, "5"))


def test_azure_lines_have_fine_quantities_and_rounded_products(month: Month) -> None:
    for item in of(month, "6"):
        assert item["term"] == "Arrears"
        assert " - Arrears Charge - " in item["description"]
        assert 4 <= -item["quantity"].as_tuple().exponent <= 6
        assert item["total"] == (item["quantity"] * item["price"]).quantize(CENT, "ROUND_HALF_UP")
        assert item["total"] > 0
    assert all(item["total"] < 0 and item["type"] != "prorate" for item in of(month, "9"))
    assert all(item["total"] == item["costTotal"] == 0 for item in of(month, "7", "12"))
    assert all("Arrears Charge" not in item["description"] for item in of(month, "8", "10"))


def test_some_seat_lines_are_tiered_and_their_total_is_not_quantity_times_price(
    month: Month,
) -> None:
    tiered = [item for item in of(month, "1") if item["rateType"] == "tiered"]
    assert tiered
    assert all(item["total"] != item["quantity"] * item["price"] for item in tiered)


def test_what_is_not_rebilled_or_belongs_to_nobody(month: Month) -> None:
    assert {item["type"] for item in of(month, "15")} == SETTLEMENTS
    assert all(item["total"] < 0 for item in of(month, "15"))
    assert all(item["billedByPax8"] and item["billingFee"] > 0 for item in of(month, "16"))
    owners = [item.get("companyId") for item in of(month, "17")]
    assert None in owners
    assert month.notes["foreign_company"] in owners
    assert all(item["price"] == 0 < item["cost"] for item in of(month, "13"))


def test_twins_differ_in_nothing_but_their_id(month: Month) -> None:
    bare = Counter(
        dumps({name: value for name, value in item.items() if name != "id"})
        for item in of(month, "18")
    )
    assert max(bare.values()) >= 2


def test_the_pounds_client_has_rows_of_a_second_currency(month: Month) -> None:
    pounds = month.notes["second_currency_company"]
    assert {item["companyId"] for item in of(month, "20")} == {pounds}
    assert {item["currencyCode"] for item in of(month, "20")} == {"GBP", "USD"}
    others = {item["currencyCode"] for item in month.items if item.get("companyId") != pounds}
    assert others == {"USD"}


def test_sizes_have_a_heavy_tail(month: Month) -> None:
    sizes = sorted(Counter(item.get("companyId") for item in month.items).values(), reverse=True)
    assert sizes[0] > 8 * sizes[len(sizes) // 2]
    assert sizes[-1] <= 5


def test_hostile_names_are_at_both_vendors_and_in_lines(month: Month) -> None:
    clients = {client["name"] for client in month.halopsa["clients"]}
    assert set(HOSTILE) <= clients
    assert set(HOSTILE) <= {company["name"] for company in month.pax8["companies"]}
    assert max(map(len, HOSTILE)) > 255
    assert any("\n" in item["description"] for item in of(month, "19"))


@few
@given(seed=seeds)
def test_most_companies_match_by_rule_and_the_planted_ones_do_not(seed: int) -> None:
    month = generate_month(seed, lines=300)
    by_account = {row["accountsid"]: row["id"] for row in month.halopsa["clients"]}
    by_name = {row["name"]: row["id"] for row in month.halopsa["clients"]}
    assert len(by_name) == len(month.halopsa["clients"])
    mapped = {row["company"] for row in month.settings["client"]}
    unmatched = set()
    for company in month.pax8["companies"]:
        found = by_account.get(company.get("externalId", "-")) or by_name.get(company["name"])
        if found is None:
            unmatched.add(company["id"])
        else:
            assert found == month.notes["halo_client_by_company"][company["id"]]
    foreign = month.notes["foreign_company"]
    assert unmatched - mapped == set(month.notes["unmapped_companies"]) - {foreign}


def test_items_are_known_by_sku_by_name_twice_only_closed_or_not_at_all(month: Month) -> None:
    rows = [row for row in month.halopsa["items"] if row["status"] == 14]
    hits: Counter[str] = Counter()
    for product in month.pax8["products"]:
        by_sku = [row for row in rows if row["accountsid"] == product["sku"]]
        found = by_sku or [row for row in rows if row["name"] == product["name"]]
        fate = month.notes["product_fates"][product["id"]]
        expected = {"by sku": 1, "by name": 1, "new": 0, "closed": 0, "ambiguous": 2}[fate]
        assert len(found) == expected, (product["name"], fate)
        hits[fate] += 1
    assert set(hits) == {"by sku", "by name", "new", "closed", "ambiguous"}
    ambiguous = month.notes["ambiguous_product"]
    assert any(item["productId"] == ambiguous for item in of(month, "1"))


def test_the_answers_cover_every_planted_hold(month: Month) -> None:
    settled = month.resolved_settings()
    companies = {row["company"] for row in settled["client"]}
    assert set(month.notes["unmapped_companies"]) <= companies
    assert month.notes["unlinked_subscription"] in {
        row.get("subscription") for row in settled["client"]
    }
    terms = {
        item["term"]
        for item in month.items
        if item["productId"] == month.notes["ambiguous_product"]
    }
    assert terms <= {row["term"] for row in settled["product"]}
    assert month.settings["product"] == [], "the settings before the answers stay as they were"


def test_a_month_may_come_without_item_ids_or_vendor_names() -> None:
    month = generate_month(3, lines=160, shape=Shape(item_ids=False, vendor_names=False))
    assert not any("id" in item or "vendorName" in item for item in month.items)
    assert len(month.varieties) == 160


def test_recurring_invoices_come_when_asked_with_negative_ids_and_mapped_in_the_settings() -> None:
    month = generate_month(3, lines=160, shape=Shape(recurring=True))
    rows = {row["id"]: row for row in month.halopsa["recurring_invoices"]}
    assert rows
    assert max(rows) < 0
    assert month.settings["policy"]["behaviour"] == "recurring"
    for row in month.resolved_settings()["client"]:
        if not row.get("exclude"):
            assert rows[row["recurring"]]["client_id"] == row["halo"]
