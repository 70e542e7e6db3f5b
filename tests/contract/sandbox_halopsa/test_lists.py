"""Envelopes, paging, filters and sorting of the HaloPSA sandbox's lists."""

from typing import Any

import pytest

from .conftest import Halo
from .rows import line, recurring


async def many(halo: Halo, count: int) -> None:
    rows = [{"id": n, "client_id": 42, "lines": [line()]} for n in range(1, count + 1)]
    await halo.load(invoices=rows)


async def ids(halo: Halo, path: str = "/Invoice", key: str = "invoices", **query: Any) -> list[int]:
    return [row["id"] for row in (await halo.get(path, **query)).json()[key]]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/Client", "clients"),
        ("/Site", "sites"),
        ("/Supplier", "suppliers"),
        ("/Invoice", "invoices"),
        ("/RecurringInvoice", "invoices"),
        ("/Item", "items"),
        ("/SoftwareLicence", "licences"),
        ("/ClientContract", "contracts"),
        ("/IntegrationError", "errors"),
        ("/InvoiceChange", "changes"),
    ],
)
async def test_lists_come_in_an_envelope_with_their_own_key(
    halo: Halo, path: str, key: str
) -> None:
    body = (await halo.get(path)).json()
    assert set(body) == {"record_count", key}
    assert body["record_count"] == len(body[key])


@pytest.mark.parametrize("path", ["/Tax", "/Currency", "/AssetGroup", "/Lookup", "/XeroDetails"])
async def test_configuration_lists_are_bare_arrays(halo: Halo, path: str) -> None:
    assert isinstance((await halo.get(path)).json(), list)


async def test_the_case_of_a_path_does_not_matter(halo: Halo) -> None:
    assert (await halo.get("/iNVOICE")).status_code == 200
    assert (await halo.state())["calls"]["GET /Invoice"] == 1


async def test_page_size_without_pageinate_is_ignored(halo: Halo) -> None:
    await many(halo, 120)
    assert len(await ids(halo, page_size=10)) == 50
    assert len(await ids(halo, count=7)) == 7
    assert len(await ids(halo, count=5000)) == 100


async def test_pages_are_cut_at_a_hundred(halo: Halo) -> None:
    await many(halo, 120)
    page: dict[str, Any] = {"pageinate": "true", "page_size": 1000}
    assert await ids(halo, **page, page_no=2) == list(range(101, 121))
    assert await ids(halo, **page, page_no=3) == []
    body = (await halo.get("/Invoice", **page, page_no=1)).json()
    assert (body["record_count"], body["page_no"], body["page_size"]) == (120, 1, 100)


async def test_a_tenant_may_ignore_paging(halo: Halo) -> None:
    await many(halo, 120)
    await halo.load(control={"paging_ignored": True})
    first, second = [await ids(halo, pageinate="true", page_size=50, page_no=n) for n in (1, 2)]
    assert first == second
    assert len(first) == 120


async def test_only_the_word_true_sorts_downwards(halo: Halo) -> None:
    await many(halo, 3)
    assert await ids(halo, order="id", orderdesc="true") == [3, 2, 1]
    assert await ids(halo, order="id", orderdesc="1") == [1, 2, 3]


async def test_unknown_filters_are_ignored(halo: Halo) -> None:
    await many(halo, 2)
    assert await ids(halo, posted_only="true", date_from="2030-01-01") == [1, 2]


async def test_documented_filters_narrow_invoices(halo: Halo) -> None:
    await halo.load(
        clients=[{"id": 44, "name": "Cog"}],
        invoices=[
            {"id": 1, "client_id": 42, "posted": True, "reference": "PX8-1"},
            {"id": 2, "client_id": 44, "voided": True, "thirdpartyinvoicenumber": "INV-9"},
            {"id": 3, "client_id": 44, "creditlinkedtoinvoiceid": 1, "recurring_invoice_id": -94},
        ],
    )
    assert await ids(halo, client_id=44) == [2, 3]
    assert await ids(halo, client_ids="42,44") == [1, 2, 3]
    assert await ids(halo, postedonly="true") == [1]
    assert await ids(halo, notpostedonly="true") == [2, 3]
    assert await ids(halo, exclude_voided="true") == [1, 3]
    assert await ids(halo, third_party_id="INV-9") == [2]
    assert await ids(halo, includecredits="false") == [1, 2]
    assert await ids(halo, recurringinvoice_id=-94) == [3]
    assert await ids(halo, search="px8-") == [1]


