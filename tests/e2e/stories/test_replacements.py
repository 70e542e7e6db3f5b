"""Documents that are credited and replaced (R14), before and after they were billed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support import small
from support.sandboxes import money_on, ours_on
from support.virtual_loop import in_virtual_time
from support.whole import Ran
from support.world import World, changed

NEW_DOCUMENT = "10000000-0000-4000-8000-000000000002"
NEW_LINE = "20000000-0000-4000-8000-000000000011"
RECURRING = -41
OLD = [small.item(1), small.item(2), small.item(3)]
# One seat less of the first, the second as it was, the third gone; under ids of its own.
NEWER = [
    small.item(1, id="20000000-0000-4000-8000-000000000011", quantity=1, total=10, costTotal=8),
    small.item(2, id="20000000-0000-4000-8000-000000000012"),
]


def world(folder: Path, behaviour: str) -> World:
    halopsa = small.halopsa(recurring_invoices=[small.recurring(RECURRING, 41)])
    settings = changed(small.settings(), behaviour=behaviour)
    settings["client"][0] |= {"recurring": RECURRING}
    return World(folder, small.pax8(OLD), halopsa, settings)


async def replaced(w: World) -> Ran:
    """The document turns Credited and another one appears; a person says that it replaces it."""
    correction: list[dict[str, Any]] = [
        *small.pax8(OLD, status="Credited")["invoices"],
        *small.pax8(NEWER, id=NEW_DOCUMENT)["invoices"],
    ]
    await w.vendors.load("pax8", {"invoices": correction})
    await w.documents()
    ran = await w.bill(NEW_DOCUMENT)
    assert {v.code for v in await w.batches(ran)} == {"replacement"}
    await w.change(w.settings | {"chains": {NEW_DOCUMENT: "replacement"}})
    return await w.again(ran)


async def ours(w: World) -> list[dict[str, Any]]:
    state = await w.halo_state()
    return [line for row in state["recurring_invoices"] for line in ours_on(row)]


def test_r14_before_it_was_billed_the_recurring_invoice_is_the_new_documents(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with world(tmp_path, "recurring") as w:
            await w.bill()
            assert money_on(await ours(w)) == 60
            ran = await replaced(w)
            assert money_on(await ours(w)) == 30
            assert ran.statement.currencies["USD"].price.posted == 30
            made = await w.create_due(date(2026, 11, 10))
            assert [money_on(ours_on(invoice)) for invoice in made] == [30]
            again = await w.again(ran)
            assert again.statement.currencies["USD"].price.posted == 30
            assert await w.invoices(41) == [*made]
            old = await w.bill(small.DOCUMENT)
            assert old.statement.currencies["USD"].excluded_by == {"superseded": 60}

    in_virtual_time(story())


@pytest.mark.parametrize("behaviour", ["new", "recurring"])
def test_r14_after_it_was_billed_the_difference_is_given_back(
    tmp_path: Path, behaviour: str
) -> None:
    async def story() -> None:
        async with world(tmp_path, behaviour) as w:
            await w.bill()
            if behaviour == "recurring":
                await w.create_due(date(2026, 11, 10))
            ran = await replaced(w)
            assert {v.code for v in await w.batches(ran)} == {"net-credit"}
            await w.change(changed(w.settings, net_credit="credit_note"))
            ran = await w.again(ran)
            price = ran.statement.currencies["USD"].price
            assert (price.posted, price.settled) == (Decimal(-30), Decimal(60))
            assert sum(money_on(ours_on(i)) for i in await w.invoices(41)) == 30
            again = await w.again(ran)
            assert again.statement.currencies == ran.statement.currencies
            assert len(await w.invoices(41)) == 2

    in_virtual_time(story())


@pytest.mark.parametrize("posted", [True, False])
def test_r14_a_client_that_the_new_document_lacks_is_given_back_what_was_posted(
    tmp_path: Path,
    posted: bool,
) -> None:
    """Bolt has no line any more: posted of both documents is what the new one has received."""

    async def story() -> None:
        old = [small.item(1), small.of_bolt(2)]
        async with World(tmp_path, small.pax8(old), small.halopsa(), small.settings()) as w:
            if posted:
                first = await w.bill()
                assert first.statement.currencies["USD"].price.posted == 40
            correction: list[dict[str, Any]] = [
                *small.pax8(old, status="Credited")["invoices"],
                *small.pax8([small.item(1, id=NEW_LINE)], id=NEW_DOCUMENT)["invoices"],
            ]
            await w.vendors.load("pax8", {"invoices": correction})
            await w.documents()
            if not posted:
                await w.bill()  # read, and held
            ran = await w.bill(NEW_DOCUMENT)
            assert {v.bill_to: v.code for v in await w.batches(ran)} == {"client:41": "replacement"}
            await w.change(w.settings | {"chains": {NEW_DOCUMENT: "replacement"}})
            ran = await w.again(ran)
            waits = {v.bill_to: v.code for v in await w.batches(ran) if v.code}
            assert waits == ({"client:42": "net-credit"} if posted else {})
            held = ran.statement.currencies["USD"].held_by
            assert held == ({"net-credit": -20} if posted else {})
            await w.change(changed(w.settings, net_credit="credit_note"))
            ran = await w.again(ran)
            price = ran.statement.currencies["USD"].price
            assert price.received == 20
            assert price.posted == (-20 if posted else 20)
            assert price.unexplained == price.held == 0
            assert sum(money_on(ours_on(i)) for i in await w.invoices(41)) == 20
            assert sum(money_on(ours_on(i)) for i in await w.invoices(42)) == 0
            assert len(await w.invoices(42)) == (2 if posted else 0), "the invoice and its credit"
            again = await w.again(ran)
            assert again.statement.currencies == ran.statement.currencies

    in_virtual_time(story())
