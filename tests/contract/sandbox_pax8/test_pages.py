"""Lists of the Pax8 sandbox: paging, sorting, filters, and their quirks."""

import json
from decimal import Decimal
from typing import Any

import pytest

from .conftest import Pax8
from .rows import company, document, invoice, item


async def ids(vendor: Pax8, path: str, **query: Any) -> list[str]:
    answer = await vendor.get(path, **query)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json().get("content", [])]


async def test_a_page_has_ten_rows_unless_asked_and_counters_in_a_nested_object(
    vendor: Pax8,
) -> None:
    await vendor.load(companies=[company(number) for number in range(23)])
    body = (await vendor.get("/companies")).json()
    assert len(body["content"]) == 10
    assert body["page"] == {"size": 10, "totalElements": 23, "totalPages": 3, "number": 0}
    assert len((await vendor.get("/companies", page=2)).json()["content"]) == 3


async def test_pages_of_two_hundred_meet_without_gap_or_overlap(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(items=401)])
    path = f"/invoices/{invoice()['id']}/items"
    pages = [await ids(vendor, path, page=number, size=200) for number in range(3)]
    assert [len(page) for page in pages] == [200, 200, 1]
    assert [*pages[0], *pages[1], *pages[2]] == [item(number)["id"] for number in range(401)]


async def test_exactly_two_hundred_items_are_one_page(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(items=200)])
    body = (await vendor.get(f"/invoices/{invoice()['id']}/items", size=200)).json()
    assert body["page"]["totalPages"] == 1
    assert len(body["content"]) == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [({"size": 201}, 422), ({"size": 0}, 422), ({"page": -1}, 422), ({"page": "first"}, 400)],
)
async def test_paging_out_of_contract_is_refused(
    vendor: Pax8, query: dict[str, Any], status: int
) -> None:
    assert (await vendor.get("/companies", **query)).status_code == status


async def test_an_empty_result_has_no_content_key(vendor: Pax8) -> None:
    body = (await vendor.get("/companies")).json()
    assert body == {"page": {"size": 10, "totalElements": 0, "totalPages": 0, "number": 0}}


async def test_a_page_behind_the_last_has_no_content_key_either(vendor: Pax8) -> None:
    await vendor.load(companies=[company(1)])
    body = (await vendor.get("/companies", page=1)).json()
    assert "content" not in body
    assert body["page"]["totalElements"] == 1


async def test_numerals_leave_as_they_came(vendor: Pax8) -> None:
    text = '{"invoices":[{"invoice":{"id":"x"},"items":[{"price":12.50,"quantity":0.100000}]}]}'
    await vendor.http.post("/_sandbox/pax8/load", content=text)
    answer = await vendor.get("/invoices/x/items")
    assert '"price":12.50,"quantity":0.100000' in answer.text
    assert json.loads(answer.text, parse_float=Decimal)["content"][0]["price"] == Decimal("12.50")


async def test_companies_sort_by_name_and_by_city_and_filter_by_status(vendor: Pax8) -> None:
    one = company(1, name="B", status="Inactive", address={"city": "York", "country": "GB"})
    two = company(2, name="A", address={"city": "Zagreb", "country": "HR"})
    await vendor.load(companies=[one, two])
    assert await ids(vendor, "/companies", sort="name,asc") == [two["id"], one["id"]]
    assert await ids(vendor, "/companies", sort="city,desc") == [two["id"], one["id"]]
    assert await ids(vendor, "/companies", status="Inactive") == [one["id"]]
    assert await ids(vendor, "/companies", country="HR") == [two["id"]]
    assert await ids(vendor, "/companies", selfServiceAllowed="true") == []


async def test_sorting_by_a_field_that_is_not_offered_is_refused(vendor: Pax8) -> None:
    assert (await vendor.get("/companies", sort="phone,asc")).status_code == 422
    assert (await vendor.get("/invoices", sort="invoiceDate,up")).status_code == 422


async def test_invoices_filter_by_an_inclusive_range_of_dates_and_by_number(vendor: Pax8) -> None:
    days = ["2026-09-01", "2026-10-01", "2026-11-01"]
    await vendor.load(
        invoices=[
            document(0, number, invoiceDate=day, total=number) for number, day in enumerate(days)
        ]
    )
    every = [invoice(number)["id"] for number in range(3)]
    bounds = {"invoiceDateRangeStart": "2026-10-01", "invoiceDateRangeEnd": "2026-11-01"}
    assert await ids(vendor, "/invoices", **bounds) == every[1:]
    assert await ids(vendor, "/invoices", invoiceDate="2026-09-01") == every[:1]
    assert await ids(vendor, "/invoices", total="2.00") == every[2:]
    assert await ids(vendor, "/invoices", sort="invoiceDate,desc") == every[::-1]
    assert (await vendor.get("/invoices", invoiceDateRangeStart="11/2026")).status_code == 400


async def test_a_credited_invoice_is_listed_and_readable(vendor: Pax8) -> None:
    await vendor.load(invoices=[document(2, status="Credited"), document(1, 2)])
    assert await ids(vendor, "/invoices", status="Credited") == [invoice()["id"]]
    assert (await vendor.get(f"/invoices/{invoice()['id']}")).json()["status"] == "Credited"
    assert len(await ids(vendor, f"/invoices/{invoice()['id']}/items")) == 2


