"""Writes that HaloPSA confirms and then keeps differently: the answer echoes what was sent.

A fault waits for a write it can have an effect on, and takes a line this very write added or
changed; other people's lines in the same body are spared. `truncate_page` with neither path nor
method keeps the line and cuts it off every later read; with one it cuts a list's page (`lists`).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.core import Call, Fault
from sandbox.halopsa import documents
from sandbox.halopsa.amounts import priced
from sandbox.halopsa.fields import Row
from sandbox.halopsa.tenant import Tenant, as_number

KINDS = frozenset({"alter_line", "drop_line", "double_line", "quantity_to_one", "truncate_page"})
HIDDEN, CUT = "_hidden", "_cut"

WATCHED = (
    "qty_order",
    "unit_price",
    "unit_cost",
    "item_shortdescription",
    "comment_1",
    "comment_2",
)


def spoil(tenant: Tenant, table: str, before: Row | None, after: Row, call: Call) -> None:
    """Asked once a write has its answer. At most one line is harmed by each due fault."""
    for kind in sorted(KINDS):
        stored = tenant.get(table, after["id"])
        if stored is None:
            return
        victims = [line for line in _written(before, stored) if HARMS[kind](line)]
        if not victims:
            continue
        fault = call.fault(kind)
        if fault is None:
            continue
        victim = victims[int(fault.options.get("line", -1))]
        if fault.kind == "truncate_page":
            tenant.state.put(CUT, str(victim["id"]), {"id": victim["id"]})
            continue
        lines = _harmed(tenant, stored, victim, fault)
        documents.save(tenant, table, stored | {"lines": lines}, kind)


def shown(tenant: Tenant, lines: list[Row]) -> list[Row]:
    """A page of lines as every read gives it: `truncate_page` has cut some off."""
    cut = {row["id"] for row in tenant.state.rows(CUT)}
    return [line for line in lines if line["id"] not in cut] if cut else lines


def hide(tenant: Tenant, invoice: Row, call: Call) -> None:
    """`stale_list`: a new invoice is missing from the next lists."""
    fault = call.fault("stale_list")
    if fault is not None:
        lists = int(fault.options.get("lists", 1))
        tenant.state.put(HIDDEN, str(invoice["id"]), {"id": invoice["id"], "lists": lists})


def hidden_from_this_list(tenant: Tenant) -> set[int]:
    hidden: set[int] = set()
    for row in tenant.state.rows(HIDDEN):
        hidden.add(row["id"])
        if row["lists"] > 1:
            tenant.state.put(HIDDEN, str(row["id"]), row | {"lists": row["lists"] - 1})
        else:
            tenant.state.delete(HIDDEN, str(row["id"]))
    return hidden


def _written(before: Row | None, after: Row) -> list[Row]:
    old = {line["id"]: line for line in (before or {}).get("lines", ())}
    return [
        line
        for line in after["lines"]
        if line["id"] not in old
        or any(not _equal(line.get(name), old[line["id"]].get(name)) for name in WATCHED)
    ]


def _equal(one: Any, other: Any) -> bool:
    left, right = as_number(one), as_number(other)
    return left == right if left is not None and right is not None else one == other


def _harmed(tenant: Tenant, header: Row, victim: Row, fault: Fault) -> list[Row]:
    lines: list[Row] = list(header["lines"])
    index = lines.index(victim)
    if fault.kind == "drop_line":
        del lines[index]
        return lines
    if fault.kind == "double_line":
        twin = victim | {"id": tenant.new_id("lines"), "sequenceid": len(lines) + 1}
        return [*lines, twin]
    if fault.kind == "alter_line":
        amount = Decimal(str(fault.options.get("amount", "1.00")))
        changed = victim | {"unit_price": Decimal(str(victim["unit_price"])) + amount}
    else:
        changed = victim | {"qty_order": 1}
    lines[index] = priced(tenant, changed, header)
    return lines


def _has_quantity(line: Row) -> bool:
    return as_number(line.get("qty_order")) not in (None, 0.0)


def _has_money(line: Row) -> bool:
    return _has_quantity(line) and bool(as_number(line.get("unit_price")))


def _is_several(line: Row) -> bool:
    return _has_money(line) and as_number(line["qty_order"]) != 1.0


HARMS: dict[str, Callable[[Row], bool]] = {
    "alter_line": _has_quantity,
    "drop_line": _has_money,
    "double_line": _has_money,
    "quantity_to_one": _is_several,
    "truncate_page": _has_money,
}
