"""Who pays and as what: mapped late, two companies on one client, remapped; items; seats."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support import small
from support.sandboxes import money_on, ours_on
from support.virtual_loop import in_virtual_time
from support.whole import TODAY
from support.world import World, changed

OPEN, RECURRING = 7001, -41


def row(company: str, client: int, **more: Any) -> dict[str, Any]:
    return {"source": "pax8", "company": company, "halo": client, **more}


def everything() -> dict[str, Any]:
    """HaloPSA with an open invoice and a recurring one of client 41."""
    line = {"item_shortdescription": "By hand", "qty_order": Decimal(1), "unit_price": Decimal(5)}
    latest = {
        "id": OPEN,
        "client_id": 41,
        "invoice_date": "2026-11-03T00:00:00",
        "currency_code": small.USD,
        "lines": [{"id": 70010, "ihid": OPEN, **line}],
    }
    recurring = small.recurring(RECURRING, 41, lines=[{"id": 410, "ihid": RECURRING, **line}])
    return small.halopsa(invoices=[latest], recurring_invoices=[recurring])


def test_r12_a_client_mapped_late_gets_an_ordinary_first_posting(tmp_path: Path) -> None:
    async def story() -> None:
        settings = small.settings(client=[row(small.ACME, 41)])
        halopsa = small.halopsa(clients=[small.client(41, "Acme"), small.client(42, "Bolting")])
        async with World(tmp_path, small.pax8(), halopsa, settings) as w:
            ran = await w.bill()
            price = ran.statement.currencies["USD"].price
            assert price.posted == price.held == 20
            assert ran.statement.currencies["USD"].held_by == {"company-unmapped": 20}
            await w.assert_charged_is_posted()
            await w.change(small.settings())
            ran = await w.again(ran)
            assert ran.statement.currencies["USD"].price.posted == 40
            assert [v.created for v in await w.batches(ran)].count(1) == 1
            await w.assert_charged_is_posted()

    in_virtual_time(story())


@pytest.mark.parametrize("behaviour", ["new", "latest", "recurring"])
def test_r3_two_companies_on_one_client_are_one_batch(tmp_path: Path, behaviour: str) -> None:
    async def story() -> None:
        rows = [row(small.ACME, 41, recurring=RECURRING), row(small.BOLT, 41)]
        settings = changed(small.settings(client=rows), behaviour=behaviour)
        async with World(tmp_path, small.pax8(), everything(), settings) as w:
            ran = await w.bill()
            [batch] = await w.batches(ran)
            assert batch.bill_to == "client:41"
            state = await w.halo_state()
            rows_there = [*state["invoices"], *state["recurring_invoices"]]
            [there] = [one for one in rows_there if ours_on(one)]
            assert money_on(ours_on(there)) == 40
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_r3_remapped_after_posting_nothing_moves_and_nothing_is_doubled(tmp_path: Path) -> None:
    async def story() -> None:
        async with World(tmp_path) as w:
            ran = await w.bill()
            before = await w.invoices()
            right = w.settings
            await w.change(right | {"client": [row(small.ACME, 42), row(small.BOLT, 42)]})
            ran = await w.again(ran)
            assert await w.invoices() == before
            assert ran.unexplained() == 0
            await w.change(right)
            await w.again(ran)
            assert await w.invoices() == before
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_r5_an_excluded_client_is_on_the_statement_and_nowhere_else(tmp_path: Path) -> None:
    async def story() -> None:
        out = {"source": "pax8", "company": small.BOLT, "exclude": True}
        settings = small.settings(client=[row(small.ACME, 41), out])
        async with World(tmp_path, settings=settings) as w:
            ran = await w.bill()
            sides = ran.statement.currencies["USD"]
            assert sides.excluded_by == {"excluded-client": 20}
            assert await w.invoices(42) == []
            await w.assert_charged_is_posted()

    in_virtual_time(story())


# ---- items -----------------------------------------------------------------------------------


def test_r7_an_item_is_created_once_however_many_batches_ask(tmp_path: Path) -> None:
    async def story() -> None:
        items = [small.item(7), small.of_bolt(8, productId=small.product(7), sku="SKU-7")]
        async with World(tmp_path, small.pax8(items)) as w:
            ran = await w.bill()
            again = await w.again(ran)
            assert again.unexplained() == 0
            made = (await w.halo_state())["items"]
            assert len([one for one in made if one.get("accountsid") == "SKU-7"]) == 1
            assert (await w.calls())["POST /Item"] == 1
            lines = [line for i in await w.invoices() for line in ours_on(i)]
            assert len({line["_itemid"] for line in lines}) == 1
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_r7_manual_applies_nothing_while_one_product_is_unmatched(tmp_path: Path) -> None:
    async def story() -> None:
        settings = changed(small.settings(), lifecycle="manual")
        pax8 = small.pax8([small.item(1), small.of_bolt(7)])
        async with World(tmp_path, pax8, settings=settings) as w:
            ran = await w.bill()
            held = {v.bill_to: v.code for v in await w.batches(ran)}
            assert held == {"client:41": "manual-incomplete", "client:42": "product-unmatched"}
            assert await w.invoices() == []
            product = {"source": "pax8", "product": small.product(7), "halo": 901}
            await w.change(settings | {"product": [product]})
            ran = await w.again(ran)
            assert ran.statement.currencies["USD"].price.posted == 40
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_r7_items_wait_for_approval_in_review_mode(tmp_path: Path) -> None:
    async def story() -> None:
        async with World(tmp_path, small.pax8([small.item(7)])) as w:
            ran = await w.bill(approve_items=False)
            assert ran.run.stage.value == "items"
            assert "POST /Item" not in await w.calls()
            ran = await w.approve_items(ran)
            assert ran.run.stage.value == "planned"
            assert "POST /Invoice" not in await w.calls()
            ran = await w.approve(ran)
            assert ran.statement.currencies["USD"].price.posted == 20
            await w.assert_charged_is_posted()

    in_virtual_time(story())


# ---- recurring -------------------------------------------------------------------------------


def test_r11_changed_seats_are_changed_in_place(tmp_path: Path) -> None:
    async def story() -> None:
        settings = changed(small.settings(), behaviour="recurring")
        settings["client"] = [row(small.ACME, 41, recurring=RECURRING)]
        first = small.pax8([small.item(1), small.item(2)])
        async with World(tmp_path, first, everything(), settings) as w:
            await w.bill()
            [before] = (await w.halo_state())["recurring_invoices"]
            await w.restart(TODAY.replace(day=10))
            await w.create_due(TODAY.replace(day=10))
            more = {"quantity": 5, "total": 50, "costTotal": 40}
            items = [
                small.item(1, id="20000000-0000-4000-8000-000000000021", **more),
                small.item(2, id="20000000-0000-4000-8000-000000000022"),
                small.item(3, id="20000000-0000-4000-8000-000000000023"),
            ]
            header = {"id": "10000000-0000-4000-8000-000000000002", "invoiceDate": "2026-12-01"}
            second = small.pax8(items, **header)
            await w.vendors.load("pax8", {"invoices": second["invoices"]})
            ran = await w.bill(header["id"])
            [after] = (await w.halo_state())["recurring_invoices"]
            kept = {line["id"] for line in before["lines"]}
            assert kept <= {line["id"] for line in after["lines"]}
            assert money_on(ours_on(after)) == 90
            assert ran.statement.currencies["USD"].price.posted == 90
            foreign = [line for line in after["lines"] if line not in ours_on(after)]
            assert foreign == [line for line in before["lines"] if line not in ours_on(before)]

    in_virtual_time(story())


# ---- runs that meet --------------------------------------------------------------------------


def test_two_runs_over_one_document_both_end_and_bill_it_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with World(tmp_path) as w:
            [document] = await w.documents()
            started = [await w.start(document) for _ in range(3)]
            ended = [await w.ended(run) for run in started]
            assert [one.run.problem for one in ended] == ["superseded", "superseded", None]
            assert ended[-1].statement.currencies["USD"].price.posted == 40
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_a_run_begun_again_while_another_goes_on_bills_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with World(tmp_path) as w:
            first = await w.bill()
            other = await w.start(first.run.document)
            again = await w.again(first)
            assert (await w.ended(other)).run.stage.value == "ended"
            assert again.unexplained() == 0
            await w.assert_charged_is_posted()

    in_virtual_time(story())
