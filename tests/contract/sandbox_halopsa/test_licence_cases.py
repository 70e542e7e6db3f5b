"""Recurring lines that count licences: the created invoices against a table of cases."""

from typing import Any

import pytest

from .conftest import Halo
from .licence_cases import CASES, Case
from .rows import recurring

LAST, NEXT, AFTER = "2026-10-10", "2026-11-10", "2026-12-10"
FIRST_LICENCE = 1441


async def today(halo: Halo, day: str) -> None:
    assert (await halo.http.post("/_sandbox/clock", json={"today": day})).status_code == 200


async def due(halo: Halo, day: str) -> list[Any]:
    await today(halo, day)
    return list((await halo.control("create_due", {"date": day}))["invoices"])


async def set_up(halo: Halo, case: Case) -> None:
    """The licences as they were billed last, and the changes since, each on its day."""
    await today(halo, LAST)
    numbered = list(enumerate(case.licences, FIRST_LICENCE))
    links = [
        {
            "licence_id": number,
            "qty_free": one.free,
            "minimum_qty": one.minimum,
            "pro_rata": one.pro_rata,
        }
        for number, one in numbered
    ]
    counting = {
        "id": 1001,
        "qty_order": 999,
        "unit_price": 31,
        "item_shortdescription": "Managed EDR",
        "recurring_invoice_quantity_type": 1,
        "quantity_licences": links,
    }
    await halo.load(
        software_licences=[
            {"id": number, "client_id": 42, "count": one.count, "deleted": one.deleted}
            for number, one in numbered
        ],
        recurring_invoices=[
            recurring(
                startdate="2026-01-10", lastcreated=LAST, nextcreationdate=NEXT, lines=[counting]
            )
        ],
    )
    changes = sorted((day, number, to) for number, one in numbered for day, to in one.changes)
    for day, number, to in changes:
        await today(halo, day)
        answer = await halo.post("/SoftwareLicence", {"id": number, "count": to})
        assert answer.status_code == 201


def parts_of(lines: list[Any]) -> list[tuple[Any, str]]:
    return [(one["qty_order"], f"{one['unit_price']:.2f}") for one in lines]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_is_billed(halo: Halo, case: Case) -> None:
    await set_up(halo, case)
    early = (await halo.state())["entities"]["invoices"]
    assert parts_of([line for one in early for line in one["lines"]]) == list(case.at_once)
    *ready, made = await due(halo, NEXT)
    assert parts_of([line for one in ready for line in one["lines"]]) == list(case.ready)
    line, *parts = made["lines"]
    assert (line["qty_order"], line["net_amount"]) == (case.quantity, case.quantity * 31)
    assert parts_of(parts) == list(case.parts)
    assert all(
        one["_is_calculated_line"] and "pro rata" in one["item_shortdescription"] for one in parts
    )
    (following,) = await due(halo, AFTER)
    later = case.quantity if case.later is None else case.later
    assert [one["qty_order"] for one in following["lines"]] == [later], "a change is billed once"


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 30
    assert len({case.name for case in CASES}) == len(CASES)


async def test_a_tenant_may_have_calculated_quantities_off(halo: Halo) -> None:
    await set_up(halo, CASES[0])
    await halo.load(settings={"calculated_quantities": False})
    (made,) = await due(halo, NEXT)
    assert made["lines"][0]["qty_order"] == 999


async def test_history_names_who_counted(halo: Halo) -> None:
    await halo.load(
        agents=[{"id": 3, "name": "Billing API"}],
        software_licences=[{"id": 1441, "client_id": 42, "count": 1}],
    )
    await halo.post("/SoftwareLicence", {"id": 1441, "count": 5})
    await halo.post("/SoftwareLicence", {"id": 1441, "count": 5, "notes": "no change"})
    await halo.edit("software_licences", 1441, set={"count": 7}, who="Huntress Integration")
    await halo.post("/SoftwareLicence", {"client_id": 42, "name": "New", "count": 2})
    answer = (await halo.get("/LicenceChange", licence_id=1441)).json()
    assert [(one["old_value"], one["new_value"], one["who"]) for one in answer["changes"]] == [
        ("1", "5", "Billing API"),
        ("5", "7", "Huntress Integration"),
    ]
    assert (await halo.get("/LicenceChange")).json()["record_count"] == 3


@pytest.mark.parametrize(
    "bad",
    [
        {"id": 1442, "count": 9},  # can not be saved, for reasons of its own
        {"client_id": 42, "name": "No such item", "count": 9, "item_id": 99},
        {"client_id": 42, "name": "Somebody else's site", "count": 9, "site_id": 60},
        {"client_id": 42, "name": "N" * 501, "count": 9},
    ],
)
async def test_a_bad_row_is_a_500_that_says_nothing(halo: Halo, bad: dict[str, Any]) -> None:
    licence = {"id": 1441, "client_id": 42, "count": 1}
    await halo.load(
        sites=[{"id": 60, "name": "Other", "client_id": 43}],
        software_licences=[licence, {**licence, "id": 1442, "_broken": True}],
    )
    answer = await halo.post("/SoftwareLicence", {"id": 1441, "count": 2}, bad)
    assert answer.status_code == 500
    assert str(bad.get("id") or bad.get("name"))[:20] not in answer.text
    assert [one["count"] for one in (await halo.get("/SoftwareLicence")).json()["licences"]] == [
        2,
        1,
    ]


async def test_what_can_be_told_is_refused_with_words_and_nothing_is_written(halo: Halo) -> None:
    await halo.load(software_licences=[{"id": 1441, "client_id": 42, "count": 1}])
    answer = await halo.post(
        "/SoftwareLicence", {"id": 1441, "count": 2}, {"client_id": 42, "name": "x", "count": 1.5}
    )
    assert (answer.status_code, list(answer.json())) == (400, ["[1].count"])
    assert (await halo.get("/SoftwareLicence")).json()["licences"][0]["count"] == 1


async def test_licences_need_their_scopes(halo: Halo) -> None:
    await halo.sign_in(scope="read:softwarelicensing")
    assert (await halo.get("/SoftwareLicence")).status_code == 200
    assert (await halo.get("/LicenceChange")).status_code == 200
    new = {"client_id": 42, "name": "New", "count": 1}
    refused = await halo.post("/SoftwareLicence", new)
    assert (refused.status_code, "edit:softwarelicensing" in refused.text) == (403, True)
    await halo.sign_in(scope="edit:softwarelicensing")
    assert (await halo.post("/SoftwareLicence", new)).status_code == 201
    assert (await halo.get("/SoftwareLicence")).status_code == 403
