"""Undo in each behaviour: posted, taken back, posted again; refused once billed, sent or paid."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from support import small
from support.sandboxes import ours_on
from support.virtual_loop import in_virtual_time
from support.world import World, changed

BEHAVIOURS = ("new", "latest", "recurring")
OPEN, RECURRING = 7001, -41
# What happens to the invoice, and the code that an undo is refused with afterwards.
REFUSALS: dict[str, dict[str, Any]] = {
    "undo-paid": {"paymentstatus": 1, "amountpaid": 40},
    "undo-sent": {"datesent": "2026-11-06T09:00:00"},
}


def world(folder: Path, behaviour: str) -> World:
    """Acme alone, billed in that behaviour; HaloPSA has an invoice of each kind with a line."""
    line = {"item_shortdescription": "By hand", "qty_order": 1, "unit_price": 5, "unit_cost": 1}
    latest = {
        "id": OPEN,
        "client_id": 41,
        "invoice_date": "2026-11-03T00:00:00",
        "currency_code": small.USD,
        "lines": [{"id": 70010, "ihid": OPEN, **line}],
    }
    lines = [{"id": 410, "ihid": RECURRING, **line}]
    halopsa = small.halopsa(
        invoices=[latest], recurring_invoices=[small.recurring(RECURRING, 41, lines=lines)]
    )
    settings = changed(small.settings(), behaviour=behaviour)
    settings["client"][0] |= {"recurring": RECURRING}
    return World(folder, small.pax8([small.item(1), small.item(2)]), halopsa, settings)


async def undone_and_posted(folder: Path, behaviour: str) -> list[str]:
    """Nothing of ours stands after the undo, and everything once after posting again."""
    found: list[str] = []
    async with world(folder, behaviour) as w:
        ran = await w.bill()
        found.append(_told("posted", len(await _standing(w)), 2))
        taken = await w.undo(ran)
        found.append(_told("taken back", len(await _standing(w)), 0))
        held = taken.statement.currencies["USD"].held_by
        found.append(_told("held as undone", dict(held), {"undone": 40}))
        await w.again(ran)
        found.append(_told("posted again", len(await _standing(w)), 2))
        await w.assert_charged_is_posted()
    return found


async def refused(folder: Path, behaviour: str, code: str) -> str:
    """The invoice went on its way, so nothing is taken back, and the reason is said."""
    async with world(folder, behaviour) as w:
        ran = await w.bill()
        before = await _standing(w)
        if behaviour == "recurring":
            await w.create_due(date(2026, 11, 10))
        else:
            [invoice] = [i for i in await w.invoices(41) if ours_on(i)]
            await w.person(entity="invoices", id=invoice["id"], set=REFUSALS[code])
        await w.undo(ran)
        refusal = await w.refused_undo(ran)
        if len(await _standing(w)) < len(before):
            return f"WRONG {code}: it was taken back"
        return _told("refused", refusal, code)


def every() -> dict[str, list[str]]:
    """What came of it, by behaviour; a text that begins with WRONG is a difference."""
    results: dict[str, list[str]] = {}
    for behaviour in BEHAVIOURS:
        with tempfile.TemporaryDirectory() as folder:
            results[behaviour] = in_virtual_time(undone_and_posted(Path(folder), behaviour))
        codes = ("undo-billed",) if behaviour == "recurring" else tuple(REFUSALS)
        for code in codes:
            with tempfile.TemporaryDirectory() as folder:
                results[behaviour].append(in_virtual_time(refused(Path(folder), behaviour, code)))
    return results


async def _standing(w: World) -> list[dict[str, Any]]:
    state = await w.halo_state()
    rows = [*state["invoices"], *state["recurring_invoices"]]
    return [line for row in rows if not row.get("voided") for line in ours_on(row)]


def _told(what: str, seen: Any, wanted: Any) -> str:
    return f"{what} {seen}" if seen == wanted else f"WRONG {what}: {seen}, not {wanted}"
