"""R2, R14: what another run or document has posted is on the statements that it stands by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chargeline.report import DONE, NEEDS_A_PERSON
from support import small
from support.standing import ITEMS, code_of, stands, told, usd
from support.virtual_loop import in_virtual_time
from support.world import World, changed

NEW_DOCUMENT = "10000000-0000-4000-8000-000000000002"
NEWER = [
    small.item(1, id="20000000-0000-4000-8000-000000000011", quantity=3, total=30, costTotal=24),
    small.of_bolt(2, id="20000000-0000-4000-8000-000000000012"),
]


async def replacing(
    w: World, items: Sequence[dict[str, Any]] = NEWER, old: Sequence[dict[str, Any]] = ITEMS
) -> None:
    correction = [
        *small.pax8(old, status="Credited")["invoices"],
        *small.pax8(items, id=NEW_DOCUMENT)["invoices"],
    ]
    await w.vendors.load("pax8", {"invoices": correction})
    await w.documents()


def test_r14_the_old_and_the_new_document_come_to_what_stands(tmp_path: Path) -> None:
    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            await w.bill()
            await replacing(w)
            new = await w.bill(NEW_DOCUMENT)
            assert {v.code for v in await w.batches(new)} == {"replacement"}
            old = await w.bill(small.DOCUMENT)
            assert {v.code for v in await w.batches(old)} == {"replacement"}
            assert usd(old).price.posted == 40 == await stands(w)
            assert usd(old).posted_by == {"replacement": 40}
            assert usd(old).price.held == 0
            assert await code_of(w, old) == NEEDS_A_PERSON
            assert await told(w) == []

            await w.change(w.settings | {"chains": {NEW_DOCUMENT: "replacement"}})
            new, old = await w.again(new), await w.bill(small.DOCUMENT)
            assert usd(new).price.posted == 10
            assert usd(new).price.settled == 40
            assert usd(old).price.posted == 40
            assert usd(old).price.excluded == 0
            assert usd(old).posted_by == {}
            assert await stands(w) == 50
            assert await code_of(w, old) == await code_of(w, new) == DONE
            assert await told(w) == []

    in_virtual_time(story())


def test_r14_what_three_documents_of_a_chain_have_posted_is_what_stands(tmp_path: Path) -> None:
    third = "10000000-0000-4000-8000-000000000003"
    first = [small.item(1), small.item(2)]
    second = NEWER[:1]  # more of the first, and the other is credited
    last = [small.item(1, id="20000000-0000-4000-8000-000000000021")]

    async def story() -> None:
        settings = changed(small.settings(), net_credit="credit_note")
        async with World(tmp_path, small.pax8(first), settings=settings) as w:
            await w.bill()
            await replacing(w, second, first)
            await w.change(settings | {"chains": {NEW_DOCUMENT: "replacement"}})
            await w.bill(NEW_DOCUMENT)
            assert await stands(w) == 30
            more = [
                *small.pax8(second, id=NEW_DOCUMENT, status="Credited")["invoices"],
                *small.pax8(last, id=third)["invoices"],
            ]
            await w.vendors.load("pax8", {"invoices": more})
            await w.documents()
            await w.change(settings | {"chains": {third: "replacement"}})
            documents = (third, NEW_DOCUMENT, small.DOCUMENT)
            ran = [await w.bill(document) for document in documents]
            assert [usd(one).price.unexplained for one in ran] == [0, 0, 0]
            assert await told(w) == []
            assert await stands(w) == 20
            again = [await w.bill(document) for document in documents]
            assert [one.statement.currencies for one in again] == [
                one.statement.currencies for one in ran
            ]
            assert await stands(w) == 20

    in_virtual_time(story())


def test_r14_an_old_document_that_was_never_posted_is_superseded(tmp_path: Path) -> None:
    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            await replacing(w)
            await w.change(w.settings | {"chains": {NEW_DOCUMENT: "replacement"}})
            new, old = await w.bill(NEW_DOCUMENT), await w.bill(small.DOCUMENT)
            assert usd(new).price.posted == 50
            assert usd(old).price.posted == 0
            assert usd(old).excluded_by == {"superseded": 40}
            assert await told(w) == []

    in_virtual_time(story())


def test_r4_a_document_that_changed_has_posted_what_stands_of_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            first = await w.bill()
            more = small.pax8([*ITEMS, small.item(3)])
            await w.vendors.load("pax8", {"invoices": more["invoices"]})
            ran = await w.bill()
            assert ran.run.problem == "document-changed"
            assert usd(ran).price.posted == 40 == await stands(w)
            assert usd(ran).price.held == usd(ran).price.unexplained == 0
            assert usd(ran).posted_by == {"document-changed": 40}
            assert await code_of(w, ran) == NEEDS_A_PERSON
            assert await told(w) == []
            await w.undo(first)
            ran = await w.bill()
            assert usd(ran).price.posted == 0
            assert usd(ran).price.held == 40
            assert await told(w) == []

    in_virtual_time(story())


@pytest.mark.parametrize("again", [True, False])
def test_a_batch_that_is_held_before_anybody_looked_has_posted_what_stands(
    tmp_path: Path, again: bool
) -> None:
    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            first = ran = await w.bill()
            await w.person(entity="clients", id=42, set={"inactive": True})
            ran = await w.again(ran) if again else await w.bill()
            held = {v.bill_to: v.code for v in await w.batches(ran)}
            assert held == {"client:41": None, "client:42": "client-gone"}
            assert usd(ran).price.posted == 40 == await stands(w)
            assert usd(ran).price.held == usd(ran).price.unexplained == 0
            assert usd(ran).posted_by == {"client-gone": 20}
            assert ran.statement.lines["posted"] == 2
            assert await code_of(w, ran) == NEEDS_A_PERSON
            assert await told(w) == []
            await w.undo(first)
            ran = await w.ended(ran.run.run)
            assert usd(ran).price.posted == 0
            assert usd(ran).price.held == 40

    in_virtual_time(story())


def test_a_posting_taken_back_through_an_older_run_is_not_posted_in_the_newest(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            first = await w.bill()
            newest = await w.bill()
            assert usd(newest).price.posted == 40
            await w.undo(first)
            newest = await w.ended(newest.run.run)
            assert usd(newest).held_by == {"undone": 40}
            assert await told(w) == []

    in_virtual_time(story())
