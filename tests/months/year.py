"""Lives through a year of documents as a bookkeeper would, on one data folder."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from matrix.cells import currencies
from matrix.table import ZERO, Line, expected
from sandbox.generate import Month, Shape, generate_year
from schemas.statement import Statement
from support.whole import Ran
from support.world import World, changed

CREATION_DAY, LATE_CREATION_DAY = 10, 15
MAPPED_LATE = 2  # the month in which a person maps the company with the near name
CORRECTED_DAY = 20


@dataclass
class Lived:
    """One document after its month: what was due, and the runs that billed it."""

    month: Month
    document: str
    lines: list[Line]
    ran: Ran | None = None
    replaced_by: str | None = None
    notes: list[str] = field(default_factory=list)
    invoices: int = 0
    posted: dict[tuple[int, str], tuple[Decimal, Decimal]] = field(default_factory=dict)

    @property
    def statement(self) -> Statement:
        assert self.ran is not None, "it was billed"
        return self.ran.statement

    @property
    def happened(self) -> str:
        notes = self.month.notes
        counts = {
            "seats changed": len(notes["changed_subscriptions"]),
            "ended": len(notes["ended_subscriptions"]),
            "yearly": len(notes["annual_subscriptions"]),
            "client without charges": int(bool(notes["quiet_company"])),
        }
        told = [f"{count} {name}" for name, count in counts.items() if count]
        return ", ".join([*self.notes, *told])


@dataclass
class Year:
    """The months as they were lived, and the world they were lived in."""

    world: World
    lived: list[Lived] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    creation_day: int = CREATION_DAY
    final_state: dict[str, Any] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)  # what HaloPSA bills each client in

    def expect(self, held: bool, what: str) -> None:
        if not held:
            self.problems.append(what)


def make(
    folder: Path, *, clients: int = 12, lines: int = 80, seed: int = 5
) -> tuple[Year, list[Month]]:
    """The first month's HaloPSA, and settings in which one company is not mapped yet."""
    months = generate_year(seed, clients=clients, lines=lines, shape=Shape(recurring=True))
    first = months[0]
    settings = first.resolved_settings()
    late = first.notes["near_name_company"]
    settings["client"] = [row for row in settings["client"] if row["company"] != late]
    today = date.fromisoformat(first.notes["available"])
    pax8 = copy.deepcopy(first.pax8)
    made = Year(World(folder, pax8, first.halopsa, settings, today))
    made.codes = currencies(first)
    return made, months


async def live(year: Year, months: list[Month]) -> None:
    """Month by month."""
    async with year.world as w:
        for place, month in enumerate(months):
            await _one_month(year, w, place, month)
        for one in year.lived:
            await _close(w, one)
        year.final_state = await w.halo_state()


async def _close(w: World, one: Lived) -> None:
    """What the statement says at the end of the year, whole and by client."""
    assert one.ran is not None, "it was billed"
    one.ran = Ran(one.ran.run, await w.statement(one.ran))
    for view in await w.batches(one.ran):
        posted = [e for e in view.entries if e.outcome == "posted"]
        if posted and view.client:
            money = (sum((e.price for e in posted), ZERO), sum((e.cost for e in posted), ZERO))
            one.posted[view.client, view.currency] = money


async def _one_month(year: Year, w: World, place: int, month: Month) -> None:
    available = date.fromisoformat(month.notes["available"])
    creation = available.replace(day=year.creation_day)
    if place:
        await w.restart(min(available, creation))
    if available > creation:  # nobody was asked: HaloPSA bills the last document once more
        year.lived[-1].invoices += len(await w.create_due(creation))
    if place:
        await w.restart(available)
        await w.vendors.load("pax8", _news(month))
    document = month.pax8["invoices"][0]["invoice"]["id"]
    lived = Lived(month, document, _lines(year, month.items, month))
    year.lived.append(lived)
    lived.ran = await w.bill(document)
    if available > creation:
        await _billed_twice(year, w, lived)
        creation = creation.replace(day=year.creation_day)
    if place == MAPPED_LATE:
        await _map_late(year, w)
    await w.restart(creation)
    lived.invoices += len(await w.create_due(creation))
    if month.correction is not None:
        await w.restart(creation.replace(day=CORRECTED_DAY))
        await _replaced(year, w, lived)


def _news(month: Month) -> dict[str, Any]:
    return {k: month.pax8[k] for k in ("companies", "products", "subscriptions", "invoices")}


def _lines(year: Year, items: list[dict[str, Any]], month: Month) -> list[Line]:
    """Under the settings in which everything is answered: that is how the year ends."""
    return expected(items, month.varieties, month.resolved_settings(), year.codes)


async def _billed_twice(year: Year, w: World, lived: Lived) -> None:
    """R11: the last document was invoiced twice; a person voids the second, and moves the day."""
    assert lived.ran is not None
    views = await w.batches(lived.ran)
    held = [v for v in views if v.code == "recurring-billed-twice"]
    year.expect(bool(held), "a document later than the creation date held nothing")
    lived.notes.append(f"{len(held)} clients held recurring-billed-twice")
    last = max(i["invoice_date"] for i in (await w.halo_state())["invoices"])
    for invoice in await w.invoices():
        if invoice.get("recurring_invoice_id") and invoice["invoice_date"] == last:
            await w.person(entity="invoices", id=invoice["id"], void=True)
            year.lived[-2].invoices -= 1
    year.creation_day = LATE_CREATION_DAY
    day = w.app.clock.today.replace(day=LATE_CREATION_DAY)
    for row in (await w.halo_state())["recurring_invoices"]:
        moved = {"nextcreationdate": f"{day}T00:00:00"}
        await w.person(entity="recurring_invoices", id=row["id"], set=moved)
    lived.ran = await w.again(lived.ran)


async def _map_late(year: Year, w: World) -> None:
    """R12: the newest document goes onto the recurring invoice, older ones out as new invoices."""
    settings = year.lived[-1].month.resolved_settings()
    await w.change(settings)
    for lived in reversed(year.lived):
        assert lived.ran is not None
        before = [v for v in await w.batches(lived.ran) if v.code == "company-unmapped"]
        year.expect(bool(before), f"{lived.document} held nothing of the unmapped company")
        lived.ran = await w.again(lived.ran)
    year.lived[-1].notes.append("a company mapped late")


async def _replaced(year: Year, w: World, lived: Lived) -> None:
    """R14: the chain waits until a person says replacement; then the difference is billed."""
    correction = lived.month.correction
    assert correction is not None
    await w.vendors.load("pax8", correction)
    document = correction["invoices"][1]["invoice"]["id"]
    await w.documents()
    ran = await w.bill(document)
    codes = {v.code for v in await w.batches(ran) if v.code}
    year.expect(codes == {"replacement"}, f"the replacement was held as {codes}")
    rules = w.settings.get("chains", {}) | {document: "replacement"}
    await w.change(w.settings | {"chains": rules})
    ran = await w.again(ran)
    codes = {v.code for v in await w.batches(ran) if v.code}
    year.expect(codes == {"net-credit"}, f"what is given back was held as {codes}")
    await w.change(changed(w.settings, net_credit="credit_note"))
    ran = await w.again(ran)
    await w.change(changed(w.settings, net_credit="hold"))
    lived.replaced_by = document
    lived.notes.append("credited and replaced")
    items = correction["invoices"][1]["items"]
    year.lived.append(Lived(lived.month, document, _lines(year, items, lived.month), ran))
