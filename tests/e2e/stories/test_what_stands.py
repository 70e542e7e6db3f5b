"""R2: `posted` counts what stands, whichever run put it there and whatever was decided since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeline.billing import Billed
from chargeline.report import DONE, NEEDS_A_PERSON, exit_code
from oracle import standing_gaps
from schemas.statement import CurrencyStatement
from support import small
from support.sandboxes import money_on, ours_on
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran
from support.world import World, as_json, changed

NEW_DOCUMENT = "10000000-0000-4000-8000-000000000002"
EXCLUDED = "excluded-after-posting"


def out(company: str) -> dict[str, Any]:
    return {"source": "pax8", "company": company, "exclude": True}


def to(company: str, client: int) -> dict[str, Any]:
    return {"source": "pax8", "company": company, "halo": client}


def usd(ran: Ran) -> CurrencyStatement:
    return ran.statement.currencies["USD"]


async def code_of(w: World, ran: Ran) -> int:
    return exit_code([Billed(ran.run, await w.statement(ran), await w.batches(ran), ())], 0)


async def stands(w: World) -> Decimal:
    return sum((money_on(ours_on(invoice)) for invoice in await w.invoices()), Decimal(0))


async def told(w: World) -> list[str]:
    """What the newest statements of all documents say otherwise than HaloPSA."""
    runs = {run.document: run.run for run in await w.system.gateway.queries.runs(TENANT)}
    shown = [await w.system.gateway.queries.statement(TENANT, run) for run in runs.values()]
    return standing_gaps(await w.halo_state(), [as_json(one) for one in shown])


def azure(number: int, **changes: Any) -> dict[str, Any]:
    usage = {"type": "usage", "term": "Arrears", "sku": f"MST-EXM-AZ-{number}"}
    return small.item(number, **usage, total=10.004, costTotal=8, **changes)


def new_partner(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"tenant": settings["tenant"] | {"partner": "Another"}}


def own_company(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"tenant": settings["tenant"] | {"own_company": small.BOLT}}


def bolt_out(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"client": [to(small.ACME, 41), out(small.BOLT)]}


ITEMS = [small.item(1), small.of_bolt(2)]
DECISIONS: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], Decimal]] = {
    "client": (bolt_out, Decimal(20)),
    "own company": (own_company, Decimal(20)),
    "partner": (new_partner, Decimal(40)),
}


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("again", [True, False])
def test_what_was_posted_and_is_excluded_now_is_posted_and_waits_for_a_person(
    tmp_path: Path, decision: str, again: bool
) -> None:
    change, excluded = DECISIONS[decision]

    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            before = w.settings
            first = ran = await w.bill()
            assert await code_of(w, ran) == DONE
            await w.change(change(before))
            ran = await w.again(ran) if again else await w.bill()
            assert usd(ran).price.posted == 40 == await stands(w)
            assert usd(ran).price.excluded == usd(ran).price.held == 0
            assert usd(ran).posted_by == {EXCLUDED: excluded}
            assert ran.statement.lines["posted"] == ran.statement.lines["received"] == 2
            assert await code_of(w, ran) == NEEDS_A_PERSON
            codes = {v.code for v in await w.batches(ran)}
            assert EXCLUDED in codes
            assert await told(w) == []

            await w.change(before)  # either it was right as it was
            ran = await w.again(ran)
            assert (usd(ran).posted_by, await code_of(w, ran)) == ({}, DONE)

            await w.change(change(before))  # or it is taken back
            ran = await w.again(ran)
            await w.undo(first)
            ran = await w.again(ran)
            assert usd(ran).price.excluded == excluded
            assert usd(ran).price.posted == 40 - excluded == await stands(w)
            assert await told(w) == []

    in_virtual_time(story())


@pytest.mark.parametrize("collapse", [False, True])
def test_one_of_two_companies_of_a_client_is_excluded_after_posting(
    tmp_path: Path, collapse: bool
) -> None:
    async def story() -> None:
        together = [to(small.ACME, 41), to(small.BOLT, 41)]
        settings = changed(small.settings(client=together), collapse_azure=collapse)
        items = [small.item(1), azure(3, companyId=small.BOLT), azure(4, companyId=small.BOLT)]
        async with World(tmp_path, small.pax8(items), settings=settings) as w:
            ran = await w.bill()
            there = usd(ran).price.posted
            await w.change(settings | {"client": [to(small.ACME, 41), out(small.BOLT)]})
            ran = await w.bill()
            assert usd(ran).price.posted == there == await stands(w)
            assert usd(ran).price.excluded == 0
            assert usd(ran).posted_by == {EXCLUDED: there - 20}
            assert usd(ran).price.unexplained == usd(ran).cost.unexplained == 0
            assert await code_of(w, ran) == NEEDS_A_PERSON
            assert await told(w) == []

    in_virtual_time(story())


@pytest.mark.parametrize("billed", [False, True])
def test_what_is_on_a_recurring_invoice_and_is_excluded_now_stands(
    tmp_path: Path, billed: bool
) -> None:
    async def story() -> None:
        halopsa = small.halopsa(recurring_invoices=[small.recurring(-42, 42)])
        bolt = to(small.BOLT, 42) | {"recurring": -42, "policy": {"behaviour": "recurring"}}
        settings = small.settings(client=[to(small.ACME, 41), bolt])
        async with World(tmp_path, small.pax8(ITEMS), halopsa, settings) as w:
            await w.bill()
            if billed:
                await w.create_due(date(2026, 11, 10))
            await w.change(bolt_out(settings))
            ran = await w.bill()
            assert usd(ran).price.posted == 40
            assert usd(ran).posted_by == {EXCLUDED: 20}
            assert await code_of(w, ran) == NEEDS_A_PERSON

    in_virtual_time(story())


def test_a_collapsed_line_of_a_company_that_is_excluded_now_stands(tmp_path: Path) -> None:
    async def story() -> None:
        settings = changed(small.settings(), collapse_azure=True)
        items = [small.item(1), *(azure(n, companyId=small.BOLT) for n in (3, 4))]
        async with World(tmp_path, small.pax8(items), settings=settings) as w:
            ran = await w.bill()
            assert usd(ran).price.posted == Decimal("40.01")
            await w.change(bolt_out(settings))
            ran = await w.again(ran)
            assert usd(ran).price.posted == Decimal("40.01") == await stands(w)
            assert usd(ran).posted_by == {EXCLUDED: Decimal("20.01")}
            assert usd(ran).price.unexplained == 0
            assert await code_of(w, ran) == NEEDS_A_PERSON

    in_virtual_time(story())


@pytest.mark.parametrize(
    "policy", [{"drop_azure": True}, {"collapse_azure": True}, {"drop_azure": True, "x": 1}]
)
def test_what_was_posted_and_would_be_posted_otherwise_now_is_posted_and_waits(
    tmp_path: Path, policy: dict[str, Any]
) -> None:
    alone = policy.pop("x", None)

    async def story() -> None:
        items = [azure(3), azure(4)] if alone else [small.item(1), azure(3), azure(4)]
        async with World(tmp_path, small.pax8(items)) as w:
            ran = await w.bill()
            there = usd(ran).price.posted
            await w.change(changed(w.settings, **policy))
            ran = await w.again(ran)
            assert usd(ran).price.posted == there == await stands(w)
            assert usd(ran).price.unexplained == usd(ran).cost.unexplained == 0
            assert usd(ran).posted_by == {"posted-differently": Decimal(20)}
            assert {v.code for v in await w.batches(ran)} == {"posted-differently"}
            assert await code_of(w, ran) == NEEDS_A_PERSON

    in_virtual_time(story())


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


@pytest.mark.parametrize("again", [True, False])
def test_r4_a_document_that_changed_has_posted_what_stands_of_it(
    tmp_path: Path, again: bool
) -> None:
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