@pytest.mark.parametrize("names", [("startdate", "enddate"), ("start_date", "end_date")])
async def test_the_window_takes_both_spellings_and_may_be_ignored(
    halo: Halo, names: tuple[str, str]
) -> None:
    days = ["2026-09-30", "2026-10-01", "2026-10-31", "2026-11-01"]
    rows = [{"id": n, "client_id": 42, "invoice_date": day} for n, day in enumerate(days, 1)]
    await halo.load(invoices=rows)
    window = dict(zip(names, ("2026-10-01", "2026-10-31"), strict=True))
    assert await ids(halo, datesearch="invoice_date", **window) == [2, 3]
    await halo.load(control={"date_filters_ignored": True})
    assert await ids(halo, datesearch="invoice_date", **window) == [1, 2, 3, 4]


async def test_inactive_records_are_listed_only_when_asked_for(halo: Halo) -> None:
    assert await ids(halo, "/Client", "clients") == [42]
    assert await ids(halo, "/Client", "clients", includeinactive="true") == [42, 43]
    assert await ids(halo, "/Item", "items") == [901]
    assert await ids(halo, "/Item", "items", includeinactive="true") == [901, 902]


async def test_list_rows_are_partial(halo: Halo) -> None:
    await halo.load(
        invoices=[{"id": 1, "client_id": 42, "internal_note": "key", "lines": [line()]}],
        recurring_invoices=[recurring()],
    )
    for path, number in (("/Invoice", 1), ("/RecurringInvoice", -94)):
        row = (await halo.get(path)).json()["invoices"][0]
        assert not {"lines", "internal_note"} & set(row)
        row = (await halo.get(path, includelines="true")).json()["invoices"][0]
        assert len(row["lines"]) == 1
        assert "internal_note" not in row
        assert "lines" not in (await halo.get(f"{path}/{number}")).json()
        assert {"lines", "internal_note"} <= set(await halo.read(path, number))


async def test_a_sites_client_is_typed_as_a_double(halo: Halo) -> None:
    assert '"client_id":42.0' in (await halo.get("/Site")).text


async def test_accounts_codes_are_found_through_the_list_of_lookups(halo: Halo) -> None:
    kinds = (await halo.get("/Lookup", lookupid=11)).json()
    codes = (await halo.get("/Lookup", lookupid=kinds[0]["value2"])).json()
    assert [code["name"] for code in codes] == ["200"]


async def test_licences_are_filtered_by_client_and_activity(halo: Halo) -> None:
    await halo.load(
        software_licences=[
            {"id": 1, "client_id": 42, "name": "EDR", "count": 5},
            {"id": 2, "client_id": 42, "name": "EDR old", "is_active": False},
            {"id": 3, "client_id": 43, "name": "EDR"},
        ]
    )
    assert await ids(halo, "/SoftwareLicence", "licences", client_id=42) == [1]
    every = {"client_id": 42, "includeinactive": "true", "search": "edr"}
    assert await ids(halo, "/SoftwareLicence", "licences", **every) == [1, 2]


async def test_xero_details_may_be_narrowed_to_connections(halo: Halo) -> None:
    rows = [{"id": 1, "name": "Books"}, {"id": 2, "name": "Old", "authorized": False}]
    await halo.load(xero_details=rows)
    assert len((await halo.get("/XeroDetails")).json()) == 2
    assert len((await halo.get("/XeroDetails", connectedonly="true")).json()) == 1
