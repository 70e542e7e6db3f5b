"""Runs one cell end to end, on sandboxes of its own."""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from matrix import table
from matrix.check import differences
from sandbox.generate import Month, Shape, generate_month
from sandbox.generate.halo import DEFAULT_ITEM
from support.virtual_loop import in_virtual_time
from support.world import World, as_json

BEHAVIOURS = ("new", "latest", "recurring")
LIFECYCLES = ("off", "manual", "default", "create")
ZERO_TESTS = ("both", "charge")
SEED, CLIENTS, LINES = 11, 10, 76


@dataclass(frozen=True)
class Cell:
    """One combination; `on` are the modifiers in force."""

    behaviour: str
    lifecycle: str
    on: frozenset[str]
    zero_test: str
    azure_scope: str = "azure_only"

    def __str__(self) -> str:
        on = "+".join(sorted(self.on)) or "no modifier"
        return f"{self.behaviour}/{self.lifecycle}/{on}/{self.zero_test}/{self.azure_scope}"

    @property
    def policy(self) -> dict[str, Any]:
        return {name: name in self.on for name in table.MODIFIERS} | {
            "behaviour": self.behaviour,
            "lifecycle": self.lifecycle,
            "zero_test": self.zero_test,
            "azure_scope": self.azure_scope,
        }


@dataclass(frozen=True)
class Outcome:
    cell: str
    lines: int
    differences: list[str]


def every_cell() -> Iterator[Cell]:
    """All behaviours, modes, modifiers on and off and zero tests; both scopes where they matter."""
    for behaviour, lifecycle, zero_test in itertools.product(BEHAVIOURS, LIFECYCLES, ZERO_TESTS):
        for on in _subsets():
            yield Cell(behaviour, lifecycle, on, zero_test)
    for behaviour, on in itertools.product(BEHAVIOURS, _subsets()):
        if on & {"drop_azure", "collapse_azure"}:
            yield Cell(behaviour, "create", on, "both", "all_arrears")


def _subsets() -> list[frozenset[str]]:
    names = table.MODIFIERS
    sizes = range(len(names) + 1)
    return [frozenset(some) for n in sizes for some in itertools.combinations(names, n)]


@cache
def month() -> Month:
    """One month for all cells: every client has a recurring invoice and an open one."""
    made = generate_month(SEED, clients=CLIENTS, lines=LINES, shape=Shape(recurring=True))
    made.halopsa["invoices"] = [
        _open_invoice(7000 + place, client) for place, client in enumerate(made.halopsa["clients"])
    ]
    return made


def currencies(made: Month) -> dict[int, str]:
    """What HaloPSA bills each client in."""
    codes = {row["id"]: str(row["code"]) for row in made.halopsa["currencies"]}
    return {c["id"]: codes[c["default_currency_code"]] for c in made.halopsa["clients"]}


def run(cell: Cell) -> Outcome:
    """The whole pipeline once; in the mode `manual` a second time, after the answers."""
    with tempfile.TemporaryDirectory() as folder:
        return in_virtual_time(_run(cell, Path(folder)))


async def _run(cell: Cell, folder: Path) -> Outcome:
    made = month()
    world = World.of(folder, copy.deepcopy(made), **cell.policy)
    lines = table.expected(made.items, made.varieties, world.settings, currencies(made))
    found: list[str] = []
    async with world as w:
        ran = await w.bill()
        if cell.lifecycle == "manual":
            found += await _compare(cell, w, ran, lines, held=True)
            answers = [{"source": "pax8", "product": p, "halo": DEFAULT_ITEM} for p in _products()]
            await w.change(w.settings | {"product": answers})
            ran = await w.again(ran)
        found += await _compare(cell, w, ran, lines)
    checked = len(lines) * (2 if cell.lifecycle == "manual" else 1)
    return Outcome(str(cell), checked, [f"{cell}: {text}" for text in found])


async def _compare(
    cell: Cell, w: World, ran: Any, lines: list[table.Line], *, held: bool = False
) -> list[str]:
    if ran.run.problem is not None:
        return [f"the run ended with {ran.run.problem}: {ran.run.text}"]
    state = await w.halo_state()
    known = {row["id"] for row in w.loaded["items"]}
    made = {i["id"]: f"new {_plain(i['name'])}" for i in state["items"] if i["id"] not in known}
    names = {str(p["id"]): str(p["name"]) for p in w.pax8["products"]}

    def item_of(line: table.Line) -> Any:
        return _item_of(cell.lifecycle, line.product, names)

    about = {
        "behaviour": cell.behaviour,
        "loaded": {row["id"] for row in w.loaded["invoices"]},
        "item_of": item_of,
        "held": held,
    }
    return differences(lines, state, as_json(ran.statement), ran.run.document, about, made)


def _item_of(lifecycle: str, product: str, names: dict[str, str]) -> Any:
    """R7: none, the default one, the person's, or the one that the product matches or gets."""
    if lifecycle in ("default", "manual"):
        return DEFAULT_ITEM
    if lifecycle == "off":
        return 0
    fate = month().notes["product_fates"].get(product, "new")
    rows = month().halopsa["items"]
    name = names.get(product, "Microsoft Azure")
    if fate == "ambiguous":
        return month().notes["ambiguous_items"][0]
    if fate == "by sku":
        return next(r["id"] for r in rows if r["name"] == f"Our name for {name}")
    if fate == "by name":
        return next(r["id"] for r in rows if r["name"] == name)
    return f"new {_plain(name)}"


def _plain(name: str) -> str:
    """An item's name without the term behind it, on one line."""
    return " ".join(name.split())[:40].split(" (")[0]


def _products() -> list[str]:
    return [*(str(p["id"]) for p in month().pax8["products"]), "azure-collapsed"]


def _open_invoice(number: int, client: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": number,
        "client_id": client["id"],
        "invoice_date": "2026-11-03T00:00:00",
        "currency_code": client["default_currency_code"],
        "lines": [
            {
                "id": number * 10,
                "ihid": number,
                "item_shortdescription": "Callout",
                "qty_order": Decimal("1.25"),
                "unit_price": Decimal("80.00"),
                "unit_cost": Decimal("0.10"),
            }
        ],
    }
