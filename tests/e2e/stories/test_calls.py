"""Vendor calls of one run, which are what a person waits for: never more than the bound."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import pytest

from sandbox.generate import Month, Shape, generate_month
from support import small
from support.virtual_loop import in_virtual_time
from support.world import World

CLIENTS, ITEMS, INVOICES, RECURRING = 230, 340, 250, 130
PAGE = 100


def month(behaviour: str) -> Month:
    """A month at an MSP with many more clients, items and invoices than it concerns."""
    shape = Shape(recurring=behaviour == "recurring")
    made = generate_month(11, clients=10, lines=76, shape=shape)
    halo = made.halopsa
    if behaviour == "latest":
        halo["invoices"] = [invoice(7000 + n, row) for n, row in enumerate(halo["clients"])]
    others = [small.client(2000 + n, f"Other {n}") for n in range(CLIENTS)]
    halo["clients"] += others
    halo["items"] += [small.sold(3000 + n, f"Other item {n}") for n in range(ITEMS)]
    halo["invoices"] += [invoice(20_000 + n, others[n % CLIENTS]) for n in range(INVOICES)]
    halo["recurring_invoices"] += [
        small.recurring(-9000 - n, others[n]["id"]) for n in range(RECURRING)
    ]
    return made


def invoice(number: int, client: dict[str, Any]) -> dict[str, Any]:
    line = {"item_shortdescription": "Callout", "qty_order": 1, "unit_price": 80}
    return {
        "id": number,
        "client_id": client["id"],
        "invoice_date": "2026-11-03T00:00:00",
        "currency_code": client["default_currency_code"],
        "lines": [{"id": number * 10, "ihid": number, **line}],
    }


@pytest.mark.parametrize("behaviour", ["new", "latest", "recurring"])
def test_a_run_needs_no_more_calls_than_its_bound(tmp_path: Path, behaviour: str) -> None:
    async def story() -> None:
        async with World.of(tmp_path, month(behaviour), behaviour=behaviour) as w:
            await w.bill()
            calls, pax8 = await w.calls(), await w.calls("pax8")
            before, after = w.loaded, await w.halo_state()
            views = await w.newest_batches()
            billed = sum(bool(v.created or v.updated) for v in views)
            assert billed >= 9
            new_items = len(after["items"]) - len(before["items"])
            rest = (
                new_items
                + pages(before["clients"])
                + pages(before["items"])
                + 2 * pages(before["invoices"])
                + ceil(billed / PAGE)
                + 16
            )
            mapped = len({r["recurring"] for r in w.settings["client"] if r.get("recurring")})
            bound = {
                "new": billed + rest,
                "latest": billed + billed + rest,
                "recurring": 2 * mapped + 2 * pages(before["recurring_invoices"]) + rest,
            }[behaviour]
            assert sum(calls.values()) <= bound, calls
            assert sum(pax8.values()) <= 1 + 4, pax8
            await w.assert_charged_is_posted()

    in_virtual_time(story())


def test_pax8_is_read_in_pages_of_two_hundred(tmp_path: Path) -> None:
    async def story() -> None:
        async with World.of(tmp_path, generate_month(3, clients=10, lines=700)) as w:
            await w.bill()
            calls = await w.calls("pax8")
            lines = len(w.pax8["invoices"][0]["items"])
            assert calls["GET /invoices/{id}/items"] == ceil(lines / 200)
            assert sum(calls.values()) <= ceil(lines / 200) + 4
            await w.reset_calls()
            await w.again(await w.newest_run())
            assert await w.calls("pax8") == {}

    in_virtual_time(story())


def pages(rows: list[Any]) -> int:
    return ceil(len(rows) / PAGE)
