"""Load, state and the person at the screen, in the HaloPSA sandbox."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.app import Sandbox

from .conftest import Halo
from .rows import line, recurring, tenant

KEYS = {
    "clients",
    "sites",
    "items",
    "asset_groups",
    "tax",
    "currencies",
    "lookups",
    "control",
    "suppliers",
    "contracts",
    "invoices",
    "recurring_invoices",
    "software_licences",
    "xero_details",
    "integration_errors",
    "agents",
}


async def test_the_state_has_the_shape_of_a_load_and_can_be_loaded_again(
    halo: Halo, only_halo: Callable[..., Sandbox]
) -> None:
    await halo.load(recurring_invoices=[recurring()])
    await halo.invoice(lines=[line()])
    entities = (await halo.state())["entities"]
    assert set(entities) == KEYS
    other = Halo(only_halo())
    await other.load(**entities)
    assert (await other.state())["entities"] == entities
    await other.http.aclose()


async def test_a_load_keeps_numerals_digit_for_digit_and_gives_missing_ids(halo: Halo) -> None:
    body = b'{"invoices": [{"client_id": 42, "lines": [{"qty_order": 2.0, "unit_price": 1.50}]}]}'
    await halo.http.post("/_sandbox/halopsa/load", content=body)
    text = (await halo.get("/Invoice", includelines="true")).text
    assert '"qty_order":2.0,' in text
    assert '"unit_price":1.50,' in text
    assert '"id":1,' in text


async def test_a_load_replaces_everything_when_told_to(halo: Halo) -> None:
    await halo.http.post("/_sandbox/halopsa/load?replace=true", json={"clients": []})
    entities = (await halo.state())["entities"]
    assert not any(entities.values())


async def test_an_unknown_key_or_knob_is_refused(halo: Halo) -> None:
    wrong: list[dict[str, Any]] = [{"client": []}, {"settings": {"rate_limits": {}}}]
    for payload in wrong:
        answer = await halo.http.post("/_sandbox/halopsa/load", json=payload)
        assert answer.status_code == 422


async def test_calls_are_counted_by_method_and_documented_path(halo: Halo) -> None:
    number = (await halo.invoice())["id"]
    await halo.get(f"/invoice/{number}")
    await halo.post("/RecurringInvoice/process")
    calls = (await halo.state())["calls"]
    assert calls == {
        "POST /auth/token": 1,
        "POST /Invoice": 1,
        "GET /Invoice/{id}": 1,
        "POST /RecurringInvoice/process": 1,
    }


async def test_a_person_edits_fields_and_lines(halo: Halo) -> None:
    made = await halo.invoice(lines=[line(item_shortdescription="ours")])
    number, ours = made["id"], made["lines"][0]["id"]
    await halo.edit("invoices", number, set={"approval_status": 1, "amountpaid": 20})
    await halo.edit("invoices", number, line={"id": ours, "unit_price": 10})
    await halo.edit("invoices", number, line=line(item_shortdescription="theirs"))
    read = await halo.read("/Invoice", number)
    assert [one["item_shortdescription"] for one in read["lines"]] == ["ours", "theirs"]
    assert (read["approval_status"], read["total"], read["amountdue"]) == (1, 91.5, 71.5)
    await halo.edit("invoices", number, delete_line=ours)
    assert (await halo.read("/Invoice", number))["total"] == 61.5


async def test_a_person_voids_and_deletes(halo: Halo) -> None:
    first, second = (await halo.invoice())["id"], (await halo.invoice())["id"]
    await halo.edit("invoices", first, void=True)
    await halo.edit("invoices", second, delete=True)
    await halo.edit("items", 901, delete=True)
    assert (await halo.read("/Invoice", first))["voided"] is True
    assert (await halo.get(f"/Invoice/{second}")).status_code == 404
    assert (await halo.get("/Item/901")).status_code == 404


async def test_a_person_can_not_edit_what_is_not_there(halo: Halo) -> None:
    for asked in ({"entity": "invoices", "id": 1, "void": True}, {"entity": "ghosts", "id": 1}):
        answer = await halo.http.post("/_sandbox/halopsa/edit", json=asked)
        assert answer.status_code == 422


async def test_what_was_answered_is_there_after_a_restart(
    tmp_path: Path, only_halo: Callable[..., Sandbox]
) -> None:
    first = Halo(only_halo(tmp_path))
    await first.load(**tenant(), recurring_invoices=[recurring()])
    await first.sign_in()
    made = await first.invoice(lines=[line()])
    before = (await first.state())["entities"]
    second = Halo(only_halo(tmp_path))
    second.http.headers = first.http.headers
    assert (await second.state())["entities"] == before
    assert (await second.read("/Invoice", made["id"]))["lines"] == made["lines"]
    assert (await second.invoice())["id"] == made["id"] + 1
    for halo in (first, second):
        await halo.http.aclose()
