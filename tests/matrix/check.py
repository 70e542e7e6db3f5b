"""Holds a cell's table against HaloPSA's final state and the statement, line by line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from matrix.table import ZERO, Line, cents
from schemas.ids import line_id

Row = Mapping[str, Any]
SIDES = ("price", "cost")
Items = Mapping[int, str]  # what a cell has made, by id
Sums = defaultdict[tuple[str, str, str], Decimal]
BY = ("dropped_by", "excluded_by", "held_by")


def differences(
    lines: Sequence[Line],
    state: Row,
    statement: Row,
    document: str,
    cell: Row,
    items: Items,
) -> list[str]:
    """Sentences about what is not as the table says. `items`: item by product, in this cell."""
    kept = [line for line in lines if line.outcome == "kept"]
    held = cell.get("held", False)
    found = _standing([] if held else kept, state, document, cell, items)
    return found + _statement(lines, statement, held=held)


def _standing(
    kept: Sequence[Line], state: Row, document: str, cell: Row, items: Items
) -> list[str]:
    """Each kept line once, where the behaviour puts it, under its own id, with its item."""
    codes = {row["id"]: row["code"] for row in state["currencies"]}
    there: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
    for table in ("invoices", "recurring_invoices"):
        for invoice in state[table]:
            for row in invoice["lines"]:
                stamp = str(row.get("comment_2") or "")
                if stamp.startswith("line_") and not invoice.get("voided"):
                    there[stamp.split(maxsplit=1)[0]].append((invoice, row))
    found: list[str] = []
    own = {line_id("msp", "pax8", document, line.item): line for line in kept if line.item}
    merged = {stamp: places for stamp, places in there.items() if stamp not in own}
    for stamp, line in own.items():
        found += _placed(line.item, line, there.get(stamp, []), codes, cell, items)
    waiting = {(line.client, line.currency): line for line in kept if not line.item}
    for stamp, places in merged.items():
        invoice = places[0][0]
        key = invoice["client_id"], codes[invoice["currency_code"]]
        one = waiting.pop(key, None)
        if one is None:
            found.append(f"{stamp} stands on {invoice['id']} and is nobody's")
        else:
            found += _placed(f"Azure of {key}", one, places, codes, cell, items)
    return found + [f"Azure of {key} is missing" for key in waiting]


def _placed(
    name: str,
    line: Line,
    places: Sequence[tuple[Row, Row]],
    codes: Mapping[int, str],
    cell: Row,
    items: Items,
) -> list[str]:
    if len(places) != 1:
        return [f"{name} stands {len(places)} times"]
    ((invoice, row),) = places
    quantity = Decimal(str(row["qty_order"]))
    money = tuple(cents(quantity * Decimal(str(row[f"unit_{side}"]))) for side in SIDES)
    seen = {
        "client": invoice["client_id"],
        "currency": codes[invoice["currency_code"]],
        "money": money,
        "place": _place(invoice, cell["loaded"]),
        "item": items.get(row.get("_itemid") or 0, row.get("_itemid") or 0),
    }
    wanted = {
        "client": line.client,
        "currency": line.currency,
        "money": line.money,
        "place": cell["behaviour"],
        "item": cell["item_of"](line),
    }
    return [f"{name}: {k} is {seen[k]}, not {v}" for k, v in wanted.items() if seen[k] != v]


def _place(invoice: Row, loaded: set[int]) -> str:
    if invoice["id"] < 0:
        return "recurring"
    return "latest" if invoice["id"] in loaded else "new"


def _statement(lines: Sequence[Line], statement: Row, *, held: bool) -> list[str]:
    """Every entry of the statement, both sides and by reason, to the last digit."""
    sums, by = _sums(lines, held=held)
    found: list[str] = []
    for currency, shown in statement["currencies"].items():
        for side in SIDES:
            for end, amount in shown[side].items():
                wanted = sums[currency, side, end]
                if amount is None or Decimal(amount) != wanted:
                    found.append(f"statement {currency} {side} {end} is {amount}, not {wanted}")
        for name in BY[:2] if held else BY:
            reasons = {*shown[name], *(r for c, n, r in by if (c, n) == (currency, name))}
            for reason in sorted(reasons):
                got, wanted = Decimal(shown[name].get(reason, 0)), by[currency, name, reason]
                if got != wanted:
                    found.append(f"statement {currency} {name} {reason} is {got}, not {wanted}")
    missing = {c for c, _, _ in sums} - set(statement["currencies"])
    found += [f"statement lacks {currency}" for currency in sorted(missing)]
    counted = _counts(lines, held=held)
    shown_lines = {end: n for end, n in statement["lines"].items() if n}
    if shown_lines != counted:
        found.append(f"statement counts {shown_lines}, not {counted}")
    return found


def _counts(lines: Sequence[Line], *, held: bool) -> dict[str, int]:
    """Lines by outcome: a line of no money that ends another way shows nowhere else."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts["received" if line.item else "merged"] += 1
        end = "posted" if line.outcome == "kept" else line.outcome
        counts["held" if held and end == "posted" else end] += 1
    return dict(counts)


def _sums(lines: Sequence[Line], *, held: bool) -> tuple[Sums, Sums]:
    """By currency, side and outcome; and the customer's side by outcome and reason."""
    sums: Sums = defaultdict(lambda: ZERO)
    by: Sums = defaultdict(lambda: ZERO)
    for line in lines:
        for side, amount, rounded in zip(SIDES, (line.price, line.cost), line.money, strict=True):
            if line.item:
                sums[line.currency, side, "received"] += amount
            if line.outcome == "kept" and not held:
                sums[line.currency, side, "posted"] += rounded
                sums[line.currency, side, "rounding"] += amount - rounded
            elif line.outcome != "collapsed":
                end = "held" if line.outcome == "kept" else line.outcome
                sums[line.currency, side, end] += amount
        if line.outcome in ("dropped", "excluded") or (line.outcome == "held" and not held):
            by[line.currency, f"{line.outcome}_by", line.rule] += line.price
    return sums, by
