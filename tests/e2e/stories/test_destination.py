"""What happens at HaloPSA meanwhile: people, other accounts, lost answers (R10, R16, R18)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support import small
from support.sandboxes import money_on, ours_on
from support.virtual_loop import in_virtual_time
from support.world import World, changed

OPEN = 7001


def latest(**header: Any) -> dict[str, Any]:
    """HaloPSA with one invoice of Acme, which somebody has written a line on."""
    line = {"item_shortdescription": "By hand", "qty_order": Decimal(1), "unit_price": Decimal(5)}
    invoice = {
        "id": OPEN,
        "client_id": 41,
        "invoice_date": "2026-11-03T00:00:00",
        "currency_code": small.USD,
        "lines": [{"id": 70010, "ihid": OPEN, **line}],
    }
    return small.halopsa(invoices=[invoice | header])


def acme(folder: Path, halopsa: dict[str, Any] | None = None, **policy: Any) -> World:
    """One client, two lines, 40.00."""
    settings = changed(small.settings(), **policy)
    return World(folder, small.pax8([small.item(1), small.item(2)]), halopsa, settings)


def test_r10_lines_are_appended_to_the_latest_invoice(tmp_path: Path) -> None:
    async def story() -> None:
        async with acme(tmp_path, latest(), behaviour="latest") as w:
            ran = await w.bill()
            [invoice] = (await w.halo_state())["invoices"]
            assert money_on(ours_on(invoice)) == 40
            assert len(invoice["lines"]) == 3
            assert ran.statement.currencies["USD"].price.posted == 40
            await w.assert_charged_is_posted()

    in_virtual_time(story())


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"amountpaid": 5}, "paid"),
        ({"datesent": "2026-11-04T09:00:00"}, "sent"),
        ({"currency_code": small.EUR}, "currency"),
        ({"invoice_date": "2026-09-01T00:00:00"}, "none in the window"),
        ({"approval_status": 1}, "approv"),
    ],
)
def test_r10_an_invoice_that_is_not_open_holds_with_the_reason(
    tmp_path: Path, header: dict[str, Any], why: str
) -> None:
    async def story() -> None:
        async with acme(tmp_path, latest(**header), behaviour="latest") as w:
            ran = await w.bill()
            batch = await w.batch_of(ran, 41)
            assert batch.code == "latest-not-open"
            assert why in batch.text
            assert ran.statement.currencies["USD"].held_by == {"latest-not-open": 40}
            await w.change(changed(w.settings, when_not_open="new"))
            ran = await w.again(ran)
            assert ran.statement.currencies["USD"].price.posted == 40
            assert [money_on(ours_on(i)) for i in await w.invoices(41)] == [40]
            await w.assert_charged_is_posted()

    in_virtual_time(story())


@pytest.mark.parametrize("how", ["delete", "void"])
def test_an_invoice_of_ours_that_is_gone_is_not_made_again_without_a_person(
    tmp_path: Path, how: str
) -> None:
    async def story() -> None:
        async with acme(tmp_path) as w:
            ran = await w.bill()
            [invoice] = await w.invoices(41)
            await w.person(entity="invoices", id=invoice["id"], **{how: True})
            ran = await w.again(ran)
            assert (await w.batch_of(ran, 41)).code == "gone-at-destination"
            assert await w.invoices() == []
            await w.undo(ran)
            ran = await w.again(ran)
            assert ran.statement.currencies["USD"].price.posted == 40
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_a_line_of_ours_that_somebody_edits_is_never_overwritten(tmp_path: Path) -> None:
    async def story() -> None:
        async with acme(tmp_path) as w:
            ran = await w.bill()
            [invoice] = await w.invoices(41)
            line = invoice["lines"][0]
            for price, code in ((Decimal(11), "edited-at-destination"), (line["unit_price"], None)):
                edit = {"id": line["id"], "unit_price": price}
                await w.person(entity="invoices", id=invoice["id"], line=edit)
                ran = await w.again(ran)
                assert (await w.batch_of(ran, 41)).code == code
                [there] = await w.invoices(41)
                assert there["lines"][0]["unit_price"] == price
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_r16_an_invoice_that_changed_since_it_was_planned_is_refused_or_planned_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with acme(tmp_path, latest(), behaviour="latest") as w:
            ran = await w.bill(approve_items=True)
            assert ran.run.stage.value == "planned"
            await w.person(entity="invoices", id=OPEN, set={"amountpaid": 5})
            ran = await w.approve(ran)
            sides = ran.statement.currencies["USD"]
            assert sides.price.posted == 0
            assert sides.price.held + sides.price.refused == 40
            assert ran.unexplained() == 0
            await w.person(entity="invoices", id=OPEN, set={"amountpaid": 0})
            ran = await w.again(ran)
            assert ran.statement.currencies["USD"].price.posted == 40
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_another_halopsa_gets_nothing_that_stands_at_the_first(tmp_path: Path) -> None:
    async def story() -> None:
        async with acme(tmp_path) as w:
            ran = await w.bill()
            other = w.other_halopsa()
            halopsa = w.settings["halopsa"] | {"url": "https://other.example.com"}
            await w.change(w.settings | {"halopsa": halopsa})
            ran = await w.again(ran)
            assert (await w.batch_of(ran, 41)).code == "posted-elsewhere"
            assert ran.statement.currencies["USD"].held_by == {"posted-elsewhere": 40}
            assert other.vendors["halopsa"].entities()["invoices"] == []

    in_virtual_time(story())


@pytest.mark.parametrize("kind", ["lost_answer", "empty_500", "html", "truncated", "reset"])
def test_r18_an_uncertain_create_stands_once(tmp_path: Path, kind: str) -> None:
    async def story() -> None:
        async with acme(tmp_path) as w:
            await w.vendors.fault("halopsa", kind=kind, method="POST", path="/Invoice")
            ran = await w.bill()
            state = await w.vendors.state("halopsa")
            assert state["faults"]["fired"] == {kind: 1}
            assert [money_on(ours_on(i)) for i in await w.invoices()] == [40]
            assert ran.statement.currencies["USD"].price.posted == 40
            await w.assert_charged_is_posted()

    in_virtual_time(story())


@pytest.mark.parametrize("behaviour", ["latest", "recurring"])
def test_r18_an_uncertain_update_stands_once(tmp_path: Path, behaviour: str) -> None:
    async def story() -> None:
        halopsa = latest() | {"recurring_invoices": [small.recurring(-41, 41)]}
        path = "/Invoice" if behaviour == "latest" else "/RecurringInvoice"
        world = acme(tmp_path, halopsa, behaviour=behaviour)
        world.settings["client"][0] |= {"recurring": -41}
        async with world as w:
            await w.vendors.fault("halopsa", kind="lost_answer", method="POST", path=path)
            ran = await w.bill()
            assert ran.statement.currencies["USD"].price.posted == 40
            await w.assert_charged_is_posted()
            if behaviour == "recurring":
                made = await w.create_due(date(2026, 11, 10))
                assert [money_on(ours_on(i)) for i in made] == [40]

    in_virtual_time(story())
