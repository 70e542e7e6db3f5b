"""Reads HaloPSA's invoices and says what was invoiced of each document; imports no service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from matrix.table import ZERO, Line, cents
from schemas.ids import line_id

Row = Mapping[str, Any]
Money = tuple[Decimal, Decimal]
Owed = tuple[int, str]  # client, currency


@dataclass
class Books:
    """Every line of ours on a real invoice: how often it was billed, and the sums.

    A sum belongs to a client, a currency, and the prefix that a document's references share.
    """

    times: dict[str, int] = field(default_factory=dict)
    money: dict[str, Money] = field(default_factory=dict)
    sums: dict[tuple[int, str, str], Money] = field(default_factory=dict)


def books(state: Row) -> Books:
    """What was invoiced, by the stamps on the lines; recurring invoices are only plans."""
    codes = {row["id"]: str(row["code"]) for row in state["currencies"]}
    found = Books()
    sums: dict[tuple[int, str, str], Money] = defaultdict(lambda: (ZERO, ZERO))
    for invoice in state["invoices"]:
        for row in invoice["lines"] if not invoice.get("voided") else ():
            words = str(row.get("comment_2") or "").split()
            if not words or not words[0].startswith("line_"):
                continue
            money = _money(row)
            found.times[words[0]] = found.times.get(words[0], 0) + 1
            found.money[words[0]] = money
            key = int(invoice["client_id"]), codes[invoice["currency_code"]], words[2]
            sums[key] = _plus(sums[key], money)
    found.sums = dict(sums)
    return found


def owed(lines: Iterable[Line]) -> dict[Owed, Money]:
    """What a document's kept lines come to, by client and currency."""
    sums: dict[Owed, Money] = defaultdict(lambda: (ZERO, ZERO))
    for line in lines:
        if line.outcome == "kept" and line.client is not None:
            key = line.client, line.currency
            sums[key] = _plus(sums[key], line.money)
    return {key: money for key, money in sums.items() if any(money)}


def line_differences(document: str, lines: Iterable[Line], found: Books) -> list[str]:
    """Each line of the load billed once to the cent, if it is to be billed, else never."""
    wrong: list[str] = []
    for line in lines:
        if not line.item:
            continue  # a merged line is in the client's sum
        name = line_id("msp", "pax8", document, line.item)
        wanted = int(line.outcome == "kept")
        if found.times.get(name, 0) != wanted:
            wrong.append(f"{line.item} was billed {found.times.get(name, 0)} times, not {wanted}")
        elif wanted and found.money[name] != line.money:
            wrong.append(f"{line.item} was billed as {found.money[name]}, not {line.money}")
    return wrong


def _money(row: Row) -> Money:
    quantity = Decimal(str(row["qty_order"]))
    price, cost = (Decimal(str(row[name] or 0)) for name in ("unit_price", "unit_cost"))
    return cents(quantity * price), cents(quantity * cost)


def _plus(one: Money, other: Money) -> Money:
    return one[0] + other[0], one[1] + other[1]