async def test_items_may_lack_ids_or_repeat_them(vendor: Pax8) -> None:
    rows = [item(1), item(1), {name: value for name, value in item(1).items() if name != "id"}]
    await vendor.load(invoices=[{"invoice": invoice(), "items": rows}])
    body = (await vendor.get(f"/invoices/{invoice()['id']}/items")).json()
    assert [row.get("id") for row in body["content"]] == [item(1)["id"], item(1)["id"], None]


async def test_products_search_covers_name_vendor_sku_and_id(vendor: Pax8) -> None:
    azure = {"id": "p-1", "name": "Azure Plan", "vendorName": "Microsoft", "sku": "MST-AZP"}
    backup = {"id": "p-2", "name": "Backup", "vendorName": "Acronis", "sku": "ACR-1"}
    await vendor.load(products=[azure | {"description": "Cloud"}, backup])
    for text in ("azure", "micro", "mst-a", "p-1"):
        assert await ids(vendor, "/products", search=text) == ["p-1"]
    assert await ids(vendor, "/products", vendorName="Acronis") == ["p-2"]
    assert await ids(vendor, "/products", vendorName="Microsoft", search="backup") == []
    assert "description" not in (await vendor.get("/products")).json()["content"][0]
    assert (await vendor.get("/products/p-1")).json()["description"] == "Cloud"


async def test_pricing_is_enveloped_without_page_and_may_be_a_companys_own(vendor: Pax8) -> None:
    general = {"productId": "p-1", "billingTerm": "Monthly"}
    own = general | {"companyId": company(1)["id"], "type": "Flat"}
    await vendor.load(products=[{"id": "p-1", "name": "P"}], pricing=[general, own])
    assert (await vendor.get("/products/p-1/pricing")).json() == {"content": [general]}
    asked = await vendor.get("/products/p-1/pricing", companyId=company(1)["id"])
    assert asked.json() == {"content": [own]}


async def test_subscriptions_filter_by_company_and_refuse_a_foreign_one(vendor: Pax8) -> None:
    rows = [
        {"id": f"s-{number}", "companyId": company(number)["id"], "quantity": number}
        for number in (1, 2)
    ]
    await vendor.load(companies=[company(1), company(2)], subscriptions=rows)
    assert await ids(vendor, "/subscriptions", companyId=company(2)["id"]) == ["s-2"]
    assert await ids(vendor, "/subscriptions", sort="quantity,desc") == ["s-2", "s-1"]
    refused = await vendor.get("/subscriptions", companyId="someone-else")
    assert refused.status_code == 403
    assert refused.json()["type"] == "FORBIDDEN"


async def test_usage_lines_need_a_day(vendor: Pax8) -> None:
    await vendor.load(
        subscriptions=[{"id": "s-1"}],
        usage_summaries=[{"id": "u-1", "subscriptionId": "s-1", "resourceGroup": "rg"}],
        usage_lines=[
            {"usageSummaryId": "u-1", "usageDate": "2026-10-02", "currentCharges": 1.234567},
            {"usageSummaryId": "u-1", "usageDate": "2026-10-03"},
        ],
    )
    assert await ids(vendor, "/subscriptions/s-1/usage-summaries") == ["u-1"]
    assert (await vendor.get("/usage-summaries/u-1")).json()["resourceGroup"] == "rg"
    path = "/usage-summaries/u-1/usage-lines"
    assert (await vendor.get(path)).status_code == 400
    body = (await vendor.get(path, usageDate="2026-10-02")).json()
    assert [row["currentCharges"] for row in body["content"]] == [1.234567]
    assert "page" not in body


async def test_draft_items_are_next_months_unless_asked_and_never_arrears(vendor: Pax8) -> None:
    await vendor.load(
        draft_items=[
            item(1, startPeriod="2026-11-01"),
            item(2, startPeriod="2026-12-01"),
            item(3, startPeriod="2026-12-01", term="Arrears"),
        ]
    )
    assert await ids(vendor, "/invoices/draftItems") == [item(2)["id"]]
    assert await ids(vendor, "/invoices/draftItems", monthOffset=0) == [item(1)["id"]]
    assert await ids(vendor, "/invoices/draftItems", companyId="other") == []
    assert (await vendor.get("/invoices/draftItems", monthOffset=2)).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/invoices/0000", "/invoices/0000/items", "/companies/0", "/products/0/pricing", "/orders/0"],
)
async def test_an_unknown_id_is_404_with_the_standard_body(vendor: Pax8, path: str) -> None:
    answer = await vendor.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"type", "message", "instance", "status", "details"}
    assert answer.json()["instance"] == f"/v1{path}"
    assert answer.json()["status"] == 404


async def test_the_draft_path_is_camel_case_only(vendor: Pax8) -> None:
    assert (await vendor.get("/invoices/draft-items")).status_code == 404


async def test_billing_is_read_only(vendor: Pax8) -> None:
    assert (await vendor.http.post("/pax8/v1/invoices", json={})).status_code == 405


async def test_a_large_document_is_served_without_being_held(vendor: Pax8) -> None:
    asked = {"clients": 3, "lines_per_client": 70}
    made = (await vendor.http.post("/_sandbox/pax8/load_large", json=asked)).json()
    assert made["lines"] == 210
    assert await ids(vendor, "/invoices") == [made["invoice"]]
    path = f"/invoices/{made['invoice']}/items"
    pages = [await ids(vendor, path, page=number, size=200) for number in range(2)]
    assert [len(page) for page in pages] == [200, 10]
    assert len({*pages[0], *pages[1]}) == 210
    assert "content" not in (await vendor.get(path, page=2, size=200)).json()
    assert (await vendor.get(path, size=201)).status_code == 422
