"""The sandboxes count the calls of a run: what a user waits for stays within the formula."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chargeline.system import System
from sandbox.generate import Month, Shape, generate_month
from support.stores import on_servers
from support.virtual_loop import in_virtual_time
from support.whole import Ran, Whole

SPARE_HALO, SPARE_PAX8 = 16, 4


@dataclass(frozen=True)
class Counted:
    """A run, what it wrote, and what HaloPSA had before and counted after."""

    ran: Ran
    before: dict[str, Any]
    after: dict[str, Any]
    pax8: dict[str, Any]

    def had(self, what: str) -> int:
        """Rows of that kind before the run."""
        return len(self.before["entities"].get(what, ()))

    @property
    def new_items(self) -> int:
        return len(self.after["entities"]["items"]) - self.had("items")

    @property
    def created(self) -> int:
        return len(self.after["entities"]["invoices"]) - self.had("invoices")

    def rest(self, clients: int) -> int:
        """The part of the formula that every behaviour shares, without the writes themselves."""
        return (
            self.new_items
            + pages(self.had("clients"))
            + pages(self.had("items"))
            + 2 * pages(self.had("invoices"))
            + pages(clients)
            + SPARE_HALO
        )


def pages(rows: int) -> int:
    return -(-rows // 100)


def asked(state: dict[str, Any]) -> int:
    """All calls but those for tokens."""
    return sum(n for call, n in state["calls"].items() if "token" not in call.lower())


def open_invoices(month: Month) -> dict[str, Any]:
    """Every client has an invoice of last week, made by hand."""
    labour = {"item_shortdescription": "Labour", "qty_order": 1, "unit_price": 80, "unit_cost": 40}
    clients = enumerate(month.halopsa["clients"], 1)
    day = "2026-10-29T00:00:00"
    return {
        "invoices": [
            {
                "id": 700 + n,
                "client_id": client["id"],
                "invoice_date": day,
                "lines": [labour | {"id": 5000 + n}],
            }
            for n, client in clients
        ]
    }


async def billed(whole: Whole, system: System, month: Month, behaviour: str) -> Counted:
    await whole.vendors.load("pax8", month.pax8)
    await whole.vendors.load("halopsa", month.halopsa)
    if behaviour == "latest":
        await whole.vendors.load("halopsa", open_invoices(month))
    settings = month.resolved_settings()
    settings["policy"] = settings["policy"] | {"behaviour": behaviour, "when_not_open": "new"}
    await whole.set_up(system, settings)
    before = await whole.vendors.state("halopsa")
    [document] = await whole.documents(system)
    ran = await whole.bill(system, document)
    after = await whole.vendors.state("halopsa")
    return Counted(ran, before, after, await whole.vendors.state("pax8"))


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(11, clients=45, lines=450)


def counted(folder: Path, month: Month, behaviour: str) -> Counted:
    async def story() -> Counted:
        whole = Whole(folder)
        async with whole.running() as system:
            return await billed(whole, system, month, behaviour)

    return in_virtual_time(story())


def test_always_new_asks_halopsa_once_for_each_client_and_item_and_for_whole_pages(
    tmp_path: Path, month: Month
) -> None:
    got = counted(tmp_path, month, "new")
    assert got.ran.statement.complete
    assert got.created >= 40
    assert got.new_items > 0
    assert asked(got.after) <= got.created + got.rest(got.created)


def test_appending_costs_one_more_read_for_each_client(tmp_path: Path, month: Month) -> None:
    got = counted(tmp_path, month, "latest")
    appended = sum(n for call, n in got.after["calls"].items() if "updatelines" in call.lower())
    writes = got.created + appended
    assert appended >= 35
    assert asked(got.after) <= 2 * writes + got.rest(writes)


def test_recurring_costs_a_read_and_a_write_for_each_and_two_looks_at_all(tmp_path: Path) -> None:
    recurring = generate_month(11, clients=45, lines=450, shape=Shape(recurring=True))
    got = counted(tmp_path, recurring, "recurring")
    mapped = sum(
        n for call, n in got.after["calls"].items() if call.lower() == "post /recurringinvoice"
    )
    assert mapped >= 35
    looks = 2 * pages(got.had("recurring_invoices"))
    writes = mapped + got.created
    # Over servers time passes so quickly that what was read ahead may be too old to write upon.
    again = mapped if on_servers() else 0
    assert asked(got.after) <= 2 * mapped + again + got.created + looks + got.rest(writes)


def test_pax8_is_asked_for_whole_pages_and_little_else(tmp_path: Path, month: Month) -> None:
    got = counted(tmp_path, month, "new")
    lines = len(month.items)
    assert asked(got.pax8) <= -(-lines // 200) + SPARE_PAX8
