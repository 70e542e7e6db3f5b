"""HaloPSA's push to Xero: at once, late, never, or refused with an error row."""

from typing import Any

import pytest

from .conftest import Halo
from .rows import line, xero


async def linked(halo: Halo, **changes: Any) -> Any:
    await halo.load(**xero(**changes))
    return await halo.invoice(lines=[line()])


async def errors(halo: Halo) -> list[Any]:
    return list((await halo.get("/IntegrationError", module_id=65)).json()["errors"])


async def test_the_answer_to_a_create_knows_nothing_of_xero_and_a_read_does(halo: Halo) -> None:
    made = await linked(halo)
    assert (made["xeroid"], made["last_synced"]) == ("", "1900-01-01T00:00:00")
    read = await halo.read("/Invoice", made["id"])
    assert read["xeroid"]
    assert (read["thirdpartyinvoicenumber"], read["xero_status"]) == ("INV-0001", "DRAFT")
    assert read["last_synced"] > "2026-11-05"
    assert read["lines"][0]["xero_lineid"]


async def test_an_edit_is_pushed_again(halo: Halo) -> None:
    number = (await linked(halo))["id"]
    before = await halo.read("/Invoice", number)
    await halo.post("/Invoice", {"id": number, "reference": "x"})
    after = await halo.read("/Invoice", number)
    assert after["last_synced"] > before["last_synced"]
    assert after["thirdpartyinvoicenumber"] == before["thirdpartyinvoicenumber"]


@pytest.mark.parametrize("changes", [{"enablesync": False}, {"tenant_id": "org-2"}])
async def test_without_a_link_nobody_tries(halo: Halo, changes: dict[str, Any]) -> None:
    number = (await linked(halo, **changes))["id"]
    assert (await halo.read("/Invoice", number))["xeroid"] == ""
    assert await errors(halo) == []


async def test_an_excluded_client_is_not_pushed(halo: Halo) -> None:
    await halo.load(**xero())
    await halo.edit("clients", 42, set={"excludefrominvoicesync": True})
    number = (await halo.invoice(lines=[line()]))["id"]
    assert (await halo.read("/Invoice", number))["xeroid"] == ""


async def test_only_posted_invoices_may_be_pushed(halo: Halo) -> None:
    await halo.load(control={"only_send_posted_invoices": True})
    number = (await linked(halo))["id"]
    assert (await halo.read("/Invoice", number))["xeroid"] == ""
    await halo.edit("invoices", number, set={"posted": True})
    assert (await halo.read("/Invoice", number))["xeroid"]


async def test_a_line_without_an_item_in_xero_leaves_an_error_row(halo: Halo) -> None:
    number = (await linked(halo, default_item_code=""))["id"]
    (row,) = await errors(halo)
    assert (row["entity_type"], row["entity_id"], row["detail_id"]) == ("Invoice", number, 1)
    assert (await halo.read("/Invoice", number))["xeroid"] == ""


async def test_xero_fields_may_come_after_some_reads_or_never(halo: Halo) -> None:
    await halo.load(control={"xero_after_reads": 2})
    number = (await linked(halo))["id"]
    seen = [(await halo.read("/Invoice", number))["xeroid"] for _ in range(2)]
    assert (seen[0], bool(seen[1])) == ("", True)
    await halo.load(control={"xero_after_reads": -1})
    never = (await halo.invoice(lines=[line()]))["id"]
    for _ in range(5):
        await halo.get("/Invoice")
    assert (await halo.read("/Invoice", never))["xeroid"] == ""


async def test_fault_xero_error(halo: Halo) -> None:
    await halo.spoil({"kind": "xero_error"})
    number = (await linked(halo))["id"]
    assert [row["entity_id"] for row in await errors(halo)] == [number]
    assert (await halo.state())["faults"]["fired"] == {"xero_error": 1}


async def test_fault_xero_late(halo: Halo) -> None:
    await halo.spoil({"kind": "xero_late", "reads": 2}, {"kind": "xero_late", "never": True})
    late = (await linked(halo))["id"]
    never = (await halo.invoice(lines=[line()]))["id"]
    assert (await halo.read("/Invoice", late))["xeroid"] == ""
    assert (await halo.read("/Invoice", late))["xeroid"]
    assert [(await halo.read("/Invoice", never))["xeroid"] for _ in range(3)] == [""] * 3


async def test_a_push_can_be_asked_for(halo: Halo) -> None:
    await halo.load(control={"xero_after_reads": -1})
    number = (await linked(halo))["id"]
    await halo.load(control={"xero_after_reads": 0})
    answer = await halo.http.post("/halopsa/api/IntegrationData/Send/Xero", json={"id": number})
    assert answer.json()["xeroid"]


async def test_accounts_of_xero_are_read_through_halopsa(halo: Halo) -> None:
    assert (await halo.get("/IntegrationData/Get/Xero")).status_code == 404
    await halo.load(**xero(accounts=[{"code": "200", "name": "Sales", "type": "REVENUE"}]))
    assert (await halo.get("/IntegrationData/Get/Xero")).json()[0]["code"] == "200"
