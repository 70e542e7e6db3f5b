"""R2: `posted` counts what stands, whichever run put it there and whatever was decided since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeline.report import DONE, NEEDS_A_PERSON
from support import small
from support.standing import ITEMS, code_of, out, stands, to, told, usd
from support.virtual_loop import in_virtual_time
from support.world import World, changed

EXCLUDED = "excluded-after-posting"


def azure(number: int, **changes: Any) -> dict[str, Any]:
    usage = {"type": "usage", "term": "Arrears", "sku": f"MST-EXM-AZ-{number}"}
    return small.item(number, **usage, total=10.004, costTotal=8, **changes)


def new_partner(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"tenant": settings["tenant"] | {"partner": "Another"}}


def own_company(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"tenant": settings["tenant"] | {"own_company": small.BOLT}}


def bolt_out(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"client": [to(small.ACME, 41), out(small.BOLT)]}


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
