"""Recurring invoices of the HaloPSA sandbox: negative ids, schedules, licence counts."""

from typing import Any

import pytest

from .conftest import Halo
from .rows import line, recurring


async def due(halo: Halo, day: str) -> list[Any]:
    return list((await halo.control("create_due", {"date": day}))["invoices"])


async def test_new_recurring_invoices_get_negative_ids_that_fall(halo: Halo) -> None:
    await halo.load(recurring_invoices=[recurring()])
    numbers = [
        (await halo.post("/RecurringInvoice", {"client_id": 42})).json()["id"] for _ in range(2)
    ]
    assert numbers == [-95, -96]


async def test_a_positive_id_can_not_be_loaded(halo: Halo) -> None:
    payload = {"recurring_invoices": [recurring(id=94)]}
    answer = await halo.http.post("/_sandbox/halopsa/load", json=payload)
    assert answer.status_code == 422


async def test_what_is_due_becomes_an_invoice_with_lines_of_its_own(halo: Halo) -> None:
    await halo.load(recurring_invoices=[recurring(), recurring(id=-95, disabled=True, lines=[])])
    assert await due(halo, "2026-10-30") == []
    (made,) = await due(halo, "2026-11-01")
    read = await halo.read("/Invoice", made["id"])
    assert (read["id"] > 0, read["recurring_invoice_id"]) == (True, -94)
    assert read["invoice_date"] == "2026-10-31T00:00:00"
    (copy,) = read["lines"]
    assert (copy["comment_2"], copy["qty_order"], copy["ihid"]) == ("a91f:1", 3, read["id"])
    assert copy["id"] != 1001
    assert read["total"] == 61.5
    assert await due(halo, "2026-11-01") == []


async def test_the_next_creation_date_moves_on_to_the_end_of_short_months(halo: Halo) -> None:
    await halo.load(recurring_invoices=[recurring()])
    days = [row["invoice_date"][:10] for row in await due(halo, "2027-03-31")]
    assert days == [
        "2026-10-31",
        "2026-11-30",
        "2026-12-31",
        "2027-01-31",
        "2027-02-28",
        "2027-03-31",
    ]
    row = await halo.read("/RecurringInvoice", -94)
    assert (row["nextcreationdate"], row["lastcreated"]) == (
        "2027-04-30T00:00:00",
        "2027-03-31T00:00:00",
    )


async def test_a_nested_schedule_is_read_and_moved(halo: Halo) -> None:
    schedule = {"period": 4, "startdate": "2026-11-01", "nextcreationdate": "2026-11-01"}
    made = (await halo.post("/RecurringInvoice", {"client_id": 42, "schedule": schedule})).json()
    (invoice,) = await due(halo, "2026-11-01")
    moved = (await halo.read("/RecurringInvoice", made["id"]))["schedule"]
    assert moved["nextcreationdate"] == "2027-02-01T00:00:00"
    assert moved["invoice_id"] == invoice["id"]


async def test_nothing_is_made_after_the_end_date(halo: Halo) -> None:
    await halo.load(recurring_invoices=[recurring(enddate="2026-10-01T00:00:00")])
    assert await due(halo, "2026-12-31") == []


async def test_an_unknown_period_is_not_guessed(halo: Halo) -> None:
    await halo.load(recurring_invoices=[recurring(period=6)])
    refused = await halo.http.post("/_sandbox/halopsa/create_due", json={"date": "2026-11-01"})
    assert refused.status_code == 422
    assert (await halo.state())["entities"]["invoices"] == []


async def test_process_takes_bare_ids_and_makes_real_invoices(halo: Halo) -> None:
    await halo.load(recurring_invoices=[recurring()])
    answer = await halo.post("/RecurringInvoice/process", -94)
    assert answer.status_code == 201
    assert answer.json()["recurring_invoice_id"] == -94
    row = await halo.read("/RecurringInvoice", -94)
    assert row["nextcreationdate"] == "2026-11-30T00:00:00"
    assert (await halo.post("/RecurringInvoice/process", {"id": -94})).status_code == 400
    assert (await halo.post("/RecurringInvoice/process", -1)).status_code == 404


@pytest.mark.parametrize(
    ("count", "free", "least", "billed"),
    [(51, 0, 0, 51), (51, 5, 0, 46), (3, 5, 0, 0), (3, 2, 9, 9)],
)
async def test_licence_counts_are_read_when_the_invoice_is_made(
    halo: Halo, count: int, free: int, least: int, billed: int
) -> None:
    link = {"kind": 1, "licence_id": 1441, "qty_free": free, "minimum_qty": least}
    counted = line(recurring_invoice_quantity_type=1, quantity_licences=[link])
    await halo.load(
        software_licences=[{"id": 1441, "client_id": 42, "count": 1}],
        recurring_invoices=[recurring(lines=[counted, line()])],
    )
    await halo.post("/SoftwareLicence", {"id": 1441, "count": count})
    (made,) = await due(halo, "2026-11-01")
    assert [one["qty_order"] for one in made["lines"]] == [billed, 3]
    assert made["lines"][0]["net_amount"] == billed * 20.5


async def test_a_line_to_bill_once_is_billed_once(halo: Halo) -> None:
    lines = [line(id=1, onetimecharge=True), line(id=2)]
    await halo.load(recurring_invoices=[recurring(lines=lines)])
    first, second = await due(halo, "2026-11-30")
    assert (len(first["lines"]), len(second["lines"])) == (2, 1)


async def test_words_with_a_dollar_sign_are_variables_and_prices_are_not(halo: Halo) -> None:
    text = line(item_shortdescription="Seats $period at $5")
    await halo.load(recurring_invoices=[recurring(lines=[text])])
    (made,) = await due(halo, "2026-11-01")
    assert made["lines"][0]["item_shortdescription"] == "Seats  at $5"


async def test_another_client_may_be_billed(halo: Halo) -> None:
    await halo.edit("clients", 42, set={"client_to_invoice_recurring": 43})
    await halo.load(recurring_invoices=[recurring()])
    (made,) = await due(halo, "2026-11-01")
    assert (made["client_id"], made["client_name"]) == (43, "Bolt")


async def test_invoices_made_by_schedule_may_be_emailed(halo: Halo) -> None:
    await halo.load(
        control={"autosendemailforautorinvoices": True}, recurring_invoices=[recurring()]
    )
    (made,) = await due(halo, "2026-11-01")
    assert made["datesent"].startswith("2026-11-05")
